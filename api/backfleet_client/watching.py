"""Polls a batch until it has ended, with a deadline and backoff. A short outage of the API does not end the polling."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from backfleet.core.errors import Unavailable
from backfleet_api.schemas.reading import ENDED, Batch
from backfleet_client.exits import TimedOut

SHORTEST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 5.0
LONGEST_OUTAGE_PAUSE_SECONDS = 15.0
PATIENCE_SECONDS = 300.0
"""How long the API may be unavailable before watching stops."""
REQUEST_SECONDS = 10.0


class Display(Protocol):
    """The output of the polling."""

    def show(self, batch: Batch) -> None:
        """Show the current batch. Called after every poll."""

    def note(self, text: str) -> None:
        """Show a note about the polling itself."""


@dataclass(frozen=True, slots=True)
class PollClock:
    """A clock that never goes back, in seconds, and a way to sleep."""

    now: Callable[[], float]
    sleep: Callable[[float], None]


def sight(batch: Batch) -> tuple[object, ...]:
    """Return what counts as a change. Pace and estimates change all the time, so they do not count."""
    return (batch.state, batch.counts, batch.best, batch.finish, batch.message)


def follow(
    look: Callable[[float], Batch], display: Display, clock: PollClock, timeout_seconds: float | None = None
) -> Batch:
    """Poll until the batch has ended, and return it. `look` receives the seconds that it may take.

    Raise TimedOut at the deadline. Raise Unavailable if the first poll does not reach the API, or if the API is unavailable
    for PATIENCE_SECONDS. Raise NotFound if the batch does not exist.
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


def _check(deadline: float, clock: PollClock) -> None:
    if clock.now() >= deadline:
        raise TimedOut("the batch has not ended within --timeout; it goes on")


class _Outage:
    """An outage of the API: since when, and its notes."""

    def __init__(self, display: Display, clock: PollClock) -> None:
        self._display, self._clock = display, clock
        self._since: float | None = None

    def go_on(self, error: Unavailable) -> None:
        """Record that the API does not answer. Show a note the first time."""
        if self._since is None:
            self._since = self._clock.now()
            self._display.note(f"{error}; trying again for {PATIENCE_SECONDS:.0f} s")

    def end(self) -> None:
        """Record that the API answers. Show a note if it did not before."""
        if self._since is not None:
            self._since = None
            self._display.note("the API answers again")

    def is_too_long(self) -> bool:
        """Return whether the outage has lasted PATIENCE_SECONDS."""
        return self._since is not None and self._clock.now() - self._since >= PATIENCE_SECONDS
