"""Factor files as LEAN reads them: the scales of prices in a mode, and the dividends and splits in the factors.

Rows are `YYYYMMDD,price factor,split factor,reference price`, each valid up to and including its day.
Sources: LEAN, Common/Data/Auxiliary/CorporateFactorRow.cs and CorporateFactorProvider.cs, Common/Data/Market/Dividend.cs.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from backfleet.core.backtests import Prices
from backfleet.engines.bars.lean_folder import FACTOR_FILES, Auxiliary, DataDamaged, day_date, read_auxiliary

CENT = Decimal("0.01")
SATURDAY = 5


class FactorRow(NamedTuple):
    """One row; the factors are valid up to and including `day`."""

    day: str
    price: Decimal
    split: Decimal
    reference: Decimal

    def scale(self, prices: Prices) -> Decimal:
        """Return the factor for a raw price."""
        match prices:
            case Prices.RAW:
                return Decimal(1)
            case Prices.SPLIT_ADJUSTED:
                return self.split
            case Prices.ADJUSTED:
                return self.price * self.split


class CorporateAction(NamedTuple):
    """An action between the close of `day` and the next open: a dividend per share, and a factor for prices."""

    day: str
    dividend: float
    split: Decimal


@dataclass(frozen=True, slots=True)
class Factors:
    """The rows of one security, oldest first, one per day, and a warning for rows that LEAN skips."""

    rows: tuple[FactorRow, ...]
    sha256: str
    warnings: tuple[str, ...] = ()

    @property
    def first_day(self) -> str:
        """Return the first day on which LEAN delivers bars: a day before the first row."""
        return f"{day_date(self.rows[0].day) - timedelta(days=1):%Y%m%d}" if self.rows else ""

    @property
    def has_dividends(self) -> bool:
        """Report whether any price factor differs from 1."""
        return any(row.price != 1 for row in self.rows)

    def scales(self, days: Sequence[str], prices: Prices) -> list[float]:
        """Return the factor for raw prices on each of the days, oldest first."""
        found: list[float] = []
        for row in self.rows:
            count = bisect_left(days, f"{row.day}~") - len(found)  # the days up to and including the row's
            found += [float(row.scale(prices))] * max(0, count)
        return found + [1.0] * (len(days) - len(found))

    def actions(self, prices: Prices) -> tuple[CorporateAction, ...]:
        """Return the actions that reach an account: dividends unless prices include them, and splits if prices are raw."""
        if prices is Prices.ADJUSTED:
            return ()
        found = []
        for row, following in pairwise(self.rows):
            dividend = _distribution(row, following)
            split = row.split / following.split if prices is Prices.RAW else Decimal(1)
            # LEAN looks for events only on trading days.
            if (dividend or split != 1) and day_date(row.day).weekday() < SATURDAY:
                found.append(CorporateAction(row.day, dividend, split))
        return tuple(found)


def read_factors(folder: Path, name: str) -> Factors | None:
    """Read the factors of a security; None if the folder has none. DataDamaged names file and line."""
    file = read_auxiliary(folder, FACTOR_FILES, name)
    return None if file is None else _parse(file)


def _distribution(row: FactorRow, following: FactorRow) -> float:
    """Compute the dividend per raw share in whole cents, as LEAN does from the ratio of price factors."""
    if row.price == following.price:
        return 0.0
    amount = row.reference - row.reference * (row.price / following.price)
    return float(amount.quantize(CENT, ROUND_HALF_EVEN))


def _parse(file: Auxiliary) -> Factors:
    """Parse the rows. Like LEAN, skip rows with `inf` or `e+`, with a product of 0, or with a repeated day."""
    rows: dict[str, FactorRow] = {}
    skipped: list[int] = []
    for number, line in enumerate(file.text.split("\n"), start=1):
        if not line.strip():
            continue
        row = None if "inf" in line or "e+" in line else _parse_row(file.path, number, line)
        if row is None or not row.price * row.split or row.day in rows:
            skipped.append(number)
        else:
            rows[row.day] = row
    warnings: tuple[str, ...] = ()
    if skipped:
        count = "1 row is" if len(skipped) == 1 else f"{len(skipped)} rows are"
        name = Path(file.path).name
        warnings = (f"factor file {name}: {count} skipped, as in LEAN (first: line {skipped[0]})",)
    return Factors(tuple(sorted(rows.values())), file.sha256, warnings)


def _parse_row(path: str, number: int, line: str) -> FactorRow:
    try:
        day, *texts = line.strip().split(",")
        day_date(day)
        price, split, reference = (Decimal(text.strip()) for text in [*texts, "0"][:3])
    except (ValueError, InvalidOperation) as error:
        raise DataDamaged(f"{path} line {number}: expected a factor row, got {line[:80]!r}") from error
    row = FactorRow(day[:8], price, split, reference)
    if not (price.is_finite() and split.is_finite() and price >= 0 and split >= 0 and reference.is_finite()):
        raise DataDamaged(f"{path} line {number}: expected finite factors of at least 0, got {line[:80]!r}")
    return row
