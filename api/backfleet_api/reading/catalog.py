"""Answers about strategies, criteria, and all batches together. Blocking: call it in the threads of `Services`."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from backfleet.core.ranking import Direction, Objective
from backfleet.store.queries import catalog as stored
from backfleet_api.dependencies import Services
from backfleet_api.http.catalog_query import DailyQuery, FeesQuery, LeaderboardQuery, StrategiesQuery
from backfleet_api.http.cursors import read_name_cursor, write_name_cursor
from backfleet_api.reading.answers import finite, metrics_answer, objective_answer, stored_combination
from backfleet_api.reading.lookup import postgres
from backfleet_api.schemas.catalog import (
    Criteria,
    CriteriaList,
    DailySummary,
    Day,
    Fees,
    FeesList,
    Leader,
    Leaderboard,
    Strategy,
    StrategyPage,
)

MOST_CRITERIA = 1_000
_TERMS = ("strategies",)


def list_strategies(services: Services, query: StrategiesQuery) -> StrategyPage:
    """List strategies by name."""
    after = read_name_cursor(_TERMS, query.cursor) if query.cursor else ""
    with postgres():
        found = stored.list_strategies(services.engine, services.settings.realm, after, query.limit + 1)
    shown = found[: query.limit]
    return StrategyPage(
        strategies=[Strategy(**{**asdict(each), "symbols": list(each.symbols)}) for each in shown],
        next_cursor=write_name_cursor(_TERMS, shown[-1].name) if len(found) > query.limit else None,
    )


def list_criteria(services: Services) -> CriteriaList:
    """List the default criteria and those of strategies."""
    with postgres():
        found = stored.list_criteria(services.engine, MOST_CRITERIA)
    return CriteriaList(
        criteria=[
            Criteria(strategy=each.strategy, criteria=dict(each.criteria), version=each.version) for each in found
        ]
    )


def list_leaders(services: Services, query: LeaderboardQuery) -> Leaderboard:
    """List the best results that meet their criteria, by the Sharpe ratio unless another metric is asked for."""
    order = stored.SHARPE
    if query.order_by or query.direction:
        direction = Direction(query.direction) if query.direction else None
        order = Objective.of(query.order_by or order.metric, direction)
    with postgres():
        found = stored.list_leaders(services.engine, services.settings.realm, order, query.strategy, query.limit)
    leaders = [
        Leader(
            rank=place + 1,
            backtest_id=each.backtest_id,
            index=each.index,
            batch_id=each.batch_uid,
            batch_name=each.batch_name,
            namespace=each.namespace,
            strategy=each.strategy,
            category=each.category,
            value=finite(value),
            parameters=stored_combination(each.combination),
            metrics=metrics_answer(each.metrics),
            recorded_at=each.recorded_at,
        )
        for place, (each, value) in enumerate(found)
    ]
    return Leaderboard(order=objective_answer(order), leaders=leaders)


def list_days(services: Services, query: DailyQuery) -> DailySummary:
    """List days on which backtests ended, newest first."""
    midnight = services.now().replace(hour=0, minute=0, second=0, microsecond=0)
    with postgres():
        found = stored.list_days(services.engine, services.settings.realm, midnight - timedelta(days=query.days - 1))
    return DailySummary(days=[Day(**_finite(asdict(each))) for each in found])


def list_fees(services: Services, query: FeesQuery) -> FeesList:
    """List mean fees by strategy."""
    with postgres():
        found = stored.list_fees(services.engine, services.settings.realm, query.strategy)
    return FeesList(strategies=[Fees(**_finite(asdict(each))) for each in found])


def _finite(values: dict[str, Any]) -> dict[str, Any]:
    return {name: finite(value) if isinstance(value, float) else value for name, value in values.items()}
