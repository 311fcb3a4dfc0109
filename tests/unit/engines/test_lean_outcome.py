from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from backfleet.core.reasons import FailureReason
from backfleet.engines.lean.outcome import outcome_of_run
from tests.support.lean_outcomes import REQUEST, RUNTIME_ERROR, SHORT_CURVE, failure, result, state
from tests.support.lean_results import (
    CONFIGURATION,
    STATISTICS,
    make_empty_run,
    make_failed_start,
    make_intermediate,
    make_old_result,
    make_result,
    pascal,
    write_exit,
    write_log,
    write_monitor_report,
    write_run,
)

SHUTDOWN = [
    "TRACE:: Engine.Main(): Analysis Completed and Results Posted.",
    "TRACE:: LeanEngineAlgorithmHandlers.Dispose(): Disposed of algorithm handlers.",
    "TRACE:: PythonInitializer.Shutdown(): calling engine shutdown...",
    "ERROR:: Program.Exit(): Failed to shutdown python System.TimeoutException: Operation timed out",
]


def test_a_good_run_is_a_result_with_all_that_lean_wrote(tmp_path: Path) -> None:
    write_run(tmp_path, make_result(), make_result(charts={}))
    write_monitor_report(tmp_path, 42, 0)
    write_log(tmp_path, ["TRACE:: Engine.Main(): LEAN ALGORITHMIC TRADING ENGINE v2.5.0.0 Mode: DEBUG (64bit)"])
    outcome = outcome_of_run(tmp_path, REQUEST)
    found = result(tmp_path)
    assert outcome.exit_code == 0
    assert outcome.engine_started_at == datetime.fromtimestamp(1700000000, UTC)
    assert found.metrics["sharpe_ratio"] == 0.9123
    assert found.statistics == STATISTICS
    assert found.warnings == ()
    assert len(found.equity_curve) == 200
    assert found.equity_curve[0] == (date(2020, 1, 1), 250000.0)
    assert found.equity_curve[-1] == (date(2020, 12, 31), 280862.5)
    assert found.provenance == {
        "engine": "lean",
        "engineVersion": "2.5.0.0",
        "strategy": "Trend",
        "accountCurrency": "USD",
        "startDate": "2020-01-01",
        "endDate": "2020-12-31",
        "fingerprint": "orders=2e1e8585e7e2c990 statistics=8e2ef9d5893ff60e equity=29b840e70688d635",
    }


def test_the_full_result_alone_is_enough(tmp_path: Path) -> None:
    assert result(write_run(tmp_path, make_result())).warnings == ()


def test_the_old_layout_needs_no_state(tmp_path: Path) -> None:
    found = result(write_run(tmp_path, make_old_result()))
    assert found.metrics["total_orders"] == 41
    assert (found.equity_curve[0], found.equity_curve[-1]) == (
        (date(2020, 1, 1), 250000.0),
        (date(2020, 12, 31), 280862.5),
    )
    assert found.warnings == ()


@pytest.mark.parametrize("code", [0, 1])
def test_a_runtime_error_fails_whatever_the_exit_code_and_however_full_its_statistics(
    tmp_path: Path, code: int
) -> None:
    found = failure(write_run(tmp_path, make_result(state=RUNTIME_ERROR), code=code))
    assert found.reason is FailureReason.RUNTIME_ERROR
    assert found.message.startswith("Runtime Error: boom\n  at main.py")
    assert found.message.count("boom") == 1


