"""The files of the run in a results folder, including a folder of another algorithm id."""

import os
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from backfleet.engines.files import FileMissing, FileProblem
from backfleet.engines.lean.layout import (
    ALGORITHM_ID,
    FAILED_REQUESTS_PREFIX,
    MONITOR_REPORT_PREFIX,
    ORDER_EVENTS_FILE,
    RESULT_FILE,
    SUCCEEDED_REQUESTS_PREFIX,
    SUMMARY_FILE,
)

SUMMARY_ENDING = SUMMARY_FILE.removeprefix(ALGORITHM_ID)
RESULT_ENDING = RESULT_FILE.removeprefix(ALGORITHM_ID)
ORDER_EVENTS_ENDING = ORDER_EVENTS_FILE.removeprefix(ALGORITHM_ID)
REQUESTS_ENDING = ".txt"
OTHER_ENDINGS = (SUMMARY_ENDING, ORDER_EVENTS_ENDING)
OTHER_PREFIXES = (MONITOR_REPORT_PREFIX, "config", "error.json")
MAX_NAMES = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultFiles:
    """The names of one run's files; None for a missing file."""

    stem: str
    summary: str | None = None
    full: str | None = None
    monitor_report: str | None = None
    succeeded_requests: str | None = None
    failed_requests: str | None = None
    order_events: str | None = None


def find_files(folder: Path) -> ResultFiles:
    """Find the run's files, first by the adapter's own id. Raise FileMissing without a result, FileProblem for several."""
    names = _names(folder)
    stem = _stem(names)
    return ResultFiles(
        stem=stem,
        summary=_if_there(stem + SUMMARY_ENDING, names),
        full=_if_there(stem + RESULT_ENDING, names),
        monitor_report=_newest(names, MONITOR_REPORT_PREFIX, RESULT_ENDING),
        succeeded_requests=_newest(names, SUCCEEDED_REQUESTS_PREFIX, REQUESTS_ENDING),
        failed_requests=_newest(names, FAILED_REQUESTS_PREFIX, REQUESTS_ENDING),
        order_events=_if_there(stem + ORDER_EVENTS_ENDING, names),
    )


def _newest(names: frozenset[str], prefix: str, ending: str) -> str | None:
    """Return the newest of the files that have a time in their name."""
    return max((name for name in names if name.startswith(prefix) and name.endswith(ending)), default=None)


def _names(folder: Path) -> frozenset[str]:
    try:
        with os.scandir(folder) as entries:
            return frozenset(entry.name for entry in islice(entries, MAX_NAMES))
    except OSError:
        return frozenset()


def _stem(names: frozenset[str]) -> str:
    if names & {SUMMARY_FILE, RESULT_FILE}:
        return ALGORITHM_ID
    stems = [name.removesuffix(SUMMARY_ENDING) for name in names if name.endswith(SUMMARY_ENDING)]
    stems = stems or [name.removesuffix(RESULT_ENDING) for name in names if _may_be_result(name)]
    if not stems:
        raise FileMissing(RESULT_FILE)
    if len(stems) > 1:
        raise FileProblem(min(stems) + RESULT_ENDING, f"expected one result in the folder, got {len(stems)}")
    return stems[0]


def _may_be_result(name: str) -> bool:
    is_other = name.endswith(OTHER_ENDINGS) or name.startswith(OTHER_PREFIXES)
    return name.endswith(RESULT_ENDING) and not is_other


def _if_there(name: str, names: frozenset[str]) -> str | None:
    return name if name in names else None
