"""Answers about strategies, criteria, and the results of all batches together."""

from datetime import date, datetime

from pydantic import Field

from backfleet_api.schemas.reading import Body, Metrics, Number, Objective, Parameters


class Strategy(Body):
    """A strategy of the catalog, or one that a batch named."""

    name: str
    catalog_id: str | None
    category: str | None
    asset_class: str | None
    lean_project_path: str | None
    description: str
    symbols: list[str]
    status: str
    priority: int
    batches: int = Field(description="how many batches of this installation ran it")
    last_accepted_at: datetime | None = Field(description="when the newest of them was accepted")


class StrategyPage(Body):
    """Strategies by name."""

    strategies: list[Strategy]
    next_cursor: str | None = Field(description="pass it as `cursor` for the next page; null on the last")


class Criteria(Body):
    """The criteria of batches that declare none: of a strategy, or the default ones for all other strategies."""

    strategy: str | None = Field(description="null for the default criteria")
    criteria: dict[str, int | Number]
    version: int


class CriteriaList(Body):
    """The default criteria, and those of strategies that have their own."""

    criteria: list[Criteria]


class Leader(Body):
    """A result that meets its criteria."""

    rank: int
    backtest_id: str
    index: int
    batch_id: str
    batch_name: str
    namespace: str
    strategy: str
    category: str | None
    value: Number | None
    parameters: Parameters
    metrics: Metrics
    recorded_at: datetime


class Leaderboard(Body):
    """The best results of all batches that meet their criteria."""

    order: Objective
    leaders: list[Leader]


class Day(Body):
    """The backtests that ended on a day, in UTC."""

    day: date
    ended: int
    succeeded: int
    failed: int
    passed: int
    best_sharpe: Number | None
    mean_sharpe: Number | None
    strategies: int


class DailySummary(Body):
    """Days on which backtests ended, newest first."""

    days: list[Day]


class Fees(Body):
    """Mean fees of a strategy's results."""

    strategy: str
    results: int
    mean_fees: Number | None
    mean_fee_per_trade: Number | None
    mean_share_of_cash: Number | None = Field(description="fees over the batch's initial cash")
    mean_share_of_gross_profit: Number | None


class FeesList(Body):
    """Mean fees by strategy."""

    strategies: list[Fees]


class Compared(Body):
    """One of the backtests that are compared."""

    backtest_id: str
    batch_id: str
    batch_name: str
    strategy: str
    engine: str
    engine_version: str | None
    state: str
    passed: bool | None = Field(description="null without a result")
    rejections: list[str]


class ComparedParameter(Body):
    """A parameter of the compared backtests, in their order. Null where a backtest does not have it."""

    name: str
    texts: list[str | None]
    is_different: bool


class ComparedMetric(Body):
    """A metric of the compared backtests, in their order, and which of them has the best value."""

    name: str
    values: list[int | Number | None]
    best: list[int] = Field(description="positions of the best value, counted from 0; empty if nobody has the metric")


class Comparison(Body):
    """Two to eight backtests next to each other."""

    backtests: list[Compared]
    parameters: list[ComparedParameter]
    metrics: list[ComparedMetric]
    warnings: list[str] = Field(description="reasons for which the figures cannot be compared")


class NextStep(Body):
    """What happens next, and when; null if the time is not known."""

    what: str
    at: datetime | None


class Explanation(Body):
    """Why a batch or a backtest is where it is."""

    id: str
    state: str
    summary: str
    facts: list[str]
    next: list[NextStep]