@pytest.mark.parametrize(
    ("full", "reason"),
    [
        (make_failed_start("No module named 'x'"), FailureReason.INITIALIZE_ERROR),
        (make_failed_start("Algorithm.Initialize() Error: x", statistics=STATISTICS), FailureReason.INITIALIZE_ERROR),
        (make_failed_start("During the algorithm initialization, x has occurred"), FailureReason.INITIALIZE_ERROR),
        (make_failed_start("Runtime Error: early"), FailureReason.RUNTIME_ERROR),
        (make_result(state=state(RuntimeError="history reader failed")), FailureReason.RUNTIME_ERROR),
        (make_result(state=state(Status="RuntimeError")), FailureReason.RUNTIME_ERROR),
        (make_result(state=state(EndTime="")), FailureReason.RESULT_MISSING),
        (make_result(state=state(Status="Running")), FailureReason.ENGINE_ERROR),
        (make_result(state=state(Status="Stopped")), FailureReason.ENGINE_ERROR),
        (make_result(state={"EndTime": "2026"}), FailureReason.ENGINE_ERROR),
        (make_result(state={}), FailureReason.RESULT_MISSING),
        (make_result(state=None), FailureReason.RESULT_INVALID),
        (make_result(statistics={}), FailureReason.RESULT_INVALID),
        (make_old_result(Statistics={}), FailureReason.RESULT_INVALID),
        (make_old_result(Statistics=None), FailureReason.RESULT_INVALID),
        (make_intermediate(), FailureReason.RESULT_MISSING),
        ([], FailureReason.RESULT_INVALID),
        ({str(number): 1 for number in range(2001)}, FailureReason.RESULT_INVALID),
        (make_result(statistics=["a"]), FailureReason.RESULT_INVALID),
        (make_result(state="Completed"), FailureReason.RESULT_INVALID),
        (make_result(statistics={"Sharpe Ratio": {"a": 1}}), FailureReason.RESULT_INVALID),
        (make_result(statistics={str(number): "1" for number in range(2001)}), FailureReason.RESULT_INVALID),
        (None, FailureReason.RESULT_MISSING),
    ],
    ids=[
        "no statistics at all",
        "initialize error by its words",
        "initialize error by the setup handler's words",
        "runtime error before any statistic",
        "completed with an error of the engine",
        "error without a message",
        "no end time",
        "status running",
        "status stopped",
        "no status",
        "empty state",
        "no state in today's layout",
        "empty statistics",
        "empty statistics in the old layout",
        "no statistics in the old layout",
        "an intermediate version",
        "a list",
        "too many entries",
        "statistics are a list",
        "state is a text",
        "a statistic is an object",
        "too many statistics",
        "no file",
    ],
)
def test_exit_0_is_no_success_unless_every_condition_holds(tmp_path: Path, full: Any, reason: FailureReason) -> None:
    assert failure(write_run(tmp_path, full)).reason is reason


@pytest.mark.parametrize(
    ("code", "oom", "reason"),
    [
        (134, 0, FailureReason.ENGINE_CRASH),
        (139, 0, FailureReason.ENGINE_CRASH),
        (143, 0, FailureReason.ENGINE_CRASH),
        (137, 1, FailureReason.OOM_KILLED),
        (1, 1, FailureReason.OOM_KILLED),
        (124, 0, FailureReason.BACKTEST_TIMEOUT),
        (127, 0, FailureReason.ENGINE_ERROR),
        (2, 0, FailureReason.ENGINE_ERROR),
    ],
)
def test_a_complete_result_hides_no_exit_code(tmp_path: Path, code: int, oom: int, reason: FailureReason) -> None:
    write_run(tmp_path, make_result(), make_result())
    write_exit(tmp_path, code, oom)
    assert failure(tmp_path).reason is reason


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("ERROR:: Engine.Run(): Algorithm.Initialize() Error: no", FailureReason.INITIALIZE_ERROR),
        ("ERROR:: Engine.Run(): During the algorithm initialization, no", FailureReason.INITIALIZE_ERROR),
        ("TRACE:: Log: Runtime Error: no", FailureReason.RUNTIME_ERROR),
        ("ERROR:: something else", FailureReason.ENGINE_ERROR),
    ],
)
@pytest.mark.parametrize("full", [None, make_intermediate()], ids=["no file", "an intermediate version"])
def test_exit_1_without_a_final_result_is_explained_by_the_log(
    tmp_path: Path, line: str, reason: FailureReason, full: Any
) -> None:
    write_log(write_run(tmp_path, full, code=1), [line])
    found = failure(tmp_path)
    assert found.reason is reason
    kind, _, words = line.partition(":: ")
    log = (
        f"errors in log.txt:\n{words}"
        if kind == "ERROR"
        else f"log.txt ends with:\n2026-01-02T10:00:00.1234567Z {line}"
    )
    assert found.message == f"the engine exited with code 1\n{log}"


