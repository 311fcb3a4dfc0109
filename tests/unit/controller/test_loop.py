"""The turns of the loop: what each one does, how long it waits then, and what health shows."""

import time
from datetime import UTC, datetime

import pytest

from backfleet.controller.applying import PassOverdue
from backfleet.controller.loop import LONGEST_PAUSE_SECONDS, RETRY_SECONDS, STANDBY_SECONDS
from backfleet.controller.passes import PassReport
from backfleet.core.errors import Busy, DatabaseUnavailable, FenceLost, NotFound, SpecInvalid, Unavailable, sentence_of
from backfleet.core.planning.effects import Plan
from tests.support.loop import TICK_SECONDS, Scene, report


@pytest.fixture
def scene() -> Scene:
    return Scene()


STANDING_BY = (False, "another operator of this installation holds the fence; standing by")


def test_before_the_first_turn_it_is_starting(scene: Scene) -> None:
    assert scene.state == (False, "starting")


def test_a_turn_holds_the_fence_and_does_a_pass_under_its_epoch(scene: Scene) -> None:
    before = datetime.now(UTC)
    assert scene.loop.turn() == TICK_SECONDS
    assert scene.loop.turn() == TICK_SECONDS
    assert (scene.passes.runs, scene.passes.epochs, scene.state) == (2, [1], (True, None))
    assert scene.loop.health.last_pass_at is not None
    assert scene.loop.health.last_pass_at >= before


def test_it_stands_by_while_another_holds_the_fence_and_takes_over_when_it_is_free(scene: Scene) -> None:
    scene.fence.is_free = False
    assert scene.loop.turn() == STANDBY_SECONDS
    assert (scene.passes.runs, scene.state) == (0, STANDING_BY)
    assert scene.loop.health.last_pass_at is None
    scene.fence.is_free = True
    scene.loop.turn()
    assert (scene.passes.runs, scene.state) == (1, (True, None))


def test_a_turn_proves_that_the_loop_lives_even_while_it_stands_by(scene: Scene) -> None:
    scene.fence.is_free = False
    scene.loop.health.last_turn_at = 0.0
    before = time.monotonic()
    scene.loop.turn()
    assert scene.loop.health.last_turn_at >= before


def test_a_fence_lost_in_a_pass_is_dropped_and_taken_again_at_once_with_a_new_epoch(scene: Scene) -> None:
    scene.fail(FenceLost("epoch 2 is there"))
    assert scene.loop.turn() == 0.0
    assert (scene.state, scene.fence.closed) == ((False, "epoch 2 is there"), 1)
    assert scene.passes.shown == [], "Postgres is there, and another operator writes"
    scene.passes.do = report
    assert scene.loop.turn() == TICK_SECONDS
    assert (scene.passes.epochs, scene.state) == ([1, 2], (True, None))


def test_a_fence_whose_connection_broke_between_passes_is_taken_again_before_the_next(scene: Scene) -> None:
    scene.loop.turn()
    scene.fence.is_mine = False
    scene.loop.turn()
    assert (scene.passes.epochs, scene.passes.runs, scene.fence.closed) == ([1, 2], 2, 1)


def test_the_holder_shows_once_per_change_that_postgres_is_away(scene: Scene) -> None:
    scene.loop.turn()
    for _ in range(2):
        scene.fail(Unavailable("the connection broke"))
        scene.fence.is_away = True
        assert [scene.loop.turn() for _ in range(3)] == [RETRY_SECONDS] * 3
        assert scene.state == (False, "Postgres does not answer")
        scene.fence.is_away = False
        scene.passes.do = report
        scene.loop.turn()
        assert scene.state == (True, None)
    assert len(scene.passes.shown) == 2


def test_postgres_lost_within_a_pass_is_shown_in_that_turn(scene: Scene) -> None:
    def do() -> PassReport:
        scene.fence.is_away = True
        raise Unavailable("the statement was cut off")

    scene.passes.do = do
    scene.loop.turn()
    assert scene.passes.shown == [DatabaseUnavailable().public]


def test_kubernetes_away_is_not_shown_as_postgres_away(scene: Scene) -> None:
    scene.fail(Unavailable("the API server does not answer"))
    assert scene.loop.turn() == RETRY_SECONDS
    assert (scene.passes.shown, scene.state) == ([], (True, "the API server does not answer"))


def test_an_operator_that_never_held_the_fence_shows_nothing(scene: Scene) -> None:
    scene.fence.is_away = True
    assert scene.loop.turn() == RETRY_SECONDS
    assert (scene.passes.shown, scene.state) == ([], (False, "Postgres does not answer"))


def test_one_that_lost_the_fence_to_another_shows_nothing(scene: Scene) -> None:
    scene.fail(FenceLost("another took over"))
    scene.loop.turn()
    scene.fence.is_free = False
    scene.loop.turn()
    assert scene.state == STANDING_BY
    scene.fence.is_away = True
    scene.loop.turn()
    assert scene.passes.shown == []


