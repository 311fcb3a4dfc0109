import json
import os
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from backfleet.core.backtests import Failure
from backfleet.core.reasons import FailureReason
from backfleet.engines.files import FileMissing
from backfleet.engines.lean.layout import RESULT_FILE, SUMMARY_FILE
from backfleet.engines.lean.result_files import find_files
from tests.support.lean_outcomes import REQUEST, RUNTIME_ERROR, SHORT_CURVE, failure, result
from tests.support.lean_results import (
    CONFIGURATION,
    STATISTICS,
    make_empty_run,
    make_intermediate,
    make_result,
    write_exit,
    write_json,
    write_log,
    write_monitor_report,
    write_run,
)


def test_zero_orders_and_failed_requests_are_warnings(tmp_path: Path) -> None:
    write_monitor_report(write_run(tmp_path, make_empty_run()), 42, 12)
    found = result(tmp_path)
    assert found.warnings == ("zero orders", "12 of 42 data requests failed")
    assert found.metrics["total_orders"] == 0


def test_parameters_and_dates_that_lean_did_not_run_as_asked_are_warnings(tmp_path: Path) -> None:
    parameters = {**CONFIGURATION["parameters"], "rsi_period": "20", "ema-fast": "10"}
    ran = {**CONFIGURATION, "parameters": parameters, "startDate": "2019-01-01T00:00:00Z"}
    write_run(tmp_path, make_result(algorithmConfiguration=ran))
    request = replace(REQUEST, parameter_texts={"rsi_period": "14", "stop": "0.05"}, end_date=date(2021, 12, 31))
    assert result(tmp_path, request).warnings == (
        "parameter rsi_period: expected '14', LEAN ran with '20'",
        "parameter stop: expected '0.05', LEAN did not receive it",
        "parameter end_date: expected '2021-12-31', LEAN ran with '2020-12-31'",
        "parameter ema-fast: not requested, LEAN ran with '10'",
        "start date: expected 2020-01-01, LEAN ran with 2019-01-01. Read the parameter start_date in the algorithm.",
        "end date: expected 2021-12-31, LEAN ran with 2020-12-31. Read the parameter end_date in the algorithm.",
    )


def test_parameters_of_null_are_none(tmp_path: Path) -> None:
    write_run(tmp_path, make_result(algorithmConfiguration={**CONFIGURATION, "parameters": None}))
    warnings = result(tmp_path).warnings
    assert len(warnings) == 5
    assert warnings[0] == "parameter rsi_period: expected '14', LEAN did not receive it"


def test_a_broken_full_result_costs_only_the_curve_when_the_summary_is_good(tmp_path: Path) -> None:
    write_run(tmp_path, summary=make_result(charts=SHORT_CURVE | {}, algorithmConfiguration=None))
    (tmp_path / RESULT_FILE).write_text(json.dumps(make_result())[:500])
    found = result(tmp_path)
    assert found.metrics["sharpe_ratio"] == 0.9123
    assert found.equity_curve[-1][0] == date(2020, 4, 9)
    assert found.warnings[0].startswith("file skipped: backtest.json: is not valid JSON")


@pytest.mark.parametrize(
    "full", [make_intermediate(charts=SHORT_CURVE), make_result(charts=SHORT_CURVE, statistics={})]
)
def test_an_old_version_of_the_full_result_costs_only_the_curve(tmp_path: Path, full: dict[str, Any]) -> None:
    write_run(tmp_path, full, make_result())
    found = result(tmp_path)
    assert found.equity_curve[-1][0] == date(2020, 12, 31)
    assert found.warnings == ("backtest.json is an intermediate version: the equity curve comes from the summary",)


def test_a_broken_summary_beside_a_good_full_result_is_a_warning(tmp_path: Path) -> None:
    write_run(tmp_path, make_result())
    (tmp_path / SUMMARY_FILE).write_text("{")
    found = result(tmp_path)
    assert found.metrics["sharpe_ratio"] == 0.9123
    assert found.warnings[0].startswith("file skipped: backtest-summary.json: is not valid JSON")


def test_two_broken_results_are_invalid(tmp_path: Path) -> None:
    write_run(tmp_path)
    (tmp_path / SUMMARY_FILE).write_text("")
    (tmp_path / RESULT_FILE).write_text('{"statistics": {"Sharpe')
    found = failure(tmp_path)
    assert found.reason is FailureReason.RESULT_INVALID
    assert found.message.startswith("backtest-summary.json: is not valid JSON")


def test_an_error_that_only_the_full_result_tells_of_fails_the_run(tmp_path: Path) -> None:
    write_run(tmp_path, make_result(state=RUNTIME_ERROR), make_result())
    assert failure(tmp_path).reason is FailureReason.RUNTIME_ERROR


def test_a_run_under_another_id_is_found_and_no_other_file_is_taken_for_it(tmp_path: Path) -> None:
    write_exit(tmp_path)
    write_json(tmp_path, "1983-order-events.json", [])
    write_json(tmp_path, "config.json", {})
    write_monitor_report(tmp_path, 1, 0)
    assert failure(tmp_path) == Failure(reason=FailureReason.RESULT_MISSING, message="backtest.json: file not found")
    write_json(tmp_path, "1983.json", make_result())
    assert result(tmp_path).metrics["total_orders"] == 41
    write_json(tmp_path, "other.json", {})
    assert failure(tmp_path).message == "1983.json: expected one result in the folder, got 2"
    write_json(tmp_path, "1983-summary.json", make_result())
    assert result(tmp_path).metrics["total_orders"] == 41


