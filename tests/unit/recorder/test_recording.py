from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from backfleet.core.backtests import Failure, Outcome, Result
from backfleet.core.reasons import FailureReason
from backfleet.engines.noop import run
from backfleet.recorder.appending import Answer, OutcomeRow, Reply, row
from backfleet.recorder.recording import (
    Clock,
    GaveUp,
    Judged,
    Recording,
    Tally,
)
from tests.support.engines import make_request
from tests.unit.recorder.test_orders import ORDERS

REQUEST = make_request("Noop")
GOOD = Outcome(ending=run(REQUEST), exit_code=0)
BAD = Outcome(ending=Failure(reason=FailureReason.NO_DATA, message="none"), exit_code=10)
NOT_BEGUN = Outcome(ending=Failure(reason=FailureReason.NOT_BEGUN, message="its turn did not come"))
APPENDED, DUPLICATE = Reply(Answer.APPENDED), Reply(Answer.DUPLICATE)
AWAY = Reply(Answer.AWAY, "connection refused")
REFUSED = Reply(Answer.REFUSED, "invalid input")
UNKNOWN = Reply(Answer.UNKNOWN_ATTEMPT, "no such attempt")


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
        self.offers: list[tuple[str, list[OutcomeRow]]] = []

    def append(self, url: str, rows: Sequence[OutcomeRow]) -> Reply:
        self.offers.append((url, list(rows)))
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]

    @property
    def ids(self) -> list[list[str]]:
        """The attempts of each offer."""
        return [[each["attempt_id"] for each in rows] for _, rows in self.offers]


class PickyDatabase(FakeDatabase):
    """Refuses any rows among which is one of these attempts with a result."""

    def __init__(self, *refused: str) -> None:
        super().__init__(APPENDED)
        self.refused = refused
        self.taken: dict[str, OutcomeRow] = {}

    def append(self, url: str, rows: Sequence[OutcomeRow]) -> Reply:
        super().append(url, rows)
        if any(each["attempt_id"] in self.refused and each["body"] for each in rows):
            return REFUSED
        self.taken |= {each["attempt_id"]: each for each in rows}
        return APPENDED


def recorded_with(
    database: FakeDatabase, clock: FakeClock | None = None, patience: float = 100.0, judged: Sequence[Judged] = ()
) -> Tally:
    orders = replace(ORDERS, patience_seconds=patience)
    recording = Recording(orders, database.append, (clock or FakeClock()).as_clock(), lambda *args, **fields: None)
    recording.record(judged or [("uid-3.1", GOOD)])
    return recording.tally


def many(count: int, outcome: Outcome = GOOD) -> list[Judged]:
    return [(f"uid-{index}.1", outcome) for index in range(count)]


@pytest.mark.parametrize("reply", [APPENDED, DUPLICATE], ids=["appended", "there already"])
def test_an_outcome_that_the_database_has_is_recorded(reply: Reply) -> None:
    database = FakeDatabase(reply)
    assert recorded_with(database) == Tally(succeeded=1)
    assert database.offers == [(ORDERS.database_url, [row("uid-3.1", GOOD)])]


def test_while_the_database_is_away_it_is_offered_again_at_growing_distances() -> None:
    database, clock = FakeDatabase(*[AWAY] * 9, APPENDED), FakeClock()
    assert recorded_with(database, clock, 900.0).recorded
    assert clock.sleeps == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_jitter_shortens_a_delay_by_at_most_half() -> None:
    database, clock = FakeDatabase(AWAY, AWAY, APPENDED), FakeClock(jitter=0.0)
    recorded_with(database, clock)
    assert clock.sleeps == [0.25, 0.5]


def test_the_last_try_falls_on_the_end_of_the_patience() -> None:
    database, clock = FakeDatabase(AWAY), FakeClock()
    with pytest.raises(GaveUp, match=r"^connection refused$"):
        recorded_with(database, clock, 10.0)
    assert clock.sleeps == [0.5, 1, 2, 4, 2.5]
    assert len(database.offers) == 6


def test_without_patience_it_is_tried_once() -> None:
    database = FakeDatabase(AWAY)
    with pytest.raises(GaveUp):
        recorded_with(database, patience=0.0)
    assert len(database.offers) == 1


def test_the_patience_is_that_of_all_transactions_together() -> None:
    database, clock = FakeDatabase(AWAY, AWAY, APPENDED, AWAY), FakeClock()
    with pytest.raises(GaveUp):
        recorded_with(database, clock, 10.0, many(150))
    assert clock.sleeps == [0.5, 1, 0.5, 1, 2, 4, 1]


