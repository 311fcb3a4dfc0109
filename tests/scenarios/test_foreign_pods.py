"""Which pods and Jobs with our labels count: those of an attempt that has a row, and of its own Job."""

import copy
from typing import Any

import pytest

from backfleet.core.backtests import BacktestState
from tests.support.life import go_on, start, status
from tests.support.operator import World, batch_spec, result, values


def lay_pod(world: World, name: str, labels: dict[str, str], owner: dict[str, Any] | None) -> None:
    """Add a running pod with our labels that our operator did not create."""
    template = {
        "app.kubernetes.io/managed-by": "backfleet",
        "app.kubernetes.io/component": "backtest",
        "job-name": name,
    }
    meta: dict[str, Any] = {"name": name, "namespace": "research", "labels": template | labels, "annotations": {}}
    meta |= {"creationTimestamp": "2026-01-05T09:00:00Z", "ownerReferences": [owner] if owner else []}
    world.cluster.pods[name] = {"metadata": meta, "status": {"phase": "Running"}}


def labels(uid: str, index: int = 0, attempt: int = 1) -> dict[str, str]:
    return {
        "backfleet.io/batch-uid": uid,
        "backfleet.io/index": str(index),
        "backfleet.io/attempt": str(attempt),
    }


JOB = {"kind": "Job", "name": "mine", "uid": "mine", "controller": True}


@pytest.mark.parametrize(
    ("owner", "named"),
    [
        pytest.param(None, {}, id="labels that name no attempt"),
        pytest.param(None, labels("no-such-batch"), id="an attempt without a row"),
        pytest.param(JOB, labels("no-such-batch"), id="a Job's pod of an attempt without a row"),
    ],
)
def test_pods_of_others_with_our_labels_hold_no_slot(
    world: World, owner: dict[str, Any] | None, named: dict[str, str]
) -> None:
    for number in range(4):
        lay_pod(world, f"sleeper-{number}", named, owner)
    uid = world.cluster.add_batch(batch_spec(parameters=values(3)))
    world.run_all()
    assert world.rows.states(uid) == dict.fromkeys(range(3), BacktestState.SUCCEEDED)


def test_a_pod_that_names_a_living_attempt_counts_only_as_one_of_its_own_job(world: World) -> None:
    uid = start(world, parameters=values(9), maxConcurrent=2)
    for index in range(2, 9):
        lay_pod(world, f"sleeper-{index}", labels(uid, index), JOB)
    go_on(world, 3)
    assert status(world, uid)["active"] == 2


def test_a_pod_whose_job_we_deleted_counts_until_it_is_gone(world: World) -> None:
    first = start(world, parameters=values(9))
    pods = copy.deepcopy(world.cluster.pods)
    world.cluster.edit_batch(first, cancel=True)
    world.turn()
    assert world.cluster.active_jobs == []
    world.cluster.pods = pods
    world.cluster.add_batch(batch_spec(parameters=values(9)), name="second")
    go_on(world, 10)
    assert world.cluster.active_jobs == [], "the pods of the cancelled batch are still there"
    world.cluster.pods = {}
    go_on(world, 1)
    assert len(world.cluster.active_jobs) == 4


def test_an_old_pod_does_not_speak_for_a_newer_job_of_its_attempt(world: World) -> None:
    uid = world.cluster.add_batch(batch_spec(parameters=values(1)))
    world.turn()
    (job,) = world.cluster.active_jobs
    world.cluster.wait_engine(job, "ErrImagePull", "no such image")
    old = copy.deepcopy(world.cluster.pods[job])
    old["metadata"]["name"] = "old"
    go_on(world, 45)
    (again,) = world.cluster.active_jobs
    assert again == job, "the same attempt, the same name"
    world.cluster.pods["old"] = old
    go_on(world, 60)
    assert world.cluster.active_jobs == [job], "its own pod has reported nothing"
    world.record(job, result())
    del world.cluster.pods["old"]
    world.run_all()
    assert world.rows.states(uid) == {0: BacktestState.SUCCEEDED}


@pytest.mark.parametrize("is_first", [True, False], ids=["listed first", "listed last"])
def test_a_copy_of_a_job_under_another_name_does_not_speak_for_its_attempt(world: World, is_first: bool) -> None:
    uid = start(world, parameters=values(1))
    (job,) = world.cluster.active_jobs
    copied = copy.deepcopy(world.cluster.jobs[job])
    copied["metadata"].update(name="a-copy", uid="a-copy")
    failed = {"type": "Failed", "status": "True", "lastTransitionTime": copied["metadata"]["creationTimestamp"]}
    copied["status"] = {"conditions": [failed]}
    jobs = world.cluster.jobs
    world.cluster.jobs = {"a-copy": copied, **jobs} if is_first else {**jobs, "a-copy": copied}
    go_on(world, 60)
    assert (world.rows.states(uid), world.rows.reasons) == ({0: BacktestState.RUNNING}, {})
    world.cluster.vanish(job)
    world.turn()
    assert list(world.rows.reasons.values()) == ["JobVanished"]


def test_a_foreign_pod_with_an_attempts_labels_does_not_hide_how_its_own_pod_ended(world: World) -> None:
    uid = start(world, parameters=values(1), failurePolicy={"maxAttempts": 1})
    (job,) = world.cluster.active_jobs
    lay_pod(world, "sleeper", labels(uid), None)
    world.cluster.end_job(job, failed=True, engine={"exitCode": 137, "reason": "OOMKilled"})
    world.turn()
    assert world.rows.reasons == {(uid, 0): "OOMKilled"}
