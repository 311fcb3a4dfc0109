"""The bars that ship with Backfleet are complete, adjusted and those that their provenance names."""

import csv
import hashlib
import io
import re
import runpy
import sys
import zipfile
from datetime import date
from pathlib import Path

import pytest

from backfleet.engines.bars.market_data import PACKAGED_FOLDER, read_bars
from tests.support.engines import FIRST_DAY, LAST_DAY

ROOT = Path(__file__).parents[3]


def raw_rows(symbol: str) -> list[list[str]]:
    with zipfile.ZipFile(PACKAGED_FOLDER / f"equity/usa/daily/{symbol}.zip") as archive:
        return list(csv.reader(io.StringIO(archive.read(f"{symbol}.csv").decode())))


@pytest.mark.parametrize("symbol", ["AAPL", "IBM", "MSFT"])
def test_every_shipped_symbol_has_all_its_days(symbol: str) -> None:
    bars = read_bars(PACKAGED_FOLDER, symbol, FIRST_DAY, LAST_DAY)
    assert (len(bars), bars.days[0], bars.days[-1]) == (3270, "20000301", "20130301")


@pytest.mark.parametrize(
    ("symbol", "before", "after", "change"),
    [
        ("AAPL", date(2005, 2, 25), date(2005, 2, 28), 44.86 / (88.99 / 2)),
        ("AAPL", date(2000, 6, 20), date(2000, 6, 21), 55.63 / (101.25 / 2)),
        ("MSFT", date(2003, 2, 14), date(2003, 2, 18), 24.96 / (48.30 / 2)),
    ],
    ids=["AAPL 2005", "AAPL 2000", "MSFT 2003"],
)
def test_the_adjusted_close_is_continuous_over_a_split(symbol: str, before: date, after: date, change: float) -> None:
    bars = read_bars(PACKAGED_FOLDER, symbol, before, after)
    assert len(bars) == 2
    assert bars.closes[1] / bars.closes[0] == pytest.approx(change)
    assert 0.95 < change < 1.12


def test_aapl_is_adjusted_by_both_splits_before_the_first_by_one_between_and_by_none_after() -> None:
    bars = read_bars(PACKAGED_FOLDER, "AAPL", FIRST_DAY, LAST_DAY)
    splits = ["20000621", "20050228"]
    for position, row in enumerate(raw_rows("aapl")):
        later = sum(row[0][:8] < split for split in splits)
        prices = [float(field) / 10_000 / 2**later for field in row[1:5]]
        adjusted = [column[position] for column in (bars.opens, bars.highs, bars.lows, bars.closes)]
        assert adjusted == pytest.approx(prices, rel=1e-15)
        assert bars.volumes[position] == float(row[5]) * 2**later


def test_the_shipped_files_are_those_that_the_provenance_names() -> None:
    text = (PACKAGED_FOLDER / "PROVENANCE.md").read_text()
    named = dict(re.findall(r"`(equity/\S+)` \| `([0-9a-f]{64})`", text))
    files = [path for path in PACKAGED_FOLDER.rglob("*") if path.is_file() and path.name != "PROVENANCE.md"]
    found = {str(path.relative_to(PACKAGED_FOLDER)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    assert found == named
    assert len(found) == 9


def test_the_converter_refuses_a_wheel_with_another_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(tmp_path / "other.whl", "w") as archive:
        archive.writestr("bokeh_sampledata/_data/stocks.csv.gz", b"something else")
    monkeypatch.setattr(sys, "argv", ["convert_stocks.py", str(tmp_path / "other.whl")])
    with pytest.raises(SystemExit, match="sha256"):
        runpy.run_path(str(ROOT / "hack/data/convert_stocks.py"), run_name="__main__")
