"""LEAN's logs as entries: the engine's log.txt, whose entries have a kind, and the algorithm's own log, whose have none.

An entry begins with its time. Lines without a time, such as those of a stack, belong to the entry before them.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

ENGINE_START = re.compile(r"(?:(?:\d{4}-\d\d-\d\dT[\d:.]+Z|\d{8} [\d:.]+) )?(TRACE|ERROR|DEBUG):: ?(.*)", re.DOTALL)
"""Times are the machine's: `2026-01-02T10:00:00.1234567Z`, on the console `20260102 10:00:00.123`."""
ALGORITHM_TIME = re.compile(r"(\d{4}-\d\d-\d\d) \d\d:\d\d:\d\d(?:\.\d+)? ")
"""The time in the backtest. It precedes what the algorithm writes, and what LEAN writes in its name."""


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A log entry. `kind` is TRACE, ERROR or DEBUG, and empty in the algorithm's log; `day` is that in the backtest, if any."""

    kind: str
    text: str
    day: date | None = None

    @property
    def is_algorithms(self) -> bool:
        """Report whether the algorithm wrote the entry, or LEAN in its name."""
        return self.day is not None

    @property
    def first_line(self) -> str:
        """Return the first line of the text."""
        return self.text.partition("\n")[0].strip()


def engine_entries(text: str) -> Iterator[LogEntry]:
    """Yield the entries of log.txt. Skip lines before the first entry, since the text may begin in the file's middle."""
    for block in _blocks(text.splitlines(), ENGINE_START):
        match = ENGINE_START.match(block)
        if match is not None:
            kind, rest = match.groups()
            yield _entry(kind, re.sub(r"^(?:Debug|Log): ", "", rest) if kind != "ERROR" else rest)


def algorithm_entries(text: str) -> Iterator[LogEntry]:
    """Yield the entries of the algorithm's log."""
    yield from (_entry("", block) for block in _blocks(text.splitlines(), ALGORITHM_TIME))


def _blocks(lines: Iterable[str], start: re.Pattern[str]) -> Iterator[str]:
    block: list[str] = []
    for line in lines:
        if block and start.match(line):
            yield "\n".join(block)
            block = []
        block.append(line)
    if block:
        yield "\n".join(block)


def _entry(kind: str, text: str) -> LogEntry:
    match = ALGORITHM_TIME.match(text)
    if match is None:
        return LogEntry(kind, text)
    try:
        return LogEntry(kind, text[match.end() :], date.fromisoformat(match[1]))
    except ValueError:
        return LogEntry(kind, text)
