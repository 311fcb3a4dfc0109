"""Following a batch to its end: polls with a deadline and backoff, and outlives a short outage of the API."""

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
    deadline = None if timeout_seconds is None else clock.now() + timeout_seconds
    last: Batch | None = None
    away_since: float | None = None
    pause = SHORTEST_PAUSE_SECONDS
    while True:
        left = REQUEST_SECONDS if deadline is None else min(REQUEST_SECONDS, deadline - clock.now())
        try:
            batch = look(left)
        except Unavailable as error:
            if last is None or (away_since is not None and clock.now() - away_since >= PATIENCE_SECONDS):
                raise
            if away_since is None:
                away_since = clock.now()
                display.note(f"{error}; trying again for {PATIENCE_SECONDS:.0f} s")
            pause = min(pause * 2, LONGEST_OUTAGE_PAUSE_SECONDS)
        else:
            if away_since is not None:
                display.note("the API is back")
                away_since = None
            pause = (
                SHORTEST_PAUSE_SECONDS
                if last is None or sight(batch) != sight(last)
                else min(pause * 1.5, LONGEST_PAUSE_SECONDS)
            )
            last = batch
            display.show(batch)
            if batch.state in ENDED:
                return batch
        pause = _within(pause, deadline, clock)
        clock.sleep(pause)


def _within(pause: float, deadline: float | None, clock: Clock) -> float:
    if deadline is None:
        return pause
    left = deadline - clock.now()
    if left <= 0:
        raise TimedOut("the batch has not ended in the time given by --timeout; it goes on")
    return min(pause, left)
