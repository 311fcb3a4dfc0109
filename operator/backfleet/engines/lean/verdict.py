"""Judges what LEAN left: exit code 0 and "Completed" prove little, so a run succeeded only if every condition here holds.

Exit 0, or results posted before the process ended in another way; a result that parses; where the layout has a state: no
runtime error, an end time, the status Completed; statistics; some data; not stopped half-way. docs/lean-results.md has the
same for people.
"""

from dataclasses import replace
from pathlib import Path, PurePosixPath

from backfleet.core.backtests import BacktestRequest, Failure, Outcome, Recorded, Result
from backfleet.core.reasons import FailureReason
from backfleet.engines.files import FileProblem, clean_text
from backfleet.engines.judging import judge
from backfleet.engines.lean.configuration import PYTHON_FILE
from backfleet.engines.lean.curve import sampled_curve
from backfleet.engines.lean.document import Document
from backfleet.engines.lean.evidence import Evidence, gather
from backfleet.engines.lean.explaining import with_log
from backfleet.engines.lean.logs import LogFacts, read_logs
from backfleet.engines.lean.metrics import Measured, measure
from backfleet.engines.lean.monitor import DataRequests
from backfleet.engines.lean.remarks import provenance_of, warnings_of

MAX_WORDS = 1200
"""Of LEAN's own words in a failure's message; the rest of its room is for the last lines of the log."""

CODE_ABORTED = 134
NO_POINTS = 1
"""LEAN counts one data point where there was none at all."""
INITIALIZE_MARKS = ("Algorithm.Initialize() Error", "During the algorithm initialization")
RUNTIME_MARKS = ("Runtime Error:", "RuntimeError:")
"""How Engine/Engine.cs and the setup handler begin the two kinds of message."""


def judge_folder(folder: Path, request: BacktestRequest) -> Recorded:
    """The outcome of LEAN's run in its results folder; hostile content gives a Failure, never an exception."""
    return judge(
        folder,
        lambda there: _judge_files(there, request),
        {},
        lambda there, code, failure: explain(there, code, failure, request),
        _is_posted,
    )


def _is_posted(folder: Path) -> bool:
    return read_logs(folder).is_posted


def _judge_files(folder: Path, request: BacktestRequest) -> Outcome:
    seen = gather(folder)
    measured = measure(seen.document, seen.whole, seen.rates)
    failure = find_failure(seen, measured, request)
    if failure is not None:
        return failure
    return Result(
        metrics=measured.metrics,
        statistics=seen.document.statistics,
        equity_curve=sampled_curve(seen.equity),
        warnings=warnings_of(seen, measured, request),
        provenance=provenance_of(seen, request),
        analysis=seen.analysis,
    )


def find_failure(seen: Evidence, measured: Measured, request: BacktestRequest) -> Failure | None:
    """The first condition that does not hold in the files of a run; None when all do."""
    return (
        _error(seen)
        or _half_way(seen.document)
        or _stopped(seen.logs)
        or _not_completed(seen.document)
        or _no_data(seen, measured, request)
        or _no_statistics(seen.document)
        or _cut_off(seen)
    )


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


def _half_way(document: Document) -> Failure | None:
    name, state = document.name, document.state
    if state is None and document.is_camel_case:
        message = f"{name}: has no state, which this layout always has"
        return Failure(reason=FailureReason.RESULT_INVALID, message=message)
    if state is not None and not state.get("EndTime", "").strip():
        message = f"{name}: is a version from half-way, without an end time: LEAN never wrote its final result"
        return Failure(reason=FailureReason.RESULT_MISSING, message=message)
    return None


def _stopped(logs: LogFacts) -> Failure | None:
    """Quit() and an interrupt end as "Completed" with exit 0; only the log says so, and only Quit() is the strategy's doing."""
    if logs.quit is not None:
        on = f" on {logs.quit.day}" if logs.quit.day else ""
        words = f": {logs.quit.words}" if logs.quit.words else ", without a word"
        message = f"the strategy stopped its run itself{on}{words}"
        return Failure(reason=FailureReason.STOPPED_BY_STRATEGY, message=clean_text(message, MAX_WORDS))
    if logs.stopped is not None:
        message = f"the run was stopped before its end, its figures cover only a part of it: {logs.stopped}"
        return Failure(reason=FailureReason.ENGINE_ERROR, message=clean_text(message, MAX_WORDS))
    return None


