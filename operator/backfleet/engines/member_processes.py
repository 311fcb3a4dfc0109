"""Runs functions in processes forked from this one, one after the other: each has a process group, a limit and its stderr kept.

A process that fails, hangs, is killed or leaves others behind ends alone.
"""

import gc
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from math import ceil
from pathlib import Path
from typing import NoReturn

from backfleet.engines.program import EXIT_ERROR
from backfleet.engines.shim import KILL_GRACE_SECONDS, MAX_WORDS_BYTES

Compute = Callable[[Path], int]
"""Runs in the member's own process: takes its results folder, returns its exit code."""

CODE_TIMEOUT = 124
DRAIN_SECONDS = 2.0
"""How long a process that a member left behind may hold its stderr."""


class MemberProcesses:
    """The processes of members. SIGTERM ends this process, and the one that runs."""

    def __init__(self) -> None:
        self._running: int | None = None

    def __enter__(self) -> "MemberProcesses":
        self._wakeup, write = os.pipe()
        os.set_blocking(self._wakeup, False)
        os.set_blocking(write, False)
        # The end of a child writes to the pipe, so that one poll waits for it and for its stderr.
        self._write_before = signal.set_wakeup_fd(write, warn_on_full_buffer=False), write
        self._handlers = {each: signal.signal(each, _HANDLERS[each]) for each in _HANDLERS}
        return self

    def __exit__(self, *_: object) -> None:
        if self._running is not None:
            _kill_group(self._running, signal.SIGKILL)
        for each, handler in self._handlers.items():
            signal.signal(each, handler)
        before, write = self._write_before
        signal.set_wakeup_fd(before)
        os.close(write)
        os.close(self._wakeup)

    def run(self, compute: Compute, folder: Path, limit_seconds: int) -> tuple[int, bytes]:
        """Run a member. Return its exit code, as a shell and `timeout` give it, and the end of its stderr.

        A limit of 0 is none.
        """
        stderr, write = os.pipe()
        # What exists now is never garbage to the member, so that its collections leave the shared pages alone.
        gc.freeze()
        pid = self._running = os.fork()
        if pid == 0:
            _become_member(compute, folder, write)
        os.close(write)
        with suppress(OSError):  # the member does the same, and may have ended
            os.setpgid(pid, pid)
        words = _Words(stderr)
        try:
            code = self._wait(pid, words, limit_seconds or float("inf"))
            self._running = None
            _kill_group(pid, signal.SIGKILL)
            words.drain(time.monotonic() + DRAIN_SECONDS)
        finally:
            os.close(stderr)
        return code, bytes(words.kept)

    def _wait(self, pid: int, words: "_Words", limit: float) -> int:
        deadlines = iter((time.monotonic() + limit, time.monotonic() + limit + KILL_GRACE_SECONDS, float("inf")))
        deadline, code = next(deadlines), None
        signals = iter(((signal.SIGTERM, CODE_TIMEOUT), (signal.SIGKILL, 128 + signal.SIGKILL)))
        while True:
            words.wait(self._wakeup, deadline)
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                own = os.waitstatus_to_exitcode(status)
                return code if code is not None else own if own >= 0 else 128 - own
            if time.monotonic() >= deadline:
                number, code = next(signals)
                _kill_group(pid, number)
                deadline = next(deadlines)


class _Words:
    """A member's stderr: shown in the log as it comes, and its end kept."""

    def __init__(self, pipe: int) -> None:
        self.kept = bytearray()
        self._pipe = pipe
        self._poll = select.poll()
        self._poll.register(pipe, select.POLLIN)
        self._is_open = True

    def wait(self, wakeup: int, deadline: float) -> None:
        """Wait for words, a byte from `wakeup`, or the deadline."""
        self._poll.register(wakeup, select.POLLIN)
        for descriptor, _ in self._poll.poll(_milliseconds_until(deadline)):
            if descriptor == wakeup:
                with suppress(BlockingIOError):
                    os.read(wakeup, 4096)
            else:
                self._read()

    def drain(self, deadline: float) -> None:
        """Read what is left, until everybody has closed it or the deadline."""
        poll = select.poll()
        poll.register(self._pipe, select.POLLIN)
        while self._is_open and poll.poll(_milliseconds_until(deadline)):
            self._read()

    def _read(self) -> None:
        chunk = os.read(self._pipe, 65536)
        if not chunk:
            self._is_open = False
            self._poll.unregister(self._pipe)
            return
        # The supervisor's own stderr has its own words alone, which the shim keeps if it dies.
        write_all(1, chunk)
        self.kept += chunk
        del self.kept[:-MAX_WORDS_BYTES]


def write_all(descriptor: int, content: bytes) -> None:
    """Write all of it, however little a pipe takes at once."""
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _become_member(compute: Compute, folder: Path, stderr: int) -> NoReturn:
    code = EXIT_ERROR
    try:
        os.setpgid(0, 0)
        signal.set_wakeup_fd(-1)
        for each in _HANDLERS:
            signal.signal(each, signal.SIG_DFL)
        os.dup2(stderr, 2)
        code = compute(folder)
    except BaseException:  # noqa: BLE001 - nothing of the supervisor's may run in this process
        sys.excepthook(*sys.exc_info())
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError):
                stream.flush()
        os._exit(code)


def _terminate(number: int, _: object) -> NoReturn:
    raise SystemExit(128 + number)


_HANDLERS = {signal.SIGCHLD: lambda *_: None, signal.SIGTERM: _terminate}


def _milliseconds_until(deadline: float) -> int | None:
    if deadline == float("inf"):
        return None
    return max(0, ceil(1000 * (deadline - time.monotonic())))


def _kill_group(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, number)