def test_an_unknown_attempt_is_final() -> None:
    database = FakeDatabase(UNKNOWN, APPENDED)
    assert recorded_with(database) == Tally(not_taken=1, refusal="no such attempt")
    assert len(database.offers) == 1


def test_a_refused_outcome_is_replaced_by_a_recorder_error() -> None:
    database = FakeDatabase(REFUSED, AWAY, APPENDED)
    message = "the database refused the outcome: invalid input"
    instead = row("uid-3.1", Outcome(ending=Failure(reason=FailureReason.RECORDER_ERROR, message=message)))
    assert recorded_with(database) == Tally(failed=1, first_failure=("uid-3.1", "RecorderError", message))
    assert [rows for _, rows in database.offers] == [[row("uid-3.1", GOOD)], [instead], [instead]]


def test_refused_twice_is_not_recorded() -> None:
    assert recorded_with(FakeDatabase(REFUSED)) == Tally(not_taken=1, refusal="invalid input")


def test_an_outcome_that_is_no_json_is_replaced_before_it_is_offered() -> None:
    assert isinstance(GOOD.ending, Result)
    broken = replace(GOOD, ending=replace(GOOD.ending, metrics={"sharpe_ratio": float("nan")}))
    database = FakeDatabase(APPENDED)
    tally = recorded_with(database, judged=[("uid-0.1", broken), ("uid-1.1", GOOD)])
    assert (tally.succeeded, tally.failed) == (1, 1)
    assert [each["reason"] for each in database.offers[0][1]] == ["RecorderError", None]
    assert "cannot be written as JSON" in database.offers[0][1][0]["message"]


def test_a_transaction_has_at_most_100_outcomes() -> None:
    database = FakeDatabase(APPENDED)
    assert recorded_with(database, judged=many(250)) == Tally(succeeded=250)
    assert [len(ids) for ids in database.ids] == [100, 100, 50]
    assert [each for ids in database.ids for each in ids] == [attempt for attempt, _ in many(250)]


def test_a_transaction_has_at_most_4_mib_of_bodies_or_one() -> None:
    assert isinstance(GOOD.ending, Result)
    large = replace(GOOD, ending=replace(GOOD.ending, statistics={"Notes": "x" * 1_500_000}))
    huge = replace(GOOD, ending=replace(GOOD.ending, statistics={"Notes": "x" * 5_000_000}))
    database = FakeDatabase(APPENDED)
    recorded_with(database, judged=[*many(5, large), ("uid-5.1", huge), ("uid-6.1", GOOD)])
    assert [len(ids) for ids in database.ids] == [2, 2, 1, 1, 1]


def test_no_more_than_a_transaction_is_judged_ahead() -> None:
    database = FakeDatabase(APPENDED)
    seen: list[tuple[int, int]] = []

    def judged() -> Iterator[Judged]:
        for attempt in many(150):
            seen.append((len(seen), len(database.offers)))
            yield attempt

    orders = replace(ORDERS, patience_seconds=0)
    Recording(orders, database.append, FakeClock().as_clock(), lambda *args, **fields: None).record(judged())
    assert seen[100:102] == [(100, 0), (101, 1)]


def test_one_refused_outcome_is_an_error_alone() -> None:
    database = PickyDatabase("uid-2.1")
    tally = recorded_with(database, judged=many(4))
    assert (tally.succeeded, tally.failed, tally.not_taken) == (3, 1, 0)
    assert {attempt: values["reason"] for attempt, values in database.taken.items()} == {
        "uid-0.1": None, "uid-1.1": None, "uid-2.1": "RecorderError", "uid-3.1": None,
    }  # fmt: skip


def test_the_tally_has_all_kinds_and_the_first_failure() -> None:
    judged = [*many(2), ("uid-2.1", BAD), ("uid-3.1", BAD), ("uid-4.1", NOT_BEGUN)]
    tally = recorded_with(FakeDatabase(APPENDED), judged=judged)
    assert tally == Tally(succeeded=2, failed=2, not_begun=1, first_failure=("uid-2.1", "NoData", "none"))


def test_the_row_of_a_success_has_a_body_and_no_reason() -> None:
    values = row("uid-3.1", GOOD)
    assert (values["kind"], values["reason"], values["message"], values["exit_code"]) == ("succeeded", None, None, 0)
    assert '"sharpe_ratio": 1.0' in values["body"]


def test_the_row_of_a_failure_has_a_reason_and_no_body() -> None:
    failure = Outcome(ending=Failure(reason=FailureReason.NO_DATA, message="none\x00" + "x" * 3000))
    values = row("uid-3.1", failure)
    assert (values["kind"], values["reason"], values["body"], values["started"]) == ("failed", "NoData", None, None)
    assert values["message"] == "none\ufffd" + "x" * 1994 + "…"
