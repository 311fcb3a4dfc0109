"""Daily bars of indexes from the wheel `arch`, which the extra `indexes` installs. Its files are read; it is not imported.

The prices are Yahoo's and Cboe's, so they stay in the wheel (`data/PROVENANCE.md`). The VIX has only closes.
"""

import csv
import gzip
import hashlib
import importlib.util
import zlib
from pathlib import Path

from backfleet.engines.bars.lean_folder import DataDamaged, Row

WHEEL = "arch"
INSTALL = "pip install 'backfleet[indexes]'"
FILES = {
    "SPX": "data/sp500/sp500.csv.gz",
    "IXIC": "data/nasdaq/nasdaq.csv.gz",
    "VIX": "data/vix/vix.csv.gz",
}
"""S&P 500 and NASDAQ Composite 1999 to 2018, Cboe Volatility Index 2014 to 2018."""


def read_rows(symbol: str, first: str, last: str) -> tuple[list[Row], str] | None:
    """Read the rows from YYYYMMDD to YYYYMMDD, both included, and the file's sha256; None if the wheel lacks the index."""
    path = _path(symbol.upper())
    if path is None:
        return None
    try:
        packed = path.read_bytes()
        lines = csv.reader(gzip.decompress(packed).decode().splitlines()[1:])
        rows = [_row(line) for line in lines if line[1] != "."]  # a holiday
    except (OSError, EOFError, zlib.error, ValueError, IndexError) as error:
        raise DataDamaged(
            f"{path}: expected daily rows of an index: {error}. Install a version of {WHEEL} that has them."
        ) from error
    return [row for row in rows if first <= row[0] <= last], hashlib.sha256(packed).hexdigest()


def _path(symbol: str) -> Path | None:
    if symbol not in FILES:
        return None
    spec = importlib.util.find_spec(WHEEL)
    places = list(spec.submodule_search_locations or []) if spec else []
    return Path(places[0]) / FILES[symbol] if places else None


def _row(fields: list[str]) -> Row:
    """Parse month/day/year, then either open, high, low, close, adjusted close and volume, or only a level."""
    month, day, year = fields[0].split("/")
    date = f"{int(year):04}{int(month):02}{int(day):02}"
    if len(fields) == 2:
        level = float(fields[1])
        return date, level, level, level, level, 0.0
    open_, high, low, close, _, volume = map(float, fields[1:])
    return date, open_, high, low, close, volume
