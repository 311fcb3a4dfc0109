import hashlib
import re
import zipfile
from datetime import date
from pathlib import Path

import pytest

from backfleet.core.backtests import Prices
from backfleet.engines.bars.lean_folder import DataDamaged
from backfleet.engines.bars.market_data import PACKAGED_FOLDER, Bars, align, read_bars
from backfleet.engines.program import NoData
from tests.support.engines import write_data

ROOT = Path(__file__).parents[3]
ROWS = "20200102 00:00,100000,110000,90000,105000,500\n20200103 00:00,105000,115000,95000,110000,600\n"
RANGE = (date(2020, 1, 1), date(2020, 1, 31))


def test_a_symbol_without_a_factor_file_keeps_raw_prices(tmp_path: Path) -> None:
    bars = read_bars(write_data(tmp_path, "raw", ROWS), "RAW", *RANGE)
    assert bars == Bars(
        symbol="RAW",
        days=["20200102", "20200103"],
        opens=[10.0, 10.5],
        highs=[11.0, 11.5],
        lows=[9.0, 9.5],
        closes=[10.5, 11.0],
        volumes=[500.0, 600.0],
        fingerprint=hashlib.sha256((tmp_path / "equity/usa/daily/raw.zip").read_bytes()).hexdigest(),
        warnings=("no factors for RAW: splits and dividends are unknown, so prices are raw",),
    )


def test_a_factor_holds_up_to_and_including_its_date(tmp_path: Path) -> None:
    factors = "20200102,0.5,0.25,10\n20501231,1,1,0\n"
    bars = read_bars(write_data(tmp_path, "abc", ROWS, factors), "abc", *RANGE, Prices.SPLIT_ADJUSTED)
    assert bars.closes == [10.5 * 0.25, 11.0]
    assert bars.volumes == [2000.0, 600.0]
    assert re.fullmatch(r"[0-9a-f]{64}:[0-9a-f]{64}", bars.fingerprint)


def test_both_ends_of_the_range_are_included(tmp_path: Path) -> None:
    write_data(tmp_path, "abc", ROWS)
    assert read_bars(tmp_path, "abc", date(2020, 1, 3), date(2020, 1, 3)).days == ["20200103"]
    assert read_bars(tmp_path, "abc", date(2020, 1, 2), date(2020, 1, 3)).days == ["20200102", "20200103"]


@pytest.mark.parametrize(
    ("symbol", "start", "end"),
    [
        ("NONE", date(2005, 1, 1), date(2006, 1, 1)),
        ("AAPL", date(2020, 1, 1), date(2024, 12, 31)),
        ("AAPL", date(2006, 1, 1), date(2005, 1, 1)),
        ("AAPL", date(2005, 2, 26), date(2005, 2, 27)),
        ("../../etc/passwd", date(2005, 1, 1), date(2006, 1, 1)),
        ("", date(2005, 1, 1), date(2006, 1, 1)),
    ],
    ids=["unknown symbol", "after the data", "end before start", "a weekend", "a path", "empty symbol"],
)
def test_a_request_without_bars_is_no_data(symbol: str, start: date, end: date) -> None:
    with pytest.raises(NoData):
        read_bars(PACKAGED_FOLDER, symbol, start, end)


@pytest.mark.parametrize(
    "line",
    [
        "20200106 00:00,1,2,3",
        "20200106 00:00,100000,110000,90000,abc,5",
        "20200106 00:00,100000,110000,90000,nan,5",
        "20200106 00:00,100000,110000,90000,105000,-5",
        "20200106 00:00,0,110000,0,105000,5",
        "20200106 00:00,100000,90000,90001,95000,5",
        "20200106 00:00,100000,inf,90000,95000,5",
        "20200199 00:00,100000,110000,90000,105000,5",
        "garbage",
    ],
    ids=[
        "too few fields",
        "text",
        "nan",
        "volume",
        "zero",
        "high below low",
        "inf",
        "no date",
        "garbage",
    ],
)
def test_a_damaged_line_is_named_with_its_file(tmp_path: Path, line: str) -> None:
    write_data(tmp_path, "abc", ROWS + "\n" + line + "\n")
    with pytest.raises(DataDamaged, match=r"abc\.zip line 4:"):
        read_bars(tmp_path, "abc", date(2020, 1, 1), date(2020, 12, 31))


@pytest.mark.parametrize(
    ("factors", "number"),
    [
        ("x,1,1,0\n", 1),
        ("20200102,1,1,0\n20200103,-1,1,0\n", 2),
        ("20200102,1\n", 1),
        ("\n20200102,1,nan,3\n", 2),
    ],
    ids=["no date", "below zero", "too few fields", "nan"],
)
def test_a_damaged_factor_row_is_named_with_its_file(tmp_path: Path, factors: str, number: int) -> None:
    write_data(tmp_path, "abc", ROWS, factors)
    with pytest.raises(DataDamaged, match=rf"factor_files/abc\.csv line {number}:"):
        read_bars(tmp_path, "abc", *RANGE)


