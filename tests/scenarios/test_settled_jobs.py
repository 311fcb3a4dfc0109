"""Jobs whose attempts are settled: labelled, out of sight, and deleted when their time is over."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from backfleet.controller.cluster import NotAllowed
from backfleet.core import wire
from backfleet.core.backtests import BacktestState
from backfleet.core.planning.effects import Effect, LabelJob
from backfleet.core.planning.observation import Limits
from backfleet.core.reasons import FailureReason
from tests.scenarios.conftest import NewWorld
from tests.support.cluster import NAMESPACE, START, FakeCluster, Json, is_settled
from tests.support.life import start
from tests.support.operator import World, batch_spec, failure, result, values


def unsettled(world: World) -> list[str]:
    return sorted(name for name, job in world.cluster.jobs.items() if not is_settled(job))


def finish(world: World, count: int, **spec: Any) -> str:
    """Return a batch of that many backtests, at its end."""
    uid = world.cluster.add_batch(batch_spec(parameters=values(count), **spec))
    world.run_all()
    world.turn()
    return uid


def test_a_settled_job_is_labelled_once_with_the_second_of_its_end(world: World) -> None:
    finish(world, 3)
    assert sorted(world.cluster.labelled) == sorted(world.cluster.jobs)
    for job in world.cluster.jobs.values():
        ended = datetime.fromisoformat(job["status"]["conditions"][0]["lastTransitionTime"])
        assert job["metadata"]["labels"][wire.LABEL_SETTLED] == str(int(ended.timestamp()))


def test_a_job_is_labelled_only_after_its_rows_are_written(world: World) -> None:
    start(world, parameters=values(2))
    for job in world.cluster.active_jobs:
        world.record(job, result())
    done: list[Effect] = []
    world.restart(done.append)
    world.turn()
    kinds = [type(effect).__name__ for effect in done]
    assert kinds.index("BatchChanges") < kinds.index("LabelJob")
    assert kinds[-2:] == ["LabelJob", "LabelJob"], "whatever somebody waits for comes first"


def test_a_label_that_a_crash_kept_from_being_written_is_written_by_the_next_pass(world: World) -> None:
    start(world, parameters=values(1))
    world.record(world.cluster.active_jobs[0], result())

    def crash_at_label(effect: Effect) -> None:
        if isinstance(effect, LabelJob):
            raise SystemExit

    world.restart(crash_at_label)
    with pytest.raises(SystemExit):
        world.turn()
    assert len(unsettled(world)) == 1
    world.restart()
    world.turn()
    assert unsettled(world) == []


def test_a_job_whose_attempt_is_not_settled_is_not_labelled(world: World) -> None:
    start(world, parameters=values(1))
    world.cluster.end_job(world.cluster.active_jobs[0], failed=False)  # and no outcome came yet
    world.turn()
    assert world.cluster.labelled == []
    world.tick(31)
    world.turn()
    assert len(world.cluster.labelled) == 1


def test_finished_jobs_of_a_version_without_labels_are_labelled_in_bounded_pieces(world: World) -> None:
    finish(world, 7)
    for job in world.cluster.jobs.values():
        del job["metadata"]["labels"][wire.LABEL_SETTLED]
    world.limits = Limits(labels_per_pass=3)
    world.restart()
    left = []
    for _ in range(3):
        report = world.turn()
        left.append(len(unsettled(world)))
        due = report.plan.look_again_at
        assert left[-1] == 0 or (due is not None and (due - world.cluster.now).total_seconds() <= 2)
    assert left == [4, 1, 0]


def test_a_role_that_does_not_allow_labels_costs_nothing_but_the_labels(world: World) -> None:
    world.cluster.label_fault = NotAllowed("jobs is forbidden: cannot patch resource")
    uid = finish(world, 3, ttlSecondsAfterFinished=120)
    assert world.turn().errors == {}
    assert not [each for each in world.cluster.events.values() if each["reason"] == "PassFailed"]
    assert world.rows.batches[uid].finish_reason == "AllSucceeded"
    assert unsettled(world) == sorted(world.cluster.jobs)
    world.cluster.label_fault = None
    world.tick(61)
    world.turn()
    assert unsettled(world) == []


def test_a_namespace_that_does_not_allow_labels_keeps_none_from_others(world: World) -> None:
    world.restart(namespaces=["closed", NAMESPACE])
    world.cluster.label_faults["closed"] = NotAllowed("jobs is forbidden: cannot patch resource")
    world.cluster.add_batch(batch_spec(parameters=values(2)), name="closed", namespace="closed")
    world.cluster.add_batch(batch_spec(parameters=values(2)), name="open")
    world.run_all()
    world.turn()
    assert len(unsettled(world)) == 2
    assert all(name.startswith("closed") for name in unsettled(world))


def test_settled_jobs_are_deleted_page_by_page_when_their_time_is_over(world: World) -> None:
    world.cluster.settled_page = 2
    finish(world, 5, ttlSecondsAfterFinished=120)
    world.tick(60)
    world.turn(5)
    assert len(world.cluster.jobs) == 5
    world.tick(65)
    left = []
    for _ in range(4):
        world.turn(2)
        left.append(len(world.cluster.jobs))
        world.tick(15)
    assert left == [3, 2, 0, 0]


def test_settled_jobs_are_looked_at_once_a_minute(world: World) -> None:
    finish(world, 2)
    world.tick(61)
    world.turn()
    before = world.cluster.settled_looks
    for _ in range(5):
        world.tick(11)
        world.turn()
    assert world.cluster.settled_looks == before
    world.tick(11)
    world.turn()
    assert world.cluster.settled_looks == before + 1


def test_a_settled_job_whose_batch_is_gone_is_left_to_the_garbage_collector(world: World) -> None:
    uid = finish(world, 2)
    del world.cluster.batches[uid]
    world.tick(10_000)
    world.turn(3)
    assert world.cluster.deleted == []


def test_a_live_job_that_somebody_labelled_is_found_by_its_name(world: World) -> None:
    uid = start(world, parameters=values(1))
    (name,) = world.cluster.active_jobs
    world.cluster.jobs[name]["metadata"]["labels"][wire.LABEL_SETTLED] = "by-hand"
    world.turn(2)
    world.tick(700)
    world.turn(2)
    assert world.cluster.deleted == []
    assert world.rows.states(uid) == {0: BacktestState.RUNNING}
    world.record(name, result())
    world.turn()
    assert world.rows.batches[uid].finish_reason == "AllSucceeded"


@dataclass
class LateCluster(FakeCluster):
    """Something happens just before a Job is looked up by its name."""

    before_get: Callable[[str], None] = lambda _: None

    def get_job(self, namespace: str, name: str) -> Json | None:
        self.before_get(name)
        return super().get_job(namespace, name)


def test_an_outcome_that_came_before_its_job_was_looked_up_is_in_sight(new_world: NewWorld) -> None:
    cluster = LateCluster(now=START)
    world = new_world(cluster=cluster)
    uid = start(world, parameters=values(1), failurePolicy={"maxAttempts": 1})
    (name,) = cluster.active_jobs
    cluster.jobs[name]["metadata"]["labels"][wire.LABEL_SETTLED] = "1"
    cluster.before_get = lambda job: world.record(job, failure(FailureReason.NO_DATA))
    world.turn()
    assert world.rows.reasons == {(uid, 0): "NoData"}


def test_the_pod_of_a_failed_job_says_why_though_no_list_shows_it(world: World) -> None:
    uid = start(world, parameters=values(1), failurePolicy={"maxAttempts": 1})
    (name,) = world.cluster.active_jobs
    world.cluster.end_job(name, failed=True, engine={"exitCode": 137, "reason": "OOMKilled"})
    assert world.cluster.list_pods(NAMESPACE) == []
    world.turn()
    assert world.rows.reasons == {(uid, 0): "OOMKilled"}


def test_an_unfinished_job_whose_pod_has_ended_holds_no_slot(world: World) -> None:
    start(world, parameters=values(9))
    ended = world.cluster.active_jobs[0]
    world.record(ended, result())
    world.cluster.jobs[ended]["status"] = {"active": 1}  # the Job controller has not noticed yet
    world.turn()
    assert len(world.cluster.created) == 5
