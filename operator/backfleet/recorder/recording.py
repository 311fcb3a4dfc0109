"""Read the outcome once, then offer it to the database until it is recorded or the patience ends."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from backfleet.core.backtests import PROVENANCE_IMAGE, BacktestRequest, Failure, Outcome, Result
from backfleet.core.reasons import FailureReason
from backfleet.engines.files import clean_text
from backfleet.engines.protocol import Engine
from backfleet.recorder.appending import Answer, Append, Reply
from backfleet.recorder.logs import Log
from backfleet.recorder.orders import Orders

FIRST_DELAY_SECONDS = 0.5
MAX_DELAY_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """The recorder's clock; tests pass their own."""

    now: Callable[[], float]
    sleep: Callable[[float], None]
    jitter: Callable[[], float] = random.random


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """The end of recording: the outcome, and whether the database recorded or refused it."""

    outcome: Outcome
    is_recorded: bool
    is_refused: bool = False
    message: str = ""


def read_outcome(engine: Engine | None, name: str, folder: Path, request: BacktestRequest) -> Outcome:
    """Let the engine read the outcome from its folder. An error in it becomes an outcome too: nothing is lost silently."""
    if engine is None:
        return _recorder_error(
            f"engine {name[:100]!r} is unknown to this recorder. Run operator and recorder in the same version."
        )
    try:
        return engine.outcome(folder, request)
    except Exception as error:  # noqa: BLE001 (the last line of defence: an error of the engine must still be recorded)
        return _recorder_error(f"the engine's files could not be judged: {type(error).__name__}: {error}")


def with_image(outcome: Outcome, image: str | None) -> Outcome:
    """Put the engine's image into the outcome's provenance, in place of any that the engine's files name."""
    ending = outcome.ending
    if image is None or not isinstance(ending, Result):
        return outcome
    provenance = {**ending.provenance, PROVENANCE_IMAGE: clean_text(image)}
    return replace(outcome, ending=replace(ending, provenance=provenance))


def record(orders: Orders, outcome: Outcome, append: Append, clock: Clock, log: Log) -> Recording:
    """Append the outcome. Repeat while the database is away; the last try is at the end of the patience."""
    deadline = clock.now() + orders.patience_seconds
    delay = FIRST_DELAY_SECONDS
    was_refused = False
    while True:
        reply = append(orders.database_url, orders.attempt_id, outcome)
        match reply.answer:
            case Answer.APPENDED | Answer.DUPLICATE:
                log("recorded", answer=reply.answer.value)
                return Recording(outcome=outcome, is_recorded=True)
            case Answer.UNKNOWN_ATTEMPT:
                log("not recorded", level="error", answer=reply.answer.value, message=reply.message)
                return Recording(outcome=outcome, is_recorded=False, is_refused=True, message=reply.message)
            case Answer.REFUSED:
                if was_refused:
                    log("not recorded", level="error", answer=reply.answer.value, message=reply.message)
                    return Recording(outcome=outcome, is_recorded=False, is_refused=True, message=reply.message)
                log("refused", level="error", message=reply.message)
                outcome, was_refused = _instead_of_refused(reply), True
            case Answer.AWAY:
                left = deadline - clock.now()
                log("database away", level="warning", message=reply.message, seconds_left=round(max(left, 0.0), 1))
                if left <= 0:
                    return Recording(outcome=outcome, is_recorded=False, message=reply.message)
                clock.sleep(min(left, delay * (0.5 + clock.jitter() / 2)))
                delay = min(delay * 2, MAX_DELAY_SECONDS)


def _instead_of_refused(reply: Reply) -> Outcome:
    """Return a failure in place of an outcome that the database refuses, without its times and code: they may be the cause."""
    return _recorder_error(f"the database refused the outcome: {reply.message}")


def _recorder_error(message: str) -> Outcome:
    return Outcome(ending=Failure(reason=FailureReason.RECORDER_ERROR, message=clean_text(message)))
