"""Messages during a run that belong next to its result: reported errors and LEAN's own notes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from backfleet.engines.files import clean_text
from backfleet.engines.lean.log_entries import LogEntry

NOTES = re.compile(
    r"The starting dates for the following symbols have been adjusted"
    r"|Due to numerical precision issues in the factor file"
    r"|Warning: "
)
"""The beginnings of the notes that LEAN writes in the algorithm's name."""
FATAL = re.compile(r"Runtime Error: |During the algorithm initialization")
MAX_KINDS = 10
MAX_WORDS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One kind of message: the first one with its day in the backtest, and how often the kind occurs."""

    is_error: bool
    words: str
    day: date | None
    count: int = 1


def count_said(entries: Sequence[LogEntry]) -> tuple[Said, ...]:
    """Count errors and notes by kind, in order of appearance, at most ten kinds. Messages of one kind differ only in numbers."""
    found: dict[tuple[bool, str], Said] = {}
    for entry in entries:
        is_error = entry.kind == "ERROR" and entry.is_algorithms and not FATAL.match(entry.text)
        if not is_error and not (entry.is_algorithms and NOTES.match(entry.text)):
            continue
        kind = (is_error, re.sub(r"[0-9]+", "0", entry.first_line)[:200])
        if kind in found:
            found[kind] = replace(found[kind], count=found[kind].count + 1)
        elif len(found) < MAX_KINDS:
            found[kind] = Said(is_error=is_error, words=clean_text(entry.first_line, MAX_WORDS), day=entry.day)
    return tuple(found.values())
