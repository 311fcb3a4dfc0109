"""A recorder that cannot start after its engine's end: shown, waited for, and recorded when it is fixed in time."""

import pytest

from backfleet.core.backtests import BacktestState
from backfleet.core.planning.observation import Limits
from tests.scenarios.conftest import NewWorld
from tests.support.cluster import text
from tests.support.life import go_on, status
from tests.support.operator import World, batch_spec, result, values

STUCK = {"waiting": {"reason": "CreateContainerConfigError", "message": 'secret "backfleet-recorder" not found'}}


def end_engine(world: World, job: str) -> None:
    """End the engine of a pod whose recorder the kubelet cannot start."""
    moment = text(world.cluster.now)
    pod = world.cluster.pods[job]["status"]
    pod["initContainerStatuses"] = [
        {"name": "engine", "state": {"terminated": {"exitCode": 0, "startedAt": moment, "finishedAt": moment}}}
    ]
    pod["containerStatuses"] = [{"name": "recorder", "state": STUCK}]


def get_stuck(world: World) -> None:
    for job in world.cluster.active_jobs:
        if "containerStatuses" not in world.cluster.pods[job]["status"]:
            end_engine(world, job)


def get_stuck_or_end(world: World) -> None:
    for job in world.cluster.active_jobs:
        if job.startswith("good"):
            world.record(job, result())
    get_stuck(world)


def test_a_recorder_that_cannot_start_is_shown_within_a_minute_and_nothing_more_is_launched(world: World) -> None:
    uid = world.cluster.add_batch(batch_spec(parameters=values(6)))
    go_on(world, 60, lambda: get_stuck(world))
    shown = world.cluster.condition(uid, "Progressing")
    assert shown["reason"] == "WaitingToStart"
    assert shown["message"] == 'RecorderNotStarted: CreateContainerConfigError: secret "backfleet-recorder" not found'
    assert (status(world, uid)["active"], len(world.rows.launches)) == (1, 1)


def test_what_was_computed_is_recorded_when_the_recorder_is_fixed_in_time(world: World) -> None:
    uid = world.cluster.add_batch(batch_spec(parameters=values(6)))
    go_on(world, 290, lambda: get_stuck(world))
    world.run_all()
    assert world.rows.states(uid) == dict.fromkeys(range(6), BacktestState.SUCCEEDED)
    assert {number for _, _, number in world.rows.launches} == {1}


def test_a_recorder_that_is_not_fixed_costs_an_uncharged_attempt_after_its_deadline(world: World) -> None:
    uid = world.cluster.add_batch(batch_spec(parameters=values(6), failurePolicy={"maxAttempts": 1}))
    go_on(world, 320, lambda: get_stuck(world))
    assert world.rows.reasons == {(uid, 0): "RecorderNotStarted"}
    assert world.rows.launches == [(uid, 0, 1), (uid, 0, 2)]
    world.run_all()
    assert world.rows.states(uid) == dict.fromkeys(range(6), BacktestState.SUCCEEDED)


def test_the_recorders_deadline_survives_a_restart(world: World) -> None:
    uid = world.cluster.add_batch(batch_spec(parameters=values(6)))
    go_on(world, 200, lambda: get_stuck(world))
    world.restart()
    go_on(world, 120, lambda: get_stuck(world))
    assert world.rows.reasons == {(uid, 0): "RecorderNotStarted"}


def test_a_batch_whose_recorders_do_not_start_leaves_the_slots_to_others(world: World) -> None:
    stuck = world.cluster.add_batch(batch_spec(parameters=values(30)), name="stuck")
    go_on(world, 2)
    world.cluster.start_engine(world.cluster.active_jobs[0])
    go_on(world, 2)
    assert len(world.cluster.active_jobs) == 4
    go_on(world, 400, lambda: get_stuck_or_end(world))
    good = world.cluster.add_batch(batch_spec(parameters=values(20)), name="good")
    go_on(world, 120, lambda: get_stuck_or_end(world))
    assert status(world, stuck)["active"] <= 1
    assert world.rows.states(good) == dict.fromkeys(range(20), BacktestState.SUCCEEDED)


@pytest.mark.long
def test_where_there_is_one_slot_batches_whose_recorders_do_not_start_have_every_second_turn_together(
    new_world: NewWorld,
) -> None:
    world = new_world(limits=Limits(max_concurrent=1))
    for number in range(4):
        world.cluster.add_batch(batch_spec(parameters=values(30)), name=f"stuck-{number}")
    go_on(world, 4 * 330, lambda: get_stuck_or_end(world))
    good = world.cluster.add_batch(batch_spec(parameters=values(6)), name="good")
    go_on(world, 4 * 330, lambda: get_stuck_or_end(world))
    assert list(world.rows.states(good).values()).count(BacktestState.SUCCEEDED) >= 3
