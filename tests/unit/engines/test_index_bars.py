"""Bars of an index come from the data folder, or else from the wheel where it is installed."""

import gzip
import hashlib
import re
from datetime import date
from pathlib import Path

import pytest

from backfleet.engines.bars.lean_folder import DataDamaged
from backfleet.engines.bars.market_data import PACKAGED_FOLDER, read_bars
from backfleet.engines.program import NoData
from tests.support.engines import write_data

ROWS = "20200102 00:00,100000,110000,90000,105000,500\n20200103 00:00,105000,115000,95000,110000,600\n"
RANGE = (date(2020, 1, 1), date(2020, 1, 31))


def test_an_index_has_plain_prices_and_no_factors(tmp_path: Path) -> None:
    write_data(tmp_path, "vix", "20200102 00:00,13.5,14.25,13,13.75,0\n", "20501231,1,0.5,0\n", kind="index")
    bars = read_bars(tmp_path, "VIX", *RANGE)
    assert (bars.opens, bars.highs, bars.lows, bars.closes, bars.volumes) == ([13.5], [14.25], [13.0], [13.75], [0.0])
    assert bars.fingerprint == hashlib.sha256((tmp_path / "index/usa/daily/vix.zip").read_bytes()).hexdigest()


def test_an_equity_goes_before_an_index_of_the_same_name(tmp_path: Path) -> None:
    write_data(tmp_path, "vix", ROWS)
    write_data(tmp_path, "vix", "20200102 00:00,1,1,1,1,0\n", kind="index")
    assert read_bars(tmp_path, "VIX", *RANGE).closes == [10.5, 11.0]


def test_a_damaged_index_file_is_named(tmp_path: Path) -> None:
    write_data(tmp_path, "vix", "garbage\n", kind="index")
    with pytest.raises(DataDamaged, match=r"index/usa/daily/vix\.zip line 1"):
        read_bars(tmp_path, "VIX", *RANGE)


def test_indexes_come_from_the_wheel_where_it_is_installed(tmp_path: Path) -> None:
    start, end = date(2014, 1, 3), date(2014, 1, 21)
    spx, ixic, vix = (read_bars(tmp_path, symbol, start, end) for symbol in ("SPX", "IXIC", "vix"))
    assert (len(spx), len(ixic), spx.days) == (12, 12, ixic.days)
    # The wheel marks the holiday of 20 January with a point.
    assert vix.days == spx.days
    level = vix.closes[0]
    assert (level, vix.opens[0], vix.highs[0], vix.lows[0], vix.volumes[0]) == (13.76, level, level, level, 0.0)
    assert re.fullmatch(r"[0-9a-f]{64}", spx.fingerprint)
    with pytest.raises(NoData, match="no data for VIX from 2013"):
        read_bars(tmp_path, "VIX", date(2013, 1, 1), date(2013, 12, 31))


@pytest.mark.parametrize(
    "content",
    [b"no gzip", gzip.compress(b"Date,vix\n1/3/2014\n"), b""],
    ids=["no gzip", "a line without a level", "no such file"],
)
def test_a_wheel_with_other_files_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    (tmp_path / "arch/data/vix").mkdir(parents=True)
    (tmp_path / "arch/__init__.py").write_text("raise AssertionError('it is imported')")
    if content:
        (tmp_path / "arch/data/vix/vix.csv.gz").write_bytes(content)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(DataDamaged, match=r"vix\.csv\.gz: expected daily rows of an index"):
        read_bars(PACKAGED_FOLDER, "VIX", date(2014, 1, 3), date(2014, 1, 21))
