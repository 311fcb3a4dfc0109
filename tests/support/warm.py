"""Warm packs whose launcher obeys: the real shim and supervisor, and a small program as LEAN's process."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from backfleet.engines.lean.warm.delivery import program, supervised
from tests.support.engines import make_request
from tests.support.packs import pack_of_all
from tests.support.shim_runs import ShimRun, run_each

LAUNCHER = r"""
import json, os, signal, subprocess, sys, time
settings = json.loads(os.environ.pop("BACKFLEET_WARM_PROCESS"))
config = json.load(open(sys.argv[sys.argv.index("--config") + 1]))
here = os.environ["TEST_FOLDER"]
with open(here + "/starts", "a") as file:
    file.write(str(os.getpid()) + "\n")
start = len(open(here + "/starts").readlines())
orders = os.fdopen(settings["orders"])
def raw(text):
    os.write(settings["events"], text.encode())
def send(event, **values):
    raw(json.dumps({"event": event, "resident_mib": 10, **values}) + "\n")
exec(os.environ.get("TEST_START", ""))
send("ready")
for line in orders:
    order = json.loads(line)
    member = json.load(open(order["config"]))
    folder, do = member["results-destination-folder"], member["parameters"]["do"]
    result = {"state": "Completed", "error": "", "left": ""}
    moment, _, code = do.partition(": ")
    def at(point):
        if moment == point:
            exec(code, globals())
    at("before begin")
    send("begin", position=order["position"])
    at("after begin")
    with open(folder + "/result", "w") as file:
        file.write(do)
    send("end", position=order["position"], **result)
    at("after end")
    send("ready")
"""
"""Each member has a parameter `do`: a moment and code that runs then. The variable TEST_START has code that runs before it is
ready; `start` is the number of the process.
"""


def run_warm(
    folder: Path, *members: str, timeout: int = 30, seconds: int = 300, arguments: Sequence[str] = (), **more: str
) -> ShimRun:
    """Run a pack whose members do what they say. `seconds` are the time of the pack."""
    environment = warm_environment(folder, *members)
    pack = pack_of_all(make_request("Noop"), *({"do": each} for each in members))
    environment["BACKFLEET_COMMAND_TIMEOUT_SECONDS"] = str(timeout + seconds + 10)
    launcher = (sys.executable, "-I", "-S", str(folder / "launcher.py"), *arguments)
    return run_each(pack, folder / "results", supervised(launcher), timeout, seconds, **environment | more)


def warm_environment(folder: Path, *members: str) -> dict[str, str]:
    """Return the variables of a warm pack in a folder, and write the launcher there."""
    (folder / "launcher.py").write_text(LAUNCHER)
    for name in ("bin", "scratch"):
        (folder / name).mkdir(exist_ok=True)
    python = folder / "bin/python3"
    if not python.exists():
        python.symlink_to(sys.executable)
    return {
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        "TEST_FOLDER": str(folder),
        "BACKFLEET_WARM_PROGRAM": program(),
        "BACKFLEET_ENGINE_CONFIG": '{"results-destination-folder":"\n","parameters":{\n}}',
        "BACKFLEET_ENGINE_CONFIG_LINES": "\n".join(f'"do":{json.dumps(each)}' for each in members),
        "BACKFLEET_ENGINE_CONFIG_PATH": str(folder / "scratch/lean-config.json"),
        "BACKFLEET_SCRATCH_PATHS": str(folder / "scratch"),
    }


def starts(folder: Path) -> list[int]:
    """Return the process ids of the launchers, in order."""
    file = folder / "starts"
    return [int(line) for line in file.read_text().split()] if file.exists() else []


def results_of(run: ShimRun, positions: Sequence[int]) -> list[bool]:
    """Report for each position whether its result is there."""
    return [(run.folder / str(position) / "result").is_file() for position in positions]
