"""The API's queries for strategies and criteria, and for results of all batches of an installation together.

They compute what the SQL views do (docs/database.md), for the batches of one installation.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, Engine, Integer, cast, func, select
from sqlalchemy.types import Date, Double

from backfleet.core.backtests import BacktestState
from backfleet.core.criteria import RULES, SuccessCriteria
from backfleet.core.ranking import Direction, Objective
from backfleet.store.postgres.session import looking
from backfleet.store.queries.answers import CombinationAnswer, combination_answer
from backfleet.store.queries.filters import rank_key_of
from backfleet.store.tables.backtests import BacktestJob, BacktestResult
from backfleet.store.tables.base import AnyRow
from backfleet.store.tables.batches import Batch, StrategyRow, SuccessCriteriaRow

SHARPE = Objective("sharpe_ratio", Direction.MAXIMIZE)
_ENDED = (BacktestState.SUCCEEDED.value, BacktestState.FAILED.value)
_BOUNDS = tuple(SuccessCriteriaRow.__table__.c[rule.field] for rule in RULES)


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyAnswer:
    """A strategy, and how many batches of the installation ran it, the newest of them when."""

    name: str
    catalog_id: str | None
    category: str | None
    asset_class: str | None
    lean_project_path: str | None
    description: str
    symbols: tuple[str, ...]
    status: str
    priority: int
    batches: int
    last_accepted_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CriteriaAnswer:
    """The criteria of a strategy, or the default ones, which have none. By the custom resource's field names."""

    strategy: str | None
    criteria: Mapping[str, int | float]
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Leader:
    """A result that meets its criteria."""

    backtest_id: str
    index: int
    batch_uid: str
    batch_name: str
    namespace: str
    strategy: str
    category: str | None
    combination: CombinationAnswer
    metrics: Mapping[str, float | int | None]
    recorded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DayAnswer:
    """The backtests that ended on a day, in UTC."""

    day: date
    ended: int
    succeeded: int
    failed: int
    passed: int
    best_sharpe: float | None
    mean_sharpe: float | None
    strategies: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FeesAnswer:
    """Mean fees of a strategy's results. Shares are fractions, money is in the account's currency."""

    strategy: str
    results: int
    mean_fees: float | None
    mean_fee_per_trade: float | None
    mean_share_of_cash: float | None
    mean_share_of_gross_profit: float | None


def list_strategies(engine: Engine, installation: str, after: str, limit: int) -> list[StrategyAnswer]:
    """List strategies by name, those after `after`, at most `limit`."""
    batches = (
        select(Batch.strategy_name, func.count().label("batches"), func.max(Batch.accepted_at).label("last"))
        .where(Batch.installation_id == installation)
        .group_by(Batch.strategy_name)
        .subquery("batches")
    )
    columns = StrategyRow.__table__.c
    statement = (
        select(StrategyRow.__table__, func.coalesce(batches.c.batches, 0).label("batches"), batches.c.last)
        .outerjoin(batches, batches.c.strategy_name == columns.name)
        .where(columns.name.collate("C") > after)
        .order_by(columns.name.collate("C"))
        .limit(limit)
    )
    with looking(engine, "reading the strategies") as connection:
        rows = connection.execute(statement).all()
    return [
        StrategyAnswer(
            name=row.name,
            catalog_id=row.catalog_id,
            category=row.category,
            asset_class=row.asset_class,
            lean_project_path=row.lean_project_path,
            description=row.description,
            symbols=tuple(row.symbols),
            status=row.status,
            priority=row.priority,
            batches=row.batches,
            last_accepted_at=row.last,
        )
        for row in rows
    ]


def list_criteria(engine: Engine, limit: int) -> list[CriteriaAnswer]:
    """List the default criteria, and then those of strategies that have their own, by name."""
    name, version = SuccessCriteriaRow.strategy_name, SuccessCriteriaRow.version
    statement = select(name, version, *_BOUNDS).order_by(name.is_not(None), name.collate("C")).limit(limit)
    with looking(engine, "reading the criteria") as connection:
        rows = connection.execute(statement).all()
    return [
        CriteriaAnswer(
            strategy=row.strategy_name,
            version=row.version,
            criteria=SuccessCriteria(**{rule.field: row._mapping[rule.field] for rule in RULES}).to_json(),
        )
        for row in rows
    ]


