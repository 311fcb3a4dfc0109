"""The shim's loop over a pack whose command runs one member at a time."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from backfleet.engines import shim
from backfleet.engines.reports import read_begun
from tests.support.engines import make_request
from tests.support.observer import wait_until
from tests.support.packs import pack_of_all, shim_environment
from tests.support.shim_runs import run_each

MEMBER = """if True:
    import os, pathlib, subprocess, sys, time
    position = int(os.environ["BACKFLEET_PACK_FIRST"])
    results = pathlib.Path(os.environ["BACKFLEET_RESULTS_PATH"])
    folder = results / str(position)
"""


def pack(size: int):
    return pack_of_all(make_request("Noop"), *({"value": str(value)} for value in range(size)))


def members(*code: str) -> tuple[str, ...]:
    """Return a program that does for each position what this says at it, the last one for all others."""
    branches = "".join(f"    if position == {at}:\n        {each}\n" for at, each in enumerate(code[:-1]))
    return (sys.executable, "-c", f"{MEMBER}{branches}    if position >= {len(code) - 1}:\n        {code[-1]}\n")


def test_every_member_has_its_folder_its_report_and_its_line_of_the_log(tmp_path: Path) -> None:
    program = members("print('first'); sys.exit(3)", "(folder / 'made').touch()", "print('bad', file=sys.stderr)")
    run = run_each(pack(3), tmp_path / "results", program)
    assert (run.begun, run.codes) == (3, [3, 0, 0])
    assert {path.name for path in (tmp_path / "results").iterdir()} == {"0", "1", "2", "backfleet-pack"}
    assert {path.name for path in (tmp_path / "results/1").iterdir()} == {"made", "backfleet-exit", "backfleet-stderr"}
    assert [run.words(position) for position in range(3)] == ["", "", "bad\n"]
    assert run.output.splitlines() == [
        "== backtest 0, attempt 1 (1 of 3)", "first", "== backtest 1, attempt 1 (2 of 3)",
        "== backtest 2, attempt 1 (3 of 3)",
    ]  # fmt: skip


def test_a_member_that_hangs_crashes_or_writes_without_end_does_not_touch_the_next(tmp_path: Path) -> None:
    program = members(
        "time.sleep(600)",
        "os.kill(os.getpid(), 11)",
        "sys.stderr.write('x' * 3_000_000); sys.exit(7)",
        "(folder / 'made').touch()",
    )
    run = run_each(pack(4), tmp_path / "results", program, timeout=10)
    assert run.codes == [124, 139, 7, 0]
    assert [each.is_timeout for each in run.reports] == [True, False, False, False]
    assert len(run.words(2)) == 65536
    assert (tmp_path / "results/3/made").exists()


def test_no_further_member_begins_once_the_time_is_over(tmp_path: Path) -> None:
    run = run_each(pack(5), tmp_path / "results", members("pass", "time.sleep(4.1)"), seconds=4)
    assert (run.begun, run.codes) == (2, [0, 0, None, None, None])
    assert not (tmp_path / "results/2").exists()


def test_the_first_member_begins_and_ends_even_if_it_takes_longer_than_the_pack(tmp_path: Path) -> None:
    run = run_each(pack(2), tmp_path / "results", members("time.sleep(1.5)"), seconds=1)
    assert (run.begun, run.codes) == (1, [0, None])


def test_what_a_member_leaves_in_scratch_is_gone_for_the_next_whatever_its_rights(tmp_path: Path) -> None:
    scratch, more = tmp_path / "scratch", tmp_path / "more"
    scratch.mkdir()
    more.mkdir()
    (tmp_path / "kept").write_text("not in a scratch folder")
    leave = (
        f"base = pathlib.Path({str(scratch)!r}); (base / '.hidden').touch(); (base / 'a b').mkdir();"
        "(base / 'a b/deep').mkdir(); (base / 'a b/deep/file').touch(); (base / 'a b').chmod(0);"
        f"(base / 'link').symlink_to({str(tmp_path / 'kept')!r}); pathlib.Path({str(more)!r}, '..x').touch()"
    )
    look = f"print(os.listdir({str(scratch)!r}), os.listdir({str(more)!r}))"
    run = run_each(
        pack(2), tmp_path / "results", members(leave, look), BACKFLEET_SCRATCH_PATHS=f"{scratch}\n{more}\n/no/such"
    )
    assert run.codes == [0, 0]
    assert run.output.splitlines()[-1] == "[] []"
    assert (tmp_path / "kept").read_text() == "not in a scratch folder"


def test_nothing_is_emptied_that_no_variable_names(tmp_path: Path) -> None:
    leave = f"pathlib.Path({str(tmp_path / 'left')!r}).touch()"
    run_each(pack(2), tmp_path / "results", members(leave), HOME=str(tmp_path), TMPDIR=str(tmp_path))
    assert (tmp_path / "left").exists()


def test_a_report_that_a_member_wrote_for_another_is_not_believed(tmp_path: Path) -> None:
    forge = (
        "(results / '1').mkdir(); (results / '1/result.json').touch();"
        "[(results / each / 'backfleet-exit').write_text('code=0') for each in '01']"
    )
    run = run_each(pack(2), tmp_path / "results", members(forge, "sys.exit(9)"))
    assert run.codes == [0, 9]
    assert not (tmp_path / "results/1/result.json").exists()


@pytest.mark.parametrize("place", ["link", "file"])
def test_what_a_member_put_in_the_place_of_a_folder_is_removed(tmp_path: Path, place: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").touch()
    made = {
        "link": f"(results / '1').symlink_to({str(elsewhere)!r}); folder.rmdir(); folder.symlink_to({str(elsewhere)!r})",
        "file": "(results / '1').touch(); folder.rmdir(); folder.touch()",
    }
    run = run_each(pack(2), tmp_path / "results", members(made[place], "pass"))
    assert run.codes == [0, 0]
    assert not (tmp_path / "results/0").is_symlink()
    assert os.listdir(elsewhere) == ["kept"]


def test_the_termination_message_is_the_position_while_a_member_runs_and_empty_at_the_end(tmp_path: Path) -> None:
    log = tmp_path / "termination-log"
    run = run_each(pack(3), tmp_path / "results", members(f"print(open({str(log)!r}).read())"))
    assert [line for line in run.output.splitlines() if "==" not in line] == ["0", "1", "2"]
    assert log.read_text() == ""


def test_a_shim_that_is_killed_leaves_the_position_of_the_member_that_ran(tmp_path: Path) -> None:
    results, log = tmp_path / "results", tmp_path / "termination-log"
    results.mkdir()
    words = shim.command(members("pass", "(folder / 'runs').touch(); time.sleep(600)"))
    environment = {"PATH": os.environ["PATH"], **shim_environment(pack(3), results)}
    process = subprocess.Popen(words, env=environment, process_group=0, stdout=subprocess.DEVNULL)
    try:
        wait_until("the second member runs", (results / "1/runs").exists, 30)
    finally:
        (child,) = [int(each) for each in children_of(process.pid) if is_timeout(each)]
        os.kill(process.pid, 9)
        os.killpg(child, 9)
        process.wait(10)
    assert log.read_text() == "1"
    assert read_begun(results) is None


def children_of(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def is_timeout(pid: str) -> bool:
    return "timeout" in Path(f"/proc/{pid}/comm").read_text()


def test_a_shim_that_starts_again_goes_on_after_the_last_report(tmp_path: Path) -> None:
    program = members("(results / 'ran').open('a').write(str(position))")
    run_each(pack(2), tmp_path / "results", program)
    again = run_each(pack(3), tmp_path / "results", program)
    assert (again.begun, again.codes) == (3, [0, 0, 0])
    assert (tmp_path / "results/ran").read_text() == "012"


def test_members_have_their_own_index_and_attempt_in_the_log(tmp_path: Path) -> None:
    run = run_each(pack(4), tmp_path / "results", members("pass"), BACKFLEET_PACK_MEMBERS="7:2:1 12:1:3 13:1:1")
    assert run.output.splitlines() == [
        "== backtest 7, attempt 1 (1 of 4)", "== backtest 8, attempt 1 (2 of 4)",
        "== backtest 12, attempt 3 (3 of 4)", "== backtest 13, attempt 1 (4 of 4)",
    ]  # fmt: skip


ALONE = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
IS_ALONE = (
    shutil.which("unshare") and subprocess.run([*ALONE, "true"], check=False, capture_output=True).returncode == 0
)


@pytest.mark.skipif(not IS_ALONE, reason="needs the right to make a process namespace")
def test_as_process_1_it_kills_what_a_member_moved_out_of_its_process_group(tmp_path: Path) -> None:
    results = tmp_path / "results"
    results.mkdir()
    leave = "subprocess.Popen(['sleep', '600'], start_new_session=True, stdout=-3, stderr=-3)"
    count = (
        "commands = [pathlib.Path('/proc', each, 'cmdline').read_text() for each in os.listdir('/proc') if each.isdigit()];"
        "print(sum(each.startswith('sleep') for each in commands))"
    )
    environment = {"PATH": os.environ["PATH"], **shim_environment(pack(3), results)}
    words = [*ALONE, *shim.command(members(leave, count, count))]
    done = subprocess.run(words, env=environment, check=True, timeout=60, stdout=subprocess.PIPE, text=True)
    assert [line for line in done.stdout.splitlines() if "==" not in line] == ["0", "0"]


def test_what_a_member_moved_out_of_its_process_group_is_left_alone_where_the_shim_is_not_process_1(
    tmp_path: Path,
) -> None:
    leave = (
        "child = subprocess.Popen(['sleep', '600'], start_new_session=True, stdout=-3, stderr=-3);"
        "(results / 'pid').write_text(str(child.pid))"
    )
    run_each(pack(2), tmp_path / "results", members(leave, "pass"))
    pid = int((tmp_path / "results/pid").read_text())
    assert Path(f"/proc/{pid}/comm").read_text() == "sleep\n"
    os.kill(pid, 9)
