"""The rules that turn the shim's report and the engine's files into an outcome; shared by all engines.

Each engine does it one way: `read_exit`; `failure_of_exit`, or else what the engine's files show, `with_exit`;
`outcome_of`. Hostile content gives a Failure, never an exception.
"""

import signal
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from backfleet.core import wire
from backfleet.core.backtests import Ending, Failure, Outcome, Result
from backfleet.core.reasons import FailureReason
from backfleet.engines.files import MAX_MESSAGE, FileMissing, FileProblem, clean_text, read_ends, read_json
from backfleet.engines.program import ERROR_FILE, REASON_BY_EXIT_CODE
from backfleet.engines.reports import ShimReport, read_report
from backfleet.engines.results import read_result

CODE_NOT_EXECUTABLE = 126
CODE_NOT_FOUND = 127
CODE_KILLED = 128 + signal.SIGKILL
MAX_SIGNAL = 64
MAX_ERROR_BYTES = 64 * 1024
MAX_LAST_WORDS = 1000
"""Characters of stderr in a message."""


def outcome_of_program(folder: Path) -> Outcome:
    """Return the outcome of a program that uses `engines.program`, from the shim's report and result.json."""
    report = read_exit(folder)
    failure = failure_of_exit(folder, report, REASON_BY_EXIT_CODE)
    return outcome_of(report, failure or with_exit(_read_program(folder), report))


def read_exit(folder: Path) -> ShimReport:
    """Read how the engine's process ended, as the shim saw it."""
    try:
        report = read_report(folder)
    except OSError:
        return ShimReport()
    code = report.exit_code
    # A process of the strategy that briefly outlives its shell may have written the file: a shell's codes end at 255.
    return report if code is None or code <= 255 else replace(report, exit_code=None)


def failure_of_exit(
    folder: Path, report: ShimReport, reasons: Mapping[int, FailureReason] | None = None
) -> Failure | None:
    """Return the failure that the exit alone shows; None where the engine's files decide.

    `reasons` maps the exit codes by which the engine itself names a reason.
    """
    code = report.exit_code
    if code == 0 or report.is_ended:
        return None
    if report.oom_kills:
        return Failure(
            reason=FailureReason.OOM_KILLED, message="the engine was killed because it used more memory than its limit"
        )
    if report.is_timeout:
        return Failure(reason=FailureReason.BACKTEST_TIMEOUT, message="the backtest was stopped at its timeout")
    if code is None:
        problem = f"{wire.SHIM_EXIT_FILE}: expected the engine's exit code, found none"
        return Failure(reason=FailureReason.RESULT_MISSING, message=problem)
    if reasons and code in reasons:
        return Failure(reason=reasons[code], message=_message(folder, _how_it_ended(code)))
    if code in (CODE_NOT_EXECUTABLE, CODE_NOT_FOUND):
        problem = f"the engine's command could not start (exit code {code}). Check that the engine's image contains it."
        return Failure(reason=FailureReason.ENGINE_ERROR, message=problem)
    if 128 < code <= 128 + MAX_SIGNAL:
        return Failure(reason=FailureReason.ENGINE_CRASH, message=_with_last_words(folder, _crash(code, report)))
    return Failure(reason=FailureReason.ENGINE_ERROR, message=_message(folder, _how_it_ended(code)))


def failure_of_files(problem: FileProblem) -> Failure:
    """Return the failure of an engine whose files cannot be read."""
    is_missing = isinstance(problem, FileMissing)
    reason = FailureReason.RESULT_MISSING if is_missing else FailureReason.RESULT_INVALID
    return Failure(reason=reason, message=clean_text(str(problem)))


def with_exit(ending: Ending, report: ShimReport) -> Ending:
    """Return what the files show, with what the exit adds: a process out of memory, or an end after the files were written."""
    ending = _with_oom_kills(ending) if report.oom_kills else ending
    code = report.exit_code
    if report.is_ended and code != 0:
        return _with_note(ending, "ended by Backfleet after it had reported its files complete")
    if not code:
        return ending
    how = f"{_how_it_ended(code)} after it had written its results"
    if isinstance(ending, Result):
        return replace(ending, warnings=(how, *ending.warnings))
    return replace(ending, message=clean_text(f"{ending.message} ({how})"))


def outcome_of(report: ShimReport, ending: Ending) -> Outcome:
    """Return the outcome of a run that ended so."""
    return Outcome(
        ending=ending,
        exit_code=report.exit_code,
        engine_started_at=report.started_at,
        engine_finished_at=report.finished_at,
    )


def _read_program(folder: Path) -> Ending:
    try:
        return read_result(folder)
    except FileProblem as problem:
        return failure_of_files(problem)


def _with_oom_kills(ending: Ending) -> Ending:
    if isinstance(ending, Failure):
        message = f"a process of the engine ran out of memory and was killed, and no result was left ({ending.message})"
        return Failure(reason=FailureReason.OOM_KILLED, message=clean_text(message))
    warning = "a process of the engine ran out of memory and was killed, but the engine ended well"
    return replace(ending, warnings=(*ending.warnings, warning))


def _with_note(ending: Ending, note: str) -> Ending:
    """Add a note on an engine that reported its files complete, did not exit, and was ended."""
    if isinstance(ending, Result):
        return replace(ending, provenance={**ending.provenance, "shutdown": note})
    return replace(ending, message=clean_text(f"{ending.message} (the engine was {note})"))


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
        return _how_it_ended(code)
    times = f"after {report.ran_seconds:.6g} s of at most {report.limit_seconds:.6g} s"
    return f"{_how_it_ended(code)} {times}, and not by Backfleet: most likely it exceeded its memory limit"


def _how_it_ended(code: int) -> str:
    if 128 < code <= 128 + MAX_SIGNAL:
        return f"the engine was ended by {_signal_name(code - 128)}"
    return f"the engine exited with code {code}"


def _signal_name(number: int) -> str:
    try:
        return f"signal {number} ({signal.Signals(number).name})"
    except ValueError:
        return f"signal {number}"