def test_texts_are_stored_as_lean_wrote_them_and_what_cannot_be_is_named(tmp_path: Path) -> None:
    odd = {"Note": 'tab\tline\r\n\x07 é 漢 "q" {}', "Nul": "a\x00b", "Long": "x" * 5000, "Rate": 0.5}
    write_run(tmp_path, make_result(statistics={**STATISTICS, **odd}))
    found = result(tmp_path)
    assert found.statistics["Note"] == odd["Note"]
    assert found.statistics["Nul"] == "a�b"
    assert found.statistics["Long"] == "x" * 4000
    assert found.statistics["Rate"] == "0.5"
    assert found.warnings == (
        "statistics 'Nul' was changed, because it cannot be stored as it is",
        "statistics 'Long' was changed, because it cannot be stored as it is",
    )


@pytest.mark.parametrize("body", ["[]", "{}", "{", '{"total-data-requests-count": "many"}'])
def test_a_bad_monitor_report_is_a_warning(tmp_path: Path, body: str) -> None:
    write_run(tmp_path, make_result())
    (tmp_path / "data-monitor-report-1.json").write_text(body)
    assert result(tmp_path).warnings[0].startswith("file skipped: data-monitor-report-1.json: ")


def make_huge(path: Path) -> None:
    path.touch()
    os.truncate(path, 17 * 1024 * 1024)


@pytest.mark.parametrize(
    "make",
    [
        lambda path: path.symlink_to("/etc/passwd"),
        lambda path: path.mkdir(),
        lambda path: os.mkfifo(path),
        lambda path: path.write_bytes(b"\xff\xfe"),
        lambda path: path.write_bytes(b"[" * 180_000),
        make_huge,
    ],
    ids=["link", "folder", "pipe", "bytes", "deep", "huge"],
)
def test_hostile_files_are_invalid_or_passed_over(tmp_path: Path, make: Any) -> None:
    write_exit(tmp_path)
    for name in (RESULT_FILE, SUMMARY_FILE, "log.txt", "data-monitor-report-1.json"):
        make(tmp_path / name)
    found = failure(tmp_path)
    assert found.reason is FailureReason.RESULT_INVALID
    assert found.message.startswith(SUMMARY_FILE)


@pytest.mark.parametrize("day", ["0001-01-01T00:00:00Z", "soon", "", None, 5])
def test_dates_that_lean_does_not_tell_are_no_difference(tmp_path: Path, day: object) -> None:
    ran = {**CONFIGURATION, "startDate": day, "endDate": day}
    found = result(write_run(tmp_path, make_result(algorithmConfiguration=ran)))
    assert found.warnings == ()
    assert not {"startDate", "endDate"} & set(found.provenance)


def test_warnings_are_bounded(tmp_path: Path) -> None:
    parameters = {**CONFIGURATION["parameters"], **{f"p{number:03}": "1" for number in range(300)}}
    ran = {**CONFIGURATION, "parameters": parameters}
    warnings = result(write_run(tmp_path, make_result(algorithmConfiguration=ran))).warnings
    assert len(warnings) == 100
    assert warnings[0] == "parameter p000: not requested, LEAN ran with '1'"
    assert warnings[-1] == "and 201 more"


def test_the_newest_monitor_report_counts(tmp_path: Path) -> None:
    write_run(tmp_path, make_empty_run())
    write_monitor_report(tmp_path, 10, 10)
    old = tmp_path / "data-monitor-report-20250101000000000.json"
    old.write_text((next(tmp_path.glob("data-monitor-report-2026*"))).read_text())
    write_monitor_report(tmp_path, 10, 0)
    assert result(tmp_path).warnings == ("zero orders",)


def test_an_error_that_a_strategy_only_logged_does_not_rename_a_stop(tmp_path: Path) -> None:
    lines = ["TRACE:: Log: Runtime Error: handled", "TRACE:: AlgorithmManager.Run(): Algorithm quit requested."]
    write_log(write_run(tmp_path, make_result()), lines)
    found = failure(tmp_path)
    assert found.reason is FailureReason.ENGINE_ERROR
    assert found.message.startswith("the run was stopped before its end")


def test_a_summary_alone_is_a_result_with_a_warning(tmp_path: Path) -> None:
    found = result(write_run(tmp_path, summary=make_result()))
    assert found.metrics["total_orders"] == 41
    assert found.warnings == ("the full result is missing: the equity curve comes from the summary",)


def test_a_folder_that_cannot_be_listed_has_no_result(tmp_path: Path) -> None:
    with pytest.raises(FileMissing, match=r"backtest\.json: file not found"):
        find_files(tmp_path / "none")


def test_the_adapters_own_id_comes_before_any_other(tmp_path: Path) -> None:
    write_json(write_run(tmp_path, make_result()), "other-summary.json", {})
    assert result(tmp_path).metrics["total_orders"] == 41
