"""Daily bars from a folder in LEAN's layout, adjusted for splits (never for dividends, whose factor the shipped files hold at 1).

`equity/usa/daily/<symbol>.zip` holds one CSV with rows `YYYYMMDD HH:MM,open,high,low,close,volume`, prices x 10000;
`equity/usa/factor_files/<symbol>.csv` holds rows `YYYYMMDD,price factor,split factor,reference price`, each valid up to and
including its date. A symbol without a factor file has raw prices, as in LEAN.
"""

import hashlib
import re
import zipfile
import zlib
from dataclasses import dataclass
from datetime import date
from math import inf
from pathlib import Path

from backfleet.engines.program import EngineFailure, NoData

PACKAGED_FOLDER = Path(__file__).parent / "data"
PRICE_SCALE = 10_000


class DataDamaged(EngineFailure):
    """A file of the data folder cannot be read; the message names file and line."""


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
    """sha256 of the zip, and of the factor file where there is one."""

    def __len__(self) -> int:
        return len(self.days)


def day_date(day: str) -> date:
    """The date of a YYYYMMDD text."""
    return date.fromisoformat(day[:8])


def read_bars(folder: Path, symbol: str, start: date, end: date) -> Bars:
    """The bars of `symbol` from `start` to `end`, both included; NoData without any, DataDamaged names file and line."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}", symbol):
        raise NoData(f"{symbol[:40]!r} is no symbol")
    name = symbol.lower()
    path = folder / "equity/usa/daily" / f"{name}.zip"
    try:
        packed = path.read_bytes()
    except FileNotFoundError as error:
        raise NoData(f"no data for {symbol}: the data folder has no equity/usa/daily/{name}.zip") from error
    except OSError as error:
        raise DataDamaged(f"{path} cannot be read: {error.strerror}") from error
    fingerprint = hashlib.sha256(packed).hexdigest()
    factors_path = folder / "equity/usa/factor_files" / f"{name}.csv"
    factors = [("99999999", 1.0)]
    if factors_path.is_file():
        text = factors_path.read_bytes()
        fingerprint += ":" + hashlib.sha256(text).hexdigest()
        factors = _parse_factors(factors_path, text.decode("utf-8", "replace")) + factors
    rows = _parse_rows(path, _csv_text(path), f"{start:%Y%m%d}", f"{end:%Y%m%d}")
    if not rows:
        raise NoData(f"no data for {symbol} from {start} to {end}")
    return _adjusted(symbol, rows, factors, fingerprint)


def _csv_text(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if len(names) != 1:
                raise DataDamaged(f"{path} holds {len(names)} files where one CSV is due")
            return archive.read(names[0]).decode("utf-8", "replace")
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise DataDamaged(f"{path} is damaged: {error}") from error


Row = tuple[str, float, float, float, float, float]


def _parse_rows(path: Path, text: str, first: str, last: str) -> list[Row]:
    rows: list[Row] = []
    previous = ""
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        day = line[:8]
        if not (day.isascii() and day.isdigit() and day > previous):
            raise DataDamaged(f"{path} line {number}: {line[:40]!r} has no date later than the line before")
        previous = day
        if first <= day <= last:
            rows.append(_parse_row(path, number, line))
    return rows


def _parse_row(path: Path, number: int, line: str) -> Row:
    fields = line.split(",")
    try:
        day_date(line)
        _, open_, high, low, close, volume = fields
        row = (line[:8], float(open_), float(high), float(low), float(close), float(volume))
    except ValueError as error:
        raise DataDamaged(f"{path} line {number}: {line[:80]!r} is no daily bar") from error
    if not (all(0 < price < inf for price in row[1:5]) and row[3] <= row[2] and 0 <= row[5] < inf):
        raise DataDamaged(f"{path} line {number}: {line[:80]!r} has impossible prices or volume")
    return row


def _parse_factors(path: Path, text: str) -> list[tuple[str, float]]:
    factors: list[tuple[str, float]] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            day, _, split, *_ = line.split(",")
            day_date(day)
            factors.append((day, float(split)))
        except ValueError as error:
            raise DataDamaged(f"{path} line {number}: {line[:80]!r} is no factor row") from error
        if not 0 < factors[-1][1] < inf or factors[-1][0] < factors[len(factors) - 2][0]:
            raise DataDamaged(f"{path} line {number}: {line[:80]!r} has an impossible factor or date")
    return factors


def _adjusted(symbol: str, rows: list[Row], factors: list[tuple[str, float]], fingerprint: str) -> Bars:
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
        opens=[price * scale / PRICE_SCALE for price, scale in zip(opens, scales, strict=True)],
        highs=[price * scale / PRICE_SCALE for price, scale in zip(highs, scales, strict=True)],
        lows=[price * scale / PRICE_SCALE for price, scale in zip(lows, scales, strict=True)],
        closes=[price * scale / PRICE_SCALE for price, scale in zip(closes, scales, strict=True)],
        volumes=[volume / scale for volume, scale in zip(volumes, scales, strict=True)],
        fingerprint=fingerprint,
    )
