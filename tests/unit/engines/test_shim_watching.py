"""The shim's watch over an engine: its last words, the file it needs, and its end once all is written; in every shell here."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from backfleet.engines import shim
from backfleet.engines.reports import ShimReport, read_report
from tests.support.engines import make_request
from tests.support.packs import pack_of, shim_environment

SHELLS = [
    pytest.param(words, id=" ".join(words))
    for words in (["dash"], ["bash"], ["busybox", "sh"])
    if shutil.which(words[0]) is not None
]
DONE = "all is written"


class Run:
    """One run of a pack of one under the shim's own text, with its results in `folder / "0"`."""

    def __init__(self, folder: Path, shell: list[str], code: str, **more: str) -> None:
        folder.mkdir(exist_ok=True)
        results = folder / "0"
        words = shim.command((sys.executable, "-c", code, str(results)))
        given = shim_environment(pack_of(make_request()), folder)
        environment = {"PATH": os.environ["PATH"], **given, **more}
        before = time.monotonic()
        done = subprocess.run([*shell, *words[1:]], env=environment, check=False, timeout=60, capture_output=True)
        self.seconds = time.monotonic() - before
        self.stderr = done.stderr.decode()
        self.report: ShimReport = read_report(results)
        self.words = (results / "backfleet-stderr").read_text()
        self.names = {path.name for path in results.iterdir()}
        assert done.returncode == 0


def watched() -> dict[str, str]:
    return {"BACKFLEET_DONE_FILE": "log.txt", "BACKFLEET_DONE_TEXT": DONE}


@pytest.mark.parametrize("shell", SHELLS)
def test_the_last_words_of_the_engine_are_kept_and_shown(tmp_path: Path, shell: list[str]) -> None:
    run = Run(tmp_path, shell, "import sys; print('no such library', file=sys.stderr); sys.exit(7)")
    assert run.report.exit_code == 7
    assert run.words == run.stderr == "no such library\n"
    assert run.names == {"backfleet-exit", "backfleet-stderr"}


@pytest.mark.parametrize("shell", SHELLS)
def test_words_without_end_fill_no_file_and_only_the_last_64_kib_are_kept(tmp_path: Path, shell: list[str]) -> None:
    code = """if True:
        import os, sys
        for _ in range(200):
            sys.stderr.write("x" * 10_000)
        sys.stderr.flush()
        files = [os.path.join(top, name) for top, _, names in os.walk(sys.argv[1] + "/..") for name in names]
        sizes = [os.stat(path).st_size for path in files]
        print(max(sizes), file=open(sys.argv[1] + "/seen", "w"))
        sys.stderr.write("the end")
    """
    run = Run(tmp_path, shell, code)
    assert int((tmp_path / "0" / "seen").read_text()) <= 65536
    assert len(run.words) == 65536
    assert run.words.endswith("xthe end")
    assert len(run.stderr) == 2_000_007


@pytest.mark.parametrize("shell", SHELLS)
def test_an_engine_without_the_file_that_it_needs_is_not_started(tmp_path: Path, shell: list[str]) -> None:
    needed = str(tmp_path / "main.py")
    run = Run(tmp_path, shell, "import sys; open(sys.argv[1] + '/ran', 'w')", BACKFLEET_NEEDED_FILE=needed)
    assert run.report.exit_code == 66
    assert run.words == f"file not found: {needed}. The engine was not started.\n"
    assert "ran" not in run.names
    (tmp_path / "main.py").touch()
    again = Run(tmp_path / "again", shell, "import sys; open(sys.argv[1] + '/ran', 'w')", BACKFLEET_NEEDED_FILE=needed)
    assert (again.report.exit_code, again.words) == (0, "")
    assert "ran" in again.names


@pytest.mark.parametrize("shell", SHELLS)
def test_an_engine_that_stays_after_all_is_written_is_ended_soon(tmp_path: Path, shell: list[str]) -> None:
    code = f"import sys, time; print('x: {DONE}', file=open(sys.argv[1] + '/log.txt', 'w')); time.sleep(20)"
    run = Run(tmp_path, shell, code, **watched())
    assert run.report.is_ended
    assert not run.report.is_timeout
    assert 2 <= run.seconds < 10


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("end", ["sys.exit(3)", "os.abort()"], ids=["an exit", "an abort"])
def test_an_engine_that_ends_by_itself_is_not_said_to_be_ended(tmp_path: Path, shell: list[str], end: str) -> None:
    code = f"import os, sys, time; print('{DONE}', file=open(sys.argv[1] + '/log.txt', 'w')); time.sleep(1); {end}"
    run = Run(tmp_path, shell, code, **watched())
    assert (run.report.exit_code, run.report.is_ended) == (134 if "abort" in end else 3, False)


@pytest.mark.parametrize("shell", SHELLS)
def test_an_engine_that_says_nothing_of_the_kind_is_let_be(tmp_path: Path, shell: list[str]) -> None:
    code = (
        f"import sys, time; print('{DONE[1:]}', file=open(sys.argv[1] + '/log.txt', 'w')); time.sleep(3); sys.exit(5)"
    )
    run = Run(tmp_path, shell, code, **watched())
    assert (run.report.exit_code, run.report.is_ended) == (5, False)


@pytest.mark.parametrize("trap", ["os.mkfifo(path)", "os.symlink('/dev/zero', path)", "os.mkdir(path)"])
def test_what_is_no_file_in_the_place_of_the_log_holds_nothing_up(tmp_path: Path, trap: str) -> None:
    code = f"import os, sys, time; path = sys.argv[1] + '/log.txt'; {trap}; time.sleep(1); sys.exit(5)"
    assert Run(tmp_path, ["/bin/sh"], code, **watched()).report.exit_code == 5


@pytest.mark.parametrize("shell", SHELLS)
def test_a_process_that_the_engine_leaves_behind_holds_nothing_up(tmp_path: Path, shell: list[str]) -> None:
    code = "import subprocess, sys; subprocess.Popen(['sleep', '50']); print('gone', file=sys.stderr)"
    run = Run(tmp_path, shell, code)
    assert run.report.exit_code == 0
    assert run.words == "gone\n"
    assert run.seconds < 20


@pytest.mark.parametrize("shell", SHELLS)
def test_a_run_past_its_timeout_keeps_its_last_words(tmp_path: Path, shell: list[str]) -> None:
    code = "import sys, time; print('on my way', file=sys.stderr, flush=True); time.sleep(50)"
    run = Run(tmp_path, shell, code, **{**watched(), "BACKFLEET_BACKTEST_TIMEOUT_SECONDS": "2"})
    assert run.report.is_timeout
    assert run.words == "on my way\n"


@pytest.mark.parametrize("shell", SHELLS)
def test_a_file_of_the_data_is_kept_for_the_recorder_within_bounds(tmp_path: Path, shell: list[str]) -> None:
    data = tmp_path / "rates.csv"
    data.write_text("r" * (1024 * 1024 + 5))
    Run(tmp_path / "some", shell, "pass", BACKFLEET_KEPT_FILE=str(data))
    assert (tmp_path / "some" / "0" / "backfleet-kept").stat().st_size == 1024 * 1024
    assert "backfleet-kept" not in Run(tmp_path / "none", shell, "pass", BACKFLEET_KEPT_FILE="/no/such/file").names
