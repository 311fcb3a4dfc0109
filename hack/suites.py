"""Runs test suites in parallel and shows their progress, the last lines of each suite, and a verdict.

`python hack/suites.py [--logs FOLDER] NAME=COMMAND...` runs each command in its own process group, with its output in
`FOLDER/NAME.log`. The last line begins with PASSED or FAILED and names the suites and their logs. After a failure, the line is
also in `FOLDER/failed`, where make reads it. Exit codes: 0 if every suite passed; 1 if one failed; 128 plus the signal's number
if a signal ended the run. In that case no process of a suite is left.
"""

import argparse
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

PROGRESS_SECONDS = 30.0
LOOK_SECONDS = 0.2
CLEANING_SECONDS = 60.0
"""How long the fixtures of a suite may take to clean up after SIGINT."""
GRACE_SECONDS = 10.0
SHOWN_LINES = 400
LAST_LINES = 40
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_CLOSING = re.compile(
    r"=+ short test summary info =+|=* ?\d+ (passed|failed|errors?|skipped|deselected)\b.* in [\d.]+s"
)
_FAILURES = re.compile(r"=+ (FAILURES|ERRORS) =+")
_PERCENT = re.compile(r"\[ *(\d+)%\]")


class Interrupted(BaseException):
    """A signal that asks to end. `number` is its number."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(number)


@dataclass(slots=True)
class Suite:
    """A running command, and where its output goes."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    started_at: float
    took_seconds: float | None = None

    @classmethod
    def start(cls, name: str, command: str, folder: Path) -> "Suite":
        """Start a suite in its own session, so that Ctrl-C reaches it only through this process."""
        log = folder / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                shlex.split(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        return cls(name, process, log, time.monotonic())

    @property
    def has_passed(self) -> bool:
        return self.process.returncode == 0

    def lines(self) -> list[str]:
        """Return the output so far."""
        return self.log.read_text(encoding="utf-8", errors="replace").splitlines()

    def has_ended(self) -> bool:
        """Return whether the suite has just ended. It is true once."""
        if self.took_seconds is not None or self.process.poll() is None:
            return False
        self.took_seconds = time.monotonic() - self.started_at
        return True

    def stop(self) -> None:
        """End every process of the suite's group, with SIGINT first."""
        _signal_group(self.process.pid, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(CLEANING_SECONDS)
        # Some processes ignore SIGINT, such as background processes of a shell.
        for number in (signal.SIGTERM, signal.SIGKILL):
            _signal_group(self.process.pid, number)
            give_up_at = time.monotonic() + GRACE_SECONDS
            while _signal_group(self.process.pid, 0) and time.monotonic() < give_up_at:
                self.process.poll()
                time.sleep(LOOK_SECONDS)


def main(arguments: Sequence[str]) -> int:
    """Run the suites of the command line, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python hack/suites.py", description=__doc__)
    parser.add_argument(
        "--logs", type=Path, default=Path("build/tests"), help="folder of the logs (default: build/tests)"
    )
    parser.add_argument("suites", nargs="+", metavar="NAME=COMMAND", type=_parse_suite)
    options = parser.parse_args(arguments)
    options.logs.mkdir(parents=True, exist_ok=True)
    (options.logs / "failed").unlink(missing_ok=True)
    early: list[int] = []
    # Until every suite has started, a signal only waits. Otherwise a suite that is just starting would keep running.
    _handle(lambda number, _: early.append(number))
    suites: list[Suite] = []
    try:
        for name, command in options.suites:
            suites.append(Suite.start(name, command, options.logs))
            print(f"{name}: started, its output is in {suites[-1].log}", flush=True)
        _handle(_interrupt)
        if early:
            _interrupt(early[0], None)
        _follow(suites)
    except Interrupted as error:
        print(f"\nended by {signal.Signals(error.number).name}, stopping the suites", flush=True)
        for suite in suites:
            suite.stop()
        print(f"INTERRUPTED: {_where(suites)}", flush=True)
        return 128 + error.number
    said, has_passed = verdict(suites), all(suite.has_passed for suite in suites)
    if not has_passed:
        (options.logs / "failed").write_text(f"{said}\n", encoding="utf-8")
    print(said, flush=True)
    return 0 if has_passed else 1


def verdict(suites: Sequence[Suite]) -> str:
    """Return the line that says which suites passed or failed, and names their logs."""
    passed = [suite for suite in suites if suite.has_passed]
    failed = [suite for suite in suites if not suite.has_passed]
    if not failed:
        return f"PASSED: {', '.join(f'{each.name} in {_duration(each.took_seconds or 0)}' for each in suites)}; {_where(suites)}"
    told = " and ".join(f"{each.name} ({_ending(each.process.returncode)}, see {each.log})" for each in failed)
    return f"FAILED: {told}" + (f"; passed: {', '.join(each.name for each in passed)}" if passed else "")


def closing(lines: Sequence[str], has_passed: bool) -> list[str]:
    """Return the lines of a suite's output that people need: pytest's last lines, and failures. Their number is bounded."""
    ends = [number for number, line in enumerate(lines) if _CLOSING.match(line)]
    if has_passed:
        return list(lines[ends[-1] :] if ends else lines[-LAST_LINES:])[-SHOWN_LINES:]
    begins = [number for number, line in enumerate(lines) if _FAILURES.match(line)]
    first = min([*begins, *ends], default=max(0, len(lines) - LAST_LINES))
    shown = list(lines[first:])
    if len(shown) <= SHOWN_LINES:
        return shown
    half = SHOWN_LINES // 2
    return [*shown[:half], f"... {len(shown) - 2 * half} more lines, see the log ...", *shown[-half:]]


def progress(lines: Sequence[str]) -> str:
    """Return the progress of a suite: the last percentage of pytest, or the last line of the output."""
    last = next((line.strip() for line in reversed(lines) if line.strip()), "no output yet")
    percent = next((found[-1] for line in reversed(lines) if (found := _PERCENT.findall(line))), None)
    return last[:100] if percent is None else f"{percent} %"


def _follow(suites: Sequence[Suite]) -> None:
    """Show progress at intervals until all suites have ended, and the last lines of each suite when it ends."""
    told_at = time.monotonic()
    while any(suite.took_seconds is None for suite in suites):
        for suite in suites:
            if suite.has_ended():
                _show(suite)
        if time.monotonic() >= told_at + PROGRESS_SECONDS:
            told_at = time.monotonic()
            going = [each for each in suites if each.took_seconds is None]
            told = "; ".join(f"{each.name} {progress(each.lines())}" for each in going)
            print(f"{_duration(told_at - suites[0].started_at)}  {told}", flush=True)
        time.sleep(LOOK_SECONDS)


def _show(suite: Suite) -> None:
    word = "passed" if suite.has_passed else f"FAILED, {_ending(suite.process.returncode)}"
    print(f"\n----- {suite.name}: {word}, after {_duration(suite.took_seconds or 0)} -----")
    print("\n".join(closing(suite.lines(), suite.has_passed)), end="\n\n", flush=True)


def _ending(code: int) -> str:
    return f"ended by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _where(suites: Sequence[Suite]) -> str:
    return "logs: " + ", ".join(str(each.log) for each in suites)


def _duration(seconds: float) -> str:
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"


def _signal_group(group: int, number: int) -> bool:
    """Send a signal to a group (0 sends nothing), and return whether the group has processes."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True


def _parse_suite(text: str) -> tuple[str, str]:
    name, _, command = text.partition("=")
    if not re.fullmatch(r"[a-z0-9-]+", name) or not command:
        raise argparse.ArgumentTypeError(f"expected NAME=COMMAND with a name of a-z, 0-9 and -, got {text!r}")
    return name, command


def _handle(handler: Callable[[int, FrameType | None], None] | signal.Handlers) -> None:
    for number in _SIGNALS:
        signal.signal(number, handler)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Raise Interrupted once, since the cleanup after it must not be interrupted."""
    del frame
    _handle(signal.SIG_IGN)
    raise Interrupted(number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
