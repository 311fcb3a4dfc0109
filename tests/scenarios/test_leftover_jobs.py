"""Unfinished Jobs that no live attempt needs: left by a DELETE that failed, or made by a POST that arrived late."""

import copy

from backfleet.core.errors import Unavailable
from tests.support.cluster import Json
from tests.support.life import start, status
from tests.support.operator import World, result, values


def request_of(world: World, name: str) -> Json:
    """Return the manifest by which a Job was made, as it may arrive a second time."""
    manifest = copy.deepcopy(world.cluster.jobs[name])
    del manifest["status"], manifest["metadata"]["uid"], manifest["metadata"]["creationTimestamp"]
    return manifest


def late_events(world: World) -> list[str]:
    return [each["message"] for each in world.cluster.events.values() if each["reason"] == "LateJobDeleted"]


def test_a_job_whose_delete_failed_at_the_batchs_end_is_deleted_by_a_later_pass(world: World) -> None:
    uid = start(world, parameters=values(2), failurePolicy={"startTimeoutSeconds": 60, "maxAttempts": 1})
    started, stuck = world.cluster.active_jobs
    world.cluster.wait_engine(stuck, "CreateContainerConfigError", "no such Secret")
    world.record(started, result())
    world.turn()
    world.cluster.delete_fault = Unavailable("DELETE timed out")
    for _ in range(4):
        world.tick(40)
        world.turn()
    assert world.rows.batches[uid].finish_reason == "CompletedWithFailures"
    assert stuck in world.cluster.jobs
    world.cluster.delete_fault = None
    world.tick(40)
    world.turn()
    assert stuck not in world.cluster.jobs
    world.tick(3)
    world.turn()
    assert status(world, uid)["active"] == 0
    assert late_events(world) == []


def test_a_job_that_a_late_request_makes_is_deleted_by_the_next_pass_and_reported(world: World) -> None:
    start(world, parameters=values(50))
    first = world.cluster.active_jobs[0]
    request = request_of(world, first)
    world.record(first, result())
    world.turn()
    world.cluster.vanish(first)
    world.turn()
    world.cluster.create_job(request)
    created = len(world.cluster.created)
    ended = world.cluster.active_jobs[1]
    world.record(ended, result())
    world.turn()
    assert world.cluster.deleted == [first]
    assert len(world.cluster.created) == created, "it counts against the limit until it is gone"
    (message,) = late_events(world)
    assert first in message
    world.turn()
    assert len(world.cluster.created) == created + 1


def test_a_late_job_of_a_finished_batch_is_deleted_too(world: World) -> None:
    start(world, parameters=values(1))
    (name,) = world.cluster.active_jobs
    request = request_of(world, name)
    world.record(name, result())
    world.turn(2)
    world.cluster.vanish(name)
    world.turn()
    world.cluster.create_job(request)
    world.turn()
    assert world.cluster.active_jobs == []
    assert len(late_events(world)) == 1


def test_a_job_of_an_attempt_that_no_row_knows_is_deleted_and_reported(world: World) -> None:
    start(world, parameters=values(9))
    request = request_of(world, world.cluster.active_jobs[0])
    request["metadata"]["name"] += "7"
    for labels in (request["metadata"]["labels"], request["spec"]["template"]["metadata"]["labels"]):
        labels["backfleet.io/attempt"] = "17"
    world.cluster.create_job(request)
    world.turn()
    assert request["metadata"]["name"] in world.cluster.deleted
    assert len(late_events(world)) == 1


def test_a_job_whose_recorder_has_just_appended_is_left_to_end_by_itself(world: World) -> None:
    uid = start(world, parameters=values(1))
    (name,) = world.cluster.active_jobs
    world.record(name, result(), ends=False)  # and the kubelet has not reported the recorder's start yet
    for _ in range(4):
        world.turn()
        world.tick(5)
    assert world.rows.batches[uid].finish_reason == "AllSucceeded"
    assert world.cluster.deleted == []
    assert late_events(world) == []


def test_after_a_restart_a_job_that_ends_is_not_taken_for_a_late_one(world: World) -> None:
    start(world, parameters=values(1))
    (name,) = world.cluster.active_jobs
    world.record(name, result(), ends=False)
    world.turn()
    world.restart()
    world.turn(2)
    assert world.cluster.deleted == []
    assert late_events(world) == []
    world.tick(31)
    world.turn()
    assert world.cluster.deleted == [name], "no recorder was seen to start: nobody else ends it"
