"""What went wrong within a run that LEAN calls completed: each kind is one warning, with its count and first instance."""

from pathlib import Path
from typing import Any

import pytest

from backfleet.core.backtests import Finding
from backfleet.engines.lean.layout import ORDER_EVENTS_FILE
from tests.support.lean_outcomes import result
from tests.support.lean_results import make_result, pascal, write_json, write_log, write_run

REASON = "Order Error: ids: [1], Insufficient buying power to complete orders (Value:[2294918.8215]), Reason: Id: 1"
ORDERS = {str(number): {"id": number, "status": status} for number, status in enumerate((3, 3, 5, 5, 5, 7, 1), 1)}
EVENTS = [
    {"orderId": 1, "status": "filled", "message": ""},
    {"orderId": 6, "status": "invalid", "message": REASON},
    {"orderId": 7, "status": "invalid", "message": "another"},
]


@pytest.mark.parametrize(
    "orders", [ORDERS, {key: pascal(order) for key, order in ORDERS.items()}], ids=["today's layout", "the old casing"]
)
def test_orders_that_were_refused_or_cancelled_are_counted_with_leans_reason(tmp_path: Path, orders: Any) -> None:
    write_run(tmp_path, make_result(orders=orders))
    write_json(tmp_path, ORDER_EVENTS_FILE, EVENTS)
    assert result(tmp_path).warnings == (f"1 of 7 orders were refused: {REASON}", "3 of 7 orders were cancelled")


@pytest.mark.parametrize("events", ["{", "[]", '[{"status": "invalid"}]', "[5]"])
def test_without_readable_events_refused_orders_are_only_counted(tmp_path: Path, events: str) -> None:
    write_run(tmp_path, make_result(orders={"1": {"status": 7}}))
    (tmp_path / ORDER_EVENTS_FILE).write_text(events)
    assert result(tmp_path).warnings == ("1 of 1 orders were refused",)


def test_an_error_is_told_once_with_its_count_and_its_first_words(tmp_path: Path) -> None:
    lines = [f"ERROR:: 2020-01-{day:02d} 16:00:00 no price for bar {day}" for day in range(2, 30)]
    lines.insert(5, "ERROR:: 2020-02-01 16:00:00 something else")
    lines += ["ERROR:: StopSafely(): Timeout waiting for 'Isolator Thread' thread to stop"]
    write_log(write_run(tmp_path, make_result()), lines)
    assert result(tmp_path).warnings == (
        "error reported 28 times, first on 2020-01-02: no price for bar 2",
        "error reported on 2020-02-01: something else",
    )


def test_a_log_that_is_too_long_to_be_read_gives_the_least_count(tmp_path: Path) -> None:
    lines = ["ERROR:: 2020-01-02 16:00:00 again"] * 20_000
    write_log(write_run(tmp_path, make_result()), lines)
    (warning,) = result(tmp_path).warnings
    assert warning.startswith("error reported at least ")


def test_kinds_of_errors_are_bounded(tmp_path: Path) -> None:
    lines = [f"ERROR:: 2020-01-02 16:00:00 {chr(97 + number // 26)}{chr(97 + number % 26)}" for number in range(300)]
    write_log(write_run(tmp_path, make_result()), lines)
    assert len(result(tmp_path).warnings) == 10


def test_leans_own_notes_on_data_are_kept(tmp_path: Path) -> None:
    note = "The starting dates for the following symbols have been adjusted to match their map files first date: [X, 2020-03-02]"
    lines = [f"TRACE:: Debug: 2020-01-02 00:00:00 {note}", "TRACE:: Debug: 2020-01-02 00:00:00 of the strategy's own"]
    write_log(write_run(tmp_path, make_result()), lines)
    assert result(tmp_path).warnings == (f"LEAN's note on 2020-01-02: {note}",)


ANALYSIS = [
    {"name": "FlatEquityCurveAnalysis", "issue": "The equity is flat.", "sample": [{"trading_days": 9}], "count": 6},
    {
        "name": "InsufficientBuyingPowerOrderResponseErrorAnalysis",
        "issue": "No power.",
        "sample": REASON,
        "solutions": [],
    },
    {"name": "PortfolioMarginUsageAnalysis", "issue": "Little margin is used.", "sample": "3"},
]


def test_leans_analysis_is_kept_with_the_result_and_what_weighs_is_a_warning_too(tmp_path: Path) -> None:
    found = result(write_run(tmp_path, make_result(analysis=ANALYSIS)))
    assert found.analysis == (
        Finding(name="FlatEquityCurveAnalysis", issue="The equity is flat.", sample='[{"trading_days": 9}]', count=6),
        Finding(name="InsufficientBuyingPowerOrderResponseErrorAnalysis", issue="No power.", sample=REASON),
        Finding(name="PortfolioMarginUsageAnalysis", issue="Little margin is used.", sample="3"),
    )
    assert found.warnings == (
        'LEAN\'s analysis (6 times): The equity is flat. [{"trading_days": 9}]',
        f"LEAN's analysis: No power. {REASON}",
    )


def test_a_refusal_that_lean_reports_three_times_is_one_warning(tmp_path: Path) -> None:
    write_run(tmp_path, make_result(orders={"6": {"status": 7}}, analysis=ANALYSIS[1:]))
    write_json(tmp_path, ORDER_EVENTS_FILE, EVENTS)
    write_log(tmp_path, [f"ERROR:: 2020-01-03 16:00:00 {REASON}"])
    assert result(tmp_path).warnings == (f"1 of 1 orders were refused: {REASON}",)


@pytest.mark.parametrize("analysis", [{}, "flat", [5], [{"name": "A"}], [{"name": 5, "issue": "x"}], None], ids=str)
def test_an_analysis_of_another_shape_is_passed_over(tmp_path: Path, analysis: Any) -> None:
    assert result(write_run(tmp_path, make_result(analysis=analysis))).analysis == ()


def test_an_analysis_is_bounded(tmp_path: Path) -> None:
    entry = {"name": "n" * 5000, "issue": "i" * 5000, "sample": ["s" * 5000], "count": -1}
    found = result(write_run(tmp_path, make_result(analysis=[entry] * 1000))).analysis
    assert len(found) == 50
    assert (len(found[0].name), len(found[0].issue), len(found[0].sample or ""), found[0].count) == (
        100,
        500,
        500,
        None,
    )
