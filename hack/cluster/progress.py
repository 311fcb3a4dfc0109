"""Shows people what runs, how long it takes, and where its log is."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

HEARTBEAT_SECONDS = 20.0


class ClusterError(Exception):
    """An error that a person must fix. `log` names the file to read."""

    def __init__(self, message: str, log: Path | None = None) -> None:
        super().__init__(message)
        self.log = log


def say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


@contextmanager
def step(what: str, about: str = "") -> Iterator[None]:
    """Announce a step and report its elapsed time."""
    say(f"-- {what}" + (f" (about {about})" if about else ""))
    started = time.monotonic()
    try:
        yield
    except BaseException:
        say(f"   failed after {time.monotonic() - started:.1f} s: {what}")
        raise
    say(f"   done in {time.monotonic() - started:.1f} s")


def run_logged(
    command: Sequence[str],
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> None:
    """Run a command with all output in `log`. Raise a ClusterError that names the log if it fails."""
    log.parent.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with log.open("ab") as output:
        output.write(f"\n$ {' '.join(command)}\n".encode())
        output.flush()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=env, cwd=cwd)
        try:
            code = _wait_with_heartbeat(process, started)
        except BaseException:
            process.terminate()
            process.wait()
            raise
    if code != 0:
        raise ClusterError(f"{Path(command[0]).name} exited with {code}", log)


def _wait_with_heartbeat(process: "subprocess.Popen[bytes]", started: float) -> int:
    while True:
        try:
            return process.wait(HEARTBEAT_SECONDS)
        except subprocess.TimeoutExpired:
            say(f"   ... {time.monotonic() - started:.0f} s")


def capture(command: Sequence[str], env: Mapping[str, str] | None = None) -> str:
    """Return the standard output of a quick command. Raise a ClusterError with its error output if it fails."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=env, check=False)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()
        raise ClusterError(f"{' '.join(command)} exited with {done.returncode}: {said}")
    return done.stdout


def wait_until(what: str, is_met: Callable[[], bool], timeout_seconds: float, log: Path | None = None) -> None:
    """Poll until `is_met`. Raise ClusterError after the deadline."""
    deadline = time.monotonic() + timeout_seconds
    while not is_met():
        if time.monotonic() > deadline:
            raise ClusterError(f"timed out after {timeout_seconds:.0f} s, waiting for: {what}", log)
        time.sleep(0.1)