def test_a_damaged_zip_is_named(tmp_path: Path) -> None:
    path = write_data(tmp_path, "abc", ROWS) / "equity/usa/daily/abc.zip"
    content = path.read_bytes()
    for broken in (b"no zip", content[: len(content) // 2], content.replace(b"105000", b"105001", 1)):
        path.write_bytes(broken)
        with pytest.raises(DataDamaged, match=r"abc\.zip is damaged"):
            read_bars(tmp_path, "abc", *RANGE)


def test_a_folder_in_the_place_of_the_zip_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "equity/usa/daily/abc.zip").mkdir(parents=True)
    with pytest.raises(DataDamaged, match="cannot be read"):
        read_bars(tmp_path, "abc", *RANGE)


def write_zip(path: Path, entries: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in entries.items():
            archive.writestr(name, text)


ONE_DAY_MORE = "20200106 00:00,100000,110000,90000,120000,500"


@pytest.mark.parametrize(
    ("entries", "warning"),
    [
        (
            {"__MACOSX/._abc.csv": "x", "abc.csv": ROWS + ONE_DAY_MORE},
            "abc.zip holds 2 entries; only abc.csv is read",
        ),
        ({"abc.csv": ROWS + ONE_DAY_MORE, "more.csv": ROWS}, "abc.zip holds 2 entries; only abc.csv is read"),
        ({"abc.csv": "\ufeff" + ROWS + ONE_DAY_MORE}, "abc.zip begins with a byte-order mark, which is skipped"),
        (
            {"abc.csv": ROWS + "20200103 00:00,9,9,9,9,9\n20200101 00:00,9,9,9,9,9\n" + ONE_DAY_MORE},
            "abc.zip: 2 rows are skipped whose day is not after the one before (first: line 3)",
        ),
        (
            {"abc.csv": ROWS + ONE_DAY_MORE + ",7,8"},
            "abc.zip: columns after the sixth are ignored (first: line 3)",
        ),
    ],
    ids=["a folder of macOS", "a second file", "byte-order mark", "days twice and unsorted", "more columns"],
)
def test_what_lean_passes_over_in_a_file_of_bars_is_a_warning(
    tmp_path: Path, entries: dict[str, str], warning: str
) -> None:
    write_zip(tmp_path / "equity/usa/daily/abc.zip", entries)
    bars = read_bars(tmp_path, "abc", *RANGE)
    assert (bars.days, bars.closes) == (["20200102", "20200103", "20200106"], [10.5, 11.0, 12.0])
    assert bars.warnings[0] == warning
    assert len(bars.warnings) == 2


def test_a_zip_without_a_file_is_damaged(tmp_path: Path) -> None:
    write_zip(tmp_path / "equity/usa/daily/abc.zip", {"__MACOSX/._abc.csv": "x"})
    with pytest.raises(DataDamaged, match=r"abc\.zip: expected a CSV in the zip, found none"):
        read_bars(tmp_path, "abc", *RANGE)


FACTORS = "20200102,0.5,0.25,10\n20501231,1,1,0\n"
NAMES = "20200103,abc,Q\n20501231,abc,Q\n"


def test_the_newest_dated_zips_of_factors_and_maps_equal_plain_files(tmp_path: Path) -> None:
    plain = write_data(tmp_path / "plain", "abc", ROWS, FACTORS)
    (plain / "equity/usa/map_files").mkdir()
    (plain / "equity/usa/map_files/abc.csv").write_text(NAMES)
    zipped = write_data(tmp_path / "zipped", "abc", ROWS) / "equity/usa"
    for kind, text in (("factor_files", FACTORS), ("map_files", NAMES)):
        write_zip(zipped / kind / f"{kind}_20201231.zip", {"xyz.csv": "x", "abc.csv": text})
        write_zip(zipped / kind / f"{kind}_20191231.zip", {"abc.csv": "old"})
        write_zip(zipped / kind / f"{kind}_latest.zip", {"abc.csv": "not dated"})
    bars = read_bars(tmp_path / "zipped", "ABC", *RANGE)
    assert bars == read_bars(plain, "ABC", *RANGE)
    assert bars.days == ["20200103"]


def test_a_plain_file_goes_before_a_zip(tmp_path: Path) -> None:
    write_data(tmp_path, "abc", ROWS, FACTORS)
    write_zip(tmp_path / "equity/usa/factor_files/factor_files_20201231.zip", {"abc.csv": "20501231,1,1,0\n"})
    assert read_bars(tmp_path, "abc", *RANGE).closes == [10.5 * 0.125, 11.0]


def test_a_damaged_zip_of_factors_is_named(tmp_path: Path) -> None:
    path = write_data(tmp_path, "abc", ROWS) / "equity/usa/factor_files/factor_files_20201231.zip"
    path.parent.mkdir()
    path.write_bytes(b"no zip")
    with pytest.raises(DataDamaged, match=r"factor_files_20201231\.zip is damaged"):
        read_bars(tmp_path, "abc", *RANGE)


def write_map(folder: Path, symbol: str, rows: str) -> None:
    path = folder / f"equity/usa/map_files/{symbol}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(rows)


def test_bars_begin_and_end_where_the_map_file_does(tmp_path: Path) -> None:
    write_data(tmp_path, "abc", ROWS + ONE_DAY_MORE)
    write_map(tmp_path, "abc", "20200103,abc,Q\n20200103,abc,Q\n")
    assert read_bars(tmp_path, "abc", *RANGE).days == ["20200103"]
    with pytest.raises(NoData, match="its map and factor files begin on 2020-01-03"):
        read_bars(tmp_path, "abc", date(2020, 1, 1), date(2020, 1, 2))


def test_bars_of_an_earlier_name_are_read_from_its_file(tmp_path: Path) -> None:
    write_data(tmp_path, "old", ROWS.replace("105000", "205000"))
    write_data(tmp_path, "abc", ROWS + ONE_DAY_MORE)
    write_map(tmp_path, "abc", "20190101,old,Q\n20200102,OLD,Q\n20501231,abc,Q\n")
    bars = read_bars(tmp_path, "ABC", *RANGE)
    assert (bars.days, bars.closes) == (["20200102", "20200103", "20200106"], [20.5, 11.0, 12.0])
    assert re.fullmatch(r"[0-9a-f]{64}\+[0-9a-f]{64}:[0-9a-f]{64}", bars.fingerprint)


def test_an_earlier_name_without_a_file_is_a_warning(tmp_path: Path) -> None:
    write_data(tmp_path, "abc", ROWS)
    write_map(tmp_path, "abc", "20190101,old,Q\n20200102,old,Q\n20501231,abc,Q\n")
    bars = read_bars(tmp_path, "ABC", *RANGE)
    assert bars.days == ["20200103"]
    assert bars.warnings[0] == "ABC was OLD from 2019-01-01 to 2020-01-02, but equity/usa/daily/old.zip is missing"


def test_a_damaged_map_row_is_named_with_its_file(tmp_path: Path) -> None:
    write_data(tmp_path, "abc", ROWS)
    write_map(tmp_path, "abc", "20190101,abc\ndamaged\n")
    with pytest.raises(DataDamaged, match=r"map_files/abc\.csv line 2: expected a map row, got 'damaged'"):
        read_bars(tmp_path, "abc", *RANGE)


def test_a_hole_of_more_than_seven_trading_days_is_a_warning_with_its_dates(tmp_path: Path) -> None:
    days = ["20200102", "20200103", "20200115", "20200116", "20200129"]
    write_data(tmp_path, "abc", "".join(f"{day} 00:00,10000,10000,10000,10000,7\n" for day in days), FACTORS)
    # Seven weekdays lie between the 3rd and the 15th, eight between the 16th and the 29th.
    assert read_bars(tmp_path, "abc", *RANGE).warnings == ("no bars of abc between 2020-01-16 and 2020-01-29",)


def test_a_factor_file_without_a_dividend_is_one_warning(tmp_path: Path) -> None:
    write_data(tmp_path, "abc", ROWS, "20200102,1,0.25,10\n20501231,1,1,0\n")
    for prices in Prices:
        expected = ("no dividends in the data of abc: all price factors are 1",)
        assert read_bars(tmp_path, "abc", *RANGE, prices).warnings == expected


def test_only_days_that_all_symbols_have_are_left_and_the_others_are_told(tmp_path: Path) -> None:
    days = {"abc": ("20200102", "20200103", "20200106"), "xyz": ("20200101", "20200102", "20200106")}
    for symbol, own in days.items():
        write_data(tmp_path, symbol, "".join(f"{day} 00:00,10000,10000,10000,{day[4:]}0,7\n" for day in own))
    abc, xyz = align([read_bars(tmp_path, symbol, *RANGE) for symbol in days])
    assert abc.days == xyz.days == ["20200102", "20200106"]
    assert abc.closes == xyz.closes == [0.102, 0.106]
    assert abc.warnings[-1] == "2 days are left out, since they lack bars of abc or xyz"
    assert len(xyz.warnings) == 1
    # Nothing is left out where the days are the same.
    assert align([abc, xyz])[0].warnings == abc.warnings


def test_symbols_without_a_common_day_are_no_data(tmp_path: Path) -> None:
    write_data(tmp_path, "abc", ROWS)
    write_data(tmp_path, "xyz", "20200106 00:00,10000,10000,10000,10000,7\n")
    with pytest.raises(NoData, match="no day in the range has bars of all symbols: abc and xyz"):
        align([read_bars(tmp_path, symbol, *RANGE) for symbol in ("abc", "xyz")])
