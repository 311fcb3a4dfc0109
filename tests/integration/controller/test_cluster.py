"""The calls that list objects and write status and events: what is sent, and what every answer means."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from backfleet.controller.cluster import PAGE_SIZE, SETTLED_PAGE_SIZE, Cluster, build_event
from backfleet.core import wire
from backfleet.core.errors import NotFound, Unavailable
from tests.support.api_objects import NAMESPACE, add_batch, job, names, status_of
from tests.world.api_server import TOKEN, ApiServer
from tests.world.faults import Fault

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
READ_SECONDS = 0.5


def test_a_list_is_read_page_by_page_to_its_end(api: ApiServer, cluster: Cluster) -> None:
    wanted = [f"batch-{number:04}" for number in range(2 * PAGE_SIZE + 1)]
    for name in wanted:
        api.objects.create(wire.PLURAL, NAMESPACE, {"metadata": {"name": name}, "spec": {}})
    assert names(cluster.list_batches(NAMESPACE)) == wanted
    assert [call.query.get("limit") for call in api.calls] == 3 * [str(PAGE_SIZE)]
    assert ["continue" in call.query for call in api.calls] == [False, True, True]


def test_a_page_that_fails_is_no_shorter_list(api: ApiServer, cluster: Cluster) -> None:
    for number in range(PAGE_SIZE + 1):
        api.objects.create("jobs", NAMESPACE, job(f"demo-{number:04}"))
    api.faults.append(Fault("/jobs", code=410, message="the continue token is too old", after=1))
    with pytest.raises(Unavailable, match="too old"):
        cluster.list_jobs(NAMESPACE)
    assert len(cluster.list_jobs(NAMESPACE)) == PAGE_SIZE + 1


def test_refused_pods_are_asked_for_by_the_events_of_jobs(api: ApiServer, cluster: Cluster) -> None:
    about = {"reason": "FailedCreate", "message": "no", "involvedObject": {"kind": "Job"}}
    api.objects.create("events", NAMESPACE, {"metadata": {"name": "demo-1.1"}, **about})
    other = {"reason": "FailedCreate", "message": "another's", "involvedObject": {"kind": "ReplicaSet"}}
    api.objects.create("events", NAMESPACE, {"metadata": {"name": "web.1"}, **other})
    assert [event["message"] for event in cluster.list_pod_refusals(NAMESPACE)] == ["no"]
    (call,) = api.calls
    assert call.query == {"limit": str(PAGE_SIZE), "fieldSelector": "involvedObject.kind=Job,reason=FailedCreate"}


@pytest.mark.parametrize("resource", ["jobs", "pods"])
def test_only_objects_with_our_labels_are_asked_for(api: ApiServer, cluster: Cluster, resource: str) -> None:
    api.objects.create(resource, NAMESPACE, job("ours"))
    api.objects.create(resource, NAMESPACE, job("of-another-chart", **{wire.LABEL_MANAGED_BY: "Helm"}))
    api.objects.create(resource, NAMESPACE, job("an-own-hook", **{wire.LABEL_COMPONENT: "migrate"}))
    api.objects.create(resource, "elsewhere", job("ours-elsewhere"))
    found = {"jobs": cluster.list_jobs, "pods": cluster.list_pods}[resource](NAMESPACE)
    assert names(found) == ["ours"]
    assert api.calls[0].query["labelSelector"].startswith(wire.JOB_SELECTOR)
    assert "resourceVersion" not in api.calls[0].query, "a read from the watch cache may be old"


def test_settled_jobs_are_not_listed_and_their_metadata_are_read_page_by_page(api: ApiServer, cluster: Cluster) -> None:
    wanted = [f"demo-{number:04}" for number in range(SETTLED_PAGE_SIZE + 1)]
    for name in wanted:
        api.objects.create("jobs", NAMESPACE, job(name, **{wire.LABEL_SETTLED: "1767603600"}))
    api.objects.create("jobs", NAMESPACE, job("live"))
    assert names(cluster.list_jobs(NAMESPACE)) == ["live"]
    first, token = cluster.list_settled_jobs(NAMESPACE, "")
    second, end = cluster.list_settled_jobs(NAMESPACE, token)
    assert names(first + second) == wanted
    assert end == ""
    assert all("spec" not in item for item in first)


def test_a_page_whose_token_is_too_old_goes_on_with_the_one_that_the_answer_has(
    api: ApiServer, cluster: Cluster
) -> None:
    meta = {"continue": "goes-on"}
    api.faults.append(Fault("/jobs", code=410, message="the provided continue parameter is too old", meta=meta))
    assert cluster.list_settled_jobs(NAMESPACE, "old") == ([], "goes-on")


def test_a_job_is_looked_up_by_its_name(api: ApiServer, cluster: Cluster) -> None:
    api.objects.create("jobs", NAMESPACE, job("demo-1", **{wire.LABEL_SETTLED: "1"}))
    assert names([cluster.get_job(NAMESPACE, "demo-1") or {}]) == ["demo-1"]
    assert cluster.get_job(NAMESPACE, "demo-2") is None


def test_ended_pods_are_not_listed_and_those_of_a_job_are(api: ApiServer, cluster: Cluster) -> None:
    for phase in ("Pending", "Running", "Succeeded", "Failed"):
        name = f"demo-{phase.lower()}"
        api.objects.create("pods", NAMESPACE, job(f"{name}-x", **{wire.LABEL_JOB_NAME: name}))
        api.objects.set_status("pods", NAMESPACE, f"{name}-x", {"phase": phase})
    assert names(cluster.list_pods(NAMESPACE)) == ["demo-pending-x", "demo-running-x"]
    assert names(cluster.list_pods_of(NAMESPACE, ["demo-failed", "demo-pending"])) == [
        "demo-failed-x",
        "demo-pending-x",
    ]
    many = [f"demo-{number}" for number in range(120)]
    assert cluster.list_pods_of(NAMESPACE, many) == []
    assert len(api.calls) == 5, "names are asked for in pieces, so that no address grows too long"


def test_a_kind_that_is_not_served_is_not_found(api: ApiServer, cluster: Cluster) -> None:
    api.absent.add(wire.GROUP)
    with pytest.raises(NotFound):
        cluster.list_batches(NAMESPACE)


@pytest.mark.parametrize("code", [401, 403, 410, 429, 500, 503])
def test_any_other_answer_to_a_list_is_unavailable(api: ApiServer, cluster: Cluster, code: int) -> None:
    api.faults.append(Fault("/jobs", code=code, message="not today"))
    with pytest.raises(Unavailable, match=f"{code} not today"):
        cluster.list_jobs(NAMESPACE)
    assert len(api.calls) == 1, "the loop decides when to try again"


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("hang", id="no answer"),
        pytest.param("close", id="connection closed"),
        pytest.param("garbage", id="not JSON"),
        pytest.param("not an object", id="JSON, but no object"),
        pytest.param("truncate", id="cut off in the body"),
    ],
)
@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda cluster: cluster.list_pods(NAMESPACE), id="list"),
        pytest.param(lambda cluster: cluster.create_job(job()), id="create"),
        pytest.param(lambda cluster: cluster.patch_status(NAMESPACE, "demo", "u", {}), id="status"),
        pytest.param(lambda cluster: cluster.delete_job(NAMESPACE, "demo-1", "u"), id="delete"),
    ],
)
def test_a_broken_answer_is_unavailable_and_soon(api: ApiServer, kind: Any, call: Callable[[Cluster], object]) -> None:
    # Only where an answer is waited for: a busy machine would break a short limit elsewhere.
    cluster = Cluster(api.client(), read_seconds=READ_SECONDS) if kind == "hang" else Cluster(api.client())
    api.faults += [Fault("/namespaces/", method, kind) for method in ("GET", "POST", "PATCH", "DELETE")]
    started = time.monotonic()
    with pytest.raises(Unavailable):
        call(cluster)
    assert time.monotonic() - started < READ_SECONDS + 5
    assert len(api.calls) == 1


def test_a_server_that_is_not_there_is_unavailable() -> None:
    with ApiServer.running() as api:
        client = api.client()
    with pytest.raises(Unavailable, match="did not answer GET"):
        Cluster(client).list_jobs(NAMESPACE)


def test_status_is_merged_and_none_removes_a_key(api: ApiServer, cluster: Cluster) -> None:
    uid = add_batch(api, status={"total": 6, "best": {"index": 1}, "other": "kept"})
    cluster.patch_status(NAMESPACE, "demo", uid, {"total": 7, "best": None})
    assert status_of(api) == {"total": 7, "other": "kept"}
    (call,) = api.calls
    assert call.path.endswith(f"/{wire.PLURAL}/demo/status")
    assert call.headers["content-type"] == "application/merge-patch+json"
    assert call.body == {"metadata": {"uid": uid}, "status": {"total": 7, "best": None}}


def test_an_empty_text_arrives_as_an_empty_text(api: ApiServer, cluster: Cluster) -> None:
    uid = add_batch(api)
    status = {"conditions": [{"type": "Failed", "message": ""}], "empty": "", "zero": 0, "no": False, "none": {}}
    cluster.patch_status(NAMESPACE, "demo", uid, status)
    assert status_of(api) == status


def test_status_of_a_batch_that_is_gone_or_was_made_again_is_not_written(api: ApiServer, cluster: Cluster) -> None:
    cluster.patch_status(NAMESPACE, "demo", "gone", {"total": 1})
    add_batch(api)
    cluster.patch_status(NAMESPACE, "demo", "its predecessor's", {"total": 1})
    assert status_of(api) == {}


@pytest.mark.parametrize("code", [403, 422, 500])
def test_a_status_that_could_not_be_written_is_an_error(api: ApiServer, cluster: Cluster, code: int) -> None:
    api.faults.append(Fault("/status", "PATCH", code=code))
    with pytest.raises(Unavailable):
        cluster.patch_status(NAMESPACE, "demo", "uid", {})


def test_the_same_event_twice_is_one_object(api: ApiServer, cluster: Cluster) -> None:
    ref = {"uid": "u", "name": "demo", "namespace": NAMESPACE}
    for message in ("started", "started", "ended"):
        cluster.create_event(build_event(ref, "Progress", message, "Normal", NOW))
    stored = [item for (resource, *_), item in api.objects.stored.items() if resource == "events"]
    assert sorted(item["message"] for item in stored) == ["ended", "started"]
    involved = {"apiVersion": wire.API_VERSION, "kind": wire.KIND, **ref}
    assert all(item["involvedObject"] == involved for item in stored)


def test_the_name_of_an_event_fits_for_the_longest_batch_name() -> None:
    ref = {"uid": "u", "name": ("a" * 62 + ".") * 4 + "b", "namespace": NAMESPACE}
    name = build_event(ref, "Progress", "m" * 1000, "Normal", NOW)["metadata"]["name"]
    assert len(name) <= 253
    assert ".." not in name


def test_an_event_that_could_not_be_posted_is_an_error(api: ApiServer, cluster: Cluster) -> None:
    api.faults.append(Fault("/events", "POST", code=500))
    with pytest.raises(Unavailable):
        cluster.create_event(build_event({"uid": "u", "name": "n", "namespace": NAMESPACE}, "R", "m", "Normal", NOW))


def test_the_configured_token_is_sent(api: ApiServer) -> None:
    client = api.client()
    client.configuration.api_key["authorization"] = f"Bearer {TOKEN}"
    Cluster(client).list_jobs(NAMESPACE)
    assert api.calls[0].headers["authorization"] == f"Bearer {TOKEN}"
