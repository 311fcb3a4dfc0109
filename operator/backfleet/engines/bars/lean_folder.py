"""The files of a folder in LEAN's layout, as bytes become rows: zips of one CSV, factor files and map files.

`equity/usa/daily/<symbol>.zip` holds rows `YYYYMMDD HH:MM,open,high,low,close,volume`, prices x 10000;
`index/usa/daily/<symbol>.zip` the same with plain prices; `equity/usa/factor_files/<symbol>.csv` rows `YYYYMMDD,price
factor,split factor,reference price`, each valid up to and including its date; `equity/usa/map_files/<symbol>.csv` rows
`YYYYMMDD,ticker,...`, the names that a security had.
"""

import hashlib
import io
import zipfile
import zlib
from datetime import date
from math import inf
from pathlib import Path

from backfleet.engines.program import EngineFailure

EQUITY = "equity"
INDEX = "index"
PRICE_SCALES = {EQUITY: 10_000, INDEX: 1}
"""What a price is multiplied by in the daily files of each kind of security, in the order in which they are looked for."""

Row = tuple[str, float, float, float, float, float]
"""YYYYMMDD, open, high, low, close, volume."""
Factor = tuple[str, float]
"""The last YYYYMMDD that a split factor is valid on, and the factor."""


class DataDamaged(EngineFailure):
    """A file of the data folder cannot be read; the message names file and line."""


def day_date(day: str) -> date:
    """The date of a YYYYMMDD text."""
    return date.fromisoformat(day[:8])


def daily_path(kind: str, name: str) -> str:
    """Where the daily bars of a security are, below the folder."""
    return f"{kind}/usa/daily/{name}.zip"


def read_rows(path: Path, first: str, last: str) -> tuple[list[Row], str] | None:
    """The rows from YYYYMMDD to YYYYMMDD, both included, and the sha256 of the zip; None where there is no such file."""
    try:
        packed = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataDamaged(f"{path} cannot be read: {error.strerror}") from error
    return _parse_rows(path, _csv_text(path, packed), first, last), hashlib.sha256(packed).hexdigest()


def read_factors(folder: Path, name: str) -> tuple[list[Factor], str] | None:
    """The split factors of a security, oldest first, and the sha256 of their file; None where there is no such file."""
    path = folder / "equity/usa/factor_files" / f"{name}.csv"
    if not path.is_file():
        return None
    text = path.read_bytes()
    return _parse_factors(path, text.decode("utf-8", "replace")), hashlib.sha256(text).hexdigest()


def read_tickers(folder: Path, name: str) -> list[str] | None:
    """The names in a security's map file, itself excepted; None where there is no such file."""
    path = folder / "equity/usa/map_files" / f"{name}.csv"
    if not path.is_file():
        return None
    rows = [line.split(",") for line in path.read_text("utf-8", "replace").splitlines()]
    return sorted({row[1].strip().lower() for row in rows if len(row) > 1} - {name, ""})


def _csv_text(path: Path, packed: bytes) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            names = archive.namelist()
            if len(names) != 1:
                raise DataDamaged(f"{path} holds {len(names)} files where one CSV is due")
            return archive.read(names[0]).decode("utf-8", "replace")
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise DataDamaged(f"{path} is damaged: {error}") from error


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


def _parse_factors(path: Path, text: str) -> list[Factor]:
    factors: list[Factor] = []
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
