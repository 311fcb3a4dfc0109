"""Runs the test suites side by side, so that a person can read them: progress, each suite's closing lines, and a verdict.

`python hack/suites.py [--logs FOLDER] NAME=COMMAND...` runs every command in a process group of its own, with its output in
`FOLDER/NAME.log`. The last line says passed or FAILED, which suite, and in which log; after a failure it is in `FOLDER/failed`
too, from where make takes its own last words. Exit codes: 0 when every suite passed, 1 when one failed, 128 and the signal's
number when a signal ended it; then no process of a suite is left.
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
"""How long a suite may take to end what its fixtures started, after SIGINT."""
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
    """A signal asks to end; `number` says which."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(number)


@dataclass(slots=True)
class Suite:
    """A command that runs, and where its output goes."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    started_at: float
    took_seconds: float | None = None

    @classmethod
    def start(cls, name: str, command: str, folder: Path) -> "Suite":
        """Start it in a session of its own: a terminal's Ctrl-C reaches it through us alone."""
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
        """The output so far."""
        return self.log.read_text(encoding="utf-8", errors="replace").splitlines()

    def has_ended(self) -> bool:
        """Whether it has just ended; true once."""
        if self.took_seconds is not None or self.process.poll() is None:
            return False
        self.took_seconds = time.monotonic() - self.started_at
        return True

    def stop(self) -> None:
        """End every process of its group, gently at first."""
        _signal_group(self.process.pid, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(CLEANING_SECONDS)
        # What does not hear SIGINT, as the background processes of a shell, is left over.
        for number in (signal.SIGTERM, signal.SIGKILL):
            _signal_group(self.process.pid, number)
            give_up_at = time.monotonic() + GRACE_SECONDS
            while _signal_group(self.process.pid, 0) and time.monotonic() < give_up_at:
                self.process.poll()
                time.sleep(LOOK_SECONDS)


def main(arguments: Sequence[str]) -> int:
    """Run the suites of the command line; the exit code."""
    parser = argparse.ArgumentParser(prog="python hack/suites.py", description=__doc__)
    parser.add_argument(
        "--logs", type=Path, default=Path("build/tests"), help="where the logs go (default: build/tests)"
    )
    parser.add_argument("suites", nargs="+", metavar="NAME=COMMAND", type=_parse_suite)
    options = parser.parse_args(arguments)
    options.logs.mkdir(parents=True, exist_ok=True)
    (options.logs / "failed").unlink(missing_ok=True)
    early: list[int] = []
    # Until every suite is known, a signal only waits: raised while one starts, it would leave that one running.
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
        print(f"\nended by {signal.Signals(error.number).name}, stopping what runs", flush=True)
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
    """The one line that says what came of all of it, and where to read on."""
    passed = [suite for suite in suites if suite.has_passed]
    failed = [suite for suite in suites if not suite.has_passed]
    if not failed:
        return f"PASSED: {', '.join(f'{each.name} in {_duration(each.took_seconds or 0)}' for each in suites)}; {_where(suites)}"
    told = " and ".join(f"{each.name} ({_ending(each.process.returncode)}, see {each.log})" for each in failed)
    return f"FAILED: {told}" + (f"; passed: {', '.join(each.name for each in passed)}" if passed else "")


def closing(lines: Sequence[str], has_passed: bool) -> list[str]:
    """What a person reads of a suite's output: pytest's closing lines, and the failures if there are any; bounded."""
    ends = [number for number, line in enumerate(lines) if _CLOSING.match(line)]
    if has_passed:
        return list(lines[ends[-1] :] if ends else lines[-LAST_LINES:])[-SHOWN_LINES:]
    begins = [number for number, line in enumerate(lines) if _FAILURES.match(line)]
    first = min([*begins, *ends], default=max(0, len(lines) - LAST_LINES))
    shown = list(lines[first:])
    if len(shown) <= SHOWN_LINES:
        return shown
    half = SHOWN_LINES // 2
    return [*shown[:half], f"... {len(shown) - 2 * half} lines more, see the log ...", *shown[-half:]]


def progress(lines: Sequence[str]) -> str:
    """How far a suite is: the percentage that pytest wrote last, or the last line of its output."""
    last = next((line.strip() for line in reversed(lines) if line.strip()), "no output yet")
    percent = next((found[-1] for line in reversed(lines) if (found := _PERCENT.findall(line))), None)
    return last[:100] if percent is None else f"{percent} %"


def _follow(suites: Sequence[Suite]) -> None:
    """Until all have ended: a line of progress at intervals, and each suite's closing lines when it ends."""
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
    """Send it (0 sends nothing); whether the group has processes."""
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
    """Raise once: the clean-up that follows must not be interrupted itself."""
    del frame
    _handle(signal.SIG_IGN)
    raise Interrupted(number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
