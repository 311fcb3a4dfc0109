"""The calls that write Jobs: what is sent, and what every answer means."""

from typing import Any

import pytest

from backfleet.controller.cluster import Cluster, NotAllowed, Refused
from backfleet.core import wire
from backfleet.core.errors import Conflict, Unavailable
from tests.support.api_objects import LABELS, NAMESPACE, job, names
from tests.world.api_server import ApiServer
from tests.world.faults import Fault


def test_a_job_is_created_as_it_was_built(api: ApiServer, cluster: Cluster) -> None:
    wanted = job()
    wanted["spec"]["template"]["spec"] = {"containers": [{"env": [{"name": "EMPTY", "value": ""}]}], "nodeSelector": {}}
    cluster.create_job(wanted)
    (call,) = api.calls
    assert (call.method, call.path) == ("POST", f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs")
    assert call.body == wanted


def test_creating_a_job_again_is_success_under_the_same_owner(api: ApiServer, cluster: Cluster) -> None:
    cluster.create_job(job())
    cluster.create_job(job())
    assert len(cluster.list_jobs(NAMESPACE)) == 1


@pytest.mark.parametrize(
    "owners",
    [
        pytest.param([{"uid": "another", "controller": True}], id="another batch"),
        pytest.param([], id="nobody"),
        pytest.param([{"uid": "batch-uid", "controller": False}], id="ours, but not as controller"),
    ],
)
def test_a_name_taken_by_another_owner_is_a_conflict(api: ApiServer, cluster: Cluster, owners: list[Any]) -> None:
    taken = job()
    taken["metadata"]["ownerReferences"] = owners
    api.objects.create("jobs", NAMESPACE, taken)
    with pytest.raises(Conflict, match="demo-1 exists and has another owner"):
        cluster.create_job(job())
    assert len(api.objects.stored) == 1


def test_a_taken_name_that_is_free_a_moment_later_is_left_to_the_next_pass(api: ApiServer, cluster: Cluster) -> None:
    api.faults.append(Fault("/jobs", "POST", code=409, message="already exists"))
    cluster.create_job(job())
    assert [call.method for call in api.calls] == ["POST", "GET"]
    assert api.objects.stored == {}


QUOTA = 'jobs.batch "demo-1" is forbidden: exceeded quota: compute, requested: count/jobs.batch=1'
WEBHOOK = 'Internal error occurred: failed calling webhook "policy.example": Post "https://policy": connection refused'
POD_SECURITY = 'jobs.batch "demo-1" is forbidden: violates PodSecurity "restricted:latest"'


@pytest.mark.parametrize(
    ("code", "message", "is_quota"),
    [
        pytest.param(403, QUOTA, True, id="quota"),
        pytest.param(403, POD_SECURITY, False, id="pod security"),
        pytest.param(403, "cannot create resource jobs", False, id="no right"),
        pytest.param(422, 'Job "demo-1" is invalid: spec', False, id="invalid"),
        pytest.param(400, "strict decoding error", False, id="not understood"),
        pytest.param(404, 'namespaces "research" not found', False, id="no namespace"),
        pytest.param(500, WEBHOOK, False, id="a webhook that is away"),
    ],
)
def test_a_refused_job_says_why(api: ApiServer, cluster: Cluster, code: int, message: str, is_quota: bool) -> None:
    api.faults.append(Fault("/jobs", "POST", code=code, message=message))
    with pytest.raises(Refused) as caught:
        cluster.create_job(job())
    assert (str(caught.value), caught.value.is_quota) == (message, is_quota)


@pytest.mark.parametrize("code", [401, 429, 500, 503])
def test_a_server_in_trouble_refuses_no_job(api: ApiServer, cluster: Cluster, code: int) -> None:
    api.faults.append(Fault("/jobs", "POST", code=code))
    with pytest.raises(Unavailable):
        cluster.create_job(job())


def test_a_job_is_deleted_with_its_pods_and_only_if_it_is_the_one(api: ApiServer, cluster: Cluster) -> None:
    there = api.objects.create("jobs", NAMESPACE, job())
    cluster.delete_job(NAMESPACE, "demo-1", "its predecessor's")
    assert names(cluster.list_jobs(NAMESPACE)) == ["demo-1"]
    uid = there["metadata"]["uid"]
    cluster.delete_job(NAMESPACE, "demo-1", uid)
    assert cluster.list_jobs(NAMESPACE) == []
    cluster.delete_job(NAMESPACE, "demo-1", uid)
    body = {"propagationPolicy": "Background", "preconditions": {"uid": uid}}
    assert [call.body for call in api.calls_of("DELETE", "/jobs/demo-1")][1:] == [body, body]


def test_a_job_is_labelled_only_if_it_is_the_one(api: ApiServer, cluster: Cluster) -> None:
    made = api.objects.create("jobs", NAMESPACE, job())
    for name, uid in (("demo-1", "another's"), ("gone", "u")):
        cluster.label_job(NAMESPACE, name, uid, "1767603600")
    assert wire.LABEL_SETTLED not in api.objects.get("jobs", NAMESPACE, "demo-1")["metadata"]["labels"]
    for _ in range(2):
        cluster.label_job(NAMESPACE, "demo-1", made["metadata"]["uid"], "1767603600")
    labelled = api.objects.get("jobs", NAMESPACE, "demo-1")
    assert labelled["metadata"]["labels"] == {**LABELS, wire.LABEL_SETTLED: "1767603600"}
    assert labelled["spec"] == made["spec"]


def test_a_label_that_the_server_finds_invalid_is_an_error(api: ApiServer, cluster: Cluster) -> None:
    made = api.objects.create("jobs", NAMESPACE, job())
    api.faults.append(Fault("/jobs/demo-1", "PATCH", code=422, message="invalid"))
    with pytest.raises(Unavailable, match="invalid"):
        cluster.label_job(NAMESPACE, "demo-1", made["metadata"]["uid"], "1")


def test_a_label_that_the_role_does_not_allow_has_an_error_of_its_own(api: ApiServer, cluster: Cluster) -> None:
    api.faults.append(Fault("/jobs/demo-1", "PATCH", code=403, message="cannot patch"))
    with pytest.raises(NotAllowed):
        cluster.label_job(NAMESPACE, "demo-1", "u", "1")


@pytest.mark.parametrize("code", [403, 500])
def test_a_job_that_could_not_be_deleted_is_an_error(api: ApiServer, cluster: Cluster, code: int) -> None:
    api.faults.append(Fault("/jobs", "DELETE", code=code))
    with pytest.raises(Unavailable):
        cluster.delete_job(NAMESPACE, "demo-1", "uid")
