"""The output of `make test` and how it ends, with short processes instead of suites."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hack.suites import SHOWN_LINES, closing, progress

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "hack" / "suites.py"
SECONDS = 60.0
PASSES = "sh -c 'echo working; echo \"3 passed in 0.12s\"'"
FAILS = 'sh -c \'echo "=== FAILURES ==="; echo assert 1 == 2; echo "1 failed, 2 passed in 0.12s"; exit 2\''
WAITS = "sh -c 'trap \"exit 1\" INT; sleep 600 & sleep 600 & echo up; wait'"


@contextmanager
def suites(logs: Path, *given: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(SCRIPT), "--logs", str(logs), *given]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()


def run(logs: Path, *given: str) -> tuple[int, list[str]]:
    with suites(logs, *given) as process:
        output, _ = process.communicate(timeout=SECONDS)
    return process.returncode, output.splitlines()


def make_test(logs: Path, suite: str) -> subprocess.CompletedProcess[str]:
    """Run `make test` of this repository with another command for each suite. Return both outputs as in a terminal."""
    assert "\nSUITE := " in (ROOT / "Makefile").read_text(), "the real suites would run"
    ready = ["-o", "preflight", "-o", "setup", f"BIN={Path(sys.executable).parent}"]
    command = ["make", "--no-print-directory", *ready, f"LOGS={logs}", f"SUITE={suite}", "test"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    ) as process:  # fmt: skip
        try:
            output, _ = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGTERM)  # hack/suites.py stops its suites then
            raise
    return subprocess.CompletedProcess(command, process.returncode, output)


def wait_for_output(*logs: Path) -> None:
    give_up_at = time.monotonic() + SECONDS
    while not all(log.exists() and "up" in log.read_text() for log in logs):
        assert time.monotonic() < give_up_at
        time.sleep(0.05)


def processes_of(folder: Path) -> list[str]:
    """Return the processes whose standard output is a log of the folder."""
    found = []
    for each in Path("/proc").glob("[0-9]*/fd/1"):
        try:
            if str(each.readlink()).startswith(str(folder)):
                found.append(each.parts[2])
        except OSError:
            continue
    return found


def test_suites_that_pass_end_with_one_line_that_says_so(tmp_path: Path) -> None:
    code, lines = run(tmp_path, f"below={PASSES}", f"e2e={PASSES}")
    assert (code, lines.count("3 passed in 0.12s"), lines.count("working")) == (0, 2, 0)
    assert lines[-1] == (
        f"PASSED: below in 0 min 0 s, e2e in 0 min 0 s; logs: {tmp_path / 'below.log'}, {tmp_path / 'e2e.log'}"
    )
    assert (tmp_path / "below.log").read_text() == "working\n3 passed in 0.12s\n"


def test_a_suite_that_fails_is_named_with_its_log_and_shows_its_failures(tmp_path: Path) -> None:
    code, lines = run(tmp_path, f"below={PASSES}", f"e2e={FAILS}")
    assert code == 1
    assert lines[-1] == f"FAILED: e2e (exit code 2, see {tmp_path / 'e2e.log'}); passed: below"
    assert {"assert 1 == 2", "1 failed, 2 passed in 0.12s"} <= set(lines)


def test_make_test_ends_with_the_verdict_when_all_passes(tmp_path: Path) -> None:
    ended = make_test(tmp_path, "true")
    assert (ended.returncode, ended.stdout.splitlines()[-1].partition(" in ")[0]) == (0, "PASSED: below-the-cluster")


def test_the_last_line_of_make_test_says_what_failed_and_where(tmp_path: Path) -> None:
    first, again = make_test(tmp_path, "false"), make_test(tmp_path, "false")
    told = " and ".join(
        f"{name} (exit code 1, see {tmp_path / name}.log)" for name in ("below-the-cluster", "end-to-end", "tutorial")
    )
    assert (first.returncode, again.returncode) == (2, 2)
    assert first.stdout.splitlines()[-1].partition(" *** ")[2] == f"FAILED: {told}.  Stop."
    assert f"FAILED: {told}" in first.stdout.splitlines(), "for those who keep standard output alone"
    assert make_test(tmp_path, "true").returncode == 0, "what failed before is not remembered"


def test_make_test_fails_when_it_ends_without_a_verdict(tmp_path: Path) -> None:
    (tmp_path / "end-to-end.log").mkdir()
    assert make_test(tmp_path, "true").returncode == 2


def test_a_suite_that_a_signal_ended_has_failed(tmp_path: Path) -> None:
    code, lines = run(tmp_path, f"below={PASSES}", "e2e=sh -c 'kill -KILL $$'")
    assert code == 1
    assert lines[-1].startswith("FAILED: e2e (ended by SIGKILL, see ")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_signal_ends_both_suites_and_leaves_no_process(tmp_path: Path, number: signal.Signals) -> None:
    with suites(tmp_path, f"below={WAITS}", f"e2e={WAITS}") as process:
        wait_for_output(tmp_path / "below.log", tmp_path / "e2e.log")
        process.send_signal(number)
        output, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 128 + number
    assert output.splitlines()[-1].startswith("INTERRUPTED: logs: ")
    assert processes_of(tmp_path) == []


def test_a_second_signal_does_not_leave_processes_behind(tmp_path: Path) -> None:
    with suites(tmp_path, f"below={WAITS}") as process:
        wait_for_output(tmp_path / "below.log")
        os.kill(process.pid, signal.SIGINT)
        os.kill(process.pid, signal.SIGINT)
        process.communicate(timeout=SECONDS)
    assert processes_of(tmp_path) == []


def test_the_closing_lines_begin_with_the_short_summary() -> None:
    lines = ["....", "=== short test summary info ===", "FAILED a::b", "1 failed, 3 passed in 2.50s"]
    assert closing(lines, has_passed=False) == lines[1:]


def test_failures_are_shown_and_bounded() -> None:
    lines = ["....", "=== FAILURES ===", *["text"] * 2_000, "1 failed in 2.50s (0:00:02)"]
    shown = closing(lines, has_passed=False)
    assert (shown[0], shown[-1], len(shown)) == (lines[1], lines[-1], SHOWN_LINES + 1)
    assert "more lines, see the log" in shown[SHOWN_LINES // 2]


def test_what_pytest_did_not_end_shows_its_last_lines() -> None:
    assert closing(["make: lint failed"], has_passed=False) == ["make: lint failed"]
    assert closing([], has_passed=True) == []


def test_the_coverage_behind_the_summary_is_shown() -> None:
    lines = ["....", "12 passed, 1 warning in 61.00s (0:01:01)", "TOTAL 100 %"]
    assert closing(lines, has_passed=True) == lines[1:]


@pytest.mark.parametrize(
    ("lines", "shown"),
    [
        (["....  [  5%]", ".....F... [ 11%]", "..."], "11 %"),
        (["tests/e2e/test_a.py::test_b PASSED   [ 34%]"], "34 %"),
        (["Building the image", ""], "Building the image"),
        ([], "no output yet"),
    ],
    ids=["dots", "names", "no tests yet", "nothing"],
)
def test_progress_is_the_percentage_or_the_last_line(lines: list[str], shown: str) -> None:
    assert progress(lines) == shown
