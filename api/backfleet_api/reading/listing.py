"""Lists batches and results in pages. A place becomes a cursor, and a cursor a place, checked like any other input."""

import math
from datetime import datetime
from typing import TypeGuard

from backfleet.core.errors import SpecInvalid
from backfleet.core.ranking import Direction, Objective
from backfleet.core.records import BatchState
from backfleet.store.queries import reading
from backfleet.store.queries.answers import BatchAnswer, BatchPlace, BatchQuery, Page, ResultPlace, ResultQuery
from backfleet_api.cluster import ClusterBatch
from backfleet_api.dependencies import Services
from backfleet_api.http.cursors import Place, read_cursor, write_cursor
from backfleet_api.http.query import MAX_LIMIT, BatchesQuery, ResultsQuery
from backfleet_api.reading.answers import mixing_warnings, objective_answer, phase_of, rank_answer, summarize_batch
from backfleet_api.reading.lookup import find_batch, postgres
from backfleet_api.reading.pending import objective_of_pending
from backfleet_api.schemas.reading import BatchPage, BatchPhase, ResultPage

MAX_SCANS = 5
"""The most pages of the store to read for one answer, when it filters by a state that the store does not know."""
MAX_INDEX = 2**31 - 1

_STATES = {
    BatchPhase.COUNTING: BatchState.COUNTING,
    BatchPhase.RUNNING: BatchState.LIVE,
    BatchPhase.SUSPENDED: BatchState.LIVE,
    BatchPhase.COMPLETE: BatchState.FINISHED,
    BatchPhase.FAILED: BatchState.FINISHED,
    BatchPhase.CANCELLED: BatchState.FINISHED,
}


def list_batches(services: Services, query: BatchesQuery, scan_size: int = MAX_LIMIT) -> BatchPage:
    """List batches that Postgres knows, newest first.

    A page may be short, or even empty, although its cursor says that there are more: few of many batches are in the
    state.
    """
    terms = ("batches", query.state, query.strategy, query.name)
    place = _batch_place(read_cursor(terms, query.cursor)) if query.cursor else None
    found: list[BatchAnswer] = []
    if query.state is BatchPhase.PENDING:
        return BatchPage(batches=[], next_cursor=None)
    for _ in range(MAX_SCANS):
        page = _scan(services, query, place, scan_size)
        matching = [batch for batch in page.items if query.state in (None, phase_of(batch))]
        found += matching
        place = page.next_place
        if len(found) >= query.limit or place is None:
            break
    if len(found) > query.limit:
        last = found[query.limit - 1].record
        found, place = found[: query.limit], (last.accepted_at.isoformat(), last.uid)
    return BatchPage(
        batches=[summarize_batch(batch) for batch in found],
        next_cursor=write_cursor(terms, place) if place else None,
    )


def list_results(services: Services, wanted: str, query: ResultsQuery) -> ResultPage:
    """List ranked results of one batch. A pending batch has none."""
    batch = find_batch(services, wanted, query.namespace)
    if isinstance(batch, ClusterBatch):
        order = _objective(query, objective_of_pending(batch))
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
    order = _objective(query, batch.objective)
    terms = ("results", batch.record.uid, order.metric, order.direction, query.passed)
    after = _result_place(read_cursor(terms, query.cursor)) if query.cursor else None
    with postgres():
        page = reading.list_results(
            services.engine,
            services.settings.realm,
            batch.record.uid,
            ResultQuery(objective=order, only_passed=query.passed, after=after, limit=query.limit),
        )
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
        next_cursor=write_cursor(terms, page.next_place) if page.next_place else None,
    )


def _scan(services: Services, query: BatchesQuery, place: BatchPlace | None, scan_size: int) -> Page[BatchAnswer]:
    state = _STATES[query.state] if query.state else None
    # Counting alone is the store's own state; of the others only some of what it finds is kept.
    is_exact = query.state in (None, BatchPhase.COUNTING)
    asked = BatchQuery(
        name=query.name,
        strategy=query.strategy,
        state=state,
        after=place,
        limit=query.limit if is_exact else scan_size,
    )
    with postgres():
        return reading.list_batches(services.engine, services.settings.realm, asked)


def _objective(query: ResultsQuery, own: Objective) -> Objective:
    if query.order_by is None or query.order_by == own.metric:
        return Objective(own.metric, query.direction or own.direction)
    return Objective.of(query.order_by, Direction(query.direction) if query.direction else None)


def _batch_place(place: Place) -> BatchPlace:
    match place:
        case [str() as moment, str() as uid] if uid.isprintable() and _is_moment(moment):
            return moment, uid
    raise _forged()


def _result_place(place: Place) -> ResultPlace:
    if len(place) == 3:
        key, index, rank = place
        if _is_key(key) and _is_count(index) and _is_count(rank):
            return key, index, rank
    raise _forged()


def _is_moment(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _is_key(value: object) -> TypeGuard[float | None]:
    # By exact type: JSON's true is an int in Python, but not in Postgres.
    return value is None or (type(value) is float and math.isfinite(value))


def _is_count(value: object) -> TypeGuard[int]:
    return type(value) is int and 0 <= value <= MAX_INDEX


def _forged() -> SpecInvalid:
    return SpecInvalid(
        "cursor", "expected a cursor of this API, got another text", "pass next_cursor of the previous page unchanged"
    )