@pytest.mark.parametrize(
    "error",
    [pytest.param(NotFound("no such kind"), id="one of ours"), pytest.param(KeyError("metadata"), id="any other")],
)
def test_an_outage_that_could_not_be_shown_ends_nothing_and_is_tried_again(scene: Scene, error: Exception) -> None:
    scene.loop.turn()
    scene.fence.is_away = True
    scene.passes.show_error = error
    assert scene.loop.turn() == RETRY_SECONDS
    scene.passes.show_error = None
    scene.loop.turn()
    assert len(scene.passes.shown) == 1


@pytest.mark.parametrize(
    ("error", "wait", "problem"),
    [
        pytest.param(ValueError("a bug"), RETRY_SECONDS, sentence_of(ValueError("a bug")), id="a bug"),
        pytest.param(NotFound("no CRD"), RETRY_SECONDS, "no CRD", id="the CRD is not served"),
        pytest.param(SpecInvalid("a", "b", "c"), RETRY_SECONDS, "a: b. C.", id="one of ours"),
        pytest.param(PassOverdue("not done after 60 s"), 0.0, "not done after 60 s", id="overdue goes on at once"),
    ],
)
def test_a_pass_that_raises_goes_on(scene: Scene, error: Exception, wait: float, problem: str) -> None:
    scene.fail(error)
    assert scene.loop.turn() == wait
    assert scene.state == (True, problem)
    scene.passes.do = report
    assert scene.loop.turn() == TICK_SECONDS
    assert scene.state == (True, None)


@pytest.mark.parametrize(
    ("asked", "pause"),
    [
        pytest.param(17.0, 17.0, id="as long as it asks for"),
        pytest.param(0.0, RETRY_SECONDS, id="no shorter than after any outage"),
        pytest.param(86_400.0, LONGEST_PAUSE_SECONDS, id="no longer than probes are patient"),
    ],
)
def test_a_busy_api_server_has_its_pause_whatever_happens(scene: Scene, asked: float, pause: float) -> None:
    now = [1_000.0]
    scene.loop.clock = lambda: now[0]
    scene.fail(Busy("429 too many requests", retry_after_seconds=asked))
    assert scene.loop.turn() == pause
    scene.loop.wake()  # a watch event, an outcome: there are many of them
    assert scene.loop.seconds_left(now[0] + pause) == pause
    now[0] += pause
    assert scene.loop.seconds_left(now[0] + TICK_SECONDS) == 0.0, "what was wanted meanwhile comes at once"


def test_a_failed_batch_delays_nothing_that_is_due(scene: Scene) -> None:
    scene.passes.do = lambda: report(due_seconds=0.0, uid="ValueError: a bug")
    assert [scene.loop.turn() for _ in range(6)] == [0.0] * 6


def test_health_has_the_failing_batches_while_they_fail(scene: Scene) -> None:
    failing = {"research/bad": "ValueError: a bug"}
    scene.passes.do = lambda: PassReport(plan=Plan(), errors={}, seconds=0.1, live_batches=1, failing=failing)
    scene.loop.turn()
    assert (scene.loop.health.failing, scene.loop.health.problem) == (failing, None)
    scene.passes.do = report
    scene.loop.turn()
    assert scene.loop.health.failing == {}


def test_what_is_shown_of_an_outage_names_no_host_and_no_user(scene: Scene) -> None:
    scene.loop.turn()
    scene.fail(DatabaseUnavailable('looking: connection to server at "10.0.0.7" failed for user "backfleet_operator"'))
    scene.fence.is_away = True
    scene.loop.turn()
    scene.loop.turn()
    for shown in (*scene.passes.shown, str(scene.loop.health.problem)):
        assert "10.0.0.7" not in shown
        assert "backfleet_operator" not in shown
    (text,) = scene.passes.shown
    assert "Check that Postgres runs" in text


def test_the_log_has_all_of_a_problem_once(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.fail(DatabaseUnavailable("looking: no route to 10.0.0.7"))
    for _ in range(3):
        scene.loop.turn()
    assert [each.message for each in caplog.records if "10.0.0.7" in each.message] == [
        "not working: looking: no route to 10.0.0.7"
    ]


@pytest.mark.parametrize(
    ("seconds", "least", "most"),
    [
        pytest.param(5, 4, 5, id="what is due first"),
        pytest.param(500, TICK_SECONDS, TICK_SECONDS, id="never later than a tick"),
        pytest.param(-5, 0, 0, id="what is overdue at once"),
    ],
)
def test_the_next_turn_is_when_something_is_due(scene: Scene, seconds: int, least: float, most: float) -> None:
    scene.passes.do = lambda: report(due_seconds=seconds)
    assert least <= scene.loop.turn() <= most
