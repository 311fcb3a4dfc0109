"""One JSON object a line on stderr, with the attempt in every one."""

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TextIO

Log = Callable[..., None]


def json_log(stream: TextIO | None = None, **fields: object) -> Log:
    """A function of an event's name and its fields; `fields` stand in every line."""

    def log(event: str, level: str = "info", **more: object) -> None:
        line = {"time": datetime.now(UTC).isoformat(), "level": level, "event": event, **fields, **more}
        print(json.dumps(line, default=str), file=stream or sys.stderr, flush=True)

    return log
