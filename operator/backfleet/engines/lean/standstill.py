"""Standstills: times in which neither equity nor benchmark moved, since the data has a gap or has ended.

LEAN continues through a gap with filled-forward bars and does not report it; its figures then cover dead time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from backfleet.engines.lean.curve import Points, trading_day

MAX_STILL_DAYS = 7
"""The most trading days without a move; the longest exchange closure in this century was shorter."""


@dataclass(frozen=True, slots=True)
class Standstill:
    """A period without a move, from its first to its last day. `trading_days` counts Mondays to Fridays."""

    first: date
    last: date
    trading_days: int
    is_to_the_end: bool

    def __str__(self) -> str:
        days = f"{self.trading_days} trading days"
        if self.is_to_the_end:
            return f"nothing moved from {self.first} to the end on {self.last} ({days}). Check whether the data ends there."
        return f"nothing moved from {self.first} to {self.last} ({days}). Check the data for a gap."


def find_standstills(equity: Points, benchmark: Points) -> tuple[Standstill, ...]:
    """Find standstills of more than seven trading days. Find none if the benchmark never moves: a strategy may stay in cash."""
    moves = _moves(benchmark)
    if not moves or not equity:
        return ()
    last = max(trading_day(equity[-1][0]), trading_day(benchmark[-1][0]))
    days = sorted({trading_day(benchmark[0][0]), *moves, *_moves(equity)})
    return tuple(_standstills(days, last))


def _standstills(moving: list[date], last: date) -> Iterator[Standstill]:
    for before, after in zip(moving, [*moving[1:], None], strict=True):
        first, until = before + timedelta(1), last if after is None else after - timedelta(1)
        count = _weekdays(first, until)
        if count > MAX_STILL_DAYS:
            yield Standstill(_to_weekday(first), until, count, after is None)


def _moves(points: Points) -> set[date]:
    """Return the days on which a value differs from the one before."""
    pairs = pairwise(points)
    return {trading_day(seconds) for (_, before), (seconds, value) in pairs if value != before}


def _weekdays(first: date, last: date) -> int:
    days = (last - first).days + 1
    whole, rest = divmod(max(0, days), 7)
    return whole * 5 + sum((first + timedelta(day)).weekday() < 5 for day in range(rest))


def _to_weekday(day: date) -> date:
    return day + timedelta(max(0, 7 - day.weekday())) if day.weekday() >= 5 else day
