"""Batches and their ranked results."""

from fastapi import APIRouter, Depends

from backfleet_api.cluster import ClusterBatch
from backfleet_api.dependencies import Provided
from backfleet_api.http.openapi import answers
from backfleet_api.http.query import (
    BacktestsParameters,
    BatchesParameters,
    BatchId,
    BatchParameters,
    ResultsParameters,
    strict_query,
)
from backfleet_api.reading import explaining, listing, results
from backfleet_api.reading.answers import describe_batch
from backfleet_api.reading.lookup import find_batch
from backfleet_api.reading.pending import describe_pending
from backfleet_api.schemas import examples, more_examples
from backfleet_api.schemas.backtests import BacktestPage
from backfleet_api.schemas.catalog import Explanation
from backfleet_api.schemas.reading import Batch, BatchPage, ResultPage

router = APIRouter(prefix="/api/optimization/batches", tags=["batches"], dependencies=[Depends(strict_query)])


@router.get("", responses=answers(examples.BATCHES, 409, 422, 503))
async def list_batches(services: Provided, query: BatchesParameters) -> BatchPage:
    """List batches that Postgres knows, newest first. A page may be short although `next_cursor` is set."""
    # A filter by state reads several pages of the store.
    calls = services.quick if query.state is None else services.slow
    return await calls.run(lambda: listing.list_batches(services, query))


@router.get("/{batch_id}", responses=answers(examples.BATCH, 404, 422, 503))
async def get_batch(services: Provided, batch_id: BatchId, query: BatchParameters) -> Batch:
    """Return one batch by uid, or the newest of a name. Before acceptance, the custom resource describes it."""

    def read() -> Batch:
        found = find_batch(services, batch_id, query.namespace)
        return describe_pending(found) if isinstance(found, ClusterBatch) else describe_batch(found, services.now())

    return await services.quick.run(read)


@router.get("/{batch_id}/results", responses=answers(examples.RESULTS, 404, 409, 422, 503))
async def list_results(services: Provided, batch_id: BatchId, query: ResultsParameters) -> ResultPage:
    """List succeeded backtests of a batch, best first, with metrics and verdicts. Those without the metric come last."""
    # The batch's own order is that of an index; any other sorts all results, and those that a filter takes may be rare.
    is_filtered = query.passed or query.rejection or query.metrics or query.parameters
    calls = services.slow if query.order_by or query.direction or is_filtered else services.quick
    return await calls.run(lambda: results.list_results(services, batch_id, query))


@router.get("/{batch_id}/backtests", responses=answers(examples.BACKTESTS, 404, 409, 422, 503))
async def list_backtests(services: Provided, batch_id: BatchId, query: BacktestsParameters) -> BacktestPage:
    """List launched backtests of a batch by index, with their states, reasons and numbers of attempts."""
    calls = services.slow if query.parameters or query.min_attempts > 1 else services.quick
    return await calls.run(lambda: results.list_backtests(services, batch_id, query))


@router.get("/{batch_id}/explain", responses=answers(more_examples.EXPLANATION, 404, 422, 503))
async def explain_batch(services: Provided, batch_id: BatchId, query: BatchParameters) -> Explanation:
    """Explain in plain words why a batch is where it is, what happens next, and when."""
    return await services.slow.run(lambda: explaining.explain_batch(services, batch_id, query.namespace))
