"""The files of a folder in LEAN's layout as text: zips of daily bars, and factor and map files, plain or in dated zips.

`equity/usa/daily/<symbol>.zip` contains rows `YYYYMMDD HH:MM,open,high,low,close,volume` with prices x 10000;
`index/usa/daily/<symbol>.zip` contains the same with plain prices. `equity/usa/factor_files` and `equity/usa/map_files` each
contain `<symbol>.csv`, or the zips of `lean data download`, such as `factor_files_YYYYMMDD.zip`, of which the newest is used.
"""

import hashlib
import io
import re
from datetime import date
from math import inf
from pathlib import Path
from typing import NamedTuple

from backfleet.engines.bars.plain_zip import file_of_plain_zip
from backfleet.engines.program import EngineFailure

EQUITY = "equity"
INDEX = "index"
PRICE_SCALES = {EQUITY: 10_000, INDEX: 1}
"""The factor of prices in the daily files of each kind of security, in the order of lookup."""
FACTOR_FILES = "factor_files"
MAP_FILES = "map_files"

Row = tuple[str, float, float, float, float, float]
"""YYYYMMDD, open, high, low, close, volume."""


class DataDamaged(EngineFailure):
    """An unreadable file in the data folder; the message names file and line."""


class DailyFile(NamedTuple):
    """The rows of a file within a range, oldest first, the file's sha256, and warnings for what LEAN skips in it."""

    rows: list[Row]
    sha256: str
    warnings: tuple[str, ...] = ()


class Auxiliary(NamedTuple):
    """The path, text and sha256 of a factor or map file."""

    path: str
    text: str
    sha256: str


def day_date(day: str) -> date:
    """Parse the date in a YYYYMMDD text."""
    return date.fromisoformat(day[:8])


def daily_path(kind: str, name: str) -> str:
    """Return the path of a security's daily bars, below the folder."""
    return f"{kind}/usa/daily/{name}.zip"


def read_daily(path: Path, first: str, last: str) -> DailyFile | None:
    """Read the rows from YYYYMMDD to YYYYMMDD, both included; None if the file does not exist.

    Like LEAN, read only the zip's first file, and skip days that are not after the day before and columns after the sixth; each
    gives a warning. Raise DataDamaged with file and line for unreadable content.
    """
    try:
        packed = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataDamaged(f"{path} cannot be read: {error.strerror}") from error
    warnings: list[str] = []
    text = _csv_text(path, packed, warnings)
    rows = _parse_rows(path, text, (first, last), warnings)
    return DailyFile(rows, hashlib.sha256(packed).hexdigest(), tuple(warnings))


def read_auxiliary(folder: Path, kind: str, name: str) -> Auxiliary | None:
    """Read a security's factor or map file: the plain file, else the one in the newest zip; None if neither exists."""
    place = folder / "equity/usa" / kind
    path = place / f"{name}.csv"
    if path.is_file():
        content = path.read_bytes()
        return Auxiliary(str(path), content.decode("utf-8-sig", "replace"), hashlib.sha256(content).hexdigest())
    newest = _newest_zip(place, kind)
    if newest is None:
        return None
    # Seldom needed, see `plain_zip`.
    import zipfile  # noqa: PLC0415
    import zlib  # noqa: PLC0415

    try:
        with zipfile.ZipFile(newest) as archive:
            content = archive.read(f"{name}.csv")
    except KeyError:
        return None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise DataDamaged(f"{newest} is damaged: {error}. Download it again.") from error
    text = content.decode("utf-8-sig", "replace")
    return Auxiliary(f"{newest}#{name}.csv", text, hashlib.sha256(content).hexdigest())


def _newest_zip(place: Path, kind: str) -> Path | None:
    pattern = re.compile(rf"{kind}_[0-9]{{8}}\.zip")
    return max((path for path in place.glob(f"{kind}_*.zip") if pattern.fullmatch(path.name)), default=None)


def _csv_text(path: Path, packed: bytes, warnings: list[str]) -> str:
    content = file_of_plain_zip(packed)
    if content is None:
        content = _file_of_zip(path, packed, warnings)
    text = content.decode("utf-8", "replace")
    if text.startswith("\ufeff"):
        warnings.append(f"{path.name} begins with a byte-order mark, which is skipped")
    return text.removeprefix("\ufeff")


def _file_of_zip(path: Path, packed: bytes, warnings: list[str]) -> bytes:
    # Seldom needed, see `plain_zip`.
    import zipfile  # noqa: PLC0415
    import zlib  # noqa: PLC0415

    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX/")]
            if not names:
                raise DataDamaged(f"{path}: expected a CSV in the zip, found none")
            if len(archive.namelist()) != 1:
                warnings.append(f"{path.name} holds {len(archive.namelist())} entries; only {names[0]} is read")
            return archive.read(names[0])
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise DataDamaged(f"{path} is damaged: {error}. Download it again.") from error


def _parse_rows(path: Path, text: str, span: tuple[str, str], warnings: list[str]) -> list[Row]:
    rows: list[Row] = []
    first, last = span
    previous, skipped, widest = "", [], ""
    for number, line in enumerate(text.split("\n"), start=1):
        day = line[:8]
        if not (day.isascii() and day.isdigit() and len(day) == 8):
            if not line.strip():
                continue
            raise DataDamaged(f"{path} line {number}: expected a row that starts with YYYYMMDD, got {line[:40]!r}")
        if day <= previous:
            skipped.append(number)
            continue
        previous = day
        if line.count(",") > 5:
            widest = widest or f"line {number}"
            line = ",".join(line.split(",")[:6])  # noqa: PLW2901 - LEAN reads six columns
        if first <= day <= last:
            rows.append(_parse_row(path, number, line))
    if skipped:
        days = "1 row is" if len(skipped) == 1 else f"{len(skipped)} rows are"
        warnings.append(f"{path.name}: {days} skipped whose day is not after the one before (first: line {skipped[0]})")
    if widest:
        warnings.append(f"{path.name}: columns after the sixth are ignored (first: {widest})")
    return rows


def _parse_row(path: Path, number: int, line: str) -> Row:
    fields = line.split(",")
    try:
        day_date(line)
        _, open_, high, low, close, volume = fields
        row = (line[:8], float(open_), float(high), float(low), float(close), float(volume))
    except ValueError as error:
        raise DataDamaged(f"{path} line {number}: expected a daily bar, got {line[:80]!r}") from error
    if not (all(0 < price < inf for price in row[1:5]) and row[3] <= row[2] and 0 <= row[5] < inf):
        raise DataDamaged(f"{path} line {number}: expected prices above 0, low <= high, volume >= 0, got {line[:80]!r}")
    return row
