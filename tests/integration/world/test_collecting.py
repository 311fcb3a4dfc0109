"""What the fake control plane removes: what has lost its owner, and namespaces; and what it does not let in."""

from typing import Any

import pytest

from backfleet.controller.cluster import Cluster, NotAllowed, Refused
from backfleet.core import wire
from tests.world.admission import refusing
from tests.world.api_server import ApiServer
from tests.world.collecting import delete_namespace
from tests.world.control_plane import ControlPlane
from tests.world.kube_client import KubeClient, Refusal

NAMESPACE = "research"
JOBS = f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
BATCHES = f"/apis/{wire.API_VERSION}/namespaces/{NAMESPACE}/{wire.PLURAL}"


def job(owner: dict[str, Any] | None = None, name: str = "a") -> dict[str, Any]:
    owners = [] if owner is None else [{"uid": owner["metadata"]["uid"], "name": "demo", "controller": True}]
    meta = {"name": name, "namespace": NAMESPACE, "ownerReferences": owners}
    return {"metadata": meta, "spec": {"backoffLimit": 0, "template": {"spec": {}}}}


def test_what_a_batch_owns_goes_with_it_down_to_the_pods(kube: KubeClient, control_plane: ControlPlane) -> None:
    batch = kube.create(BATCHES, {"metadata": {"name": "demo"}, "spec": {}})
    kube.create(JOBS, job(batch))
    kube.create(JOBS, job(name="somebody-elses"))
    control_plane.settle()
    assert len(kube.items(PODS)) == 2
    kube.delete(f"{BATCHES}/demo")
    assert len(kube.items(JOBS)) == 2, "not before the collector comes by"
    control_plane.settle()
    assert [each["metadata"]["name"] for each in kube.items(JOBS)] == ["somebody-elses"]
    assert [each["metadata"]["labels"]["job-name"] for each in kube.items(PODS)] == ["somebody-elses"]


def test_a_batch_made_again_under_its_name_does_not_inherit(kube: KubeClient, control_plane: ControlPlane) -> None:
    body = {"metadata": {"name": "demo"}, "spec": {}}
    kube.create(JOBS, job(kube.create(BATCHES, body)))
    kube.delete(f"{BATCHES}/demo")
    kube.create(BATCHES, body)
    control_plane.settle()
    assert kube.items(JOBS) == []


@pytest.mark.parametrize(
    ("policy", "is_there"),
    [pytest.param("Background", False, id="background"), pytest.param("Foreground", True, id="foreground")],
)
def test_a_job_that_is_deleted_waits_for_its_pod_only_in_the_foreground(
    kube: KubeClient, control_plane: ControlPlane, policy: str, is_there: bool
) -> None:
    kube.create(JOBS, job())
    control_plane.settle()
    (pod,) = kube.items(PODS)
    path = f"{PODS}/{pod['metadata']['name']}"
    kube.patch(path, {"spec": {"nodeName": "node-1"}})
    kube.patch(f"{path}/status", {"status": {"phase": "Running"}})
    kube.delete(f"{JOBS}/a", propagationPolicy=policy)
    control_plane.settle()
    assert bool(kube.items(JOBS)) is is_there
    assert "deletionTimestamp" in kube.get(path)["metadata"]
    kube.delete(path, gracePeriodSeconds=0)
    control_plane.settle()
    assert (kube.items(JOBS), kube.items(PODS)) == ([], [])


def test_a_namespace_is_emptied_and_gone_and_may_come_back(
    api: ApiServer, kube: KubeClient, control_plane: ControlPlane
) -> None:
    batch = kube.create(BATCHES, {"metadata": {"name": "demo"}, "spec": {}})
    kube.create(JOBS, job(batch) | {"metadata": {**job(batch)["metadata"], "finalizers": ["example.com/x"]}})
    delete_namespace(api.objects, NAMESPACE)
    control_plane.settle()
    operator = Cluster(api.client())
    with pytest.raises(Refused, match="it is being terminated"):
        operator.create_job(job(batch, "b"))
    kube.patch(f"{JOBS}/a", {"metadata": {"finalizers": None}})
    control_plane.settle()
    with pytest.raises(NotAllowed, match='in the namespace "research"'):
        operator.list_jobs(NAMESPACE)
    with pytest.raises(Refused, match='namespaces "research" not found'):
        operator.create_job(job(batch, "b"))
    assert not [key for key in api.objects.stored if key[1] == NAMESPACE]

    kube.create("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    assert operator.list_jobs(NAMESPACE) == []
    operator.create_job(job(batch, "b"))


@pytest.mark.parametrize("counted", ["count/jobs.batch", "pods"])
def test_a_quota_refuses_what_it_has_no_room_for(
    api: ApiServer, kube: KubeClient, control_plane: ControlPlane, counted: str
) -> None:
    quota = {"metadata": {"name": "small"}, "spec": {"hard": {counted: "1"}}}
    kube.create(f"/api/v1/namespaces/{NAMESPACE}/resourcequotas", quota)
    path, group = (JOBS, "jobs.batch") if counted != "pods" else (PODS, "pods")
    kube.create(path, job())
    with pytest.raises(Refusal) as caught:
        kube.create(path, job(name="b"))
    room = f"requested: {counted}=1, used: {counted}=1, limited: {counted}=1"
    assert str(caught.value) == f'403 {group} "b" is forbidden: exceeded quota: small, {room}'
    for name in ("b", "c"):
        kube.create(path.replace(NAMESPACE, "trading"), {"metadata": {"name": name}, "spec": {}})
    kube.delete(f"{path}/a")
    kube.create(path, job(name="b"))


def test_the_operator_knows_a_quota_from_another_refusal(
    api: ApiServer, kube: KubeClient, control_plane: ControlPlane
) -> None:
    owner = {"metadata": {"uid": "u"}}
    api.objects.rules.append(refusing("jobs", "policy"))
    with pytest.raises(Refused) as caught:
        Cluster(api.client()).create_job(job(owner))
    assert (caught.value.is_quota, str(caught.value)) == (False, 'jobs "a" is forbidden: policy')
    api.objects.rules[-1] = refusing("jobs", "spec.template: too big", 422)
    with pytest.raises(Refused, match=r"is invalid: spec\.template: too big"):
        Cluster(api.client()).create_job(job(owner))
    quota = {"metadata": {"name": "none"}, "spec": {"hard": {"count/jobs.batch": "0"}}}
    kube.create(f"/api/v1/namespaces/{NAMESPACE}/resourcequotas", quota)
    with pytest.raises(Refused) as full:
        Cluster(api.client()).create_job(job(owner))
    assert full.value.is_quota


def test_pods_that_have_ended_use_up_no_quota(kube: KubeClient, control_plane: ControlPlane) -> None:
    quota = {"metadata": {"name": "small"}, "spec": {"hard": {"pods": "1"}}}
    kube.create(f"/api/v1/namespaces/{NAMESPACE}/resourcequotas", quota)
    kube.create(PODS, {"metadata": {"name": "a"}})
    kube.patch(f"{PODS}/a/status", {"status": {"phase": "Failed"}})
    kube.create(PODS, {"metadata": {"name": "b"}})
    assert len(kube.items(PODS)) == 2
