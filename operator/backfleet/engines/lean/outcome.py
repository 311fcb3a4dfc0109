"""How a LEAN run ended. Exit code 0 and "Completed" prove little: a run succeeded only if every condition here holds.

The conditions: exit code 0, or results posted before the process ended otherwise; a readable result; if the layout has a
state, no runtime error, an end time and the status Completed; statistics; some data; no early stop. docs/lean-results.md
describes them for readers.
"""

from dataclasses import replace
from pathlib import Path, PurePosixPath

from backfleet.core.backtests import BacktestRequest, Ending, Failure, Outcome, Result
from backfleet.core.reasons import FailureReason
from backfleet.engines.files import FileProblem, clean_text
from backfleet.engines.lean.configuration import PYTHON_FILE
from backfleet.engines.lean.curve import sampled_curve
from backfleet.engines.lean.document import Document
from backfleet.engines.lean.evidence import Evidence, gather
from backfleet.engines.lean.explaining import with_log
from backfleet.engines.lean.logs import LogFacts, read_logs
from backfleet.engines.lean.metrics import LeanMetrics, measure
from backfleet.engines.lean.monitor import DataRequests
from backfleet.engines.lean.remarks import provenance_of, warnings_of
from backfleet.engines.outcomes import failure_of_exit, failure_of_files, outcome_of, read_exit, with_exit
from backfleet.engines.reports import ShimReport

MAX_WORDS = 1200
"""Characters of LEAN's own words in a failure's message; the log gets the rest."""

CODE_ABORTED = 134
NO_RESULT = (FailureReason.RESULT_MISSING, FailureReason.RESULT_INVALID)
NO_POINTS = 1
"""LEAN counts one data point even if there was none."""
INITIALIZE_MARKS = ("Algorithm.Initialize() Error", "During the algorithm initialization")
RUNTIME_MARKS = ("Runtime Error:", "RuntimeError:")
"""How Engine/Engine.cs and the setup handler begin the two kinds of messages."""


def outcome_of_run(folder: Path, request: BacktestRequest) -> Outcome:
    """Return the outcome of the LEAN run that left this results folder. Hostile content gives a Failure, never an exception."""
    report = read_exit(folder)
    ending = _ending(folder, report, request)
    if isinstance(ending, Failure):
        ending = explain(folder, report.exit_code, ending, request)
    return outcome_of(report, ending)


def _ending(folder: Path, report: ShimReport, request: BacktestRequest) -> Ending:
    """Decide by the exit, or by the files where it decides nothing, or where the process ended after a whole result.

    Files without a final result prove nothing of a process that ended otherwise than well.
    """
    failure = failure_of_exit(folder, report)
    if failure is not None and not (report.exit_code and read_logs(folder).is_posted):
        return failure
    ending = with_exit(_ending_of_files(folder, request), report)
    is_proof = isinstance(ending, Result) or ending.reason not in NO_RESULT
    return ending if failure is None or is_proof else failure


def _ending_of_files(folder: Path, request: BacktestRequest) -> Ending:
    try:
        seen = gather(folder)
        measured = measure(seen.document, seen.whole, seen.rates)
        return find_failure(seen, measured, request) or Result(
            metrics=measured.metrics,
            statistics=seen.document.statistics,
            equity_curve=sampled_curve(seen.equity),
            warnings=warnings_of(seen, measured, request),
            provenance=provenance_of(seen, request),
            analysis=seen.analysis,
        )
    except FileProblem as problem:
        return failure_of_files(problem)


def find_failure(seen: Evidence, measured: LeanMetrics, request: BacktestRequest) -> Failure | None:
    """Return a failure for the first condition that a run's files do not meet; None if they meet all."""
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
    """Return LEAN's own error, with its stack if that adds anything.

    A failed initialization leaves no statistics, since nothing ran. An error during the run leaves all of them.
    """
    for document in seen.documents:
        state = document.state or {}
        words, stack = state.get("RuntimeError", "").strip(), state.get("StackTrace", "").strip()
        if words or state.get("Status") == "RuntimeError":
            by_files = FailureReason.RUNTIME_ERROR if document.statistics else FailureReason.INITIALIZE_ERROR
            message = words if stack in words else f"{words}\n{stack}"
            return Failure(
                reason=_reason_of_words(words) or by_files,
                message=clean_text(message, MAX_WORDS) or "LEAN's status is RuntimeError, without a message",
            )
    return None


def _half_way(document: Document) -> Failure | None:
    name, state = document.name, document.state
    if state is None and document.is_camel_case:
        message = f"{name}: the field state is missing"
        return Failure(reason=FailureReason.RESULT_INVALID, message=message)
    if state is not None and not state.get("EndTime", "").strip():
        message = f"{name}: is an intermediate version without an end time: LEAN did not write its final result"
        return Failure(reason=FailureReason.RESULT_MISSING, message=message)
    return None


