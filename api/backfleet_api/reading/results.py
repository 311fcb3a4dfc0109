"""Lists results and backtests of one batch in pages. Blocking: call it in the threads of `Services`."""

from backfleet.core.analysis.grid import Grid
from backfleet.core.analysis.selection import NoOrder, ParameterCondition, select
from backfleet.core.ranking import Direction, Objective
from backfleet.core.space.parameters import ParameterSpace
from backfleet.store.queries import reading
from backfleet.store.queries.answers import BacktestQuery, BatchAnswer, ResultQuery
from backfleet.store.queries.filters import PositionCondition, ResultFilters
from backfleet.store.queries.results import list_results as read_results
from backfleet_api.cluster import ClusterBatch
from backfleet_api.dependencies import Services
from backfleet_api.http.cursors import (
    read_index_cursor,
    read_result_cursor,
    write_index_cursor,
    write_result_cursor,
)
from backfleet_api.http.filters import metric_conditions, parameter_conditions
from backfleet_api.http.query import BacktestsQuery, FilteredQuery, OrderedQuery, ResultsQuery
from backfleet_api.reading.answers import list_backtest, mixing_warnings, objective_answer, rank_answer
from backfleet_api.reading.lookup import find_batch, postgres
from backfleet_api.reading.pending import objective_of_pending
from backfleet_api.refusals import ParameterMissing
from backfleet_api.schemas.backtests import BacktestPage
from backfleet_api.schemas.reading import ResultPage


def list_results(services: Services, wanted: str, query: ResultsQuery) -> ResultPage:
    """List ranked results of one batch. A pending batch has none."""
    batch = find_batch(services, wanted, query.namespace)
    if isinstance(batch, ClusterBatch):
        order = objective_of(query, objective_of_pending(batch))
        return ResultPage(
            batch_id=batch.uid,
            order=objective_answer(order),
            succeeded=0,
            passed=0,
            criteria_version=0,
            stale_verdicts=0,
            engine_versions=[],
            warnings=[],
            results=[],
            next_cursor=None,
        )
    order = objective_of(query, batch.objective)
    terms = ("results", batch.record.uid, order.metric, order.direction, *terms_of(query))
    asked = ResultQuery(
        objective=order,
        filters=filters_of(batch, query),
        after=read_result_cursor(terms, query.cursor) if query.cursor else None,
        limit=query.limit,
    )
    with postgres():
        page = read_results(services.engine, services.settings.realm, batch.record.uid, asked)
    return ResultPage(
        batch_id=batch.record.uid,
        order=objective_answer(order),
        succeeded=batch.record.counters.succeeded,
        passed=batch.record.counters.passed,
        criteria_version=batch.record.criteria_version,
        stale_verdicts=batch.record.stale_verdicts,
        engine_versions=list(batch.record.engine_versions),
        warnings=mixing_warnings(batch, order),
        results=[rank_answer(result) for result in page.items],
        next_cursor=write_result_cursor(terms, page.next_place) if page.next_place else None,
    )


def list_backtests(services: Services, wanted: str, query: BacktestsQuery) -> BacktestPage:
    """List launched backtests of one batch by index. A pending batch has none."""
    batch = find_batch(services, wanted, query.namespace)
    if isinstance(batch, ClusterBatch):
        return BacktestPage(batch_id=batch.uid, backtests=[], next_cursor=None)
    terms = ("backtests", batch.record.uid, query.state, query.reason, query.min_attempts, query.parameters)
    asked = BacktestQuery(
        state=query.state,
        reason=query.reason,
        min_attempts=query.min_attempts,
        positions=positions_of(batch, query.parameters),
        after=read_index_cursor(terms, query.cursor) if query.cursor else -1,
        limit=query.limit,
    )
    with postgres():
        page = reading.list_backtests(services.engine, services.settings.realm, batch.record.uid, asked)
    return BacktestPage(
        batch_id=batch.record.uid,
        backtests=[list_backtest(each) for each in page.items],
        next_cursor=None if page.next_place is None else write_index_cursor(terms, page.next_place),
    )


def objective_of(query: OrderedQuery, own: Objective) -> Objective:
    """Return the metric and direction that a request is about: by default the batch's own."""
    if query.order_by is None or query.order_by == own.metric:
        return Objective(own.metric, query.direction or own.direction)
    return Objective.of(query.order_by, Direction(query.direction) if query.direction else None)


def terms_of(query: FilteredQuery) -> tuple[object, ...]:
    """Return what of the filters a cursor belongs to."""
    return query.passed, query.rejection, query.metrics, query.parameters


def filters_of(batch: BatchAnswer, query: FilteredQuery) -> ResultFilters:
    """Return the filters of a request as the store takes them. Raise ParameterMissing for what the batch does not have."""
    return ResultFilters(
        only_passed=query.passed,
        rejection=query.rejection,
        metrics=metric_conditions(query.metrics),
        positions=positions_of(batch, query.parameters),
    )


def positions_of(batch: BatchAnswer, text: str | None) -> tuple[PositionCondition, ...]:
    """Return conditions on parameters as positions on the axes. Raise ParameterMissing for what the batch does not have."""
    conditions = parameter_conditions(text)
    grid = grid_of(batch) if conditions else None
    return tuple(_position_condition(grid, each) for each in conditions) if grid else ()


def grid_of(batch: BatchAnswer) -> Grid:
    """Return the parameter space of a batch as a grid."""
    return Grid(ParameterSpace.from_json(batch.record.axes))


def missing_parameter(field: str, name: str, grid: Grid) -> ParameterMissing:
    """Return the error for a parameter that the batch does not have."""
    return ParameterMissing(field, f"the batch has no parameter {name}", f"use one of: {', '.join(grid.names)}")


def _position_condition(grid: Grid, condition: ParameterCondition) -> PositionCondition:
    try:
        found = select(grid, condition)
    except KeyError as error:
        raise missing_parameter("parameters", condition.name, grid) from error
    except NoOrder as error:
        raise ParameterMissing(
            "parameters", f"the values of {condition.name} are not numbers", f"write {condition.name}=value"
        ) from error
    return PositionCondition(grid.strides[found.axis], grid.counts[found.axis], found.positions)
