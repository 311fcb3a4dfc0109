import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backfleet.engines import shim
from backfleet.engines.reports import MEMBER_REPORT, ShimReport, parse_report, read_report
from tests.support.engines import make_request
from tests.support.packs import pack_of, shim_environment


def run_shim(folder: Path, *command: str, timeout: str = "30", **more: str) -> ShimReport:
    """Return the report of a pack of one, with the results in the test's folder."""
    folder.mkdir(exist_ok=True)
    given = shim_environment(pack_of(make_request()), folder, int(timeout))
    environment = {"PATH": os.environ["PATH"], **given, **more}
    words = shim.command(command)
    assert subprocess.run(words, env=environment, check=False, timeout=60, stderr=subprocess.DEVNULL).returncode == 0
    return read_report(folder / "0")


@pytest.mark.parametrize("code", [0, 1, 10, 255])
def test_the_exit_code_and_the_times_are_kept_and_the_shim_ends_with_0(tmp_path: Path, code: int) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    report = run_shim(tmp_path, sys.executable, "-c", f"raise SystemExit({code})")
    assert report.exit_code == code
    assert report.started_at is not None
    assert report.finished_at is not None
    assert before <= report.started_at <= report.finished_at <= datetime.now(UTC)


def test_a_run_past_its_timeout_is_ended(tmp_path: Path) -> None:
    report = run_shim(tmp_path, "sleep", "600", timeout="1")
    assert report.is_timeout
    assert (report.limit_seconds, report.exit_code) == (1, 124)


def test_an_engine_that_is_killed_before_its_timeout_is_no_timeout(tmp_path: Path) -> None:
    report = run_shim(tmp_path, "sh", "-c", "kill -9 $$", timeout="600")
    assert report.exit_code == 137
    assert report.ran_seconds is not None
    assert 0 <= report.ran_seconds < 60
    assert not report.is_timeout


def test_an_engine_that_needs_the_kill_after_its_timeout_is_a_timeout(tmp_path: Path) -> None:
    report = run_shim(tmp_path, "sh", "-c", "trap '' TERM; while :; do sleep 0.1; done", timeout="1")
    assert report.exit_code == 137
    assert report.is_timeout


def test_a_crash_is_128_and_the_signal(tmp_path: Path) -> None:
    report = run_shim(tmp_path, sys.executable, "-c", "import os; os.kill(os.getpid(), 11)")
    assert report.exit_code == 128 + signal.SIGSEGV


def test_a_command_that_is_not_there_is_127(tmp_path: Path) -> None:
    assert run_shim(tmp_path, "/no/such/command").exit_code == 127


def test_words_reach_the_engine_as_they_are(tmp_path: Path) -> None:
    code = "import sys; open(sys.argv[1], 'w').write(sys.argv[2])"
    run_shim(tmp_path, sys.executable, "-c", code, str(tmp_path / "out"), "$HOME `id` 'a\" \n*")
    assert (tmp_path / "out").read_text() == "$HOME `id` 'a\" \n*"


def test_the_configuration_is_written_byte_for_byte_before_the_engine_starts(tmp_path: Path) -> None:
    parts = ('{"a": "%s\\n $HOME `id` \'x\'", "b": "', '", "c": "%d\\t', '"}')
    more = {
        "BACKFLEET_ENGINE_CONFIG": "\n".join(parts),
        "BACKFLEET_ENGINE_CONFIG_LINES": "its own % $HOME \\n part",
        "BACKFLEET_ENGINE_CONFIG_PATH": str(tmp_path / "config.json"),
    }
    run_shim(tmp_path, "cp", str(tmp_path / "config.json"), str(tmp_path / "seen.json"), **more)
    folder = tmp_path / "0"
    assert (tmp_path / "seen.json").read_text() == f"{parts[0]}{folder}{parts[1]}its own % $HOME \\n part{parts[2]}"