def _stopped(logs: LogFacts) -> Failure | None:
    """Find an early stop. Quit() and an interrupt both end as "Completed" with exit code 0, and only the log shows them."""
    if logs.quit is not None:
        on = f" on {logs.quit.day}" if logs.quit.day else ""
        words = f": {logs.quit.words}" if logs.quit.words else ", without a message"
        message = f"the strategy stopped its own run{on}{words}"
        return Failure(reason=FailureReason.STOPPED_BY_STRATEGY, message=clean_text(message, MAX_WORDS))
    if logs.stopped is not None:
        message = f"the run was stopped before its end, so its figures cover only a part of it: {logs.stopped}"
        return Failure(reason=FailureReason.ENGINE_ERROR, message=clean_text(message, MAX_WORDS))
    return None


def _not_completed(document: Document) -> Failure | None:
    state = document.state
    if state is None or state.get("Status") == "Completed":
        return None
    message = clean_text(f"{document.name}: expected the status Completed, got {state.get('Status', '')!r}", MAX_WORDS)
    return Failure(reason=FailureReason.ENGINE_ERROR, message=message)


def _no_data(seen: Evidence, measured: LeanMetrics, request: BacktestRequest) -> Failure | None:
    """Find missing data. A run with orders had prices, so it never lacks data."""
    problem = None if measured.metrics["total_orders"] else _data_problem(seen, request.symbols)
    if problem is None:
        return None
    asked = f"{', '.join(request.symbols)} from {request.start_date} to {request.end_date}"
    message = clean_text(f"{problem}. Check that the data folder has data for {asked}.", MAX_WORDS)
    return Failure(reason=FailureReason.NO_DATA, message=message)


def _data_problem(seen: Evidence, symbols: tuple[str, ...]) -> str | None:
    """Decide by counts and paths: LEAN rounds its percentage, so 100 can mean all but a few requests."""
    requests, points = seen.requests, seen.logs.data_points
    if requests is not None and requests.total and _is_all_failed(requests, points):
        return f"{requests.failed} of {requests.total} data requests failed"
    if seen.lists is not None and seen.lists.has_none_of(symbols, seen.logs.benchmarks):
        missed = next(filter(None, map(seen.lists.missed_path, symbols)), None)
        return f"LEAN did not find {missed}" if missed else "LEAN did not find data for any of the symbols"
    if points is not None and points <= NO_POINTS:
        return f"LEAN processed {points} data points"
    return "LEAN's equity curve has a single point" if len(seen.equity) == 1 else None


def _is_all_failed(requests: DataRequests, points: int | None) -> bool:
    if not requests.succeeded:
        return True
    return requests.failed_percentage >= 100 and (points is None or points <= NO_POINTS)


def _no_statistics(document: Document) -> Failure | None:
    if document.statistics:
        return None
    return Failure(reason=FailureReason.RESULT_INVALID, message=f"{document.name}: expected statistics, got none")


def _cut_off(seen: Evidence) -> Failure | None:
    """Find a run that was cut off: without a log, only the equity curve can show it."""
    if seen.gap is None or seen.logs.is_there:
        return None
    message = f"{seen.gap}, and there is no log that shows whether the run was stopped"
    return Failure(reason=FailureReason.ENGINE_ERROR, message=message)


def explain(folder: Path, exit_code: int | None, failure: Failure, request: BacktestRequest) -> Failure:
    """Add LEAN's reason and message to a failure that only has an exit code, and append the last lines of the log."""
    logs = read_logs(folder)
    if exit_code in (0, CODE_ABORTED) and logs.is_without_algorithm:
        failure = _not_found(failure, request)
    if exit_code and failure.reason is FailureReason.ENGINE_ERROR:
        lines = "\n".join((*logs.errors, *logs.last_lines))
        failure = _stopped_by_itself(logs) or _explain_exit(folder, lines, failure)
    return replace(failure, message=with_log(failure.message, logs))


def _not_found(failure: Failure, request: BacktestRequest) -> Failure:
    """Explain a missing algorithm file: LEAN then aborts, and reports the cause only on stderr."""
    if failure.reason not in (FailureReason.ENGINE_CRASH, FailureReason.RESULT_MISSING):
        return failure
    file = PurePosixPath(request.lean_project_path or "", request.lean_algorithm_file or PYTHON_FILE)
    message = f"LEAN did not find its algorithm. Check that {file} is among the projects. ({failure.message})"
    return Failure(reason=FailureReason.ENGINE_ERROR, message=clean_text(message, MAX_WORDS))


def _stopped_by_itself(logs: LogFacts) -> Failure | None:
    """Find a call of Quit() in a build of LEAN that then exits with code 1."""
    return _stopped(logs) if logs.quit is not None else None


def _explain_exit(folder: Path, lines: str, failure: Failure) -> Failure:
    """Find which error an exit code 1 means: LEAN's result shows it, or its log if there is no result."""
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
