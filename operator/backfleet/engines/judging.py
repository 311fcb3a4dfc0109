"""One ordered table from what the shim saw and the engine left to an outcome; shared by all engines.

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
"""Of folder, exit code and failure: the failure with what the engine's files say of it."""
IsPosted = Callable[[Path], bool]
"""Whether the engine says, in a folder, that it had written its whole result before its process ended."""


def judge(
    folder: Path,
    read_result: ReadResult,
    reasons: Mapping[int, FailureReason],
    explain: Explain | None = None,
    is_posted: IsPosted | None = None,
) -> Recorded:
    """The outcome in a results folder; `reasons` are the exit codes by which the engine names a reason itself.

    Where `is_posted` holds and the result is final, the files decide alone: what ended the process came after the run.
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
    # A process of the strategy that outlives its shell for a moment may have written the file: no code of a shell is above 255.
    return report if code is None or code <= 255 else replace(report, exit_code=None)


def _posted_outcome(
    folder: Path, report: ShimReport, read_result: ReadResult, is_posted: IsPosted | None
) -> Outcome | None:
    """What the files say, with how the process ended; None where it ended well, or left no proof or no final result."""
    if not report.exit_code or report.is_ended or is_posted is None or not is_posted(folder):
        return None
    outcome = _judge_result(folder, report, read_result)
    ending = f"{_ending(report.exit_code)} after it had posted its results"
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
            reason=FailureReason.OOM_KILLED, message="the engine was killed for using more memory than its limit"
        )
    if report.is_timeout:
        return Failure(reason=FailureReason.BACKTEST_TIMEOUT, message="the backtest was stopped at its timeout")
    if code is None:
        problem = f"{wire.SHIM_EXIT_FILE}: the engine's container left no exit code"
        return Failure(reason=FailureReason.RESULT_MISSING, message=problem)
    if code in reasons:
        return Failure(reason=reasons[code], message=_message(folder, _ending(code)))
    if code in (CODE_NOT_EXECUTABLE, CODE_NOT_FOUND):
        problem = f"the engine's command could not be started (exit code {code}): is it in the image?"
        return Failure(reason=FailureReason.ENGINE_ERROR, message=problem)
    if 128 < code <= 128 + MAX_SIGNAL:
        return Failure(reason=FailureReason.ENGINE_CRASH, message=_with_last_words(folder, _crash(code, report)))
    return Failure(reason=FailureReason.ENGINE_ERROR, message=_message(folder, _ending(code)))


def _ended_outcome(outcome: Outcome) -> Outcome:
    """What the files say of an engine that said that all was written, and was ended when it stayed."""
    note = "ended by Backfleet after it had said that all was written"
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
        message = f"a process of the engine was killed for memory, and it left no result ({outcome.message})"
        return Failure(reason=FailureReason.OOM_KILLED, message=clean_text(message))
    warning = "a process of the engine was killed for memory, yet the engine ended well"
    return replace(outcome, warnings=(*outcome.warnings, warning))


def _message(folder: Path, otherwise: str) -> str:
    """The engine's own words from error.json with the exit code behind them, or the exit code and its last words on stderr."""
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
    """The message with the end of the engine's stderr, where the shim kept it."""
    try:
        text, _ = read_ends(folder, wire.SHIM_STDERR_FILE, MAX_ERROR_BYTES)
    except FileProblem:
        return message
    words = text.strip()
    if not words:
        return message
    shown = words if len(words) <= MAX_LAST_WORDS else "…" + words[-MAX_LAST_WORDS + 1 :]
    return f"{message}\nits last words:\n{clean_text(shown)}"


def _crash(code: int, report: ShimReport) -> str:
    if code != CODE_KILLED or not report.is_early:
        return _ending(code)
    times = f"after {report.ran_seconds} s of at most {report.limit_seconds} s"
    return f"{_ending(code)} {times}, and not by Backfleet: most likely it needed more memory than it may have"


def _ending(code: int) -> str:
    if 128 < code <= 128 + MAX_SIGNAL:
        return f"the engine ended by {_signal_name(code - 128)}"
    return f"the engine exited with code {code}"


def _signal_name(number: int) -> str:
    try:
        return f"signal {number} ({signal.Signals(number).name})"
    except ValueError:
        return f"signal {number}"
