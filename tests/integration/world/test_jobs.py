"""What the fake control plane makes of Jobs: one pod each, their ends, deadlines, suspension and times to live."""

from typing import Any

import pytest

from tests.world.admission import refusing
from tests.world.api_server import ApiServer
from tests.world.control_plane import ControlPlane
from tests.world.kube_client import KubeClient

JOBS = "/apis/batch/v1/namespaces/research/jobs"
PODS = "/api/v1/namespaces/research/pods"
EVENTS = "/api/v1/namespaces/research/events"


def job(name: str = "a", **spec: Any) -> dict[str, Any]:
    template = {"metadata": {"labels": {"index": "7"}}, "spec": {"containers": [{"name": "main"}]}}
    return {"metadata": {"name": name}, "spec": {"backoffLimit": 0, "template": template, **spec}}


def start(api: ApiServer, kube: KubeClient, control_plane: ControlPlane, **spec: Any) -> dict[str, Any]:
    """Create a Job whose pod a kubelet runs, and return the pod."""
    kube.create(JOBS, job(**spec))
    control_plane.settle()
    (pod,) = kube.items(PODS)
    bound = kube.patch(f"{PODS}/{pod['metadata']['name']}", {"spec": {"nodeName": "node-1"}})
    return report(kube, bound, "Running")


def report(kube: KubeClient, pod: dict[str, Any], phase: str) -> dict[str, Any]:
    return kube.patch(f"{PODS}/{pod['metadata']['name']}/status", {"status": {"phase": phase}})


def conditions(kube: KubeClient, name: str = "a") -> dict[str, str]:
    found = kube.get(f"{JOBS}/{name}")["status"].get("conditions", [])
    return {each["type"]: each["reason"] for each in found if each["status"] == "True"}


def counts(kube: KubeClient, name: str = "a") -> tuple[int, int, int]:
    status = kube.get(f"{JOBS}/{name}")["status"]
    return status["active"], status["succeeded"], status["failed"]


def test_a_job_gets_one_pod_by_its_template(kube: KubeClient, control_plane: ControlPlane) -> None:
    made = kube.create(JOBS, job())
    control_plane.settle()
    control_plane.settle()
    (pod,) = kube.items(PODS, labelSelector="job-name=a,index=7")
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "a", "uid": made["metadata"]["uid"]}
    assert pod["metadata"]["ownerReferences"] == [{**owner, "controller": True, "blockOwnerDeletion": True}]
    assert (pod["spec"], pod["status"]["phase"]) == ({"containers": [{"name": "main"}]}, "Pending")
    assert counts(kube) == (1, 0, 0)


ENDS = {"Succeeded": ({"Complete": ""}, (0, 1, 0)), "Failed": ({"Failed": "BackoffLimitExceeded"}, (0, 0, 1))}


@pytest.mark.parametrize("phase", ENDS)
@pytest.mark.parametrize("is_old", [False, True], ids=["new", "1.20"])
def test_a_job_ends_with_its_pod_which_stays(
    api: ApiServer, kube: KubeClient, control_plane: ControlPlane, phase: str, is_old: bool
) -> None:
    control_plane.is_old = is_old
    pod = start(api, kube, control_plane)
    api.objects.clock.advance(60)
    report(kube, pod, phase)
    control_plane.settle()
    assert (conditions(kube), counts(kube)) == ENDS[phase]
    (ended,) = kube.get(f"{JOBS}/a")["status"]["conditions"]
    assert ended["lastTransitionTime"] == "2026-01-05T09:01:00Z"
    api.objects.clock.advance(86_400)
    control_plane.settle()
    assert [each["metadata"]["name"] for each in kube.items(PODS)] == [pod["metadata"]["name"]]


def test_a_job_past_its_deadline_fails_once_its_pod_has_ended(
    api: ApiServer, kube: KubeClient, control_plane: ControlPlane
) -> None:
    pod = start(api, kube, control_plane, activeDeadlineSeconds=100)
    api.objects.clock.advance(99)
    control_plane.settle()
    assert conditions(kube) == {}
    api.objects.clock.advance(1)
    control_plane.settle()
    assert conditions(kube) == {"FailureTarget": "DeadlineExceeded"}
    assert "deletionTimestamp" in kube.get(f"{PODS}/{pod['metadata']['name']}")["metadata"]
    kube.delete(f"{PODS}/{pod['metadata']['name']}", gracePeriodSeconds=0)
    control_plane.settle()
    assert conditions(kube)["Failed"] == "DeadlineExceeded"
    assert kube.items(PODS) == []