def _not_completed(document: Document) -> Failure | None:
    state = document.state
    if state is None or state.get("Status") == "Completed":
        return None
    message = clean_text(f"{document.name}: the status is {state.get('Status', '')!r}, not Completed", MAX_WORDS)
    return Failure(reason=FailureReason.ENGINE_ERROR, message=message)


def _no_data(seen: Evidence, measured: Measured, request: BacktestRequest) -> Failure | None:
    """A run with orders had prices, whatever else its files say."""
    problem = None if measured.metrics["total_orders"] else _data_problem(seen, request.symbols)
    if problem is None:
        return None
    asked = f"{', '.join(request.symbols)} from {request.start_date} to {request.end_date}"
    message = clean_text(f"{problem}: is there data for {asked} in the data folder?", MAX_WORDS)
    return Failure(reason=FailureReason.NO_DATA, message=message)


def _data_problem(seen: Evidence, symbols: tuple[str, ...]) -> str | None:
    """By counts and paths: LEAN rounds its percentage, and 100 may stand for all but a few requests."""
    requests, points = seen.requests, seen.logs.data_points
    if requests is not None and requests.total and _is_all_failed(requests, points):
        return f"{requests.failed} of {requests.total} data requests failed"
    if seen.lists is not None and seen.lists.has_none_of(symbols, seen.logs.benchmarks):
        missed = next(filter(None, map(seen.lists.missed_path, symbols)), None)
        return f"LEAN did not find {missed}" if missed else "LEAN found data for none of the symbols"
    if points is not None and points <= NO_POINTS:
        return f"LEAN processed {points} data points"
    return "LEAN's equity has a single point" if len(seen.equity) == 1 else None


def _is_all_failed(requests: DataRequests, points: int | None) -> bool:
    if not requests.succeeded:
        return True
    return requests.failed_percentage >= 100 and (points is None or points <= NO_POINTS)


def _no_statistics(document: Document) -> Failure | None:
    if document.statistics:
        return None
    return Failure(reason=FailureReason.RESULT_INVALID, message=f"{document.name}: the statistics are empty")


def _cut_off(seen: Evidence) -> Failure | None:
    """Without a log only the equity curve can show that a run was stopped."""
    if seen.gap is None or seen.logs.is_there:
        return None
    message = f"{seen.gap}, and there is no log to say whether the run was stopped"
    return Failure(reason=FailureReason.ENGINE_ERROR, message=message)


def explain(folder: Path, exit_code: int | None, failure: Failure, request: BacktestRequest) -> Failure:
    """The failure with LEAN's reason and words where the exit code gave none, and with the last lines of its log."""
    logs = read_logs(folder)
    if exit_code in (0, CODE_ABORTED) and logs.is_without_algorithm:
        failure = _not_found(failure, request)
    if exit_code and failure.reason is FailureReason.ENGINE_ERROR:
        lines = "\n".join((*logs.errors, *logs.last_lines))
        failure = _stopped_by_itself(logs) or _explain_exit(folder, lines, failure)
    return replace(failure, message=with_log(failure.message, logs))


def _not_found(failure: Failure, request: BacktestRequest) -> Failure:
    """LEAN aborts where it does not find its algorithm's file, and says why on stderr alone."""
    if failure.reason not in (FailureReason.ENGINE_CRASH, FailureReason.RESULT_MISSING):
        return failure
    file = PurePosixPath(request.lean_project_path or "", request.lean_algorithm_file or PYTHON_FILE)
    message = f"LEAN ended before it had found its algorithm: is {file} among the projects? ({failure.message})"
    return Failure(reason=FailureReason.ENGINE_ERROR, message=clean_text(message, MAX_WORDS))


def _stopped_by_itself(logs: LogFacts) -> Failure | None:
    """A build of LEAN that exits with 1 after Quit()."""
    return _stopped(logs) if logs.quit is not None else None


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
