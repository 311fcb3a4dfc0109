"""Daily bars from a folder in LEAN's layout, adjusted for splits (never for dividends), and of several symbols on the same days.

A symbol without a factor file has raw prices, as in LEAN. An index that the folder lacks is read from the wheel of the extra
`indexes`, where that is installed.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import compress
from pathlib import Path

from backfleet.engines.bars.lean_folder import (
    EQUITY,
    INDEX,
    PRICE_SCALES,
    Factor,
    Row,
    daily_path,
    read_factors,
    read_rows,
    read_tickers,
)
from backfleet.engines.program import NoData

PACKAGED_FOLDER = Path(__file__).parent / "data"
UNADJUSTED: list[Factor] = [("99999999", 1.0)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """One symbol's bars as columns of equal length, oldest first; days are YYYYMMDD, prices and volumes split-adjusted."""

    symbol: str
    days: list[str]
    opens: list[float]
    highs: list[float]
    lows: list[float]
    closes: list[float]
    volumes: list[float]
    fingerprint: str = ""
    """sha256 of the file of bars, and of the factor file where one was applied."""
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.days)


def read_bars(folder: Path, symbol: str, start: date, end: date, *, with_factors: bool = True) -> Bars:
    """The bars of `symbol` from `start` to `end`, both included; NoData without any, DataDamaged names file and line."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}", symbol):
        raise NoData(f"{symbol[:40]!r} is no symbol")
    rows, fingerprint, kind = _daily_rows(folder, symbol, f"{start:%Y%m%d}", f"{end:%Y%m%d}")
    if not rows:
        raise NoData(f"no data for {symbol} from {start} to {end}")
    if kind != EQUITY:
        return _adjusted(symbol, rows, UNADJUSTED, PRICE_SCALES[kind], fingerprint)
    factors = UNADJUSTED
    applied = read_factors(folder, symbol.lower()) if with_factors else None
    if applied is not None:
        factors, fingerprint = applied[0] + UNADJUSTED, f"{fingerprint}:{applied[1]}"
    bars = _adjusted(symbol, rows, factors, PRICE_SCALES[kind], fingerprint)
    return replace(bars, warnings=_map_warnings(folder, symbol))


def align(series: Sequence[Bars]) -> tuple[Bars, ...]:
    """The bars of the days that all of them have; NoData when there is none. Days left out are told as a warning of the first."""
    if len(series) == 1:
        return tuple(series)
    shared = set(series[0].days).intersection(*(bars.days for bars in series[1:]))
    names = " and ".join(bars.symbol for bars in series)
    if not shared:
        raise NoData(f"no day in the range has bars of {names}")
    kept = [_of_days(bars, shared) for bars in series]
    left_out = len(set().union(*(bars.days for bars in series)) - shared)
    if left_out:
        told = f"{left_out} days without bars of both {names} are left out"
        kept[0] = replace(kept[0], warnings=(*kept[0].warnings, told))
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


def _daily_rows(folder: Path, symbol: str, first: str, last: str) -> tuple[list[Row], str, str]:
    """The rows, the sha256 of their file, and the kind of security that the symbol is."""
    paths = [daily_path(kind, symbol.lower()) for kind in PRICE_SCALES]
    for kind, path in zip(PRICE_SCALES, paths, strict=True):
        if (found := read_rows(folder / path, first, last)) is not None:
            return *found, kind
    # Imported here: few backtests need it, and every start would pay for it.
    from backfleet.engines.bars import index_wheel  # noqa: PLC0415

    if (found := index_wheel.read_rows(symbol, first, last)) is not None:
        return *found, INDEX
    hint = f"; {index_wheel.INSTALL} brings it" if symbol.upper() in index_wheel.FILES else ""
    raise NoData(f"no data for {symbol}: the data folder has neither {' nor '.join(paths)}{hint}")


def _map_warnings(folder: Path, symbol: str) -> tuple[str, ...]:
    others = read_tickers(folder, symbol.lower())
    if others is None:
        return ()
    named = f"; it names {', '.join(others[:5])} too" if others else ""
    return (f"the map file of {symbol} is ignored: all bars are those of {symbol.lower()}.zip{named}",)


def _adjusted(symbol: str, rows: list[Row], factors: list[Factor], price_scale: int, fingerprint: str) -> Bars:
    scales: list[float] = []
    position = 0
    for row in rows:
        while row[0] > factors[position][0]:
            position += 1
        scales.append(factors[position][1])
    days, opens, highs, lows, closes, volumes = zip(*rows, strict=True)
    return Bars(
        symbol=symbol,
        days=list(days),
        opens=[price * scale / price_scale for price, scale in zip(opens, scales, strict=True)],
        highs=[price * scale / price_scale for price, scale in zip(highs, scales, strict=True)],
        lows=[price * scale / price_scale for price, scale in zip(lows, scales, strict=True)],
        closes=[price * scale / price_scale for price, scale in zip(closes, scales, strict=True)],
        volumes=[volume / scale for volume, scale in zip(volumes, scales, strict=True)],
        fingerprint=fingerprint,
    )
