"""Annual risk-free rates by day, as LEAN reads its file of primary credit rates.

Source: LEAN, Common/Data/InterestRateProvider.cs: the first line is a header, rows are `YYYY-MM-DD,percent`, a rate holds until
the next row, and days before the first row have its rate. Lines that it cannot read are passed over.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from math import isfinite
from pathlib import Path

RATES_PATH = "alternative/interest-rate/usa/interest-rate.csv"
"""Where the rates are, below a data folder."""


@dataclass(frozen=True, slots=True)
class RiskFreeRates:
    """Rates as fractions a year, each from its day (YYYYMMDD) on; the first one holds before its day too."""

    days: tuple[str, ...]
    rates: tuple[float, ...]

    @staticmethod
    def constant(rate: float) -> "RiskFreeRates":
        """One rate for all days."""
        return RiskFreeRates(("00010101",), (rate,))

    def of(self, days: Sequence[str]) -> float | list[float]:
        """The rate of each of the days, oldest first, or the one rate that all of them have."""
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
    """The rates of a data folder; None without a file that has one."""
    try:
        text = (folder / RATES_PATH).read_text("utf-8-sig", "replace")
    except OSError:
        return None
    return parse_rates(text)


def parse_rates(text: str) -> RiskFreeRates | None:
    """The rates of a file's text; None where no line has one."""
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
