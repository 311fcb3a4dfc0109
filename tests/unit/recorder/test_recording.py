from dataclasses import replace
from pathlib import Path

import pytest

from backfleet.core.backtests import BacktestRequest, Failure, Outcome, Result
from backfleet.core.reasons import FailureReason
from backfleet.engines.noop import NoopEngine, run
from backfleet.recorder.appending import Answer, Reply, row
from backfleet.recorder.main import Terminated
from backfleet.recorder.recording import Clock, Recording, read_outcome, record, with_image
from tests.support.engines import make_request
from tests.unit.recorder.test_orders import ORDERS

REQUEST = make_request("Noop")
GOOD = Outcome(ending=run(REQUEST), exit_code=0)
APPENDED, DUPLICATE = Reply(Answer.APPENDED), Reply(Answer.DUPLICATE)
AWAY = Reply(Answer.AWAY, "connection refused")
REFUSED = Reply(Answer.REFUSED, "invalid input")


class FakeClock:
    """Time passes only by sleeping."""

    def __init__(self, jitter: float = 1.0) -> None:
        self.seconds = 0.0
        self.sleeps: list[float] = []
        self.jitter = jitter

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.seconds += seconds

    def as_clock(self) -> Clock:
        return Clock(now=lambda: self.seconds, sleep=self.sleep, jitter=lambda: self.jitter)


class FakeDatabase:
    """Gives the replies in order, the last one for ever, and keeps what it was offered."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.offers: list[tuple[str, str, Outcome]] = []

    def append(self, url: str, attempt_id: str, outcome: Outcome) -> Reply:
        self.offers.append((url, attempt_id, outcome))
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


def recorded_with(database: FakeDatabase, clock: FakeClock | None = None, patience: float = 100.0) -> Recording:
    orders = replace(ORDERS, patience_seconds=patience)
    return record(orders, GOOD, database.append, (clock or FakeClock()).as_clock(), lambda *args, **fields: None)


@pytest.mark.parametrize("reply", [APPENDED, DUPLICATE], ids=["appended", "there already"])
def test_an_outcome_that_the_database_has_is_recorded(reply: Reply) -> None:
    database = FakeDatabase(reply)
    assert recorded_with(database) == Recording(outcome=GOOD, is_recorded=True)
    assert database.offers == [(ORDERS.database_url, "uid-3.1", GOOD)]


def test_while_the_database_is_away_it_is_offered_again_at_growing_distances() -> None:
    database, clock = FakeDatabase(*[AWAY] * 9, APPENDED), FakeClock()
    assert recorded_with(database, clock, 900.0).is_recorded
    assert clock.sleeps == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_jitter_shortens_a_delay_by_at_most_half() -> None:
    database, clock = FakeDatabase(AWAY, AWAY, APPENDED), FakeClock(jitter=0.0)
    recorded_with(database, clock)
    assert clock.sleeps == [0.25, 0.5]


def test_the_last_try_falls_on_the_end_of_the_patience() -> None:
    database, clock = FakeDatabase(AWAY), FakeClock()
    assert recorded_with(database, clock, 10.0) == Recording(
        outcome=GOOD, is_recorded=False, message="connection refused"
    )
    assert clock.sleeps == [0.5, 1, 2, 4, 2.5]
    assert len(database.offers) == 6


def test_without_patience_it_is_tried_once() -> None:
    database = FakeDatabase(AWAY)
    assert not recorded_with(database, patience=0.0).is_recorded
    assert len(database.offers) == 1


def test_an_unknown_attempt_is_final() -> None:
    database = FakeDatabase(Reply(Answer.UNKNOWN_ATTEMPT, "no such attempt"), APPENDED)
    assert recorded_with(database) == Recording(
        outcome=GOOD, is_recorded=False, is_refused=True, message="no such attempt"
    )
    assert len(database.offers) == 1


def test_a_refused_outcome_is_replaced_by_a_recorder_error() -> None:
    database = FakeDatabase(REFUSED, AWAY, APPENDED)
    instead = Outcome(
        ending=Failure(reason=FailureReason.RECORDER_ERROR, message="the database refused the outcome: invalid input")
    )
    assert recorded_with(database) == Recording(outcome=instead, is_recorded=True)
    assert [offer[2] for offer in database.offers] == [GOOD, instead, instead]


def test_refused_twice_is_not_recorded() -> None:
    recording = recorded_with(FakeDatabase(REFUSED))
    assert (recording.is_recorded, recording.message) == (False, "invalid input")


class BrokenEngine(NoopEngine):
    """An engine that has a defect."""

    def outcome(self, folder: Path, request: BacktestRequest) -> Outcome:
        raise KeyError("oops\x00")


def test_an_engine_that_fails_is_an_outcome_with_its_exception() -> None:
    outcome = read_outcome(BrokenEngine(), "broken", Path("/none"), REQUEST)
    message = "the engine's files could not be judged: KeyError: 'oops\\x00'"
    assert outcome == Outcome(ending=Failure(reason=FailureReason.RECORDER_ERROR, message=message))


class InterruptedEngine(NoopEngine):
    """An engine during whose reading the pod is deleted."""

    def outcome(self, folder: Path, request: BacktestRequest) -> Outcome:
        raise Terminated


def test_a_signal_during_the_reading_is_no_outcome() -> None:
    with pytest.raises(Terminated):
        read_outcome(InterruptedEngine(), "noop", Path("/none"), REQUEST)


def test_an_unknown_engine_is_an_outcome() -> None:
    outcome = read_outcome(None, "lean9", Path("/none"), REQUEST)
    message = "engine 'lean9' is unknown to this recorder. Run operator and recorder in the same version."
    assert outcome == Outcome(ending=Failure(reason=FailureReason.RECORDER_ERROR, message=message))


def test_a_result_keeps_the_image_of_its_engine_whatever_the_engine_says() -> None:
    assert isinstance(GOOD.ending, Result)
    lying = replace(GOOD, ending=replace(GOOD.ending, provenance={"engine": "noop", "engineImage": "mine"}))
    kept = with_image(lying, "registry.example/noop:1").ending
    assert isinstance(kept, Result)
    assert kept.provenance == {"engine": "noop", "engineImage": "registry.example/noop:1"}
    assert with_image(GOOD, None) == GOOD
    failed = Outcome(ending=Failure(reason=FailureReason.NO_DATA, message="none"))
    assert with_image(failed, "registry.example/noop:1") == failed


def test_the_row_of_a_success_has_a_body_and_no_reason() -> None:
    values = row("uid-3.1", GOOD)
    assert (values["kind"], values["reason"], values["message"], values["exit_code"]) == ("succeeded", None, None, 0)
    assert '"sharpe_ratio": 1.0' in values["body"]


def test_the_row_of_a_failure_has_a_reason_and_no_body() -> None:
    failure = Outcome(ending=Failure(reason=FailureReason.NO_DATA, message="none\x00" + "x" * 3000))
    values = row("uid-3.1", failure)
    assert (values["kind"], values["reason"], values["body"], values["started"]) == ("failed", "NoData", None, None)
    assert values["message"] == "none\ufffd" + "x" * 1994 + "…"
