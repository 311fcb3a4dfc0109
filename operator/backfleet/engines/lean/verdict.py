"""Judges what LEAN left: exit code 0 and "Completed" prove little, so a run succeeded only if every condition here holds.

Exit 0, or results posted before the process ended in another way; a result that parses; where the layout has a state: no
runtime error, an end time, the status Completed; statistics; some data; not stopped half-way. docs/lean-results.md has the
same for people.
"""

from dataclasses import replace
from pathlib import Path

from backfleet.core.backtests import BacktestRequest, Failure, Outcome, Recorded, Result
from backfleet.core.reasons import FailureReason
from backfleet.engines.files import FileProblem, clean_text
from backfleet.engines.judging import judge
from backfleet.engines.lean.curve import sampled_curve
from backfleet.engines.lean.document import Document
from backfleet.engines.lean.evidence import Evidence, gather
from backfleet.engines.lean.explaining import with_log
from backfleet.engines.lean.logs import read_logs
from backfleet.engines.lean.metrics import Measured, measure
from backfleet.engines.lean.remarks import provenance_of, warnings_of

MAX_WORDS = 1200
"""Of LEAN's own words in a failure's message; the rest of its room is for the last lines of the log."""

INITIALIZE_MARKS = ("Algorithm.Initialize() Error", "During the algorithm initialization")
RUNTIME_MARKS = ("Runtime Error:", "RuntimeError:")
"""How Engine/Engine.cs and the setup handler begin the two kinds of message."""


def judge_folder(folder: Path, request: BacktestRequest) -> Recorded:
    """The outcome of LEAN's run in its results folder; hostile content gives a Failure, never an exception."""
    return judge(folder, lambda there: _judge_files(there, request), {}, explain, _is_posted)


def _is_posted(folder: Path) -> bool:
    return read_logs(folder).is_posted


def _judge_files(folder: Path, request: BacktestRequest) -> Outcome:
    seen = gather(folder)
    measured = measure(seen.document)
    failure = find_failure(seen, measured)
    if failure is not None:
        return failure
    return Result(
        metrics=measured.metrics,
        statistics=seen.document.statistics,
        equity_curve=sampled_curve(seen.equity),
        warnings=warnings_of(seen, measured, request),
        provenance=provenance_of(seen, request),
    )


def find_failure(seen: Evidence, measured: Measured) -> Failure | None:
    """The first condition that does not hold in the files of a run that exited with 0; None when all do."""
    return _error(seen) or _incomplete(seen.document) or _no_data(seen, measured) or _stopped(seen)


def _error(seen: Evidence) -> Failure | None:
    """LEAN's own error, in words with its stack where that says more.

    A failed initialization leaves no statistics, since nothing ran; an error while running leaves them in full.
    """
    for document in seen.documents:
        state = document.state or {}
        words, stack = state.get("RuntimeError", "").strip(), state.get("StackTrace", "").strip()
        if words or state.get("Status") == "RuntimeError":
            by_files = FailureReason.RUNTIME_ERROR if document.statistics else FailureReason.INITIALIZE_ERROR
            message = words if stack in words else f"{words}\n{stack}"
            return Failure(
                reason=_reason_of_words(words) or by_files,
                message=clean_text(message, MAX_WORDS) or "LEAN's status is RuntimeError, and it gave no message",
            )
    return None


def _incomplete(document: Document) -> Failure | None:
    name, state = document.name, document.state
    if state is None and document.is_camel_case:
        message = f"{name}: has no state, which this layout always has"
        return Failure(reason=FailureReason.RESULT_INVALID, message=message)
    if state is not None and not state.get("EndTime", "").strip():
        message = f"{name}: is a version from half-way, without an end time: LEAN never wrote its final result"
        return Failure(reason=FailureReason.RESULT_MISSING, message=message)
    if state is not None and state.get("Status") != "Completed":
        message = clean_text(f"{name}: the status is {state.get('Status', '')!r}, not Completed", MAX_WORDS)
        return Failure(reason=FailureReason.ENGINE_ERROR, message=message)
    if not document.statistics:
        return Failure(reason=FailureReason.RESULT_INVALID, message=f"{name}: the statistics are empty")
    return None


def _no_data(seen: Evidence, measured: Measured) -> Failure | None:
    """All requests failed, or nothing was processed; a run with orders had prices, whatever a rounded percentage says."""
    if measured.metrics["total_orders"]:
        return None
    requests = seen.requests
    if requests is not None and requests.failed_percentage >= 100:
        message = f"{requests.failed} of {requests.total} data requests failed: do symbols, dates and data folder fit?"
        return Failure(reason=FailureReason.NO_DATA, message=message)
    if seen.logs.data_points == 0:
        message = "LEAN processed 0 data points: do symbols, dates and data folder fit?"
        return Failure(reason=FailureReason.NO_DATA, message=message)
    return None


def _stopped(seen: Evidence) -> Failure | None:
    """Quit() and an interrupt end as "Completed" with exit 0: the log tells, and without a log the equity curve."""
    if seen.logs.stopped is not None:
        message = f"the run was stopped before its end, its figures cover only a part of it: {seen.logs.stopped}"
        return Failure(reason=FailureReason.ENGINE_ERROR, message=clean_text(message, MAX_WORDS))
    if seen.gap is None or seen.logs.is_there:
        return None
    message = f"{seen.gap}, and there is no log to tell whether the run was stopped"
    return Failure(reason=FailureReason.ENGINE_ERROR, message=message)


def explain(folder: Path, exit_code: int | None, failure: Failure) -> Failure:
    """The failure with LEAN's reason and words where the exit code gave none, and with the last lines of its log."""
    logs = read_logs(folder)
    if exit_code and failure.reason is FailureReason.ENGINE_ERROR:
        failure = _explain_exit(folder, "\n".join((*logs.errors, *logs.last_lines)), failure)
    return replace(failure, message=with_log(failure.message, logs))


def _explain_exit(folder: Path, lines: str, failure: Failure) -> Failure:
    """LEAN exits with 1 for every error: its result says which, or only its log when it never wrote one."""
    try:
        error = _error(gather(folder))
    except FileProblem:
        error = None
    if error is None:
        return Failure(reason=_reason_of_words(lines) or failure.reason, message=failure.message)
    return Failure(reason=error.reason, message=f"{error.message} ({failure.message})")


def _reason_of_words(words: str) -> FailureReason | None:
    if any(mark in words for mark in INITIALIZE_MARKS):
        return FailureReason.INITIALIZE_ERROR
    return FailureReason.RUNTIME_ERROR if any(mark in words for mark in RUNTIME_MARKS) else None
