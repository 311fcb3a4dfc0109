"""Kills for memory are counted for the member that ran, by the shim and by a supervisor: not for those after it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from backfleet.core.packs import PackRequest
from backfleet.engines import shim
from backfleet.engines.lean.warm.delivery import supervised
from backfleet.engines.reports import read_report
from tests.support.engines import make_request
from tests.support.packs import command_environment, pack_of_all, shim_environment
from tests.support.shim_runs import ROOT
from tests.support.warm import warm_environment

ALONE = ["unshare", "--mount"]
IS_ALONE = (
    shutil.which("unshare") and subprocess.run([*ALONE, "true"], check=False, capture_output=True).returncode == 0
)
EVENTS = "/sys/fs/cgroup/memory.events"
CGROUP = f"mount -t tmpfs none /sys/fs/cgroup && printf 'oom 9\\noom_kill 3\\n' > {EVENTS} && exec \"$@\""
"""A cgroup of the test's own, in which a process was killed three times before."""
KILLED = f"open({EVENTS!r}, 'w').write('oom 9\\noom_kill 5\\n')"

pytestmark = pytest.mark.skipif(not IS_ALONE, reason="needs the right to make a mount namespace")


def run_of(of: str, pack: PackRequest, results: Path) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the command and the variables of a pack whose second member sees two processes killed."""
    if of == "the shim":
        code = f"import os\nif os.environ['BACKFLEET_PACK_FIRST'] == '1': {KILLED}"
        return (sys.executable, "-c", code), shim_environment(pack, results)
    if of == "a warm supervisor":
        variables = shim_environment(pack, results) | warm_environment(results.parent, "", f"after begin: {KILLED}", "")
        variables["BACKFLEET_COMMAND_TIMEOUT_SECONDS"] = "300"
        return supervised((sys.executable, "-I", "-S", str(results.parent / "launcher.py"))), variables
    code = (
        "import os; from backfleet.engines.forking import run_pack\n"
        f"def compute(folder):\n    if folder.name == '1': {KILLED}\n    return 0\n"
        "raise SystemExit(run_pack('test', os.environ, lambda request: compute))"
    )
    return (sys.executable, "-c", code), command_environment(pack, results)


@pytest.mark.parametrize("of", ["the shim", "a supervisor", "a warm supervisor"])
def test_the_count_of_a_member_is_a_difference(tmp_path: Path, of: str) -> None:
    results = tmp_path / "results"
    results.mkdir()
    pack = pack_of_all(make_request("Noop"), *({"value": str(value)} for value in range(3)))
    command, variables = run_of(of, pack, results)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "operator"), **variables}
    words = [*ALONE, "sh", "-c", CGROUP, "cgroup", *shim.command(command)]
    subprocess.run(words, env=environment, check=True, timeout=60, stdout=subprocess.DEVNULL)
    reports = [read_report(results / str(position)) for position in range(3)]
    assert [(each.exit_code, each.oom_kills) for each in reports] == [(0, 0), (0, 2), (0, 0)]