def list_leaders(
    engine: Engine, installation: str, order: Objective, strategy: str | None, limit: int
) -> list[tuple[Leader, float | None]]:
    """List the results that meet their criteria, best first under an objective, each with its value. Null values come last."""
    key = rank_key_of(order)
    statement = (
        select(
            BacktestResult.backtest_id,
            BacktestResult.index.label("own_index"),
            BacktestResult.metrics,
            BacktestResult.recorded_at,
            Batch.uid,
            Batch.name.label("batch_name"),
            Batch.namespace,
            Batch.strategy_name,
            Batch.axes,
        )
        .join(Batch, Batch.uid == BacktestResult.batch_uid)
        .where(Batch.installation_id == installation, Batch.passed > 0, BacktestResult.passed)
        .order_by(key, BacktestResult.backtest_id)
        .limit(limit)
    )
    if strategy is not None:
        statement = statement.where(Batch.strategy_name == strategy)
    page = statement.subquery("page")
    with_parameters = (
        select(page, BacktestJob.parameters, BacktestJob.combination, StrategyRow.category)
        .join(BacktestJob, BacktestJob.id == page.c.backtest_id)
        .outerjoin(StrategyRow, StrategyRow.name == page.c.strategy_name)
    )
    with looking(engine, "reading the leaderboard") as connection:
        rows = connection.execute(with_parameters).all()
    valued = [(each, each.metrics.get(order.metric)) for each in map(_leader, rows)]
    sign = -1 if order.direction is Direction.MAXIMIZE else 1
    return sorted(valued, key=lambda each: (each[1] is None, sign * (each[1] or 0), each[0].backtest_id))


def _leader(row: AnyRow) -> Leader:
    return Leader(
        backtest_id=row.backtest_id,
        index=row.own_index,
        batch_uid=row.uid,
        batch_name=row.batch_name,
        namespace=row.namespace,
        strategy=row.strategy_name,
        category=row.category,
        combination=combination_answer(row, row.axes),
        metrics=row.metrics,
        recorded_at=row.recorded_at,
    )


def list_days(engine: Engine, installation: str, since: datetime) -> list[DayAnswer]:
    """List the days since `since` on which backtests ended, newest first."""
    day = cast(func.timezone("UTC", BacktestJob.finished_at), Date()).label("day")
    sharpe = BacktestResult.__table__.c.sharpe_ratio
    statement = (
        select(
            day,
            func.count().label("ended"),
            func.count().filter(BacktestJob.state == BacktestState.SUCCEEDED.value).label("succeeded"),
            func.count().filter(BacktestJob.state == BacktestState.FAILED.value).label("failed"),
            func.count().filter(BacktestResult.passed).label("passed"),
            func.max(sharpe).label("best_sharpe"),
            func.avg(sharpe).label("mean_sharpe"),
            func.count(Batch.strategy_name.distinct()).label("strategies"),
        )
        .join(Batch, Batch.uid == BacktestJob.batch_uid)
        .outerjoin(BacktestResult, BacktestResult.backtest_id == BacktestJob.id)
        # Batches that ended before have no backtest that ended since, and their rows are not read.
        .where(
            Batch.installation_id == installation,
            func.coalesce(Batch.finished_at, func.now()) >= since,
            BacktestJob.finished_at >= since,
            BacktestJob.state.in_(_ENDED),
        )
        .group_by(day)
        .order_by(day.desc())
    )
    with looking(engine, "reading the days") as connection:
        return [DayAnswer(**row._mapping) for row in connection.execute(statement)]


def list_fees(engine: Engine, installation: str, strategy: str | None) -> list[FeesAnswer]:
    """List mean fees by strategy, by name."""
    columns = BacktestResult.__table__.c
    cash: ColumnElement[float] = cast(func.nullif(Batch.initial_cash, 0), Double())
    statement = (
        select(
            Batch.strategy_name.label("strategy"),
            cast(func.count(), Integer()).label("results"),
            func.avg(columns.total_fees).label("mean_fees"),
            func.avg(columns.total_fees / func.nullif(columns.total_trades, 0)).label("mean_fee_per_trade"),
            func.avg(columns.total_fees / cash).label("mean_share_of_cash"),
            func.avg(columns.fee_share).label("mean_share_of_gross_profit"),
        )
        .join(Batch, Batch.uid == columns.batch_uid)
        .where(Batch.installation_id == installation)
        .group_by(Batch.strategy_name)
        .order_by(Batch.strategy_name.collate("C"))
    )
    if strategy is not None:
        statement = statement.where(Batch.strategy_name == strategy)
    with looking(engine, "reading the fees") as connection:
        return [FeesAnswer(**row._mapping) for row in connection.execute(statement)]
