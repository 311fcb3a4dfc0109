"""The driver's end of the two pipes to the supervisor: orders come in, events go out, both as lines of JSON."""

import json
import os
import select
import threading
from collections.abc import Iterator
from typing import Any, NoReturn

HEARTBEAT_SECONDS = 2.0
MAX_WORDS = 600


class Channel:
    """The pipes to the supervisor."""

    def __init__(self, orders: int, events: int) -> None:
        for each in (orders, events):
            os.set_inheritable(each, False)
        self._orders = os.fdopen(orders, encoding="utf-8")
        self._events = events
        self._lock = threading.Lock()
        threading.Thread(target=self._show_life, daemon=True).start()

    def send(self, event: str, **values: object) -> None:
        """Send an event, with the memory that the process has."""
        line = json.dumps({"event": event, **values, "resident_mib": resident_mib()}) + "\n"
        with self._lock:
            os.write(self._events, line.encode())

    def orders(self) -> Iterator[dict[str, Any]]:
        """Yield the orders until the supervisor closes the pipe."""
        for line in self._orders:
            yield json.loads(line)

    def leave(self, code: int, words: str) -> NoReturn:
        """End the process without the shutdowns of Python and .NET, which wait or crash."""
        try:
            self.send("leave", words=words[:MAX_WORDS])
        finally:
            os._exit(code)

    def _show_life(self) -> None:
        poll = select.poll()
        poll.register(self._orders.fileno(), 0)
        try:
            while not poll.poll(HEARTBEAT_SECONDS * 1000):
                self.send("alive")
        finally:
            # The supervisor has gone.
            os._exit(0)


def resident_mib() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20
