"""Strategies, criteria, and the results of all batches together."""

from fastapi import APIRouter, Depends

from backfleet_api.dependencies import Provided
from backfleet_api.http.catalog_query import (
    CompareParameters,
    DailyParameters,
    FeesParameters,
    LeaderboardParameters,
    StrategiesParameters,
)
from backfleet_api.http.openapi import answers
from backfleet_api.http.query import no_query, strict_query
from backfleet_api.reading import catalog
from backfleet_api.reading.comparing import compare
from backfleet_api.reading.lookup import find_pairs
from backfleet_api.schemas import more_examples as examples
from backfleet_api.schemas.catalog import (
    Comparison,
    CriteriaList,
    DailySummary,
    FeesList,
    Leaderboard,
    StrategyPage,
)

router = APIRouter(prefix="/api", tags=["catalog"])
strict = [Depends(strict_query)]


@router.get("/strategies", dependencies=strict, responses=answers(examples.STRATEGIES, 409, 422, 503))
async def list_strategies(services: Provided, query: StrategiesParameters) -> StrategyPage:
    """List strategies by name: those of the catalog, and those that batches named."""
    return await services.slow.run(lambda: catalog.list_strategies(services, query))


@router.get("/criteria", dependencies=[Depends(no_query)], responses=answers(examples.CRITERIA, 422, 503))
async def list_criteria(services: Provided) -> CriteriaList:
    """List the criteria of batches that declare none: the default ones first, then those of strategies."""
    return await services.quick.run(lambda: catalog.list_criteria(services))


@router.get("/leaderboard", dependencies=strict, responses=answers(examples.LEADERBOARD, 422, 503))
async def list_leaders(services: Provided, query: LeaderboardParameters) -> Leaderboard:
    """List the best results of all batches that meet their criteria, by the Sharpe ratio or another metric."""
    return await services.slow.run(lambda: catalog.list_leaders(services, query))


@router.get("/daily-summary", dependencies=strict, responses=answers(examples.DAYS, 422, 503))
async def list_days(services: Provided, query: DailyParameters) -> DailySummary:
    """List the days on which backtests ended, newest first, with how many succeeded, failed and met the criteria."""
    return await services.slow.run(lambda: catalog.list_days(services, query))


@router.get("/fees", dependencies=strict, responses=answers(examples.FEES, 422, 503))
async def list_fees(services: Provided, query: FeesParameters) -> FeesList:
    """List mean fees by strategy, in money, per trade, and as shares of cash and gross profit."""
    return await services.slow.run(lambda: catalog.list_fees(services, query))


@router.get("/compare", dependencies=strict, responses=answers(examples.COMPARISON, 404, 422, 503))
async def compare_backtests(services: Provided, query: CompareParameters) -> Comparison:
    """Compare two to eight launched backtests: parameters, metrics, who is best, and whether the figures compare."""
    return await services.slow.run(lambda: compare(find_pairs(services, query.ids.split(","))))
