from dataclasses import replace
from pathlib import Path

import pytest

from backfleet.core.backtests import Failure
from backfleet.core.reasons import FailureReason
from backfleet.engines.lean.layout import ALGORITHM_LOG_FILE
from backfleet.engines.lean.outcome import outcome_of_run
from tests.support.lean_outcomes import REQUEST, RUNTIME_ERROR, SHORT_CURVE, failure, result
from tests.support.lean_results import (
    make_empty_run,
    make_intermediate,
    make_result,
    write_exit,
    write_log,
    write_run,
)

STOP = "ERROR:: AlgorithmManager.Run(): Algorithm state changed to Stopped at 06/01/2020 00:00:00"

SHUTDOWN = [
    "TRACE:: Engine.Main(): Analysis Completed and Results Posted.",
    "TRACE:: LeanEngineAlgorithmHandlers.Dispose(): Disposed of algorithm handlers.",
    "TRACE:: PythonInitializer.Shutdown(): calling engine shutdown...",
    "ERROR:: Program.Exit(): Failed to shutdown python System.TimeoutException: Operation timed out",
]


@pytest.mark.parametrize("code", [1, 134, 139, 143, 124, 137], ids=str)
def test_once_the_results_are_posted_they_count_whatever_ended_the_process(tmp_path: Path, code: int) -> None:
    write_log(write_run(tmp_path, make_result(), make_result(), code=code), SHUTDOWN)
    (warning,) = result(tmp_path).warnings
    ending = f"exited with code {code}" if code < 128 else f"was ended by signal {code - 128} ("
    assert warning.startswith(f"the engine {ending}")
    assert warning.endswith(" after it had written its results")
    assert outcome_of_run(tmp_path, REQUEST).exit_code == code


def test_an_error_keeps_its_reason_when_the_process_aborts_after_its_results(tmp_path: Path) -> None:
    write_log(write_run(tmp_path, make_result(state=RUNTIME_ERROR), code=134), SHUTDOWN)
    found = failure(tmp_path)
    assert found.reason is FailureReason.RUNTIME_ERROR
    assert found.message.startswith(
        "Runtime Error: boom\n  at main.py (the engine was ended by signal 6 (SIGABRT) after"
    )


def test_results_that_are_not_final_prove_nothing_though_the_log_says_posted(tmp_path: Path) -> None:
    write_log(write_run(tmp_path, make_intermediate(), code=134), SHUTDOWN)
    assert failure(tmp_path).reason is FailureReason.ENGINE_CRASH


@pytest.mark.parametrize(
    "line",
    [
        "TRACE:: Debug: 2020-01-02 00:00:00 Engine.Main(): Analysis Completed and Results Posted.",
        "TRACE:: Log: Engine.Main(): Analysis Completed and Results Posted. Or not",
        "ERROR:: Engine.Main(): Analysis Completed and Results Posted.",
    ],
)
def test_what_a_strategy_says_of_posted_results_proves_nothing(tmp_path: Path, line: str) -> None:
    write_log(write_run(tmp_path, make_result(), code=134), [line])
    assert failure(tmp_path).reason is FailureReason.ENGINE_CRASH


def test_a_helper_killed_for_memory_after_the_results_is_a_warning(tmp_path: Path) -> None:
    write_log(write_run(tmp_path, make_result()), SHUTDOWN)
    write_exit(tmp_path, 137, oom=1)
    assert len(result(tmp_path).warnings) == 2


@pytest.mark.parametrize(
    "line",
    [
        STOP,
        "ERROR:: AlgorithmManager.Run(): Algorithm state changed to Deleted at 06/01/2020 00:00:00",
        "TRACE:: AlgorithmManager.Run(): Algorithm quit requested.",
        "TRACE:: AlgorithmManager.Run(): Stopping algorithm...",
        "ERROR:: AlgorithmManager.Run(): CancellationRequestion at 06/01/2020 00:00:00",
    ],
)
def test_a_run_that_was_stopped_half_way_is_failed_though_it_says_completed(tmp_path: Path, line: str) -> None:
    write_log(write_run(tmp_path, make_result(charts=SHORT_CURVE)), [line, "TRACE:: STATISTICS:: Sharpe Ratio 9"])
    found = failure(tmp_path)
    assert found.reason is FailureReason.ENGINE_ERROR
    assert found.message.startswith("the run was stopped before its end")


