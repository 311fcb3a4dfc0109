"""Daily bars from a folder in LEAN's layout, in one of LEAN's price modes, for several symbols on the same days.

A symbol without a factor file has raw prices, as in LEAN. Its map and factor files limit the days with bars. An index that the
folder lacks is read from the wheel of the extra `indexes`, if that is installed.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import compress, pairwise
from pathlib import Path

from backfleet.core.backtests import Prices
from backfleet.engines.bars.factor_files import CorporateAction, Factors, read_factors
from backfleet.engines.bars.lean_folder import (
    EQUITY,
    INDEX,
    PRICE_SCALES,
    DailyFile,
    Row,
    daily_path,
    day_date,
    read_daily,
)
from backfleet.engines.bars.map_files import MapFile, Segment, read_map
from backfleet.engines.program import NoData

PACKAGED_FOLDER = Path(__file__).parent / "data"
NO_FACTORS = Factors((), "")
MAX_GAP_WEEKDAYS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """One symbol's bars as columns of equal length, oldest first. Days are YYYYMMDD; the mode decides prices and volumes."""

    symbol: str
    days: list[str]
    opens: list[float]
    highs: list[float]
    lows: list[float]
    closes: list[float]
    volumes: list[float]
    fingerprint: str = ""
    """sha256 of the files with bars, and of the map file and the factor file if they exist."""
    warnings: tuple[str, ...] = ()
    actions: tuple[CorporateAction, ...] = ()
    """The actions that reach an account that holds the symbol, oldest first."""

    def __len__(self) -> int:
        return len(self.days)


