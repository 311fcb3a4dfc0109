"""Jobs whose pod the API server refuses: quota, pod security, admission; what the batch says and how it ends."""

from typing import NoReturn

import pytest

from backfleet.controller.cluster import NotAllowed
from backfleet.controller.observing import list_namespaces
from backfleet.core.changes import SettleFailure
from backfleet.core.planning.observation import SeenJob
from tests.support.cluster import text
from tests.support.life import go_on
from tests.support.operator import World, batch_spec, values

FORBIDDEN = (
    'Error creating: pods "demo-x7k2p" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true'
)
QUOTA = 'Error creating: pods "demo-x7k2p" is forbidden: exceeded quota: pods, limited: pods=5'


def refused(world: World, message: str) -> str:
    """Return a batch whose only Job has had no pod for a while."""
    world.cluster.pod_fault = message
    uid = world.cluster.add_batch(batch_spec(parameters=values(1)))
    world.turn(2)
    world.tick(31)
    world.turn(2)
    return uid


@pytest.mark.parametrize(
    ("message", "words"),
    [
        pytest.param(FORBIDDEN, 'PodForbidden: violates PodSecurity "restricted:latest"', id="pod security"),
        pytest.param(QUOTA, "QuotaExceeded: exceeded quota: pods", id="quota"),
        pytest.param("Error creating: webhook says no", "PodForbidden: Error creating: webhook says no", id="webhook"),
    ],
)
def test_the_batch_says_who_refused_the_pod(world: World, message: str, words: str) -> None:
    uid = refused(world, message)
    told = world.cluster.condition(uid, "Progressing")["message"]
    assert words in told
    assert "demo-x7k2p" not in told, "a name that changes with every try would be news each time"


@pytest.mark.long
def test_a_forbidden_pod_ends_the_backtest_at_the_start_deadline_by_its_name(world: World) -> None:
    uid = refused(world, FORBIDDEN)
    settled = go_on(world, 600)
    assert world.rows.reasons == {}
    settled += go_on(world, 100)
    assert world.rows.reasons == {(uid, 0): "StartTimeout"}
    (failed,) = (each for each in settled if isinstance(each, SettleFailure))
    assert failed.message.startswith("PodForbidden: violates PodSecurity")
    assert not world.cluster.jobs


@pytest.mark.long
def test_a_quota_is_waited_for_beyond_the_start_deadline(world: World) -> None:
    uid = refused(world, QUOTA)
    go_on(world, 1500)
    assert world.rows.reasons == {}
    assert "QuotaExceeded" in world.cluster.condition(uid, "Progressing")["message"]
    world.cluster.pod_fault = None
    for job in world.cluster.active_jobs:
        world.cluster._create_pod(world.cluster.jobs[job])
    go_on(world, 16)
    world.run_all()
    assert world.cluster.condition(uid, "Complete")["reason"] == "AllSucceeded"
    assert [number for _, _, number in world.rows.launches] == [1], "no attempt was charged, or made again"


@pytest.mark.long
def test_a_pod_that_waited_for_a_node_has_its_whole_time_to_start_on_it(world: World) -> None:
    uid = world.cluster.add_batch(batch_spec(parameters=values(1)))
    world.turn()
    (pod,) = world.cluster.pods.values()
    waiting = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes: cpu"}
    pod["status"]["conditions"] = [waiting]
    world.tick(20)
    world.turn()
    found = {"type": "PodScheduled", "status": "True", "lastTransitionTime": text(world.cluster.now)}
    pod["status"]["conditions"] = [found]
    go_on(world, 599)
    assert world.rows.reasons == {}
    go_on(world, 2)
    assert world.rows.reasons == {(uid, 0): "StartTimeout"}


def looked(world: World) -> tuple[SeenJob, ...]:
    passes = world.operator.passes
    return passes.observe(list_namespaces(world.cluster, passes.settings.namespaces)).jobs


def test_a_role_that_does_not_let_events_be_read_only_leaves_the_reason_out(world: World) -> None:
    world.cluster.pod_fault = FORBIDDEN
    uid = world.cluster.add_batch(batch_spec(parameters=values(1)))

    def forbid(namespace: str) -> NoReturn:
        raise NotAllowed(f"events of {namespace}")

    world.cluster.list_pod_refusals = forbid  # type: ignore[method-assign]
    go_on(world, 60)
    assert "its Job has no pod" in world.cluster.condition(uid, "Progressing")["message"]


def test_nobody_is_asked_while_a_job_is_young_or_has_its_pod(world: World) -> None:
    world.cluster.add_batch(batch_spec(parameters=values(1)))
    world.turn(2)
    pods = dict(world.cluster.pods)
    world.cluster.pod_fault = FORBIDDEN
    world.cluster.pods.clear()
    world.tick(20)
    assert [job.pod_refusal for job in looked(world)] == [""], "it may still come"
    world.tick(11)
    assert "PodSecurity" in looked(world)[0].pod_refusal
    world.cluster.pods.update(pods)
    assert [job.pod_refusal for job in looked(world)] == [""]
