"""Measures how long backtests of a strategy take, from those that succeeded last."""

from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import Engine

from backfleet.core.backtests import BacktestState
from backfleet.store.queries import reading
from backfleet.store.queries.answers import BacktestQuery, BatchQuery

RECENT_BATCHES = 5
RECENT_BACKTESTS = 50


class Pace(NamedTuple):
    """The mean time of a backtest, and the number of backtests in the mean."""

    seconds_per_backtest: float
    backtests: int


def read_pace(engine: Engine, installation: str, strategy: str, engine_name: str) -> Pace | None:
    """Return the pace of the newest batch with the strategy and engine that has one. None if the last few have none."""
    succeeded = BacktestQuery(state=BacktestState.SUCCEEDED, limit=RECENT_BACKTESTS)
    recent = BatchQuery(strategy=strategy, limit=RECENT_BATCHES)
    for batch in reading.list_batches(engine, installation, recent).items:
        if batch.engine != engine_name:
            continue
        page = reading.list_backtests(engine, installation, batch.record.uid, succeeded)
        took = [each.finished_at - each.started_at for each in page.items if each.started_at and each.finished_at]
        if took:
            return Pace(round(sum(took, timedelta()).total_seconds() / len(took), 3), len(took))
    return None
