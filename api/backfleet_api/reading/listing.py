"""Lists batches in pages."""

from backfleet.core.records import BatchState
from backfleet.store.queries import reading
from backfleet.store.queries.answers import BatchAnswer, BatchPlace, BatchQuery, Page
from backfleet_api.dependencies import Services
from backfleet_api.http.cursors import read_batch_cursor, write_batch_cursor
from backfleet_api.http.query import MAX_LIMIT, BatchesQuery
from backfleet_api.reading.answers import phase_of, summarize_batch
from backfleet_api.reading.lookup import postgres
from backfleet_api.schemas.reading import BatchPage, BatchPhase

MAX_SCANS = 5
"""The most pages of the store to read for one answer, when it filters by a state that the store does not know."""

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
    place = read_batch_cursor(terms, query.cursor) if query.cursor else None
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
        next_cursor=write_batch_cursor(terms, place) if place else None,
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
