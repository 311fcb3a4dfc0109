"""What the headers of the API server's answers say of time: what it is there, and when to ask again."""

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

PROMPT_SECONDS = 2.0
"""An answer that took longer does not say what time it is."""
DEFAULT_RETRY_SECONDS = 1.0
CUT = timedelta(seconds=0.5)
"""A Date is cut to its second: on average it says half a second too little."""


@dataclass(slots=True)
class ApiClock:
    """Goes on by this process's own clock since the last prompt answer."""

    _said: datetime | None = None
    _at: float = 0.0

    def note(self, date: str | None, began: float) -> None:
        """Take in the Date of an answer to a call that began at that moment of `time.monotonic`."""
        now = time.monotonic()
        if date is None or now - began > PROMPT_SECONDS:
            return
        with suppress(ValueError, TypeError, OverflowError):
            self._said, self._at = parsedate_to_datetime(date).astimezone(UTC) + CUT, (began + now) / 2

    def read(self) -> datetime | None:
        """The API server's time now, to about a second; None when it never said."""
        return None if self._said is None else self._said + timedelta(seconds=time.monotonic() - self._at)


def retry_after(headers: Mapping[str, str]) -> float:
    """The pause that an answer asks for, in seconds; a date counts from the answer's own date, whatever the clock here says."""
    asked = headers.get("Retry-After", "").strip()
    if asked.isdecimal() and len(asked) < 10:
        return float(asked)
    try:
        until, since = (parsedate_to_datetime(text) for text in (asked, headers.get("Date", "")))
        return max((until - since).total_seconds(), 0.0)
    except (ValueError, TypeError, OverflowError):
        return DEFAULT_RETRY_SECONDS
