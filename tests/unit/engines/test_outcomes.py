import json
import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backfleet.core import wire
from backfleet.core.backtests import Failure, Outcome, Result, result_to_json
from backfleet.core.reasons import FailureReason
from backfleet.engines.noop import run
from backfleet.engines.registry import ENGINES
from tests.support.engines import make_request, write_exit, write_result

REQUEST = make_request("Noop")
GOOD = run(REQUEST)
STARTED, FINISHED = datetime.fromtimestamp(1700000000, UTC), datetime.fromtimestamp(1700000060, UTC)


def outcome_in(folder: Path) -> Outcome:
    return ENGINES["bars"].outcome(folder, REQUEST)


def failure(folder: Path) -> Failure:
    ending = outcome_in(folder).ending
    assert isinstance(ending, Failure)
    return ending


def test_exit_0_and_a_good_file_is_a_result_with_the_times_of_the_shim(tmp_path: Path) -> None:
    write_exit(tmp_path)
    write_result(tmp_path, result_to_json(GOOD))
    assert outcome_in(tmp_path) == Outcome(
        ending=GOOD, exit_code=0, engine_started_at=STARTED, engine_finished_at=FINISHED
    )


@pytest.mark.parametrize(
    ("code", "oom", "reason"),
    [
        (137, 1, FailureReason.OOM_KILLED),
        (1, 2, FailureReason.OOM_KILLED),
        (124, 1, FailureReason.OOM_KILLED),
        (124, 0, FailureReason.BACKTEST_TIMEOUT),
        (137, 0, FailureReason.BACKTEST_TIMEOUT),
        (10, 0, FailureReason.NO_DATA),
        (11, 0, FailureReason.INVALID_COMBINATION),
        (134, 0, FailureReason.ENGINE_CRASH),
        (139, 0, FailureReason.ENGINE_CRASH),
        (143, 0, FailureReason.ENGINE_CRASH),
        (192, 0, FailureReason.ENGINE_CRASH),
        (193, 0, FailureReason.ENGINE_ERROR),
        (128, 0, FailureReason.ENGINE_ERROR),
        (1, 0, FailureReason.ENGINE_ERROR),
        (2, 0, FailureReason.ENGINE_ERROR),
        (126, 0, FailureReason.ENGINE_ERROR),
        (127, 0, FailureReason.ENGINE_ERROR),
        (255, 0, FailureReason.ENGINE_ERROR),
        (0, 0, FailureReason.RESULT_MISSING),
        (0, 1, FailureReason.OOM_KILLED),
        ("", 0, FailureReason.RESULT_MISSING),
        (256, 0, FailureReason.RESULT_MISSING),
        (99999999999, 0, FailureReason.RESULT_MISSING),
    ],
)
def test_reason_by_exit_code_and_memory_kills_without_a_result(
    tmp_path: Path, code: object, oom: object, reason: FailureReason
) -> None:
    write_exit(tmp_path, code, oom)
    outcome = outcome_in(tmp_path)
    assert isinstance(outcome.ending, Failure)
    assert outcome.ending.reason is reason
    assert outcome.ending.message
    assert outcome.exit_code == (code if isinstance(code, int) and code < 256 else None)


@pytest.mark.parametrize(
    ("code", "ran", "reason"),
    [
        pytest.param(137, 1805, FailureReason.BACKTEST_TIMEOUT, id="killed after its timeout"),
        pytest.param(124, 1800, FailureReason.BACKTEST_TIMEOUT, id="ended at its timeout"),
        pytest.param(137, 3, FailureReason.ENGINE_CRASH, id="killed after 3 s"),
        pytest.param(137, 1799, FailureReason.ENGINE_CRASH, id="killed a second too early to be a timeout"),
        pytest.param(124, 3, FailureReason.ENGINE_ERROR, id="the strategy's own code 124"),
    ],
)
def test_what_ended_before_its_timeout_is_not_a_timeout(
    tmp_path: Path, code: int, ran: int, reason: FailureReason
) -> None:
    write_exit(tmp_path, code, more=f"ran={ran}\nlimit=1800\n")
    assert failure(tmp_path).reason is reason


def test_a_kill_before_the_timeout_is_told_with_its_times(tmp_path: Path) -> None:
    write_exit(tmp_path, 137, more="ran=3\nlimit=1800\n")
    message = failure(tmp_path).message
    assert "SIGKILL" in message
    assert "after 3 s of at most 1800 s" in message
    assert "memory" in message


def test_a_failure_is_not_hidden_by_a_result_that_looks_good(tmp_path: Path) -> None:
    write_exit(tmp_path, 1)
    write_result(tmp_path, result_to_json(GOOD))
    assert failure(tmp_path).reason is FailureReason.ENGINE_ERROR


