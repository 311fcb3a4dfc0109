"""The part of LEAN's log that a failure's message keeps: first its errors, then its end."""

from backfleet.engines.files import MAX_MESSAGE, clean_text
from backfleet.engines.lean.log_entries import ALGORITHM_TIME
from backfleet.engines.lean.logs import LogFacts

MAX_ERROR_LINES = 800
"""Characters of the log's errors in one message; the end of the log gets the rest."""


def with_log(message: str, logs: LogFacts) -> str:
    """Append the log's errors and its end to the message. Do not repeat an error that the message already contains."""
    errors = [line for line in logs.errors if _words(line) not in message]
    last = [line for line in logs.last_lines if not any(line.endswith(error) for error in errors)]
    found = message
    if errors:
        lines = "\n".join(errors)
        found += f"\nerrors in log.txt:\n{clean_text(lines, MAX_ERROR_LINES)}"
    if last:
        heading = f"{found}\nlog.txt ends with:\n"
        lines, room = "\n".join(last), max(0, MAX_MESSAGE - len(heading))
        found = heading + (lines if len(lines) <= room else "…" + lines[len(lines) - room + 1 :])
    return clean_text(found)


def _words(line: str) -> str:
    """Strip the backtest's time from a log line: a result's own message may lack it."""
    match = ALGORITHM_TIME.match(line)
    return line[match.end() :] if match else line
