"""Whether a run of LEAN had data: by the paths that it asked for, its equity and its counts."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from backfleet.core.backtests import BacktestRequest, Failure
from backfleet.core.reasons import FailureReason
from backfleet.engines.lean.outcome import outcome_of_run
from backfleet.engines.lean.standstill import Standstill, find_standstills
from tests.support.lean_outcomes import REQUEST, failure, result
from tests.support.lean_results import (
    make_empty_run,
    make_result,
    write_log,
    write_monitor_report,
    write_requests,
    write_run,
)

OTHERS = ("/equity/usa/hour/spy.zip", "/alternative/interest-rate/usa/interest-rate.csv", "/equity/usa/daily/spy.zip")
POINTS = "TRACE:: Debug: 2020-12-31 16:00:00 Algorithm Id:(backtest) completed. Processing total of {} data points."
NEW_YORK_MIDNIGHT = 5 * 3600


def asking(*symbols: str) -> BacktestRequest:
    return replace(REQUEST, symbols=symbols)


def no_data(folder: Path, request: BacktestRequest) -> str:
    ending = outcome_of_run(folder, request).ending
    assert isinstance(ending, Failure), ending
    assert ending.reason is FailureReason.NO_DATA
    return ending.message


MISSING = [
    pytest.param(("ZZZZ",), (), ("/equity/usa/daily/zzzz.zip",), "/equity/usa/daily/zzzz.zip", id="one symbol"),
    pytest.param(("ZZ", "YY"), (), ("/equity/usa/daily/yy.zip", "/equity/usa/daily/zz.zip"), "zz.zip", id="all of two"),
    pytest.param(
        ("ZZZZ",), (), ("/equity/usa/minute/zzzz/20200102_trade.zip",), "/equity/usa/minute/zzzz", id="minute data"
    ),
    pytest.param(
        ("BTCUSD",), (), ("/crypto/coinbase/daily/btcusd_trade.zip",), "/crypto/coinbase", id="another kind of security"
    ),
    pytest.param(
        ("ZZZZ",),
        ("/equity/usa/daily/qqq.zip",),
        ("/equity/usa/daily/zzzz.zip",),
        "zzzz.zip",
        id="next to another symbol",
    ),
    pytest.param(("GOOG",), (), (), "any of the symbols", id="never asked for, so that it began later"),
]


@pytest.mark.parametrize(("symbols", "found", "missed", "words"), MISSING)
def test_without_an_order_symbols_without_data_are_no_data_though_others_were_found(
    tmp_path: Path, symbols: tuple[str, ...], found: Sequence[str], missed: Sequence[str], words: str
) -> None:
    write_requests(write_run(tmp_path, make_empty_run()), (*OTHERS, *found), missed)
    message = no_data(tmp_path, asking(*symbols))
    assert words in message
    assert f"{', '.join(symbols)} from 2020-01-01 to 2020-12-31" in message


FOUND = [
    pytest.param(("AAPL",), ("/equity/usa/daily/aapl.zip",), (), id="its data"),
    pytest.param(("AAPL", "ZZ"), ("/equity/usa/daily/aapl.zip",), ("/equity/usa/daily/zz.zip",), id="one of two"),
    pytest.param(("SPY",), (), (), id="the benchmark itself"),
    pytest.param(
        ("SPY",), (), ("/equity/usa/minute/spy/20200102_trade.zip",), id="some of its data, at another resolution"
    ),
    pytest.param(("META",), ("/equity/usa/daily/fb.zip",), (), id="under another name"),
]


@pytest.mark.parametrize(("symbols", "found", "missed"), FOUND)
def test_a_run_without_orders_whose_symbols_had_data_stays_a_result(
    tmp_path: Path, symbols: tuple[str, ...], found: Sequence[str], missed: Sequence[str]
) -> None:
    write_requests(write_run(tmp_path, make_empty_run()), (*OTHERS, *found), missed)
    assert "zero orders" in result(tmp_path, asking(*symbols)).warnings


def test_a_benchmark_of_the_strategys_own_is_no_symbol_of_the_batch(tmp_path: Path) -> None:
    write_requests(write_run(tmp_path, make_empty_run()), (*OTHERS, "/equity/usa/hour/qqq.zip"), ())
    line = "TRACE:: UniverseSelection.AddPendingInternalDataFeeds(): Adding internal benchmark data feed {},#0,QQQ,Hour"
    write_log(tmp_path, [line.format("QQQ")])
    assert no_data(tmp_path, asking("GOOG")).startswith("LEAN did not find data for any of the symbols")


def test_a_run_with_orders_had_data_and_the_symbol_that_had_none_is_named(tmp_path: Path) -> None:
    write_requests(write_run(tmp_path, make_result()), OTHERS, ("/equity/usa/daily/zzzz.zip",))
    assert "no data for ZZZZ: LEAN did not find /equity/usa/daily/zzzz.zip" in (
        result(tmp_path, asking("AAPL", "ZZZZ")).warnings
    )


def test_an_equity_of_one_point_is_no_data(tmp_path: Path) -> None:
    chart = {"Strategy Equity": {"series": {"Equity": {"values": [[1577854800, 250000.0]]}}}}
    write_run(tmp_path, make_empty_run(charts=chart))
    assert no_data(tmp_path, REQUEST).startswith("LEAN's equity curve has a single point")


@pytest.mark.parametrize(("points", "is_result"), [("1", False), ("97,922", True)])
def test_counts_decide_where_the_percentage_is_rounded(tmp_path: Path, points: str, is_result: bool) -> None:
    write_monitor_report(write_run(tmp_path, make_empty_run()), 1555, 1552)
    write_log(tmp_path, [POINTS.format(points)])
    if is_result:
        assert result(tmp_path).warnings == ("zero orders", "1552 of 1555 data requests failed")
    else:
        assert failure(tmp_path).message.startswith("1552 of 1555 data requests failed")


def test_empty_statistics_of_a_run_without_data_are_no_data(tmp_path: Path) -> None:
    write_monitor_report(write_run(tmp_path, make_result(statistics={}, charts={})), 2000, 2000)
    write_log(tmp_path, [POINTS.format("1")])
    assert failure(tmp_path).reason is FailureReason.NO_DATA


FIRST = date(2020, 1, 1)


def daily(values: Sequence[float]) -> tuple[tuple[int, float], ...]:
    """Return the value at the close of each day, stamped at the next midnight in New York."""
    days = (FIRST + timedelta(number + 1) for number in range(len(values)))
    stamps = (datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() + NEW_YORK_MIDNIGHT for day in days)
    return tuple((int(stamp), value) for stamp, value in zip(stamps, values, strict=True))


MOVING = [float(number) for number in range(60)]
CASH = [100.0] * 60


def test_nothing_moves_after_the_data_has_ended() -> None:
    ended = daily([*MOVING[:30], *[29.0] * 30])
    (found,) = find_standstills(ended, ended)
    # The last bar is that of Thursday, January 30.
    assert found == Standstill(date(2020, 1, 31), date(2020, 2, 29), 21, True)
    assert str(found).startswith("nothing moved from 2020-01-31 to the end on 2020-02-29 (21 trading days)")


def test_a_hole_in_the_data_is_found_with_its_dates() -> None:
    hole = daily([*MOVING[:30], *[29.0] * 14, *MOVING[44:]])
    assert find_standstills(daily(CASH), hole) == (Standstill(date(2020, 1, 31), date(2020, 2, 13), 10, False),)


STILL = [
    pytest.param(daily(CASH), daily(MOVING), id="a strategy in cash"),
    pytest.param(daily(MOVING), daily([*MOVING[:30], *[29.0] * 30]), id="a benchmark that stops alone"),
    pytest.param(daily(CASH), daily([0.0] * 60), id="a benchmark that is 0 throughout"),
    pytest.param(daily(CASH), daily([*MOVING[:30], *[29.0] * 9, *MOVING[39:]]), id="a week and a half"),
    pytest.param(daily(CASH), (), id="no benchmark"),
]


@pytest.mark.parametrize(("equity", "benchmark"), STILL)
def test_what_stands_still_alone_or_not_for_long_is_no_hole(equity: Any, benchmark: Any) -> None:
    assert find_standstills(equity, benchmark) == ()


def test_points_at_the_end_of_time_end_no_reading(tmp_path: Path) -> None:
    """A day after the last one that Python knows cannot be computed."""
    body = make_result()
    points = body["charts"]["Strategy Equity"]["series"]["Equity"]["values"]
    points.append([253402300799, 1.0])
    body["charts"]["Benchmark"] = {"series": {"Benchmark": {"values": points}}}
    write_run(tmp_path, body)
    assert result(tmp_path).equity_curve[-1][0] == date(2020, 12, 31)