@pytest.mark.parametrize("trap", ["link", "folder", "file"])
def test_what_the_strategy_put_in_the_place_of_the_exit_file_is_removed(tmp_path: Path, trap: str) -> None:
    results, elsewhere = tmp_path / "left", tmp_path / "elsewhere"
    results.mkdir()
    elsewhere.write_text("untouched")
    made = {
        "link": f"os.symlink({str(elsewhere)!r}, path)",
        "folder": "os.makedirs(path + '/deep')",
        "file": "open(path, 'w').write('code=0')",
    }
    code = f"import os; path = {str(results / '0' / 'backfleet-exit')!r}; {made[trap]}; raise SystemExit(3)"
    assert run_shim(results, sys.executable, "-c", code).exit_code == 3
    assert elsewhere.read_text() == "untouched"


def test_no_report_is_read_through_a_link_or_where_none_is(tmp_path: Path) -> None:
    assert read_report(tmp_path) == ShimReport()
    (tmp_path / "real").write_text("code=0\n")
    (tmp_path / "backfleet-exit").symlink_to(tmp_path / "real")
    assert read_report(tmp_path) == ShimReport()


def test_lines_that_are_no_numbers_are_passed_over() -> None:
    text = "code=7\nstarted=1700000000\nfinished=9999999999999\noom=\nnonsense\ncode=²\n=5\n"
    assert parse_report(text) == ShimReport(exit_code=7, started_at=datetime.fromtimestamp(1700000000, UTC))


def test_a_report_has_milliseconds() -> None:
    text = MEMBER_REPORT % (7, 1700000000123, 1700000001007, 2, 1, 883, 1800000)
    assert parse_report(text) == ShimReport(
        exit_code=7,
        started_at=datetime(2023, 11, 14, 22, 13, 20, 123000, UTC),
        finished_at=datetime(2023, 11, 14, 22, 13, 21, 7000, UTC),
        oom_kills=2,
        is_ended=True,
        ran_seconds=0.883,
        limit_seconds=1800,
    )


def test_a_report_of_seconds_is_read_as_before() -> None:
    text = "code=0\nstarted=1700000000\nfinished=1700000003\noom=0\nended=0\nran=3\nlimit=1800\n"
    assert parse_report(text) == ShimReport(
        exit_code=0,
        started_at=datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC),
        finished_at=datetime(2023, 11, 14, 22, 13, 23, tzinfo=UTC),
        ran_seconds=3,
        limit_seconds=1800,
    )


def test_a_time_beyond_the_calendar_is_absent() -> None:
    assert parse_report("started=253402300800\nfinished=253402300799\n").started_at is None


@pytest.mark.parametrize("said", ["1700000000%3N", "17000000003N", ""], ids=["as it is", "a part", "nothing"])
def test_a_date_without_milliseconds_gives_seconds(tmp_path: Path, said: str) -> None:
    date = tmp_path / "bin/date"
    date.parent.mkdir()
    date.write_text(f"#!/bin/sh\ncase $* in *N*) echo '{said}' ;; *) echo 1700000000 ;; esac\n")
    date.chmod(0o755)
    report = run_shim(tmp_path / "results", "true", PATH=f"{date.parent}:{os.environ['PATH']}")
    assert report.started_at == report.finished_at == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    ("report", "is_timeout"),
    [
        (ShimReport(exit_code=124), True),
        (ShimReport(exit_code=137), True),
        (ShimReport(exit_code=137, oom_kills=1), False),
        (ShimReport(exit_code=137, ran_seconds=3, limit_seconds=1800), False),
        (ShimReport(exit_code=124, ran_seconds=3, limit_seconds=1800), False),
        (ShimReport(exit_code=137, ran_seconds=1805, limit_seconds=1800), True),
        (ShimReport(exit_code=124, ran_seconds=1800, limit_seconds=1800), True),
        (ShimReport(exit_code=137, limit_seconds=1800), True),
        (ShimReport(exit_code=143, ran_seconds=1800, limit_seconds=1800), True),
        (ShimReport(exit_code=143, ran_seconds=3, limit_seconds=1800), False),
        (ShimReport(exit_code=143), False),
        (ShimReport(exit_code=1), False),
        (ShimReport(), False),
    ],
)
def test_a_timeout_is_its_own_code_or_a_kill_that_was_not_for_memory_once_its_time_is_over(
    report: ShimReport, is_timeout: bool
) -> None:
    assert report.is_timeout is is_timeout