def test_an_old_job_past_its_deadline_fails_at_once(
    api: ApiServer, kube: KubeClient, control_plane: ControlPlane
) -> None:
    control_plane.is_old = True
    start(api, kube, control_plane, activeDeadlineSeconds=100)
    api.objects.clock.advance(100)
    control_plane.settle()
    assert conditions(kube) == {"Failed": "DeadlineExceeded"}
    assert len(kube.items(PODS)) == 1, "it is still being ended"


def test_a_pod_that_somebody_deletes_fails_its_job(
    kube: KubeClient, api: ApiServer, control_plane: ControlPlane
) -> None:
    pod = start(api, kube, control_plane)
    kube.delete(f"{PODS}/{pod['metadata']['name']}", gracePeriodSeconds=0)
    control_plane.settle()
    assert (conditions(kube), counts(kube)) == (
        {"Failed": "BackoffLimitExceeded"},
        (0, 0, 1),
    )
    assert kube.items(PODS) == []


def test_an_old_job_makes_a_deleted_pod_again_while_that_still_ends(
    kube: KubeClient, api: ApiServer, control_plane: ControlPlane
) -> None:
    control_plane.is_old = True
    pod = start(api, kube, control_plane)
    kube.delete(f"{PODS}/{pod['metadata']['name']}")
    control_plane.settle()
    assert len(kube.items(PODS)) == 2
    assert conditions(kube) == {}


def test_a_suspended_job_has_no_pod_until_it_goes_on(
    api: ApiServer, kube: KubeClient, control_plane: ControlPlane
) -> None:
    kube.create(JOBS, job(suspend=True))
    control_plane.settle()
    assert (kube.items(PODS), conditions(kube)) == ([], {"Suspended": "JobSuspended"})
    kube.patch(f"{JOBS}/a", {"spec": {"suspend": False}})
    control_plane.settle()
    assert (len(kube.items(PODS)), conditions(kube)) == (1, {})


def test_suspending_a_job_ends_its_pod_and_is_no_failure(
    api: ApiServer, kube: KubeClient, control_plane: ControlPlane
) -> None:
    pod = start(api, kube, control_plane, activeDeadlineSeconds=100)
    kube.patch(f"{JOBS}/a", {"spec": {"suspend": True}})
    control_plane.settle()
    kube.delete(f"{PODS}/{pod['metadata']['name']}", gracePeriodSeconds=0)
    control_plane.settle()
    assert (kube.items(PODS), conditions(kube), counts(kube)) == ([], {"Suspended": "JobSuspended"}, (0, 0, 0))
    api.objects.clock.advance(1000)
    kube.patch(f"{JOBS}/a", {"spec": {"suspend": False}})
    control_plane.settle()
    assert (len(kube.items(PODS)), conditions(kube)) == (1, {}), "its deadline counts from when it went on"


def test_a_pod_that_is_refused_becomes_an_event_and_is_tried_again(
    api: ApiServer, kube: KubeClient, control_plane: ControlPlane
) -> None:
    rule = refusing("pods", "violates PodSecurity")
    api.objects.rules.append(rule)
    made = kube.create(JOBS, job())
    control_plane.settle()
    control_plane.settle()
    (event,) = kube.items(EVENTS, fieldSelector="involvedObject.kind=Job,reason=FailedCreate")
    assert event["involvedObject"]["uid"] == made["metadata"]["uid"]
    assert event["message"].startswith("Error creating: pods ")
    assert event["message"].endswith(" is forbidden: violates PodSecurity")
    assert counts(kube) == (0, 0, 0)
    api.objects.rules.remove(rule)
    control_plane.settle()
    assert len(kube.items(PODS)) == 1


def test_a_finished_job_goes_after_its_time_to_live_with_its_pod(
    api: ApiServer, kube: KubeClient, control_plane: ControlPlane
) -> None:
    pod = start(api, kube, control_plane, ttlSecondsAfterFinished=600)
    api.objects.clock.advance(10_000)
    control_plane.settle()
    report(kube, pod, "Succeeded")
    control_plane.settle()
    api.objects.clock.advance(599)
    control_plane.settle()
    assert len(kube.items(JOBS)) == 1
    api.objects.clock.advance(1)
    control_plane.settle()
    assert (kube.items(JOBS), kube.items(PODS)) == ([], [])
