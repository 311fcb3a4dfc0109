"""The supervisor of warm packs under the real shim: what becomes of members whose process dies, hangs or lies at any point."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from backfleet.engines import shim
from backfleet.engines.lean.warm.delivery import supervised
from backfleet.engines.reports import read_report
from tests.support.engines import make_request
from tests.support.observer import wait_until
from tests.support.packs import pack_of_all, shim_environment
from tests.support.warm import results_of, run_warm, starts, warm_environment
from tests.unit.engines.test_forking import is_gone

OWN_FILES = {"result", "backfleet-exit"}


def test_members_run_in_one_process_each_with_its_folder_report_and_line(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text("rates")
    words = "after begin: print('words', file=sys.stderr)"
    run = run_warm(tmp_path, "", words, "after begin: result['state'] = 'RuntimeError'", BACKFLEET_KEPT_FILE=str(kept))
    assert (run.begun, run.codes, len(starts(tmp_path))) == (3, [0, 0, 1], 1)
    assert run.output.splitlines() == [
        "== backtest 0, attempt 1 (1 of 3)", "== backtest 1, attempt 1 (2 of 3)", "words",
        "== backtest 2, attempt 1 (3 of 3)",
    ]  # fmt: skip
    files = [{path.name for path in (run.folder / str(position)).iterdir()} for position in range(3)]
    assert files == [
        OWN_FILES | {"backfleet-kept"}, OWN_FILES | {"backfleet-kept", "backfleet-stderr"}, OWN_FILES | {"backfleet-kept"},
    ]  # fmt: skip
    assert run.words(1) == "words\n"
    assert (run.folder / "2/backfleet-kept").read_text() == "rates"
    report = run.reports[1]
    assert (report.limit_seconds, report.oom_kills, report.is_ended) == (30, 0, False)
    assert report.started_at is not None
    assert report.finished_at is not None
    assert report.started_at <= report.finished_at


DEATHS = [
    pytest.param("before begin: start == 1 and os._exit(5)", 0, 2, id="before it begins"),
    pytest.param('before begin: start == 1 and (raw(\'{"event": "beg\'), os._exit(5))', 0, 2, id="within a line"),
    pytest.param("after begin: os._exit(3)", 3, 2, id="while it runs"),
    pytest.param("after begin: os.kill(os.getpid(), 11)", 139, 2, id="by a fault"),
    pytest.param('after begin: (raw(\'{"event": "end\'), os._exit(3))', 3, 2, id="within its last line"),
    pytest.param("after end: os._exit(5)", 0, 2, id="after its end"),
]


@pytest.mark.parametrize(("do", "code", "processes"), DEATHS)
def test_a_process_that_dies_takes_no_other_member_along(tmp_path: Path, do: str, code: int, processes: int) -> None:
    run = run_warm(tmp_path, "", do, "")
    assert (run.begun, run.codes) == (3, [0, code, 0])
    assert len(starts(tmp_path)) == processes
    assert results_of(run, range(3)) == [True, code == 0, True]


def test_a_process_that_dies_before_it_is_ready_is_started_again(tmp_path: Path) -> None:
    run = run_warm(tmp_path, "", "", TEST_START="start == 1 and os._exit(5)")
    assert (run.begun, run.codes, len(starts(tmp_path))) == (2, [0, 0], 2)


def test_after_two_processes_that_begin_nothing_the_next_member_has_failed_with_their_words(tmp_path: Path) -> None:
    start = "start in (1, 2) and (print('no such assembly', file=sys.stderr), sys.stderr.flush(), os._exit(5))"
    run = run_warm(tmp_path, "", "", "", TEST_START=start)
    assert (run.begun, run.codes, len(starts(tmp_path))) == (3, [70, 0, 0], 3)
    assert run.words(0).splitlines() == [
        "no such assembly",
        "A warm process of LEAN ended with exit code 5.",
        "This backtest did not begin. Set spec.engine.warm to never to run each backtest in a process of its own.",
    ]


def test_a_process_that_began_a_member_does_not_count_as_one_that_begins_nothing(tmp_path: Path) -> None:
    run = run_warm(tmp_path, "after end: os._exit(5)", "", TEST_START="start == 2 and os._exit(5)")
    assert (run.codes, len(starts(tmp_path))) == ([0, 0], 3)


def test_a_member_that_no_process_begins_has_failed_and_the_next_ones_run(tmp_path: Path) -> None:
    run = run_warm(tmp_path, "", "before begin: os._exit(5)", "")
    assert (run.begun, run.codes, len(starts(tmp_path))) == (3, [0, 70, 0], 4)


def test_an_image_without_a_needed_name_is_tried_once(tmp_path: Path) -> None:
    start = "send('leave', words='a name of LEAN is missing: X'); os._exit(76)"
    run = run_warm(tmp_path, "", "", "", TEST_START=start)
    assert (run.begun, run.codes, len(starts(tmp_path))) == (3, [70, 70, 70], 1)
    assert "a name of LEAN is missing: X\n" in run.words(2)


def test_a_process_that_is_never_ready_is_given_up_after_the_time_of_a_start(tmp_path: Path) -> None:
    run = run_warm(tmp_path, "", "", TEST_START="start < 3 and time.sleep(600)", BACKFLEET_WARM_START_SECONDS="1")
    assert (run.codes, len(starts(tmp_path))) == ([70, 0], 3)
    assert "was not ready for a backtest within 1 s" in run.words(0)


@pytest.mark.parametrize(
    ("do", "seconds"),
    [
        pytest.param("after end: start == 1 and time.sleep(600)", "20", id="silent"),
        pytest.param(
            "after end: [(send('alive'), time.sleep(0.1)) for _ in range(start == 1 and 6000)]", "1", id="busy"
        ),
    ],
)
def test_a_process_that_hangs_between_members_is_replaced(tmp_path: Path, do: str, seconds: str) -> None:
    """A sign of life is expected within a fifth of the time of a start: before the time of the pack is over."""
    run = run_warm(tmp_path, do, "", seconds=15, BACKFLEET_WARM_START_SECONDS=seconds)
    assert (run.codes, len(starts(tmp_path))) == ([0, 0], 2)


def test_a_member_at_its_timeout_is_ended_with_its_process_group(tmp_path: Path) -> None:
    hang = (
        "after begin: open(here + '/child', 'w').write(str(subprocess.Popen(['sleep', '600']).pid));"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    )
    run = run_warm(tmp_path, "", hang, "", timeout=2)
    assert (run.codes, len(starts(tmp_path))) == ([0, 124, 0], 2)
    assert run.reports[1].is_timeout
    assert (run.reports[1].ran_seconds or 0) >= 2
    assert is_gone((tmp_path / "child").read_text())


def test_a_child_in_a_session_of_its_own_that_holds_stderr_open_holds_nobody_up(tmp_path: Path) -> None:
    leave = "subprocess.Popen(['sleep', '600'], start_new_session=True, stdout=-3)"
    run = run_warm(
        tmp_path, f"after begin: open(here + '/child', 'w').write(str({leave}.pid)); os._exit(3)", "", timeout=100
    )
    os.kill(int((tmp_path / "child").read_text()), signal.SIGKILL)
    assert (run.codes, len(starts(tmp_path))) == ([3, 0], 2)


LIMITS = [
    pytest.param("after begin: result['left'] = 'Thread-7'", {}, 2, 0, id="a thread that is left"),
    pytest.param("after begin: result['resident_mib'] = 1401", {}, 2, 0, id="much memory"),
    pytest.param(
        "after begin: result['resident_mib'] = 1401", {"MEMORY_MIB": "1500"}, 1, 0, id="its own limit of memory"
    ),
    pytest.param("after begin: result['error'] = 'Exception: no'", {}, 2, 134, id="an error outside of the backtest"),
    pytest.param("", {"MEMBERS": "2"}, 2, 0, id="the most members of a process"),
    pytest.param("", {"MEMBERS": "1"}, 4, 0, id="a process for each"),
]


@pytest.mark.parametrize(("do", "settings", "processes", "code"), LIMITS)
def test_a_new_process_runs_the_rest(tmp_path: Path, do: str, settings: dict, processes: int, code: int) -> None:
    variables = {f"BACKFLEET_WARM_{name}": value for name, value in settings.items()}
    run = run_warm(tmp_path, "", do, "", "", **variables)
    assert (run.codes, len(starts(tmp_path))) == ([0, code, 0, 0], processes)


def test_lines_that_are_no_events_of_the_driver_are_skipped(tmp_path: Path) -> None:
    forge = (
        "after begin: raw('no json\\n[1]\\n{\"event\": 7}\\n{}\\n' + '[' * 9999 + '\\n'); send('ready'); send('other')"
    )
    run = run_warm(tmp_path, forge, "")
    assert (run.codes, len(starts(tmp_path))) == ([0, 0], 1)
    assert results_of(run, range(2)) == [True, True]


def test_no_member_begins_once_the_time_is_over(tmp_path: Path) -> None:
    run = run_warm(tmp_path, "", "after begin: time.sleep(5.2)", "", seconds=5)
    assert (run.begun, run.codes) == (2, [0, 0, None])
    assert not (run.folder / "2").exists()


def test_the_first_member_begins_even_if_the_start_takes_all_the_time_and_no_other_does(tmp_path: Path) -> None:
    run = run_warm(tmp_path, "", "", seconds=1, TEST_START="time.sleep(1.2)")
    assert (run.begun, run.codes) == (1, [0, None])


def test_a_new_process_that_becomes_ready_too_late_begins_nothing(tmp_path: Path) -> None:
    run = run_warm(tmp_path, "after begin: os._exit(3)", "", seconds=5, TEST_START="start == 2 and time.sleep(5.2)")
    assert (run.begun, run.codes, len(starts(tmp_path))) == (1, [3, None], 2)


def test_scratch_is_emptied_between_members_but_for_what_the_process_itself_keeps_there(tmp_path: Path) -> None:
    leave = (
        "after begin: open(here + '/scratch/left', 'w'); os.mkdir(here + '/scratch/deep'); os.chmod(here + '/scratch/deep', 0);"
        "os.symlink('/etc/passwd', here + '/scratch/link')"
    )
    look = "after begin: print(sorted(each[:9] for each in os.listdir(here + '/scratch')), flush=True)"
    start = "open(here + '/scratch/dotnet-' + str(start), 'w')"
    run = run_warm(tmp_path, leave, look, "after begin: os._exit(1)", look, TEST_START=start)
    seen = [line for line in run.output.splitlines() if line.startswith("[")]
    assert seen == ["['dotnet-1', 'lean-conf', 'lean-warm']", "['dotnet-2', 'lean-conf', 'lean-warm']"]


def test_the_folder_of_links_to_the_data_stays_and_members_read_it(tmp_path: Path) -> None:
    links = tmp_path / "scratch/lean-data"
    links.mkdir(parents=True)
    look = "after begin: print(member['data-folder'], os.listdir(here + '/scratch/lean-data'), flush=True)"
    (links / "equity").touch()
    arguments = ("--data-folder", str(links))
    run = run_warm(tmp_path, look, "after begin: os._exit(1)", look, arguments=arguments)
    assert run.output.splitlines()[1::3] == [f"{links} ['equity']"] * 2
    assert len(starts(tmp_path)) == 2


def test_what_a_member_leaves_in_the_place_of_its_folder_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    link = "after begin: os.rmdir(folder); os.symlink(here + '/elsewhere', folder)"
    run = run_warm(tmp_path, link, "after begin: os.symlink('/no/such', folder + '/backfleet-exit')")
    assert run.codes == [0, 0]
    assert not (run.folder / "0").is_symlink()
    assert os.listdir(tmp_path / "elsewhere") == ["result"]


def test_a_report_that_a_member_writes_for_a_later_one_is_not_believed(tmp_path: Path) -> None:
    forge = (
        "after begin: os.mkdir(folder[:-1] + '1'); open(folder[:-1] + '1/backfleet-exit', 'w').write('code=0');"
        "open(folder[:-1] + '1/result', 'w')"
    )
    run = run_warm(tmp_path, forge, "after begin: os._exit(9)")
    assert (run.codes, results_of(run, [1])) == ([0, 9], [False])


def test_results_of_a_member_that_has_ended_are_read_only(tmp_path: Path) -> None:
    run = run_warm(tmp_path, "after begin: os.mkdir(folder + '/deep'); open(folder + '/deep/file', 'w')", "")
    modes = {path: path.stat().st_mode & 0o222 for path in (run.folder / "0", *(run.folder / "0").rglob("*"))}
    assert len(modes) == 5
    assert set(modes.values()) == {0}


def test_the_termination_message_is_the_position_also_while_a_process_starts(tmp_path: Path) -> None:
    log = tmp_path / "termination-log"
    look = f"print(open({str(log)!r}).read(), flush=True)"
    run = run_warm(tmp_path, "", "after begin: os._exit(1)", f"after begin: {look}", TEST_START=look)
    assert [line for line in run.output.splitlines() if "==" not in line] == ["0", "2", "2"]
    assert log.read_text() == ""


def test_without_a_termination_message_and_without_the_kept_file_the_members_run(tmp_path: Path) -> None:
    more: dict[str, Any] = {"BACKFLEET_TERMINATION_LOG": "/proc/no/such", "BACKFLEET_KEPT_FILE": "/no/such"}
    assert run_warm(tmp_path, "", "", **more).codes == [0, 0]


@pytest.mark.parametrize(
    ("number", "waits"),
    [
        pytest.param(signal.SIGTERM, "time.sleep(600)", id="TERM, and the process is stuck"),
        pytest.param(signal.SIGKILL, "[send('alive') for _ in orders]", id="KILL, and the driver sees it"),
    ],
)
def test_a_supervisor_that_is_ended_takes_its_process_along_and_the_shim_goes_on(
    tmp_path: Path, number: int, waits: str
) -> None:
    wait = f"after begin: start == 1 and (open(here + '/runs', 'w'), {waits})"
    members = ("", wait, "")
    pack = pack_of_all(make_request("Noop"), *({"do": each} for each in members))
    results = tmp_path / "results"
    results.mkdir()
    environment = shim_environment(pack, results) | warm_environment(tmp_path, *members)
    environment["BACKFLEET_COMMAND_TIMEOUT_SECONDS"] = "300"
    words = shim.command(supervised((sys.executable, "-I", "-S", str(tmp_path / "launcher.py"))))
    process = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL)
    wait_until("the second member runs", (tmp_path / "runs").exists, 30)
    launcher = starts(tmp_path)[0]
    supervisor = int(Path(f"/proc/{launcher}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(supervisor, number)
    assert process.wait(30) == 0
    codes = [read_report(results / str(position)).exit_code for position in range(3)]
    assert codes == [0, 128 + number, 0]
    wait_until("the launcher is gone", lambda: is_gone(str(launcher)), 30)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("BACKFLEET_WARM_MEMBERS", "many", "BACKFLEET_WARM_MEMBERS: expected a whole number, got 'many'"),
        ("BACKFLEET_ENGINE_CONFIG_LINES", "", "BACKFLEET_ENGINE_CONFIG_LINES: expected 2 lines, got 1"),
    ],
)
def test_a_bad_variable_is_named(tmp_path: Path, name: str, value: str, words: str) -> None:
    more: dict[str, Any] = {name: value}
    run = run_warm(tmp_path, "", "", **more)
    assert run.codes == [1, 1]
    assert f"lean-warm: {words}\n" in run.words(0)


def test_an_image_without_python_says_so(tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sh", "timeout", "date", "rm", "mkdir", "mkfifo", "tee", "tail", "sed", "mv", "sleep", "ls", "grep"):
        (tools / name).symlink_to(f"/usr/bin/{name}")
    run = run_warm(tmp_path, "", "", PATH=str(tools))
    assert run.codes == [69, 69]
    assert "This image has no python3, which warm backtests need. Set spec.engine.warm to never." in run.words(0)
