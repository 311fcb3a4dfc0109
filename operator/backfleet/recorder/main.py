"""The command `backfleet-recorder`: turn the engine's files into one outcome in Postgres, then exit.

Exit codes: 0 a success was recorded, 3 a failure was recorded. Nothing was recorded: 2 because the environment is invalid,
4 because Postgres did not answer for too long or the pod was terminated, 5 because Postgres does not accept the outcome.
The termination message of the container is JSON of at most 4 KiB: recorded, kind, reason, message.
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
from backfleet.core.backtests import Failure
from backfleet.engines.files import clean_text
from backfleet.engines.registry import ENGINES
from backfleet.recorder.appending import Append, append_outcome
from backfleet.recorder.logs import Log, json_log
from backfleet.recorder.orders import Orders, OrdersInvalid, read_orders, termination_log
from backfleet.recorder.recording import Clock, Recording, read_outcome, record, with_image

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
    return run(os.environ, append_outcome, MONOTONIC)


def run(environment: Mapping[str, str], append: Append, clock: Clock) -> int:
    """Read and record the outcome with the given dependencies, and return the exit code."""
    log = json_log(attempt=environment.get(wire.ENV_ATTEMPT_ID, ""))
    try:
        orders = read_orders(environment)
    except OrdersInvalid as error:
        log("bad environment", level="error", message=str(error))
        _leave_last_word(termination_log(environment), {"recorded": False, "message": str(error)}, log)
        return EXIT_ORDERS_INVALID
    try:
        return _finish(orders, _run(orders, append, clock, log), log)
    except Terminated:
        log("terminated", level="warning")
        word = {"recorded": False, "message": "the recorder was terminated before it recorded the outcome"}
        _leave_last_word(orders.termination_log, word, log)
        return wire.RECORDER_EXIT_GAVE_UP


def _run(orders: Orders, append: Append, clock: Clock, log: Log) -> Recording:
    outcome = read_outcome(ENGINES.get(orders.engine), orders.engine, orders.folder, orders.request)
    outcome = with_image(outcome, orders.engine_image)
    ending = outcome.ending
    if isinstance(ending, Failure):
        log("outcome read", kind="failed", reason=ending.reason.value, message=ending.message)
    else:
        log("outcome read", kind="succeeded")
    return record(orders, outcome, append, clock, log)


def _finish(orders: Orders, recording: Recording, log: Log) -> int:
    ending = recording.outcome.ending
    is_failure = isinstance(ending, Failure)
    word: dict[str, object] = {"recorded": recording.is_recorded, "kind": "failed" if is_failure else "succeeded"}
    if isinstance(ending, Failure):
        word |= {"reason": ending.reason.value, "message": ending.message}
    if not recording.is_recorded:
        word |= {"message": recording.message}
    _leave_last_word(orders.termination_log, word, log)
    if not recording.is_recorded:
        return EXIT_NOT_TAKEN if recording.is_refused else wire.RECORDER_EXIT_GAVE_UP
    return EXIT_FAILURE_RECORDED if is_failure else EXIT_SUCCESS


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
