"""Map files as LEAN reads them: the first and the last day of a security's bars, and the names of their files.

Rows are `YYYYMMDD,ticker[,exchange]`. The first is the security's first day; a ticker is valid up to and including its day.
Source: LEAN, Common/Data/Auxiliary/MapFile.cs.
"""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from backfleet.engines.bars.lean_folder import MAP_FILES, DataDamaged, day_date, read_auxiliary

FAR = "99991231"


class Segment(NamedTuple):
    """The days from `first` to `last`, both included, on which a security was called `ticker`."""

    first: str
    last: str
    ticker: str


@dataclass(frozen=True, slots=True)
class MapFile:
    """The names of one security, oldest first."""

    segments: tuple[Segment, ...]
    sha256: str | None = None


def read_map(folder: Path, name: str) -> MapFile:
    """Read the map of a security. Without a file its name never changed, as in LEAN. DataDamaged names file and line."""
    file = read_auxiliary(folder, MAP_FILES, name)
    rows: dict[str, str] = {}
    for number, line in enumerate(file.text.split("\n") if file else (), start=1):
        if not line.strip():
            continue
        fields = line.strip().split(",")
        try:
            rows[f"{day_date(fields[0]):%Y%m%d}"] = fields[1].strip().lower()
        except (ValueError, IndexError) as error:
            path = file.path if file else ""
            raise DataDamaged(f"{path} line {number}: expected a map row, got {line[:80]!r}") from error
    if file is None or not rows:
        return MapFile((Segment("00010101", FAR, name),))
    return MapFile(_segments(sorted(rows.items())), file.sha256)


def _segments(rows: list[tuple[str, str]]) -> tuple[Segment, ...]:
    found: list[Segment] = []
    first = rows[0][0]
    for day, ticker in rows:
        if found and found[-1].ticker == ticker:
            found[-1] = found[-1]._replace(last=day)
        else:
            found.append(Segment(first, day, ticker))
        first = f"{day_date(day) + timedelta(days=1):%Y%m%d}"
    return tuple(found)
