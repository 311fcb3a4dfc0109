"""The recorder's log: one JSON object per line on stderr, each with its pack."""

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TextIO

Log = Callable[..., None]


def json_log(stream: TextIO | None = None, **fields: object) -> Log:
    """Return a function that logs an event's name and fields; every line contains `fields`."""

    def log(event: str, level: str = "info", **more: object) -> None:
        line = {"time": datetime.now(UTC).isoformat(), "level": level, "event": event, **fields, **more}
        print(json.dumps(line, default=str), file=stream or sys.stderr, flush=True)

    return log
