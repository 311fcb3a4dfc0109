"""The S&P 500 and the VIX of the wheel `arch`, read plainly and independently of the engine, on the days that both have."""

import csv
import gzip
from datetime import date, datetime
from importlib.metadata import files

from tests.support.bars.naive import Day

INDEX_DAYS = (date(2014, 1, 3), date(2018, 12, 31))


def raw_index(name: str) -> dict[date, Day]:
    """Return the bars of an index by day. A level alone becomes a bar of four equal prices without volume."""
    path = next(each for each in files("arch") or [] if each.name == f"{name}.csv.gz").locate()
    with gzip.open(str(path), "rt") as lines:
        rows = list(csv.DictReader(lines))
    days = {}
    for row in rows:
        day = datetime.strptime(row["Date"], "%m/%d/%Y").date()
        if "vix" not in row:
            prices = [float(row[column]) for column in ("Open", "High", "Low", "Close", "Volume")]
            days[day] = Day(*prices)
        elif row["vix"] != ".":
            days[day] = Day.flat(float(row["vix"]))
    return days


def read_index(symbol: str) -> list[Day]:
    own, other = (raw_index(name) for name in (("sp500", "vix") if symbol == "SPX" else ("vix", "sp500")))
    return [own[day] for day in sorted(own) if day in other and INDEX_DAYS[0] <= day <= INDEX_DAYS[1]]