QUIT = [
    STOP,
    "TRACE:: AlgorithmManager.Run(): Stopping algorithm...",
    "TRACE:: Debug: 2020-05-29 16:00:00 Quit(): the drawdown is 20 %",
    "TRACE:: Log: 2020-05-29 16:00:00 Algorithm Stopped",
]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (QUIT, " on 2020-05-29: the drawdown is 20 %"),
        ([STOP, "TRACE:: Debug: 2020-05-29 16:00:00 Quit(): "], " on 2020-05-29, without a message"),
        # LEAN drops words of the algorithm after many others.
        ([STOP, QUIT[-1]], " on 2020-05-29, without a message"),
        (["TRACE:: Log: Algorithm Stopped"], ", without a message"),
    ],
    ids=["with its words", "without words", "its words were dropped", "an older log without times"],
)
@pytest.mark.parametrize("code", [0, 1, 134], ids=str)
def test_a_run_that_its_strategy_stopped_says_so_with_its_words_and_the_date(
    tmp_path: Path, lines: list[str], words: str, code: int
) -> None:
    write_run(tmp_path, make_result(charts=SHORT_CURVE), code=code)
    write_log(tmp_path, [*lines, *SHUTDOWN])
    found = failure(tmp_path)
    assert found.reason is FailureReason.STOPPED_BY_STRATEGY
    assert found.message.startswith(f"the strategy stopped its own run{words}")


def test_a_strategy_that_stops_before_any_data_is_not_told_that_there_is_none(tmp_path: Path) -> None:
    line = "TRACE:: Debug: 2020-01-02 00:00:00 Algorithm Id:(backtest) completed. Processing total of 0 data points."
    write_log(write_run(tmp_path, make_empty_run()), [*QUIT, line])
    assert failure(tmp_path).reason is FailureReason.STOPPED_BY_STRATEGY


def test_words_of_quitting_without_a_stop_are_only_words(tmp_path: Path) -> None:
    write_log(write_run(tmp_path, make_result()), ["TRACE:: Debug: 2020-05-29 16:00:00 Quit(): next year"])
    assert result(tmp_path).metrics["total_orders"] == 41


def test_the_algorithms_own_log_tells_of_a_stop_too(tmp_path: Path) -> None:
    write_run(tmp_path, make_result())
    (tmp_path / ALGORITHM_LOG_FILE).write_text(
        "2020-06-01 00:00:00 Quit(): enough\n2020-06-01 00:00:00 Algorithm Stopped\n"
    )
    found = failure(tmp_path)
    assert found.reason is FailureReason.STOPPED_BY_STRATEGY
    assert found.message.startswith("the strategy stopped its own run on 2020-06-01: enough")


def test_the_words_of_a_strategy_stop_no_run(tmp_path: Path) -> None:
    lines = [
        "TRACE:: Log: my Algorithm Stopped out at 5",
        "TRACE:: Debug: Algorithm Stopped loss",
        "TRACE:: Log: my Algorithm Stopped",
    ]
    write_log(write_run(tmp_path, make_result()), lines)
    assert result(tmp_path).warnings == ()


def test_without_a_log_a_curve_that_ends_early_is_taken_for_a_stop(tmp_path: Path) -> None:
    write_run(tmp_path, make_result(charts=SHORT_CURVE))
    found = failure(tmp_path)
    assert found.reason is FailureReason.ENGINE_ERROR
    assert found.message.startswith(
        "the equity curve ends on 2020-04-09, but the run ends on 2020-12-31, and there is no log"
    )


def test_with_a_log_that_knows_of_no_stop_a_curve_that_ends_early_is_a_warning(tmp_path: Path) -> None:
    write_log(write_run(tmp_path, make_result(charts=SHORT_CURVE)), ["TRACE:: all is well"])
    assert result(tmp_path).warnings == (
        "the equity curve ends on 2020-04-09, but the run ends on 2020-12-31. Check whether the data ends there.",
    )


def test_a_run_that_lost_everything_is_a_result_with_a_warning(tmp_path: Path) -> None:
    line = "ERROR:: AlgorithmManager.Run(): Portfolio value is less than or equal to zero, stopping algorithm."
    write_log(write_run(tmp_path, make_result(charts=SHORT_CURVE)), [line])
    assert result(tmp_path).warnings == ("equity fell to zero or below: LEAN ended the run there",)


@pytest.mark.parametrize("code", [0, 134], ids=str)
def test_a_run_that_never_found_its_algorithm_names_the_file(tmp_path: Path, code: int) -> None:
    write_log(write_run(tmp_path, code=code), ["TRACE:: Engine.Main(): Started 18:42"])
    request = replace(REQUEST, lean_project_path="research/trend", lean_algorithm_file="trend.py")
    ending = outcome_of_run(tmp_path, request).ending
    assert isinstance(ending, Failure)
    assert ending.reason is FailureReason.ENGINE_ERROR
    assert "Check that research/trend/trend.py is among the projects." in ending.message
