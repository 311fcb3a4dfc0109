"""Runs the members of a pack in warm processes of LEAN, one after the other, and leaves the reports of the shim.

A member that fails is reported as it is, and the next one goes on: in the same process, or in a new one if that has died, was
killed at a member's timeout, left a thread behind, or has run its members or grown to its limit of memory. This package needs
the image's Python alone, and imports nothing of Backfleet.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from . import folders
from .orders import Orders, OrdersInvalid, read_orders
from .process import WarmProcess

EXIT_OK, EXIT_ERROR = 0, 1
CODE_TIMEOUT, CODE_ABORTED = 124, 134
CODE_BARREN = 70
"""The code of a member that no process began: EX_SOFTWARE of sysexits.h."""
CODE_UNFIT = 76
"""The driver's own, if LEAN lacks a name that it needs."""
MAX_BARREN = 2
MAX_WORDS = 300
NEVER = "Set spec.engine.warm to never to run each backtest in a process of its own."

Event = dict[str, Any]


class Supervisor:
    """The members of one pack, and the process that runs them."""

    def __init__(self, orders: Orders, sources: Mapping[str, str]) -> None:
        self._orders, self._sources = orders, sources
        self._deadline = time.monotonic() + orders.left_seconds
        self._process: WarmProcess | None = None
        self._barren: list[str] = []
        self._is_unfit = False
        # The folder of links to the data, which the engine's command made before, stays.
        links = Path(orders.data_folder) if orders.data_folder else None
        self._prepared = {} if links is None else {links.parent: {links.name}}
        self._kept: dict[Path, set[str]] = {}
        self._termination_log: int | None = None
        # Without the file, a death of the whole container names no member.
        with suppress(OSError):
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            self._termination_log = os.open(orders.termination_log, flags, 0o644)

    def run(self) -> None:
        """Run the members from the first one on, until the time of the pack is over."""
        position = self._orders.first
        while position < len(self._orders.members):
            if self._is_unfit or len(self._barren) >= MAX_BARREN:
                self._report_barren(position)
                position += 1
            elif not self._may_begin(position):
                return
            # A start takes long: the time may be over after it.
            elif self._is_ready(position) and self._may_begin(position):
                position += self._run_member(position)

    def end(self) -> None:
        """End the process that runs."""
        process, self._process = self._process, None
        if process is not None:
            process.end()

    def _may_begin(self, position: int) -> bool:
        return position == self._orders.first or time.monotonic() < self._deadline

    def _is_ready(self, position: int) -> bool:
        """Start a process if there is none, and report whether it can take a member."""
        self._show(position)
        is_new = self._process is None
        if self._process is None:
            folders.empty(self._orders.scratch, self._prepared)
            self._process = WarmProcess(self._orders, position, self._sources)
        if self._next("ready", self._orders.start_seconds, is_watched=not is_new) is None:
            self._give_up(f"was not ready for a backtest within {self._orders.start_seconds} s")
            return False
        if is_new:
            # What LEAN itself keeps there.
            self._kept = folders.names_in(self._orders.scratch)
        return True

    def _run_member(self, position: int) -> int:
        """Run a member in the process that is ready. Return 1 if it began, and 0 if it must run in another process."""
        process, orders = self._process, self._orders
        assert process is not None
        self._prepare(position)
        process.read_rest()
        process.take_words()
        started, began, kills = time.time(), time.monotonic(), folders.oom_kills()
        process.order(position, orders.config_path)
        if self._next("begin", orders.start_seconds, is_watched=True) is None:
            self._give_up(f"did not begin a backtest within {orders.start_seconds} s")
            return 0
        process.began += 1
        self._barren = []
        code = self._end_of_member(began + orders.limit_seconds - time.monotonic())
        ran = time.monotonic() - began
        self._report(position, code, (started, time.time(), ran), folders.oom_kills() - kills, process.take_words())
        return 1

    def _prepare(self, position: int) -> None:
        orders = self._orders
        folders.empty(orders.scratch, _merged(self._kept, self._prepared))
        folder = orders.results / str(position)
        folders.make_empty(folder)
        folders.copy_kept(orders.kept_file, folder)
        folders.write_new(orders.config_path, json.dumps(orders.configuration(position)).encode())
        index, number = orders.members[position]
        _write(1, (folders.MEMBER_LINE % (index, number, position + 1, len(orders.members))).encode())

    def _end_of_member(self, seconds: float) -> int:
        """Wait for the end of the member that runs, end its process if no other one may follow there, and return its code."""
        process = self._process
        assert process is not None
        event = self._next("end", seconds)
        if event is None:
            code = process.code
            self.end()
            return CODE_TIMEOUT if code is None else code
        process.read_rest()
        is_full = process.began >= self._orders.members_per_process
        is_large = event.get("resident_mib", 0) > self._orders.memory_mib
        if event.get("error") or event.get("left") or is_full or is_large:
            self.end()
        if event.get("error"):
            return CODE_ABORTED
        return 0 if str(event.get("state")).upper() == "COMPLETED" else 1

    def _next(self, name: str, seconds: float, *, is_watched: bool = False) -> Event | None:
        """Wait for this event; others are not the driver's. Return None if it cannot come or did not come in time.

        If it `is_watched`, a driver that shows no sign of life has a fifth of the time of a start.
        """
        assert self._process is not None
        deadline = time.monotonic() + seconds
        silence = self._orders.start_seconds / 5 if is_watched else seconds
        while True:
            event = self._process.next_event(deadline, silence)
            if event is None or event["event"] == name:
                return event

    def _give_up(self, late: str) -> None:
        """End a process that takes no member, and remember why if it never began one."""
        process = self._process
        assert process is not None
        why = late if process.code is None else f"ended with exit code {process.code}"
        self._is_unfit = process.code == CODE_UNFIT
        self.end()
        words = process.take_words().decode("utf-8", "replace").strip()
        said = (words[-MAX_WORDS:], process.said[-MAX_WORDS:], f"A warm process of LEAN {why}.")
        self._barren = [] if process.began else [*self._barren, "\n".join(filter(None, said))]

    def _report_barren(self, position: int) -> None:
        """Report a member as failed that no process began, so that nothing waits for ever."""
        self._show(position)
        self._prepare(position)
        words = f"{self._barren[-1]}\nThis backtest did not begin. {NEVER}\n".encode()
        _write(1, words)
        now = time.time()
        self._report(position, CODE_BARREN, (now, now, 0.0), 0, words)
        if not self._is_unfit:
            self._barren = []

    def _report(self, position: int, code: int, times: Sequence[float], kills: int, words: bytes) -> None:
        started, finished, ran = (int(1000 * each) for each in times)
        limit = int(1000 * self._orders.timeout_seconds)
        text = folders.REPORT % (code, started, finished, kills, 0, ran, limit)
        folders.leave_report(self._orders.results / str(position), text, words)

    def _show(self, position: int) -> None:
        """Leave the position in the termination log. It never gets shorter, so it always covers the one before."""
        if self._termination_log is not None:
            os.pwrite(self._termination_log, b"%d" % position, 0)


def main(variables: Mapping[str, str], arguments: Sequence[str], sources: Mapping[str, str]) -> int:
    """Run the pack that the variables describe with the launcher in the arguments, and return the exit code."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        orders = read_orders(variables, arguments)
    except OrdersInvalid as error:
        print(f"lean-warm: {error}", file=sys.stderr)
        return EXIT_ERROR
    supervisor = Supervisor(orders, sources)
    try:
        supervisor.run()
    finally:
        supervisor.end()
    return EXIT_OK


def _terminate(number: int, _: object) -> NoReturn:
    raise SystemExit(128 + number)


def _merged(one: Mapping[Path, set[str]], other: Mapping[Path, set[str]]) -> dict[Path, set[str]]:
    return {path: one.get(path, set()) | other.get(path, set()) for path in {*one, *other}}


def _write(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