def test_a_result_beside_a_killed_helper_process_stands_with_a_warning(tmp_path: Path) -> None:
    write_exit(tmp_path, 0, 1)
    write_result(tmp_path, result_to_json(GOOD))
    ending = outcome_in(tmp_path).ending
    assert isinstance(ending, Result)
    assert ending.metrics == GOOD.metrics
    assert "ran out of memory and was killed" in ending.warnings[-1]


def test_the_message_is_the_engines_own_with_the_code_behind_it(tmp_path: Path) -> None:
    write_exit(tmp_path, 10)
    (tmp_path / "error.json").write_text(json.dumps({"message": "no data for\x00 XYZ"}))
    expected = Failure(reason=FailureReason.NO_DATA, message="no data for\ufffd XYZ (the engine exited with code 10)")
    assert failure(tmp_path) == expected


@pytest.mark.parametrize(
    "text", ["", "[1]", '{"message": 5}', '{"message": "  "}', "{", '{"reason": "NoData"}', " " * 70_000]
)
def test_a_bad_error_file_only_costs_its_message(tmp_path: Path, text: str) -> None:
    write_exit(tmp_path, 3)
    (tmp_path / "error.json").write_text(text)
    expected = Failure(reason=FailureReason.ENGINE_ERROR, message="the engine exited with code 3")
    assert failure(tmp_path) == expected


def test_a_message_is_at_most_2000_characters(tmp_path: Path) -> None:
    write_exit(tmp_path, 3)
    (tmp_path / "error.json").write_text(json.dumps({"message": "m" * 10_000}))
    message = failure(tmp_path).message
    assert len(message) == 2000
    assert message.endswith("… (the engine exited with code 3)")


def test_crashes_name_their_signal(tmp_path: Path) -> None:
    write_exit(tmp_path, 139)
    assert failure(tmp_path).message == "the engine was ended by signal 11 (SIGSEGV)"
    write_exit(tmp_path, 160)
    assert failure(tmp_path).message == "the engine was ended by signal 32"


def make_link(path: Path) -> None:
    path.symlink_to("/etc/passwd")


def make_huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(9 * 1024 * 1024)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (make_link, "expected a regular file, got a symbolic link"),
        (make_huge, "expected at most 8388608 bytes, got 9437184"),
        (lambda path: path.mkdir(), "is not a regular file"),
        (lambda path: os.mkfifo(path), "is not a regular file"),
        (lambda path: path.write_bytes(b"\x00\xff"), "is not valid JSON"),
        (lambda path: path.write_bytes(b"[" * 180_000), "the JSON is nested too deeply"),
        (lambda path: path.write_bytes(b'{"metrics": {"sharpe_ratio": NaN}}'), "expected JSON numbers, got NaN"),
    ],
    ids=["link", "huge", "folder", "pipe", "bytes", "deep", "nan"],
)
def test_a_hostile_result_is_invalid_and_named(tmp_path: Path, make: object, problem: str) -> None:
    write_exit(tmp_path)
    make(tmp_path / "result.json")  # type: ignore[operator]
    found = failure(tmp_path)
    assert found.reason is FailureReason.RESULT_INVALID
    assert found.message.startswith(f"result.json: {problem}")


def test_a_device_is_no_result(tmp_path: Path) -> None:
    try:
        os.mknod(tmp_path / "result.json", stat.S_IFCHR | 0o600, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("needs the right to make device nodes")
    write_exit(tmp_path)
    assert failure(tmp_path).reason is FailureReason.RESULT_INVALID


def test_a_folder_that_is_not_there_is_a_missing_result(tmp_path: Path) -> None:
    assert outcome_in(tmp_path / "none").ending == Failure(
        reason=FailureReason.RESULT_MISSING,
        message=f"{wire.SHIM_EXIT_FILE}: expected the engine's exit code, found none",
    )


def test_an_exit_file_without_the_right_to_read_it_is_as_none(tmp_path: Path) -> None:
    write_exit(tmp_path)
    (tmp_path / wire.SHIM_EXIT_FILE).chmod(0)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        found = failure(tmp_path)
    finally:
        if is_root:
            os.seteuid(0)
    assert found.reason is FailureReason.RESULT_MISSING


def test_an_exit_file_that_cannot_be_opened_is_as_none(tmp_path: Path) -> None:
    # A name in the place of a folder on the way: every call on it fails with "not a directory".
    (tmp_path / "file").write_text("")
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert failure(tmp_path / "file").reason is FailureReason.RESULT_MISSING
    assert failure(loop).reason is FailureReason.RESULT_MISSING
