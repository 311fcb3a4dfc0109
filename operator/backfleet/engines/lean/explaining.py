"""What of LEAN's log is kept with a failure: its errors first, then how the log ends, both within the room of a message."""

from backfleet.engines.files import MAX_MESSAGE, clean_text
from backfleet.engines.lean.log_entries import ALGORITHM_TIME
from backfleet.engines.lean.logs import LogFacts

MAX_ERROR_LINES = 800
"""Of the log's errors in one message; the rest of its room is for the end of the log."""


def with_log(message: str, logs: LogFacts) -> str:
    """The message with what the log adds to it; an error that the message has in its own words is not repeated."""
    errors = [line for line in logs.errors if _words(line) not in message]
    last = [line for line in logs.last_lines if not any(line.endswith(error) for error in errors)]
    found = message
    if errors:
        lines = "\n".join(errors)
        found += f"\nlog.txt has errors:\n{clean_text(lines, MAX_ERROR_LINES)}"
    if last:
        heading = f"{found}\nlog.txt ends:\n"
        lines, room = "\n".join(last), max(0, MAX_MESSAGE - len(heading))
        found = heading + (lines if len(lines) <= room else "…" + lines[len(lines) - room + 1 :])
    return clean_text(found)


def _words(line: str) -> str:
    """A line of the log without the time in the backtest, which a result's own message may have or not."""
    match = ALGORITHM_TIME.match(line)
    return line[match.end() :] if match else line
