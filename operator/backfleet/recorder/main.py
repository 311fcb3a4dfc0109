"""The command `backfleet-recorder`: turn the files of a pack's members into outcomes in Postgres, then exit.

Exit codes: 0 all were recorded, among them a success; 3 all were recorded, and every backtest that began had failed; 4 not all
were recorded, because Postgres did not answer for too long or the pod was terminated; 5 none was, because Postgres accepts
none; 2 none was, because the environment is invalid. An outcome that Postgres alone does not accept counts as not taken.
The termination message of the container is JSON of at most 4 KiB: the counts, and the first failure (attempt, reason, message).
"""

import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType

from backfleet.core import wire
from backfleet.engines.files import clean_text
from backfleet.engines.registry import ENGINES
from backfleet.recorder.appending import Append, append_rows
from backfleet.recorder.logs import Log, json_log
from backfleet.recorder.orders import OrdersInvalid, read_orders, termination_log
from backfleet.recorder.recording import Clock, GaveUp, Recording, Tally, judge

EXIT_SUCCESS = 0
EXIT_ORDERS_INVALID = 2
EXIT_FAILURE_RECORDED = 3
EXIT_NOT_TAKEN = 5
MAX_TERMINATION_BYTES = 4096

MONOTONIC = Clock(now=time.monotonic, sleep=time.sleep)


class Terminated(BaseException):
    """SIGTERM: the pod is being deleted. As a BaseException it passes every handler of errors."""


def main() -> int:
    """Record as the process's environment says. SIGTERM can end this between any two steps."""
    signal.signal(signal.SIGTERM, _terminate)
    return run(os.environ, append_rows, MONOTONIC)


def run(environment: Mapping[str, str], append: Append, clock: Clock) -> int:
    """Read and record the outcomes with the given dependencies, and return the exit code."""
    try:
        orders = read_orders(environment)
    except OrdersInvalid as error:
        log = json_log()
        log("bad environment", level="error", message=str(error))
        _leave_last_word(termination_log(environment), {"recorded": 0, "message": str(error)}, log)
        return EXIT_ORDERS_INVALID
    log = json_log(pack=orders.pack.attempt_ids[0])
    recording = Recording(orders, append, clock, log)
    problem = None
    try:
        recording.record(judge(orders, ENGINES.get(orders.engine)))
    except GaveUp as error:
        problem = str(error)
    except Terminated:
        log("terminated", level="warning")
        problem = "the recorder was terminated before it had recorded every outcome"
    _leave_last_word(orders.termination_log, _last_word(recording.tally, problem), log)
    return _exit_code(recording.tally, problem)


def _exit_code(tally: Tally, problem: str | None) -> int:
    if problem is not None:
        return wire.RECORDER_EXIT_GAVE_UP
    if not tally.recorded:
        return EXIT_NOT_TAKEN
    return EXIT_SUCCESS if tally.succeeded else EXIT_FAILURE_RECORDED


def _last_word(tally: Tally, problem: str | None) -> dict[str, object]:
    word: dict[str, object] = {
        "recorded": tally.recorded,
        "succeeded": tally.succeeded,
        "failed": tally.failed,
        "notBegun": tally.not_begun,
        "notTaken": tally.not_taken,
    }
    message = problem or tally.refusal
    if tally.first_failure is not None:
        attempt, reason, words = tally.first_failure
        word |= {"attempt": attempt, "reason": reason}
        message = message or words
    return {**word, "message": message or ""}


def _leave_last_word(path: Path, word: Mapping[str, object], log: Log) -> None:
    """Write the termination message. It always fits 4 KiB: a character takes at most 12 bytes of JSON."""
    message = clean_text(str(word.get("message", "")), 300)
    text = json.dumps({**word, "message": message})
    try:
        path.write_text(text[:MAX_TERMINATION_BYTES], encoding="ascii")
    except OSError as error:
        log("no termination message", level="warning", message=str(error))


def _terminate(number: int, frame: FrameType | None) -> None:
    del number, frame
    # A second signal must not interrupt the termination message.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Terminated


if __name__ == "__main__":
    sys.exit(main())
