"""Judge the members of a pack one after the other, and offer their outcomes to the database until it has all of them."""

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from backfleet.core.backtests import PROVENANCE_IMAGE, BacktestRequest, Failure, Outcome, Result
from backfleet.core.errors import BackfleetError
from backfleet.core.reasons import FailureReason
from backfleet.engines.files import MEBIBYTE, clean_text
from backfleet.engines.protocol import Engine
from backfleet.engines.reports import read_begun
from backfleet.recorder.appending import Answer, Append, OutcomeRow, Reply, row
from backfleet.recorder.logs import Log
from backfleet.recorder.orders import Orders

FIRST_DELAY_SECONDS = 0.5
MAX_DELAY_SECONDS = 30.0
MAX_ROWS = 100
MAX_BYTES = 4 * MEBIBYTE
"""The most outcomes, and the most characters of their bodies, in one transaction, which is also what is in memory at a time."""

Judged = tuple[str, Outcome]
"""The id of an attempt, and its outcome."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """The recorder's clock; tests pass their own."""

    now: Callable[[], float]
    sleep: Callable[[float], None]
    jitter: Callable[[], float] = random.random


class GaveUp(BackfleetError):
    """The database did not answer until the patience was over. The message is that of the last try."""


@dataclass(slots=True, kw_only=True)
class Tally:
    """What was recorded so far. `first_failure` is its attempt, reason and message; `refusal` is the database's message."""

    succeeded: int = 0
    failed: int = 0
    not_begun: int = 0
    not_taken: int = 0
    first_failure: tuple[str, str, str] | None = None
    refusal: str | None = None

    @property
    def recorded(self) -> int:
        """The number of outcomes that the database has."""
        return self.succeeded + self.failed + self.not_begun

    def count(self, values: OutcomeRow) -> None:
        """Count an outcome that the database has."""
        if values["reason"] is None:
            self.succeeded += 1
        elif values["reason"] == FailureReason.NOT_BEGUN.value:
            self.not_begun += 1
        else:
            self.failed += 1
            failure = (values["attempt_id"], values["reason"], values["message"])
            self.first_failure = self.first_failure or failure

    def refuse(self, reply: Reply) -> None:
        """Count an outcome that the database does not take."""
        self.not_taken += 1
        self.refusal = self.refusal or reply.message


def judge(orders: Orders, engine: Engine | None) -> Iterator[Judged]:
    """Judge the members in order, each when it is asked for."""
    pack = orders.pack
    begun = _read_begun(orders.folder)
    for position, (attempt, request) in enumerate(zip(pack.attempt_ids, pack.requests, strict=True)):
        if begun is not None and position >= begun:
            yield attempt, _not_begun(begun, len(pack.members))
        else:
            outcome = read_outcome(engine, orders.engine, orders.folder / str(position), request)
            yield attempt, with_image(outcome, orders.engine_image)


def read_outcome(engine: Engine | None, name: str, folder: Path, request: BacktestRequest) -> Outcome:
    """Let the engine read the outcome from its folder. An error in it becomes an outcome too: nothing is lost silently."""
    if engine is None:
        return _recorder_error(
            f"engine {name[:100]!r} is unknown to this recorder. Run operator and recorder in the same version."
        )
    try:
        if folder.is_symlink():
            message = f"{folder.name}: expected a results folder, got a symbolic link"
            return Outcome(ending=Failure(reason=FailureReason.RESULT_INVALID, message=message))
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


class Recording:
    """Offers outcomes in transactions. `tally` is right at any time, also after an exception."""

    def __init__(self, orders: Orders, append: Append, clock: Clock, log: Log) -> None:
        self.tally = Tally()
        self._orders = orders
        self._append = append
        self._clock = clock
        self._log = log

    def record(self, judged: Iterable[Judged]) -> None:
        """Append all outcomes. Repeat while the database is away. Raise GaveUp after the last try, when the patience ends."""
        deadline = self._clock.now() + self._orders.patience_seconds
        for rows in _in_transactions(self._rows(judged)):
            self._offer(rows, deadline)

    def _rows(self, judged: Iterable[Judged]) -> Iterator[dict[str, Any]]:
        for attempt, outcome in judged:
            ending = outcome.ending
            if isinstance(ending, Failure):
                said = {"reason": ending.reason.value, "message": ending.message}
                self._log("outcome read", attempt=attempt, kind="failed", **said)
            else:
                self._log("outcome read", attempt=attempt, kind="succeeded")
            try:
                yield row(attempt, outcome)
            except (ValueError, TypeError) as error:
                yield self._instead(attempt, f"the outcome cannot be written as JSON: {error}")

    def _offer(self, rows: list[dict[str, Any]], deadline: float, *, is_last: bool = False) -> None:
        """Append rows in one transaction; if one of them is refused, each in its own, and then an error in its place."""
        reply = self._answer(rows, deadline)
        first = rows[0]["attempt_id"]
        if reply.answer in (Answer.APPENDED, Answer.DUPLICATE):
            self._log("recorded", answer=reply.answer.value, attempt=first, count=len(rows))
            for each in rows:
                self.tally.count(each)
        elif len(rows) > 1:
            for each in rows:
                self._offer([each], deadline)
        elif reply.answer is Answer.REFUSED and not is_last:
            self._offer([self._instead(first, reply.message)], deadline, is_last=True)
        else:
            self._log("not recorded", level="error", answer=reply.answer.value, attempt=first, message=reply.message)
            self.tally.refuse(reply)

    def _answer(self, rows: list[dict[str, Any]], deadline: float) -> Reply:
        delay = FIRST_DELAY_SECONDS
        while True:
            reply = self._append(self._orders.database_url, rows)
            if reply.answer is not Answer.AWAY:
                return reply
            left = deadline - self._clock.now()
            self._log("database away", level="warning", message=reply.message, seconds_left=round(max(left, 0.0), 1))
            if left <= 0:
                raise GaveUp(reply.message)
            self._clock.sleep(min(left, delay * (0.5 + self._clock.jitter() / 2)))
            delay = min(delay * 2, MAX_DELAY_SECONDS)

    def _instead(self, attempt: str, message: str) -> dict[str, Any]:
        """Return a failure in place of an outcome that is refused, without its times and code: they may be the cause."""
        self._log("refused", level="error", attempt=attempt, message=message)
        return row(attempt, _recorder_error(f"the database refused the outcome: {message}"))


def _in_transactions(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    held: list[dict[str, Any]] = []
    size = 0
    for each in rows:
        length = len(each["body"] or "")
        if held and (len(held) == MAX_ROWS or size + length > MAX_BYTES):
            yield held
            held, size = [], 0
        held.append(each)
        size += length
    if held:
        yield held


def _read_begun(folder: Path) -> int | None:
    try:
        return read_begun(folder)
    except OSError:
        return None


def _not_begun(begun: int, size: int) -> Outcome:
    message = f"the time of its Job (backtests.packSeconds) was over after {begun} of {size} backtests"
    return Outcome(ending=Failure(reason=FailureReason.NOT_BEGUN, message=message))


def _recorder_error(message: str) -> Outcome:
    return Outcome(ending=Failure(reason=FailureReason.RECORDER_ERROR, message=clean_text(message)))
