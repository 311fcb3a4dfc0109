"""Following a batch to its end: polls with a deadline and backoff, and outlives a short outage of the API."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from backfleet.core.errors import Unavailable
from backfleet_api.schemas import ENDED, Batch
from backfleet_client.exits import TimedOut

SHORTEST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 5.0
LONGEST_OUTAGE_PAUSE_SECONDS = 15.0
PATIENCE_SECONDS = 300.0
"""How long the API may be away before watching gives up."""
REQUEST_SECONDS = 10.0


class Display(Protocol):
    """Who shows what is seen."""

    def show(self, batch: Batch) -> None:
        """The batch as it is now; called for every look."""

    def note(self, text: str) -> None:
        """Something about the watching itself."""


@dataclass(frozen=True, slots=True)
class Clock:
    """Seconds on a clock that never goes back, and how to let them pass."""

    now: Callable[[], float]
    sleep: Callable[[float], None]


def sight(batch: Batch) -> tuple[object, ...]:
    """What counts as a change; pace and estimates move by themselves."""
    return (batch.state, batch.counts, batch.best, batch.finish, batch.message)


def follow(
    look: Callable[[float], Batch], display: Display, clock: Clock, timeout_seconds: float | None = None
) -> Batch:
    """Look until the batch has ended, and return it; `look` gets the seconds that it may take.

    TimedOut at the deadline; Unavailable when the first look finds no API, or when it stays away for PATIENCE_SECONDS;
    NotFound when the batch is gone.
    """
    deadline = math.inf if timeout_seconds is None else clock.now() + timeout_seconds
    outage = _Outage(display, clock)
    last: Batch | None = None
    pause = SHORTEST_PAUSE_SECONDS
    while True:
        try:
            batch = look(min(REQUEST_SECONDS, deadline - clock.now()))
        except Unavailable as error:
            _check(deadline, clock)
            if last is None or outage.is_too_long():
                raise
            outage.go_on(error)
            pause = min(pause * 2, LONGEST_OUTAGE_PAUSE_SECONDS)
        else:
            outage.end()
            display.show(batch)
            if batch.state in ENDED:
                return batch
            is_new = last is None or sight(batch) != sight(last)
            pause = SHORTEST_PAUSE_SECONDS if is_new else min(pause * 1.5, LONGEST_PAUSE_SECONDS)
            last = batch
        _check(deadline, clock)
        clock.sleep(min(pause, deadline - clock.now()))


def _check(deadline: float, clock: Clock) -> None:
    if clock.now() >= deadline:
        raise TimedOut("the batch has not ended in the time given by --timeout; it goes on")


class _Outage:
    """Since when the API is away, and what was said about it."""

    def __init__(self, display: Display, clock: Clock) -> None:
        self._display, self._clock = display, clock
        self._since: float | None = None

    def go_on(self, error: Unavailable) -> None:
        """The API is away, still or again."""
        if self._since is None:
            self._since = self._clock.now()
            self._display.note(f"{error}; trying again for {PATIENCE_SECONDS:.0f} s")

    def end(self) -> None:
        """The API answered."""
        if self._since is not None:
            self._since = None
            self._display.note("the API is back")

    def is_too_long(self) -> bool:
        """Whether patience is at its end."""
        return self._since is not None and self._clock.now() - self._since >= PATIENCE_SECONDS
