"""Nodes of the fake cluster: which pods they take, and what becomes of their pods when they are lost."""

from typing import Any

import pytest

from tests.world.api_server import ApiServer
from tests.world.fates import Plan
from tests.world.kube_client import KubeClient
from tests.world.kubernetes_world import KubernetesWorld
from tests.world.node_objects import LABEL, TOLERATION, VALUE
from tests.world.pod_life import Records

PODS = "/api/v1/namespaces/research/pods"
NODES = "/api/v1/nodes"
NEVER = Plan(start_seconds=(1e6, 1e6))


class NoRecords(Records):
    """Nothing is recorded in these tests."""

    def record(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError


@pytest.fixture
def world() -> Any:
    with KubernetesWorld.running(NoRecords(), NEVER, ("fake-0", "fake-1")) as running:
        yield running


@pytest.fixture
def api(world: KubernetesWorld) -> ApiServer:
    return world.api


def pod(name: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": {}}, "spec": spec, "status": {"phase": "Pending"}}


def nodes_of(kube: KubeClient) -> dict[str, str | None]:
    return {each["metadata"]["name"]: each["spec"].get("nodeName") for each in kube.items(PODS)}


def scheduled(kube: KubeClient, name: str) -> tuple[str, str]:
    (condition,) = kube.get(f"{PODS}/{name}")["status"]["conditions"]
    return condition["status"], condition.get("reason", "")


def ready(kube: KubeClient, node: str) -> str:
    conditions = kube.get(f"{NODES}/{node}")["status"]["conditions"]
    return next(str(each["status"]) for each in conditions if each["type"] == "Ready")


def test_only_a_pod_that_tolerates_the_taint_comes_to_a_fake_node(world: KubernetesWorld, kube: KubeClient) -> None:
    kube.create(PODS, pod("ours", tolerations=[TOLERATION]))
    kube.create(PODS, pod("somebody-elses"))
    kube.create(PODS, pod("of-another-node", tolerations=[TOLERATION], nodeSelector={"disk": "fast"}))
    kube.create(PODS, pod("chosen", tolerations=[TOLERATION], nodeSelector={LABEL: VALUE}))
    world.settle()
    assert nodes_of(kube) == {"ours": "fake-0", "chosen": "fake-1", "somebody-elses": None, "of-another-node": None}
    assert scheduled(kube, "ours") == ("True", "")
    assert scheduled(kube, "somebody-elses") == ("False", "Unschedulable")


def test_a_full_node_takes_no_more(world: KubernetesWorld, kube: KubeClient) -> None:
    for node in ("fake-0", "fake-1"):
        kube.patch(f"{NODES}/{node}/status", {"status": {"allocatable": {"pods": "1"}}})
    for name in "abc":
        kube.create(PODS, pod(name, tolerations=[TOLERATION]))
    world.settle()
    assert nodes_of(kube) == {"a": "fake-0", "b": "fake-1", "c": None}
    kube.patch(f"{PODS}/a/status", {"status": {"phase": "Succeeded"}})
    world.settle()
    assert nodes_of(kube)["c"] == "fake-0"


def test_leases_are_renewed_as_time_passes(world: KubernetesWorld, kube: KubeClient) -> None:
    world.advance(120)
    lease = kube.get("/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/fake-0")
    assert lease["spec"]["renewTime"] == "2026-01-05T09:02:00.000000Z"
    assert ready(kube, "fake-0") == "True"


def test_pods_of_a_lost_node_end_late_and_never_until_it_is_deleted(world: KubernetesWorld, kube: KubeClient) -> None:
    kube.create(PODS, pod("a", tolerations=[TOLERATION]))
    world.settle()
    world.kubelet.lose("fake-0")
    world.advance(40)
    assert (ready(kube, "fake-0"), ready(kube, "fake-1")) == ("True", "True")
    world.advance(10)
    assert (ready(kube, "fake-0"), ready(kube, "fake-1")) == ("Unknown", "True")
    world.advance(290)
    assert "deletionTimestamp" not in kube.get(f"{PODS}/a")["metadata"]
    world.advance(10)
    assert "deletionTimestamp" in kube.get(f"{PODS}/a")["metadata"]
    world.advance(10_000, step_seconds=1000)
    there = kube.get(f"{PODS}/a")["status"]
    assert (there["phase"], there["conditions"][-1]["reason"]) == ("Pending", "DeletionByTaintManager")
    kube.delete(f"{NODES}/fake-0")
    world.settle()
    assert kube.items(PODS) == []


def test_a_node_that_was_cut_off_comes_back_and_keeps_its_pod(world: KubernetesWorld, kube: KubeClient) -> None:
    kube.create(PODS, pod("a", tolerations=[TOLERATION]))
    world.settle()
    world.kubelet.cut_off.add("fake-0")
    world.advance(200)
    assert ready(kube, "fake-0") == "Unknown"
    world.kubelet.reconnect("fake-0")
    world.advance(1000)
    assert ready(kube, "fake-0") == "True"
    assert "deletionTimestamp" not in kube.get(f"{PODS}/a")["metadata"]


def test_a_node_that_is_not_ready_takes_no_pod(world: KubernetesWorld, kube: KubeClient) -> None:
    world.kubelet.lose("fake-0")
    world.advance(60)
    kube.create(PODS, pod("a", tolerations=[TOLERATION]))
    world.settle()
    assert nodes_of(kube) == {"a": "fake-1"}


def test_nodes_leave_with_their_kubelet(world: KubernetesWorld, kube: KubeClient) -> None:
    world.kubelet.leave()
    assert kube.items(NODES) == []
