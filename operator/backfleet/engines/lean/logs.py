"""The facts that only LEAN's logs contain: how the run ended, how much data it processed, which errors it reported."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from backfleet.engines.files import FileProblem, clean_text, read_ends
from backfleet.engines.lean.layout import ALGORITHM_ID, ALGORITHM_LOG_FILE, LOG_FILE
from backfleet.engines.lean.log_entries import LogEntry, algorithm_entries, engine_entries
from backfleet.engines.lean.said import Said, count_said

MAX_READ_BYTES = 256 * 1024
"""How much of each end of a log is read. LEAN names its version at the start, and reports its end in the last lines."""
KEPT_LINES = 15
FIRST_ERRORS, LAST_ERRORS = 3, 2
MAX_LINE = 500
ALGORITHM_LOG_ENDING = ALGORITHM_LOG_FILE.removeprefix(ALGORITHM_ID)

STARTED, SELECTED = "Engine.Main(): Started ", "JobQueue.NextJob(): Selected "
"""LEAN logs the second once it has found the algorithm's file."""
POSTED = "Engine.Main(): Analysis Completed and Results Posted."
"""After this line LEAN logs only the shutdown of the process, nothing about the run."""
# These lines come from Engine/AlgorithmManager.cs, Engine/Engine.cs and Launcher/Program.cs. Algorithm.Quit() and SIGINT log
# one of the first group, and the run still reports Completed.
STOPPED = re.compile(
    r"AlgorithmManager\.Run\(\): (?:Algorithm state changed to (?:Stopped|Deleted|Liquidated)\b[^\r\n]*"
    r"|Algorithm quit requested\.?|Stopping algorithm\b|Deleting algorithm\b|CancellationRequestion\b[^\r\n]*)"
    r"|Algorithm Stopped\s*$"
)
RUINED = "Portfolio value is less than or equal to zero, stopping algorithm"
DATA_POINTS = re.compile(r"Processing total of ([0-9,]{1,20}) data points")
VERSION = re.compile(r"LEAN (?:ALGORITHMIC TRADING ENGINE|Engine) v([0-9A-Za-z.+-]{1,40})", re.IGNORECASE)
QUIT = re.compile(r"Quit\(\): ?(.*)", re.DOTALL)
"""Algorithm.Quit(words) logs this in the algorithm's name; an interrupt of the process does not."""
OWN_STOP = re.compile(r"Algorithm Stopped\s*$")
BENCHMARK = re.compile(r"Adding internal benchmark data feed ([^,\s]{1,40}),")
FIGURES = re.compile(r"STATISTICS:: |DATA USAGE:: ")
"""Lines that LEAN prints after everything else, including errors."""
HARMLESS = ("StopSafely(): Timeout waiting for",)
"""Errors that LEAN logs in runs that end well."""


@dataclass(frozen=True, slots=True)
class Quit:
    """A run that the strategy ended itself: its message, which may be empty, and the day in the backtest."""

    words: str
    day: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFacts:
    """Facts from the logs. `errors` and `last_lines` are the engine's, from before it posted its results.

    `stopped` is the line that reports a stop. `is_without_algorithm` means that LEAN started but never found its algorithm.
    `is_posted` means that LEAN logged that its results were written before its process ended. `is_cut` means that the middle
    of a log was not read.
    """

    is_there: bool = False
    is_without_algorithm: bool = False
    is_posted: bool = False
    is_cut: bool = False
    stopped: str | None = None
    quit: Quit | None = None
    is_ruined: bool = False
    data_points: int | None = None
    engine_version: str | None = None
    benchmarks: frozenset[str] = frozenset()
    said: tuple[Said, ...] = ()
    errors: tuple[str, ...] = ()
    last_lines: tuple[str, ...] = ()


def read_logs(folder: Path, stem: str = ALGORITHM_ID) -> LogFacts:
    """Read the engine's log and the algorithm's. A missing or hostile log contributes nothing."""
    (log, is_cut), (own_log, is_own_cut) = _ends(folder, LOG_FILE), _ends(folder, stem + ALGORITHM_LOG_ENDING)
    entries, is_posted = _until_posted(engine_entries(log))
    own = tuple(algorithm_entries(own_log))
    both = (*entries, *own)
    stopped = _stopped(both)
    text = f"{log}\n{own_log}"
    points = DATA_POINTS.findall(text)
    version = VERSION.search(text)
    return LogFacts(
        is_there=bool(text.strip()),
        is_without_algorithm=STARTED in log and SELECTED not in log,
        is_posted=is_posted,
        is_cut=is_cut or is_own_cut,
        stopped=stopped,
        quit=_quit(both) if stopped else None,
        is_ruined=RUINED in text,
        data_points=int(points[-1].replace(",", "") or "0") if points else None,
        engine_version=version[1] if version else None,
        benchmarks=frozenset(BENCHMARK.findall(log)),
        said=count_said(entries or own),
        errors=_errors(entries),
        last_lines=_last_lines(log),
    )


def _ends(folder: Path, name: str) -> tuple[str, bool]:
    try:
        return read_ends(folder, name, MAX_READ_BYTES)
    except FileProblem:
        return "", False


def _until_posted(entries: Iterable[LogEntry]) -> tuple[tuple[LogEntry, ...], bool]:
    found: list[LogEntry] = []
    for entry in entries:
        if entry.kind == "TRACE" and not entry.is_algorithms and entry.text.strip() == POSTED:
            return tuple(found), True
        found.append(entry)
    return tuple(found), False


def _stopped(entries: Iterable[LogEntry]) -> str | None:
    return next((match[0].strip() for entry in entries if (match := STOPPED.match(entry.text))), None)


def _quit(entries: Sequence[LogEntry]) -> Quit | None:
    """Find the strategy's call of quit(). LEAN drops its message after many others; then only the stop itself is logged."""
    for entry in entries:
        if match := QUIT.match(entry.text):
            return Quit(clean_text(match[1].strip(), MAX_LINE), entry.day)
    return next((Quit("", entry.day) for entry in entries if OWN_STOP.match(entry.text)), None)


def _errors(entries: Iterable[LogEntry]) -> tuple[str, ...]:
    """Return the first few and the last errors, one line each."""
    lines = [entry.first_line for entry in entries if entry.kind == "ERROR" and not entry.text.startswith(HARMLESS)]
    picked = [*lines[:FIRST_ERRORS], *lines[FIRST_ERRORS:][-LAST_ERRORS:]]
    return tuple(clean_text(line, MAX_LINE) for line in picked)


def _last_lines(log: str) -> tuple[str, ...]:
    before, posted, _ = log.partition(POSTED)
    lines = [line.rstrip() for line in before.split("\n") if line.strip() and not FIGURES.search(line)]
    # If the text was cut at POSTED, the last line is incomplete.
    return tuple(clean_text(line, MAX_LINE) for line in (lines[:-1] if posted else lines)[-KEPT_LINES:])
