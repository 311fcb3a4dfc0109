"""Records our own processes by pid and start time, so that no other process is ever ended."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from hack.cluster.progress import ClusterError


@dataclass(frozen=True, slots=True)
class Recorded:
    """A process with its pid and start tick, which together identify it."""

    pid: int
    started_ticks: int


def parse_started_ticks(stat: str) -> int:
    """Return field 22 of /proc/PID/stat. The name before it may have spaces and parentheses."""
    return int(stat.rpartition(")")[2].split()[19])


def parse_state(stat: str) -> str:
    return stat.rpartition(")")[2].split()[0]


def observe(pid: int) -> Recorded | None:
    """Return the current process with this pid, or None. A zombie counts as gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    if parse_state(stat) == "Z":
        return None
    return Recorded(pid, parse_started_ticks(stat))


def record(file: Path, pid: int) -> Recorded:
    seen = observe(pid)
    if seen is None:
        raise ClusterError(f"process {pid} ended before it could be recorded in {file}")
    file.write_text(json.dumps(asdict(seen)))
    return seen


def recorded_alive(file: Path) -> Recorded | None:
    """Return the recorded process if it still runs."""
    try:
        recorded = Recorded(**json.loads(file.read_text()))
    except FileNotFoundError:
        return None
    return recorded if observe(recorded.pid) == recorded else None


def end(recorded: Recorded, how: signal.Signals, timeout_seconds: float) -> None:
    """Signal the process and wait until it is gone."""
    deadline = time.monotonic() + timeout_seconds
    if observe(recorded.pid) == recorded:
        os.kill(recorded.pid, how)
    while observe(recorded.pid) == recorded:
        if time.monotonic() > deadline:
            raise ClusterError(f"process {recorded.pid} did not end in {timeout_seconds:.0f} s")
        time.sleep(0.02)


def first_child(pid: int) -> int | None:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(children[0]) if children else None


def start_detached(command: Sequence[str], log: Path, prepare: Callable[[], None] | None = None) -> int:
    """Start a process that outlives this one, with its output in `log`. `prepare` runs in it first."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=prepare,  # noqa: PLW1509 - there are no threads here
            cwd="/",
        )
    return process.pid
