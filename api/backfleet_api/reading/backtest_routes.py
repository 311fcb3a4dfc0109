"""Single backtests."""

from fastapi import APIRouter, Depends

from backfleet.store.queries.answers import BacktestAnswer
from backfleet_api.dependencies import Provided
from backfleet_api.http.openapi import answers
from backfleet_api.http.query import BacktestId, no_query
from backfleet_api.reading import explaining
from backfleet_api.reading.answers import describe_backtest, describe_unlaunched
from backfleet_api.reading.lookup import find_backtest
from backfleet_api.schemas import examples, more_examples
from backfleet_api.schemas.catalog import Explanation
from backfleet_api.schemas.reading import Backtest

router = APIRouter(prefix="/api/backtests", tags=["backtests"], dependencies=[Depends(no_query)])


@router.get("/{backtest_id}", responses=answers(examples.BACKTEST, 404, 422, 503))
async def get_backtest(services: Provided, backtest_id: BacktestId) -> Backtest:
    """Return one combination of a batch. An index that was never launched has its computed combination."""

    def read() -> Backtest:
        found = find_backtest(services, backtest_id)
        return describe_backtest(found) if isinstance(found, BacktestAnswer) else describe_unlaunched(*found)

    return await services.quick.run(read)


@router.get("/{backtest_id}/explain", responses=answers(more_examples.BACKTEST_EXPLANATION, 404, 422, 503))
async def explain_backtest(services: Provided, backtest_id: BacktestId) -> Explanation:
    """Explain in plain words why a backtest is where it is, what happens next, and when."""
    return await services.quick.run(lambda: explaining.explain_backtest(services, backtest_id))