def test_the_last_lines_of_the_log_are_kept_bounded_without_the_figures_that_follow_an_error(tmp_path: Path) -> None:
    lines = [f"TRACE:: line {number} {'x' * 50}\x1b[31m" for number in range(1000)]
    lines += ["STATISTICS:: Sharpe Ratio 0", "TRACE:: DATA USAGE:: Total data requests 1"]
    write_log(write_run(tmp_path, make_result(state=RUNTIME_ERROR), code=1), lines)
    message = failure(tmp_path).message
    assert "line 999" in message
    assert "line 984" not in message
    assert "STATISTICS" not in message
    assert "DATA USAGE" not in message
    assert "\x1b" not in message


def test_a_long_error_still_leaves_room_for_the_log(tmp_path: Path) -> None:
    error = state(Status="RuntimeError", RuntimeError="e" * 5000)
    write_log(write_run(tmp_path, make_result(state=error), code=1), ["TRACE:: " + "y" * 5000, "TRACE:: the end"])
    message = failure(tmp_path).message
    assert message.startswith("eeee")
    assert message.endswith("the end")
    assert len(message) <= 2000


def test_the_errors_of_the_log_come_before_its_end_and_nothing_from_after_the_results_were_posted(
    tmp_path: Path,
) -> None:
    lines = [f"ERROR:: error {number}" for number in range(10)]
    lines += [f"TRACE:: line {number}" for number in range(30)]
    lines += ["ERROR:: StopSafely(): Timeout waiting for 'Isolator Thread' thread to stop", *SHUTDOWN]
    write_log(write_run(tmp_path, make_intermediate()), lines)
    message = failure(tmp_path).message
    assert "errors in log.txt:\nerror 0\nerror 1\nerror 2\nerror 8\nerror 9\nlog.txt ends with:\n" in message
    assert message.endswith("thread to stop")
    assert "line 29" in message
    assert "Failed to shutdown python" not in message


def test_a_stack_is_kept_where_it_says_more_than_the_message(tmp_path: Path) -> None:
    error = state(
        Status="RuntimeError", RuntimeError="Runtime Error: boom", StackTrace="System.Exception: at Main.cs:7"
    )
    message = failure(write_run(tmp_path, make_result(state=error))).message
    assert message == "Runtime Error: boom\nSystem.Exception: at Main.cs:7"


def test_no_data_is_failed_though_it_completed(tmp_path: Path) -> None:
    write_monitor_report(write_run(tmp_path, make_empty_run()), 11356, 11355)
    found = failure(tmp_path)
    assert found.reason is FailureReason.NO_DATA
    assert found.message.startswith("11355 of 11356 data requests failed")


def test_no_data_is_told_from_a_stop_though_the_curve_ends_early(tmp_path: Path) -> None:
    write_monitor_report(write_run(tmp_path, make_empty_run(charts=SHORT_CURVE)), 10, 10)
    assert failure(tmp_path).reason is FailureReason.NO_DATA


def test_zero_data_points_are_no_data(tmp_path: Path) -> None:
    line = "TRACE:: Debug: completed in 1.3 seconds at 0k data points per second. Processing total of {} data points."
    write_log(write_run(tmp_path, make_empty_run()), [line.format("0")])
    assert failure(tmp_path).reason is FailureReason.NO_DATA
    write_log(tmp_path, [line.format("0"), line.format("1,234")])
    assert result(tmp_path).metrics["total_orders"] == 0


def test_a_run_with_orders_had_data_whatever_a_rounded_percentage_says(tmp_path: Path) -> None:
    write_monitor_report(write_run(tmp_path, make_result()), 100_000, 99_999)
    assert result(tmp_path).warnings == ("99999 of 100000 data requests failed",)


def test_a_helper_killed_for_memory_explains_a_failed_run(tmp_path: Path) -> None:
    write_run(tmp_path, make_result(state=RUNTIME_ERROR))
    write_exit(tmp_path, 0, oom=1)
    assert failure(tmp_path).reason is FailureReason.OOM_KILLED


def test_a_folder_that_is_not_there_is_a_missing_result(tmp_path: Path) -> None:
    assert failure(tmp_path / "none").reason is FailureReason.RESULT_MISSING


def test_the_old_casing_with_a_state_is_read_by_it(tmp_path: Path) -> None:
    parts = {"State": state(), "AlgorithmConfiguration": pascal(CONFIGURATION)}
    assert result(write_run(tmp_path, make_old_result(**parts))).warnings == ()
    parts["State"] = state(Status="Running", EndTime="")
    assert failure(write_run(tmp_path, make_old_result(**parts))).reason is FailureReason.RESULT_MISSING
