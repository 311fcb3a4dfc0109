"""One process of LEAN that runs several members: its start, the pipes to the driver in it, and its end."""

import json
import os
import select
import signal
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from .folders import write_new
from .orders import Orders

PACKAGE, ENTRY = "backfleet_warm", "backfleet_warm_main"
"""Not the name of any module of a project: two of one name wait for each other."""
MODULES = ("__init__", "channel", "python_state", "driver")
POLL_SECONDS = 0.1
DRAIN_SECONDS = 2.0
MAX_LINE_BYTES = 64 * 1024
MAX_WORDS_BYTES = 64 * 1024
CREATION_SECONDS = 10**7
"""LEAN limits the creation of an algorithm, and all members run within that of the driver."""


class WarmProcess:
    """A launcher with the driver in it.

    `began` counts the members that it began. `code` is None while it runs, and then its exit code as a shell gives it.
    """

    def __init__(self, orders: Orders, position: int, sources: Mapping[str, str]) -> None:
        self.began, self.said = 0, ""
        self.code: int | None = None
        self._found: deque[dict[str, Any]] = deque()
        self._line, self._words = bytearray(), bytearray()
        self._heard = time.monotonic()
        folder = _write_driver(orders, position, sources)
        taken, self._orders = os.pipe()
        self._events, given = os.pipe()
        settings = {"orders": taken, "events": given, "memory_mib": orders.memory_mib}
        self._process = subprocess.Popen(  # noqa: S603 (the launcher of the engine's own command)
            [*orders.launcher, "--config", str(folder / "config.json")],
            env={**os.environ, "BACKFLEET_WARM_PROCESS": json.dumps(settings)},
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=(taken, given),
            start_new_session=True,
        )
        os.close(taken)
        os.close(given)
        assert self._process.stderr is not None
        self._stderr = self._process.stderr.fileno()
        self._poll = select.poll()
        for each in (self._events, self._stderr):
            os.set_blocking(each, False)
            self._poll.register(each, select.POLLIN)

    def order(self, position: int, config: Path) -> None:
        """Order the driver to run a member."""
        self._heard = time.monotonic()
        with suppress(BrokenPipeError):
            os.write(self._orders, json.dumps({"position": position, "config": str(config)}).encode() + b"\n")

    def next_event(self, deadline: float, silence_seconds: float) -> dict[str, Any] | None:
        """Wait for the driver's next event.

        Return None if the process has ended (then `code` is set), at the deadline, or if the driver showed no sign of life for
        so long.
        """
        while True:
            # Before reading: what it wrote last is then seen too.
            has_ended = self._process.poll() is not None
            now = time.monotonic()
            self._read(0 if has_ended else max(0.0, min(POLL_SECONDS, deadline - now)))
            while self._found:
                event = self._found.popleft()
                self._heard = time.monotonic()
                if event["event"] == "leave":
                    self.said = str(event.get("words", ""))
                elif event["event"] != "alive":
                    return event
            if has_ended:
                self.code = _shell_code(self._process.returncode)
                return None
            if now >= deadline or now - self._heard > silence_seconds:
                return None

    def take_words(self) -> bytes:
        """Return the end of what it wrote to stderr since the last call."""
        words, self._words = bytes(self._words), bytearray()
        return words

    def read_rest(self) -> None:
        """Read what is in the pipes already."""
        self._read(0)

    def end(self) -> None:
        """Kill the process and all of its group at once: a driver that is stuck takes no other signal."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        deadline = time.monotonic() + DRAIN_SECONDS
        while self._read(POLL_SECONDS) and time.monotonic() < deadline:
            pass
        self.code = _shell_code(self._process.returncode)
        for each in (self._orders, self._events):
            os.close(each)
        assert self._process.stderr is not None
        self._process.stderr.close()

    def _read(self, seconds: float) -> bool:
        """Read what comes within that time; report whether anybody can still write."""
        is_open = False
        for descriptor, _ in self._poll.poll(seconds * 1000):
            with suppress(BlockingIOError):
                chunk = os.read(descriptor, 65536)
                if not chunk:
                    self._poll.unregister(descriptor)
                    continue
                self._take_events(chunk) if descriptor == self._events else self._take_words(chunk)
            is_open = True
        return is_open

    def _take_events(self, chunk: bytes) -> None:
        """Take whole lines that are events. The project's code shares the process with the driver, and may write others."""
        self._line += chunk
        *lines, rest = self._line.split(b"\n")
        self._line = rest[-MAX_LINE_BYTES:]
        for line in lines:
            with suppress(ValueError, RecursionError):
                event = json.loads(line)
                if isinstance(event, dict) and isinstance(event.get("event"), str):
                    self._found.append(event)

    def _take_words(self, chunk: bytes) -> None:
        # The supervisor's own stderr has its own words alone, which the shim keeps if it dies.
        rest = memoryview(chunk)
        while rest:
            rest = rest[os.write(1, rest) :]
        self._words += chunk
        del self._words[:-MAX_WORDS_BYTES]


def _write_driver(orders: Orders, position: int, sources: Mapping[str, str]) -> Path:
    """Write the driver and the launcher's configuration into a new folder: no member of another process wrote there."""
    folder = Path(tempfile.mkdtemp(prefix="lean-warm-", dir=orders.config_path.parent))
    (folder / PACKAGE).mkdir()
    for name in MODULES:
        write_new(folder / PACKAGE / f"{name}.py", sources[name].encode())
    write_new(folder / f"{ENTRY}.py", f"from {PACKAGE}.driver import main\n\nmain()\n".encode())
    configuration = {
        **orders.configuration(position),
        "algorithm-language": "Python",
        "algorithm-location": str(folder / f"{ENTRY}.py"),
        "algorithm-type-name": ENTRY,
        "algorithm-creation-timeout": CREATION_SECONDS,
        "parameters": {},
        "results-destination-folder": str(folder / "results"),
    }
    write_new(folder / "config.json", json.dumps(configuration).encode())
    return folder


def _shell_code(code: int) -> int:
    return 128 - code if code < 0 else code
