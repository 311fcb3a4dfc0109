"""Answers about the backtests of a batch, whatever became of them."""

from datetime import datetime

from pydantic import Field

from backfleet.core.backtests import BacktestState
from backfleet_api.schemas.reading import Body, Parameters


class BacktestRow(Body):
    """A launched backtest as lists show it."""

    backtest_id: str
    index: int
    state: BacktestState
    parameters: Parameters
    attempts: int = Field(description="the number of attempts, the running one included")
    reason: str | None = Field(description="why it failed or was cancelled; null otherwise")
    message: str | None
    started_at: datetime | None = Field(description="when the engine of the deciding attempt started")
    finished_at: datetime | None


class BacktestPage(Body):
    """Launched backtests of a batch, by index. What was never launched is queued and not listed."""

    batch_id: str
    backtests: list[BacktestRow]
    next_cursor: str | None = Field(description="pass it as `cursor` for the next page; null on the last")
