"""Reads time from the headers of the API server's answers: its clock, and when to ask again."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

PROMPT_SECONDS = 2.0
"""The longest call whose answer is precise enough to read the time from."""
DEFAULT_RETRY_SECONDS = 1.0
CUT = timedelta(seconds=0.5)
"""A Date header has no fractions of a second, so on average it is half a second early."""


@dataclass(slots=True)
class ApiClock:
    """The API server's time, carried forward by this process's clock since the last prompt answer."""

    clock: Callable[[], float] = time.monotonic
    """The seconds of this process."""
    _said: datetime | None = None
    _at: float = 0.0

    def note(self, date: str | None, began: float) -> None:
        """Note the Date of an answer to a call that began at that value of `clock`."""
        now = self.clock()
        if date is None or now - began > PROMPT_SECONDS:
            return
        with suppress(ValueError, TypeError, OverflowError):
            self._said, self._at = parsedate_to_datetime(date).astimezone(UTC) + CUT, (began + now) / 2

    def read(self) -> datetime | None:
        """Return the API server's time now, to about a second, or None if no answer had one."""
        return None if self._said is None else self._said + timedelta(seconds=self.clock() - self._at)


def retry_after(headers: Mapping[str, str]) -> float:
    """Return the pause that an answer asks for, in seconds. A date counts from the answer's own Date header."""
    asked = headers.get("Retry-After", "").strip()
    if asked.isdecimal() and len(asked) < 10:
        return float(asked)
    try:
        until, since = (parsedate_to_datetime(text) for text in (asked, headers.get("Date", "")))
        return max((until - since).total_seconds(), 0.0)
    except (ValueError, TypeError, OverflowError):
        return DEFAULT_RETRY_SECONDS