def read_bars(folder: Path, symbol: str, start: date, end: date, prices: Prices = Prices.ADJUSTED) -> Bars:
    """Read the bars of `symbol` from `start` to `end`, both included. Raise NoData without any. DataDamaged names its line."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}", symbol):
        raise NoData(f"symbol: expected at most 32 letters, digits, dots, underscores and hyphens, got {symbol[:40]!r}")
    first, last = f"{start:%Y%m%d}", f"{end:%Y%m%d}"
    name = symbol.lower()
    names = read_map(folder, name)
    factors = read_factors(folder, name) or NO_FACTORS
    equity = _equity_file(folder, symbol, names, (max(first, factors.first_day), last))
    if equity is None:
        return _index_bars(folder, symbol, first, last)
    if not equity.rows:
        raise NoData(_nothing(symbol, (start, end), names, factors))
    hashes = [equity.sha256, names.sha256 or "", factors.sha256]
    bars = _scaled(symbol, equity, PRICE_SCALES[EQUITY], factors.scales([row[0] for row in equity.rows], prices))
    return replace(
        bars,
        fingerprint=":".join(sha for sha in hashes if sha),
        warnings=(*equity.warnings, *_warnings(symbol, bars.days, factors)),
        actions=factors.actions(prices),
    )


def align(series: Sequence[Bars]) -> tuple[Bars, ...]:
    """Keep the days that all series have, and warn on the first about the others. Raise NoData without a shared day."""
    if len(series) == 1:
        return tuple(series)
    shared = set(series[0].days).intersection(*(bars.days for bars in series[1:]))
    names = " and ".join(bars.symbol for bars in series)
    if not shared:
        raise NoData(f"no day in the range has bars of all symbols: {names}")
    kept = [_of_days(bars, shared) for bars in series]
    left_out = len(set().union(*(bars.days for bars in series)) - shared)
    if left_out:
        warning = f"{left_out} days are left out, since they lack bars of {' or '.join(bars.symbol for bars in series)}"
        kept[0] = replace(kept[0], warnings=(*kept[0].warnings, warning))
    return tuple(kept)


def _of_days(bars: Bars, days: set[str]) -> Bars:
    keep = [day in days for day in bars.days]
    return replace(
        bars,
        days=list(compress(bars.days, keep)),
        opens=list(compress(bars.opens, keep)),
        highs=list(compress(bars.highs, keep)),
        lows=list(compress(bars.lows, keep)),
        closes=list(compress(bars.closes, keep)),
        volumes=list(compress(bars.volumes, keep)),
    )


def _equity_file(folder: Path, symbol: str, names: MapFile, span: tuple[str, str]) -> DailyFile | None:
    """Read the rows of all names of the equity as one file; None without a file of its current name."""
    rows: list[Row] = []
    hashes: list[str] = []
    warnings: list[str] = []
    for segment in names.segments:
        days = (max(span[0], segment.first), min(span[1], segment.last))
        is_present = segment is names.segments[-1]
        if days[0] > days[1] and not is_present:
            continue
        file = read_daily(folder / daily_path(EQUITY, segment.ticker), *days)
        if file is not None:
            rows += file.rows
            hashes.append(file.sha256)
            warnings += file.warnings
        elif is_present and not rows:
            return None
        else:
            warnings.append(_missing(symbol, segment))
    return DailyFile(rows, "+".join(hashes), tuple(warnings))


def _missing(symbol: str, segment: Segment) -> str:
    first, last = day_date(segment.first), day_date(segment.last)
    path = daily_path(EQUITY, segment.ticker)
    return f"{symbol} was {segment.ticker.upper()} from {first} to {last}, but {path} is missing"


def _index_bars(folder: Path, symbol: str, first: str, last: str) -> Bars:
    file = read_daily(folder / daily_path(INDEX, symbol.lower()), first, last) or _wheel_file(symbol, first, last)
    if not file.rows:
        raise NoData(f"no data for {symbol} from {day_date(first)} to {day_date(last)}")
    bars = _scaled(symbol, file, PRICE_SCALES[INDEX], [1.0] * len(file.rows))
    return replace(bars, fingerprint=file.sha256, warnings=(*file.warnings, *_gaps(symbol, bars.days)))


def _wheel_file(symbol: str, first: str, last: str) -> DailyFile:
    # Imported here: few backtests need it, and every start would pay for it.
    from backfleet.engines.bars import index_wheel  # noqa: PLC0415

    if (found := index_wheel.read_rows(symbol, first, last)) is not None:
        return DailyFile(*found)
    paths = " or ".join(daily_path(kind, symbol.lower()) for kind in PRICE_SCALES)
    hint = f" Install it with: {index_wheel.INSTALL}" if symbol.upper() in index_wheel.FILES else ""
    raise NoData(f"no data for {symbol}: expected {paths} in the data folder, found neither.{hint}")


def _nothing(symbol: str, days: tuple[date, date], names: MapFile, factors: Factors) -> str:
    start = max(names.segments[0].first, factors.first_day)
    begins = f": its map and factor files begin on {day_date(start)}" if f"{days[1]:%Y%m%d}" < start else ""
    return f"no data for {symbol} from {days[0]} to {days[1]}{begins}"


def _warnings(symbol: str, days: list[str], factors: Factors) -> Iterator[str]:
    yield from factors.warnings
    if not factors.rows:
        yield f"no factors for {symbol}: splits and dividends are unknown, so prices are raw"
    elif not factors.has_dividends:
        yield f"no dividends in the data of {symbol}: all price factors are 1"
    yield from _gaps(symbol, days)


def _gaps(symbol: str, days: list[str]) -> Iterator[str]:
    """Yield the gaps inside the range. Holidays are unknown, so all weekdays between two bars count."""
    dates = [day_date(day) for day in days]
    for before, after in pairwise(dates):
        if (after - before).days > MAX_GAP_WEEKDAYS and _weekdays_between(before, after) > MAX_GAP_WEEKDAYS:
            yield f"no bars of {symbol} between {before} and {after}"


def _weekdays_between(before: date, after: date) -> int:
    """Count the weekdays after `before` and before `after`."""
    weeks, rest = divmod((after - before).days - 1, 7)
    return weeks * 5 + sum((before.weekday() + 1 + day) % 7 < 5 for day in range(rest))


def _scaled(symbol: str, file: DailyFile, price_scale: int, scales: list[float]) -> Bars:
    days, opens, highs, lows, closes, volumes = zip(*file.rows, strict=True)
    return Bars(
        symbol=symbol,
        days=list(days),
        opens=[price * scale / price_scale for price, scale in zip(opens, scales, strict=True)],
        highs=[price * scale / price_scale for price, scale in zip(highs, scales, strict=True)],
        lows=[price * scale / price_scale for price, scale in zip(lows, scales, strict=True)],
        closes=[price * scale / price_scale for price, scale in zip(closes, scales, strict=True)],
        volumes=[volume / scale for volume, scale in zip(volumes, scales, strict=True)],
    )
