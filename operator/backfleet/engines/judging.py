"""The rules that turn the shim's report and the engine's files into an outcome, in order; shared by all engines.

Hostile content gives a Failure, never an exception.
"""

import signal
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from backfleet.core import wire
from backfleet.core.backtests import Failure, Outcome, Recorded, Result
from backfleet.core.reasons import FailureReason
from backfleet.engines.files import MAX_MESSAGE, FileMissing, FileProblem, clean_text, read_ends, read_json
from backfleet.engines.program import ERROR_FILE
from backfleet.engines.shim import ShimReport, read_report

CODE_NOT_EXECUTABLE = 126
CODE_NOT_FOUND = 127
CODE_KILLED = 128 + signal.SIGKILL
MAX_SIGNAL = 64
MAX_ERROR_BYTES = 64 * 1024
MAX_LAST_WORDS = 1000
"""Characters of stderr in a message."""

ReadResult = Callable[[Path], Outcome]
"""Reads the files of an engine that exited with 0; raises FileProblem."""
Explain = Callable[[Path, int | None, Failure], Failure]
"""Takes folder, exit code and failure; returns the failure with the details that the engine's files give."""
IsPosted = Callable[[Path], bool]
"""Reports whether the engine's files in a folder say that its whole result was written before its process ended."""


def judge(
    folder: Path,
    read_result: ReadResult,
    reasons: Mapping[int, FailureReason],
    explain: Explain | None = None,
    is_posted: IsPosted | None = None,
) -> Recorded:
    """Judge a results folder. `reasons` maps the exit codes by which the engine itself names a reason.

    If `is_posted` is true and the result is final, the files alone decide: the process ended after the run.
    """
    report = _read_report(folder)
    outcome = _posted_outcome(folder, report, read_result, is_posted) or _outcome(folder, report, read_result, reasons)
    if explain is not None and isinstance(outcome, Failure):
        outcome = explain(folder, report.exit_code, outcome)
    return Recorded(
        outcome=outcome,
        exit_code=report.exit_code,
        engine_started_at=report.started_at,
        engine_finished_at=report.finished_at,
    )


def _read_report(folder: Path) -> ShimReport:
    try:
        report = read_report(folder)
    except OSError:
        return ShimReport()
    code = report.exit_code
    # A process of the strategy that briefly outlives its shell may have written the file: a shell's codes end at 255.
    return report if code is None or code <= 255 else replace(report, exit_code=None)


def _posted_outcome(
    folder: Path, report: ShimReport, read_result: ReadResult, is_posted: IsPosted | None
) -> Outcome | None:
    """Judge the files, and add how the process ended; None if it ended well, or left no proof or no final result."""
    if not report.exit_code or report.is_ended or is_posted is None or not is_posted(folder):
        return None
    outcome = _judge_result(folder, report, read_result)
    ending = f"{_ending(report.exit_code)} after it had written its results"
    if isinstance(outcome, Result):
        return replace(outcome, warnings=(ending, *outcome.warnings))
    if outcome.reason in (FailureReason.RESULT_MISSING, FailureReason.RESULT_INVALID):
        return None
    return replace(outcome, message=clean_text(f"{outcome.message} ({ending})"))


def _outcome(
    folder: Path, report: ShimReport, read_result: ReadResult, reasons: Mapping[int, FailureReason]
) -> Outcome:
    code = report.exit_code
    if code == 0:
        return _judge_result(folder, report, read_result)
    if report.is_ended:
        return _ended_outcome(_judge_result(folder, report, read_result))
    if report.oom_kills:
        return Failure(
            reason=FailureReason.OOM_KILLED, message="the engine was killed because it used more memory than its limit"
        )
    if report.is_timeout:
        return Failure(reason=FailureReason.BACKTEST_TIMEOUT, message="the backtest was stopped at its timeout")
    if code is None:
        problem = f"{wire.SHIM_EXIT_FILE}: expected the engine's exit code, found none"
        return Failure(reason=FailureReason.RESULT_MISSING, message=problem)
    if code in reasons:
        return Failure(reason=reasons[code], message=_message(folder, _ending(code)))
    if code in (CODE_NOT_EXECUTABLE, CODE_NOT_FOUND):
        problem = f"the engine's command could not start (exit code {code}). Check that the engine's image contains it."
        return Failure(reason=FailureReason.ENGINE_ERROR, message=problem)
    if 128 < code <= 128 + MAX_SIGNAL:
        return Failure(reason=FailureReason.ENGINE_CRASH, message=_with_last_words(folder, _crash(code, report)))
    return Failure(reason=FailureReason.ENGINE_ERROR, message=_message(folder, _ending(code)))


def _ended_outcome(outcome: Outcome) -> Outcome:
    """Add a note to the outcome of an engine that reported its files complete, did not exit, and was ended."""
    note = "ended by Backfleet after it had reported its files complete"
    if isinstance(outcome, Result):
        return replace(outcome, provenance={**outcome.provenance, "shutdown": note})
    return replace(outcome, message=clean_text(f"{outcome.message} (the engine was {note})"))


def _judge_result(folder: Path, report: ShimReport, read_result: ReadResult) -> Outcome:
    try:
        outcome = read_result(folder)
    except FileProblem as problem:
        is_missing = isinstance(problem, FileMissing)
        reason = FailureReason.RESULT_MISSING if is_missing else FailureReason.RESULT_INVALID
        outcome = Failure(reason=reason, message=clean_text(str(problem)))
    if not report.oom_kills:
        return outcome
    if isinstance(outcome, Failure):
        message = (
            f"a process of the engine ran out of memory and was killed, and no result was left ({outcome.message})"
        )
        return Failure(reason=FailureReason.OOM_KILLED, message=clean_text(message))
    warning = "a process of the engine ran out of memory and was killed, but the engine ended well"
    return replace(outcome, warnings=(*outcome.warnings, warning))


def _message(folder: Path, otherwise: str) -> str:
    """Return the message in error.json followed by the exit code, or the exit code followed by the end of stderr."""
    try:
        body = read_json(folder, ERROR_FILE, MAX_ERROR_BYTES)
    except FileProblem:
        return _with_last_words(folder, otherwise)
    message = body.get("message") if isinstance(body, dict) else None
    if not isinstance(message, str) or not message.strip():
        return _with_last_words(folder, otherwise)
    ending = f" ({otherwise})"
    return clean_text(message.strip(), MAX_MESSAGE - len(ending)) + ending


def _with_last_words(folder: Path, message: str) -> str:
    """Append the end of the engine's stderr to the message, if the shim kept it."""
    try:
        text, _ = read_ends(folder, wire.SHIM_STDERR_FILE, MAX_ERROR_BYTES)
    except FileProblem:
        return message
    words = text.strip()
    if not words:
        return message
    shown = words if len(words) <= MAX_LAST_WORDS else "…" + words[-MAX_LAST_WORDS + 1 :]
    return f"{message}\nstderr ends with:\n{clean_text(shown)}"


def _crash(code: int, report: ShimReport) -> str:
    if code != CODE_KILLED or not report.is_early:
        return _ending(code)
    times = f"after {report.ran_seconds} s of at most {report.limit_seconds} s"
    return f"{_ending(code)} {times}, and not by Backfleet: most likely it exceeded its memory limit"


def _ending(code: int) -> str:
    if 128 < code <= 128 + MAX_SIGNAL:
        return f"the engine was ended by {_signal_name(code - 128)}"
    return f"the engine exited with code {code}"


def _signal_name(number: int) -> str:
    try:
        return f"signal {number} ({signal.Signals(number).name})"
    except ValueError:
        return f"signal {number}"
