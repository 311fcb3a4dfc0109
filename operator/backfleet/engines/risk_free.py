"""Annual risk-free rates by day, as LEAN reads its file of primary credit rates.

Source: LEAN, Common/Data/InterestRateProvider.cs. The first line is a header, rows are `YYYY-MM-DD,percent`, a rate is valid
until the next row, and days before the first row have its rate. Unreadable lines are skipped.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from math import isfinite
from pathlib import Path

RATES_PATH = "alternative/interest-rate/usa/interest-rate.csv"
"""The path of the rates below a data folder."""


@dataclass(frozen=True, slots=True)
class RiskFreeRates:
    """Annual rates as fractions, each from its day (YYYYMMDD) on; the first one is also valid before its day."""

    days: tuple[str, ...]
    rates: tuple[float, ...]

    @staticmethod
    def constant(rate: float) -> "RiskFreeRates":
        """Return one rate for all days."""
        return RiskFreeRates(("00010101",), (rate,))

    def of(self, days: Sequence[str]) -> float | list[float]:
        """Return the rate of each of the days, oldest first, or one rate if all days share it."""
        if not days:
            return 0.0
        first, last = self._place(days[0]), self._place(days[-1])
        if first == last:
            return self.rates[first]
        return [self.rates[self._place(day)] for day in days]

    def _place(self, day: str) -> int:
        return max(0, bisect_right(self.days, day) - 1)


NO_RATE = RiskFreeRates.constant(0.0)


def read_rates(folder: Path) -> RiskFreeRates | None:
    """Read the rates of a data folder; None if it has no file with a rate."""
    try:
        text = (folder / RATES_PATH).read_text("utf-8-sig", "replace")
    except OSError:
        return None
    return parse_rates(text)


def parse_rates(text: str) -> RiskFreeRates | None:
    """Parse the rates in a file's text; None if no line has one."""
    found: dict[str, float] = {}
    for line in text.splitlines()[1:]:
        day, _, rest = line.partition(",")
        try:
            rate = float(rest.partition(",")[0]) / 100
            if len(day) == 10 and isfinite(rate):
                found[f"{date.fromisoformat(day):%Y%m%d}"] = rate
        except ValueError:
            continue
    rows = sorted(found.items())
    return RiskFreeRates(tuple(day for day, _ in rows), tuple(rate for _, rate in rows)) if rows else None
