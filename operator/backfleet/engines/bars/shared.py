"""What all backtests over the same bars have in common, computed once for a pack.

A member is a process forked from one that has this: what it only reads in there costs it nothing, but each page of objects that
it touches is copied for it first.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from backfleet.engines.bars.lean_folder import day_date
from backfleet.engines.bars.metrics import Calendar
from backfleet.engines.bars.settings import BarsSettings

CURVE_POINTS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """The calendar, the rate of each return or one for all, and the dates of the curve, of which the ends are the bars' own."""

    calendar: Calendar
    risk_free: float | Sequence[float]
    curve_dates: tuple[date, ...]

    @staticmethod
    def of(days: Sequence[str], settings: BarsSettings) -> "Shared":
        """Compute it from the bars' days, YYYYMMDD."""
        return Shared(
            calendar=Calendar.of(days),
            risk_free=settings.risk_free.of(days[1:]),
            curve_dates=tuple(map(day_date, curve_points(days))),
        )


def curve_points[T](series: Sequence[T]) -> Iterator[T]:
    """Yield at most 200 values, evenly spread, including the first and the last one."""
    last = len(series) - 1
    count = min(len(series), CURVE_POINTS)
    return (series[last * point // max(1, count - 1)] for point in range(count))
