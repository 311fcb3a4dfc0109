"""Postgres and Kubernetes disagree about the time, by an hour or a day: every deadline is what it is with equal clocks."""

from datetime import timedelta

import pytest

from backfleet.core.backtests import BacktestState
from tests.scenarios.conftest import NewWorld
from tests.support.life import go_on, start, status
from tests.support.operator import World, batch_spec, result, values

HOUR = 3600
SKEWS = pytest.mark.parametrize(
    "skew",
    [
        pytest.param(HOUR, id="Postgres is an hour ahead"),
        pytest.param(-HOUR, id="Postgres is an hour behind"),
        pytest.param(86_400, id="Postgres is a day ahead"),
        pytest.param(3, id="seconds, as between any two machines"),
        pytest.param(0, id="equal clocks"),
    ],
)
POLICY = {"startTimeoutSeconds": 300, "backtestTimeoutSeconds": 60, "maxAttempts": 1}


@SKEWS
def test_healthy_jobs_are_left_alone_and_end(new_world: NewWorld, skew: float) -> None:
    world = new_world(skew_seconds=skew)
    uid = start(world, parameters=values(9), failurePolicy=POLICY)
    go_on(world, 50)
    assert world.cluster.deleted == []
    assert (len(world.cluster.active_jobs), len(world.rows.launches)) == (4, 4)
    world.run_all(lambda _: result())
    assert world.rows.states(uid) == dict.fromkeys(range(9), BacktestState.SUCCEEDED)
    assert len(world.rows.launches) == 9
    assert world.rows.reasons == {}


@SKEWS
@pytest.mark.long
def test_an_engine_that_does_not_start_is_given_up_at_its_own_deadline(new_world: NewWorld, skew: float) -> None:
    world = new_world(skew_seconds=skew)
    uid = world.cluster.add_batch(batch_spec(parameters=values(1), failurePolicy=POLICY))
    go_on(world, 290)
    assert world.rows.reasons == {}
    go_on(world, 20)
    assert world.rows.reasons == {(uid, 0): "StartTimeout"}


@SKEWS
@pytest.mark.long
def test_a_job_on_a_lost_node_is_given_up_after_its_deadline(new_world: NewWorld, skew: float) -> None:
    world = new_world(skew_seconds=skew)
    uid = start(world, parameters=values(1), failurePolicy=POLICY)
    (job,) = world.cluster.active_jobs
    deadline = world.cluster.jobs[job]["spec"]["activeDeadlineSeconds"] + world.limits.overdue_seconds
    go_on(world, deadline - 20)
    assert world.rows.reasons == {}
    go_on(world, 40)
    assert world.rows.reasons == {(uid, 0): "NodeLost"}


@SKEWS
def test_a_completed_job_is_given_its_grace_for_an_outcome(new_world: NewWorld, skew: float) -> None:
    world = new_world(skew_seconds=skew)
    uid = start(world, parameters=values(1), failurePolicy=POLICY)
    world.cluster.end_job(world.cluster.active_jobs[0], failed=False)
    go_on(world, 20)
    assert world.rows.reasons == {}
    go_on(world, 20)
    assert world.rows.reasons == {(uid, 0): "ResultMissing"}


@SKEWS
def test_finished_jobs_stay_for_their_time(new_world: NewWorld, skew: float) -> None:
    world = new_world(skew_seconds=skew)
    start(world, parameters=values(1), ttlSecondsAfterFinished=600)
    world.record(world.cluster.active_jobs[0], result())
    go_on(world, 570)
    assert len(world.cluster.jobs) == 1
    go_on(world, 120)
    assert world.cluster.jobs == {}


@SKEWS
def test_a_pod_that_is_refused_is_asked_for_after_half_a_minute(new_world: NewWorld, skew: float) -> None:
    world = new_world(skew_seconds=skew)
    world.cluster.pod_fault = 'pods "x" is forbidden: exceeded quota: pods'
    uid = world.cluster.add_batch(batch_spec(parameters=values(1), failurePolicy=POLICY))
    go_on(world, 20)
    assert "exceeded quota" not in world.cluster.condition(uid, "Progressing")["message"]
    go_on(world, 40)
    assert "exceeded quota" in world.cluster.condition(uid, "Progressing")["message"]


def test_how_far_the_clocks_are_apart_is_reported(new_world: NewWorld) -> None:
    world = new_world(skew_seconds=HOUR)
    world.cluster.add_batch(batch_spec())
    assert world.turn().skew_seconds == HOUR
    world.skew_seconds = 0
    world.tick(15)
    assert world.turn().skew_seconds == 0


def test_a_clock_that_nobody_tells_is_taken_for_equal(world: World) -> None:
    world.cluster.has_clock = False
    start(world, parameters=values(2))
    assert world.turn().skew_seconds == 0


@pytest.mark.parametrize("jump", [HOUR, -HOUR], ids=["forward", "back"])
def test_a_clock_of_postgres_that_is_set_while_backtests_run_ends_none_of_them(world: World, jump: float) -> None:
    uid = start(world, parameters=values(6), failurePolicy=POLICY)
    go_on(world, 10)
    world.skew_seconds = jump
    go_on(world, 40)
    assert world.cluster.deleted == []
    for job in world.cluster.active_jobs:
        world.record(job, result())
    go_on(world, 10)
    assert status(world, uid)["succeeded"] == 4, "the status is written on"
    world.run_all(lambda _: result())
    assert world.rows.reasons == {}


def test_what_kubernetes_says_is_shown_in_the_time_of_postgres(new_world: NewWorld) -> None:
    world = new_world(skew_seconds=HOUR)
    uid = start(world, parameters=values(1))
    started = world.rows.batches[uid].first_engine_started_at
    assert started is not None
    assert abs(world.rows.now - started) < timedelta(seconds=5)
