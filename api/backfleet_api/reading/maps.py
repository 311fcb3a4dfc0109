"""Heat maps and columns of results, in binary form. Blocking: call it in the threads of `Services`."""

from collections.abc import Mapping

from fastapi import Response

from backfleet.core.analysis.grid import NUMERIC, Grid, Points
from backfleet.core.analysis.heat_map import Aggregate, HeatMap, Question, draw
from backfleet.core.analysis.selection import position_of
from backfleet.core.analysis.spread import best_of
from backfleet.core.space.scalars import value_text
from backfleet.store.queries.values import FigureQuery, read_figures
from backfleet_api.dependencies import Services
from backfleet_api.http.binary import float32, int32, write_binary
from backfleet_api.http.cursors import read_index_cursor, write_index_cursor
from backfleet_api.http.filters import parameter_conditions
from backfleet_api.http.query import ColumnsQuery, HeatMapQuery
from backfleet_api.reading.analysis import describe_point, numbers_of, read_points
from backfleet_api.reading.answers import objective_answer
from backfleet_api.reading.lookup import find_accepted, postgres
from backfleet_api.reading.results import filters_of, grid_of, missing_parameter, objective_of, terms_of
from backfleet_api.refusals import ParameterMissing
from backfleet_api.schemas.analysis import ColumnHeader, ColumnsHeader, HeatMapHeader, Others

LAYERS = ["value", "neighbourhood", "count"]
_IN_WORDS = {
    Aggregate.MIN: "the lowest",
    Aggregate.MEDIAN: "the median",
    Aggregate.MAX: "the highest",
    Aggregate.PASSING: "the share of results that meet the criteria",
}


def draw_heat_map(services: Services, wanted: str, query: HeatMapQuery) -> Response:
    """Draw a metric over two parameters. Raise ParameterMissing for parameters and values that the batch does not have."""
    batch = find_accepted(services, wanted, query.namespace)
    grid, order = grid_of(batch), objective_of(query, batch.objective)
    x, y = _axis(grid, "x", query.x), _axis(grid, "y", query.y)
    if x == y:
        raise ParameterMissing("y", f"x and y are both {query.x}", "name two parameters")
    held = _held(grid, query, (x, y))
    points = read_points(services, batch, order, filters_of(batch, query))
    best = best_of(_at(grid, points, held), order)
    is_best = query.others is Others.BEST
    if is_best:
        held = {axis: grid.position(best or 0, axis) for axis in range(len(grid.counts)) if axis not in (x, y)} | held
    aggregate = Aggregate.MEDIAN if is_best else Aggregate(query.others.value)
    found = draw(grid, points, Question(x=x, y=y, held=held, aggregate=aggregate))
    header = HeatMapHeader(
        batch_id=batch.record.uid,
        order=objective_answer(order),
        x=grid.space.axes[x].to_json(),
        y=grid.space.axes[y].to_json(),
        width=found.width,
        height=found.height,
        x_bin=found.x_bin,
        y_bin=found.y_bin,
        layers=LAYERS,
        others=query.others,
        held={grid.names[axis]: _text(grid, axis, position) for axis, position in sorted(held.items())},
        aggregated=[name for axis, name in enumerate(grid.names) if axis not in (x, y) and axis not in held],
        best=None if best is None else describe_point(batch, grid, points, best),
        results=len(points.indexes),
        words=_words(grid, order.metric, Question(x=x, y=y, held=held, aggregate=aggregate), found),
    )
    return write_binary(header, map(float32, (found.values, found.neighbourhood, found.counts)))


def read_columns(services: Services, wanted: str, query: ColumnsQuery) -> Response:
    """Read results as columns: index, verdict, every parameter, and the metrics asked for (by default the objective)."""
    batch = find_accepted(services, wanted, query.namespace)
    grid = grid_of(batch)
    metrics = list(dict.fromkeys(query.columns.split(","))) if query.columns else [batch.objective.metric]
    terms = ("columns", batch.record.uid, *terms_of(query))
    after = read_index_cursor(terms, query.cursor) if query.cursor else -1
    asked = FigureQuery(metrics=metrics, filters=filters_of(batch, query), after=after, limit=query.limit)
    with postgres():
        found = read_figures(services.engine, services.settings.realm, batch.record.uid, asked)
    columns = [
        ColumnHeader(name="index", kind="index", dtype="int32", values=None),
        ColumnHeader(name="passed", kind="passed", dtype="float32", values=None),
        *(_parameter_header(grid, axis) for axis in range(len(grid.counts))),
        *(ColumnHeader(name=name, kind="metric", dtype="float32", values=None) for name in metrics),
    ]
    header = ColumnsHeader(
        batch_id=batch.record.uid,
        rows=len(found.indexes),
        columns=columns,
        next_cursor=write_index_cursor(terms, found.indexes[-1]) if found.has_more else None,
    )
    parameters = (float32(numbers_of(grid, axis, found.indexes)) for axis in range(len(grid.counts)))
    return write_binary(
        header, [int32(found.indexes), float32(found.passed), *parameters, *map(float32, found.metrics)]
    )


def _axis(grid: Grid, field: str, name: str) -> int:
    if name not in grid.names:
        raise missing_parameter(field, name, grid)
    return grid.names.index(name)


def _held(grid: Grid, query: HeatMapQuery, shown: tuple[int, int]) -> dict[int, int]:
    held: dict[int, int] = {}
    for condition in parameter_conditions(query.at):
        axis = _axis(grid, "at", condition.name)
        if axis in shown:
            raise ParameterMissing("at", f"{condition.name} is an axis of the map", "hold other parameters")
        position = position_of(grid.space.axes[axis], condition.texts[0])
        if position is None:
            problem = f"{condition.name} has no value {condition.texts[0]}"
            raise ParameterMissing("at", problem, "see `values` of /parameters for its values")
        held[axis] = position
    return held


def _at(grid: Grid, points: Points, held: Mapping[int, int]) -> Points:
    if not held:
        return points
    rows = [
        row
        for row in zip(points.indexes, points.values, points.passed, strict=True)
        if all(grid.position(row[0], axis) == position for axis, position in held.items())
    ]
    return Points([row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows])


def _parameter_header(grid: Grid, axis: int) -> ColumnHeader:
    declared = grid.space.axes[axis]
    is_number = declared.type in NUMERIC
    values = None if is_number else [_text(grid, axis, position) for position in range(declared.count)]
    return ColumnHeader(name=declared.name, kind="parameter", dtype="float32", values=values)


def _text(grid: Grid, axis: int, position: int) -> str:
    return value_text(grid.space.axes[axis].value(position))


def _words(grid: Grid, metric: str, question: Question, found: HeatMap) -> str:
    shown = f"{metric} by {grid.names[question.x]} (x) and {grid.names[question.y]} (y)"
    held = ", ".join(f"{grid.names[axis]} is {_text(grid, axis, at)}" for axis, at in sorted(question.held.items()))
    left = [
        name
        for axis, name in enumerate(grid.names)
        if axis not in (question.x, question.y) and axis not in question.held
    ]
    is_binned = found.x_bin * found.y_bin > 1
    if question.aggregate is Aggregate.PASSING:
        shown = f"the share of results that meet the criteria, by {grid.names[question.x]} (x) and {grid.names[question.y]} (y)"
    elif left or is_binned:
        shown = f"{_IN_WORDS[question.aggregate]} {shown}"
    parts = [shown]
    parts += [f"over all values of {', '.join(left)}"] if left else []
    parts += [f"where {held}"] if held else []
    parts += [f"a cell covers {found.x_bin} x {found.y_bin} values"] if is_binned else []
    return "; ".join(parts)
