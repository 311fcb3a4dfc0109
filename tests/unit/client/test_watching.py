"""The polling loop on a simulated clock. No test waits."""

import pytest

from backfleet.core.errors import NotFound, Unavailable
from backfleet_api.schemas import examples
from backfleet_api.schemas.reading import Batch
from backfleet_client.exits import TimedOut
from backfleet_client.watching import LONGEST_PAUSE_SECONDS, PATIENCE_SECONDS, PollClock, follow


def batch(**changes: object) -> Batch:
    return Batch.model_validate(examples.BATCH | changes, strict=False)


ENDED = batch(state="complete")
AWAY = Unavailable("the API is away")


class Stage:
    """A clock that only sleep moves forward, and a script of polls. The last poll repeats."""

    def __init__(self, *looks: Batch | Exception) -> None:
        self.looks = list(looks)
        self.time = 100.0
        self.pauses: list[float] = []
        self.limits: list[float] = []
        self.shown: list[Batch] = []
        self.notes: list[str] = []

    def look(self, seconds: float) -> Batch:
        self.limits.append(seconds)
        found = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        if isinstance(found, Exception):
            raise found
        return found

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.time += seconds

    def show(self, seen: Batch) -> None:
        self.shown.append(seen)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def follow(self, timeout: float | None = None) -> Batch:
        return follow(self.look, self, PollClock(lambda: self.time, self.sleep), timeout)


@pytest.mark.parametrize("state", ["complete", "failed", "cancelled"])
def test_it_ends_when_the_batch_has_ended(state: str) -> None:
    ended = batch(state=state)
    stage = Stage(batch(), ended)
    assert stage.follow() == ended
    assert stage.shown == [batch(), ended]


@pytest.mark.parametrize("state", ["pending", "counting", "running", "suspended"])
def test_it_goes_on_while_the_batch_has_not_ended(state: str) -> None:
    stage = Stage(batch(state=state), batch(state=state), ENDED)
    stage.follow()
    assert len(stage.shown) == 3


def test_pauses_grow_while_nothing_changes_and_shrink_when_something_does() -> None:
    more = batch(counts=examples.BATCH["counts"] | {"active": 1})
    stage = Stage(*[batch()] * 8, more, ENDED)
    stage.follow()
    assert stage.pauses == [1.0, 1.5, 2.25, 3.375, LONGEST_PAUSE_SECONDS, 5.0, 5.0, 5.0, 1.0]


def test_a_new_estimate_is_not_a_change() -> None:
    stage = Stage(batch(), batch(backtests_per_minute=13.0, estimated_finish_at="2026-11-24T15:02:00Z"), ENDED)
    stage.follow()
    assert stage.pauses == [1.0, 1.5]


def test_it_stops_at_the_deadline_after_a_last_poll() -> None:
    stage = Stage(batch())
    with pytest.raises(TimedOut, match="--timeout"):
        stage.follow(7)
    assert stage.time == 107.0
    assert sum(stage.pauses) == 7.0
    assert len(stage.shown) == len(stage.pauses) + 1


def test_no_poll_may_take_longer_than_the_rest_of_the_timeout() -> None:
    stage = Stage(batch())
    with pytest.raises(TimedOut):
        stage.follow(4)
    assert stage.limits[0] == 4.0
    assert stage.limits[-1] == 0.0


def test_a_timeout_of_0_polls_once() -> None:
    assert Stage(ENDED).follow(0) == ENDED
    with pytest.raises(TimedOut):
        Stage(batch()).follow(0)


def test_a_short_outage_is_noted_once_and_does_not_end_the_watch() -> None:
    stage = Stage(batch(), AWAY, AWAY, AWAY, ENDED)
    assert stage.follow() == ENDED
    assert stage.notes == [f"the API is away; trying again for {PATIENCE_SECONDS:.0f} s", "the API answers again"]
    assert stage.pauses == [1.0, 2.0, 4.0, 8.0]


def test_an_outage_without_end_ends_the_watch() -> None:
    stage = Stage(batch(), AWAY)
    with pytest.raises(Unavailable):
        stage.follow()
    assert PATIENCE_SECONDS <= stage.time - 101.0 <= PATIENCE_SECONDS + 15


def test_two_short_outages_do_not_add_up() -> None:
    outage = [AWAY] * 18
    stage = Stage(batch(), *outage, batch(), *outage, ENDED)
    assert stage.follow() == ENDED
    assert stage.time - 100.0 > PATIENCE_SECONDS


@pytest.mark.parametrize("error", [pytest.param(AWAY, id="no API"), pytest.param(NotFound("none"), id="no batch")])
def test_an_error_at_the_first_poll_ends_the_watch(error: Exception) -> None:
    stage = Stage(error)
    with pytest.raises(type(error)):
        stage.follow()
    assert not stage.pauses


def test_a_batch_that_vanishes_ends_the_watch() -> None:
    with pytest.raises(NotFound):
        Stage(batch(), NotFound("gone")).follow()


def test_an_outage_at_the_deadline_is_a_timeout() -> None:
    with pytest.raises(TimedOut):
        Stage(batch(), AWAY).follow(30)


def test_a_first_poll_that_the_deadline_cuts_is_a_timeout() -> None:
    stage = Stage(AWAY)

    def slow_look(seconds: float) -> Batch:
        stage.sleep(seconds)
        raise AWAY

    with pytest.raises(TimedOut):
        follow(slow_look, stage, PollClock(lambda: stage.time, stage.sleep), 0.2)
