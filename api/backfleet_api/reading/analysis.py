"""Answers about many results of a batch together. Blocking: call it in the threads of `Services`."""

from collections.abc import Sequence

from backfleet.core.analysis.effects import Effects, decompose
from backfleet.core.analysis.grid import NUMERIC, Grid, Points
from backfleet.core.analysis.spread import Edge, ValueSpread, best_of, edge_of, neighbourhood, spread
from backfleet.core.backtests import backtest_id
from backfleet.core.ranking import Objective
from backfleet.core.space.scalars import value_text
from backfleet.store.queries.answers import BatchAnswer
from backfleet.store.queries.filters import EVERYTHING, ResultFilters
from backfleet.store.queries.values import FigureQuery, read_figures
from backfleet_api.dependencies import Services
from backfleet_api.http.query import OrderedQuery
from backfleet_api.reading.answers import combination_answer, finite, objective_answer
from backfleet_api.reading.lookup import find_accepted, postgres
from backfleet_api.reading.results import filters_of, grid_of, objective_of
from backfleet_api.schemas.analysis import BestPoint, PairImportance, ParameterAnalysis, ParameterFigures, ValueFigures


def analyse_parameters(services: Services, wanted: str, query: OrderedQuery) -> ParameterAnalysis:
    """Describe how a metric depends on each parameter. Raise NotFound if the batch is not accepted yet."""
    batch = find_accepted(services, wanted, query.namespace)
    order, filters, grid = objective_of(query, batch.objective), filters_of(batch, query), grid_of(batch)
    points = read_points(services, batch, order, filters)
    best = best_of(points, order)
    effects, note = _effects(grid, points, filters)
    pairs = sorted(effects.pairs.items(), key=lambda each: -each[1]) if effects else []
    return ParameterAnalysis(
        batch_id=batch.record.uid,
        order=objective_answer(order),
        results=len(points.indexes),
        best=None if best is None else describe_point(batch, grid, points, best),
        parameters=[_figures(grid, axis, points, order, best, effects) for axis in range(len(grid.counts))],
        pairs=[
            PairImportance(parameters=[grid.names[left], grid.names[right]], importance=share)
            for (left, right), share in pairs
        ],
        variance=effects.variance if effects else None,
        explained=sum(effects.main) + sum(effects.pairs.values()) if effects else None,
        note=note,
    )


def read_points(services: Services, batch: BatchAnswer, order: Objective, filters: ResultFilters) -> Points:
    """Read the results that meet the filters, with the metric that they are about."""
    asked = FigureQuery(metrics=[order.metric], filters=filters)
    with postgres():
        found = read_figures(services.engine, services.settings.realm, batch.record.uid, asked)
    return Points(found.indexes, found.metrics[0], found.passed)


def describe_point(batch: BatchAnswer, grid: Grid, points: Points, index: int) -> BestPoint:
    """Describe a result and its neighbourhood."""
    near = neighbourhood(grid, points, index)
    value = next(value for other, value in zip(points.indexes, points.values, strict=True) if other == index)
    return BestPoint(
        backtest_id=backtest_id(batch.record.uid, index),
        index=index,
        value=value,
        parameters=combination_answer(grid.space.combination(index)),
        neighbours=near.count,
        neighbourhood=near.mean,
    )


def _effects(grid: Grid, points: Points, filters: ResultFilters) -> tuple[Effects | None, str | None]:
    present = sum(value - value == 0 for value in points.values)
    if filters != EVERYTHING:
        return None, "importance is exact for all results together: leave the filters out"
    if present < grid.total:
        return None, (
            f"importance is exact where every combination has a result with the metric: {present:,} of {grid.total:,} have one"
        )
    return decompose(points.values, grid.counts), None


def _figures(
    grid: Grid, axis: int, points: Points, order: Objective, best: int | None, effects: Effects | None
) -> ParameterFigures:
    declared = grid.space.axes[axis]
    edge = None if best is None else edge_of(grid, axis, best)
    return ParameterFigures(
        name=declared.name,
        type=declared.type.value,
        importance=effects.main[axis] if effects else None,
        edge=edge,
        advice=None if edge is None or best is None else _advice(grid, axis, edge, best),
        values=[_value_figures(each) for each in spread(grid, axis, points, order)],
    )


def _advice(grid: Grid, axis: int, edge: Edge, best: int) -> str:
    declared = grid.space.axes[axis]
    text = value_text(declared.value(grid.position(best, axis)))
    end, side = ("lowest", "below") if edge is Edge.LOW else ("highest", "above")
    return f"the best result has the {end} value of {declared.name}, {text}: try values {side} it"


def _value_figures(found: ValueSpread) -> ValueFigures:
    return ValueFigures(
        value=found.first,
        last_value=found.last,
        count=found.count,
        passed=found.passed,
        passing_share=found.passed / found.count if found.count else None,
        mean=found.mean,
        median=finite(found.median),
        best=found.best,
        best_index=found.best_index,
    )


def numbers_of(grid: Grid, axis: int, indexes: Sequence[int]) -> list[float]:
    """Return the value of a parameter at each index: itself if it is a number, else its position among the values."""
    declared, stride, count = grid.space.axes[axis], grid.strides[axis], grid.counts[axis]
    positions = [index // stride % count for index in indexes]
    if declared.type not in NUMERIC:
        return [float(position) for position in positions]
    # Only those that occur: an axis may have many more values than there are rows.
    known = {position: float(declared.value(position)) for position in set(positions)}
    return [known[position] for position in positions]
