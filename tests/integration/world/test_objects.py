"""What the fake API server makes of reads and writes over HTTP, as a real one does."""

from typing import Any

import pytest

from backfleet.core import wire
from tests.world.api_server import ApiServer
from tests.world.kube_client import KubeClient, Refusal
from tests.world.objects import FOREGROUND

NAMESPACE = "research"
JOBS = f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
BATCHES = f"/apis/{wire.API_VERSION}/namespaces/{NAMESPACE}/{wire.PLURAL}"


def named(name: str, **labels: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": labels}, "spec": {"size": 1}}


def names(items: list[dict[str, Any]]) -> list[str]:
    return [item["metadata"]["name"] for item in items]


def refusal(call: Any, *arguments: Any, **options: Any) -> tuple[int, str, str]:
    with pytest.raises(Refusal) as caught:
        call(*arguments, **options)
    body = caught.value.body
    assert body["kind"] == "Status"
    return caught.value.status, body["reason"], body["message"]


# versions, uids, generations


def test_one_counter_numbers_all_changes(kube: KubeClient) -> None:
    job, pod = kube.create(JOBS, named("a")), kube.create(PODS, named("a"))
    again = kube.patch(f"{JOBS}/a", {"metadata": {"labels": {"x": "1"}}})
    gone = kube.delete(f"{PODS}/a")
    versions = [int(each["metadata"]["resourceVersion"]) for each in (job, pod, again, gone)]
    assert versions == list(range(versions[0], versions[0] + 4))
    assert kube.get(JOBS)["metadata"]["resourceVersion"] == str(versions[-1])


def test_an_object_made_again_under_its_name_has_another_uid(kube: KubeClient) -> None:
    first = kube.create(JOBS, named("a"))
    kube.delete(f"{JOBS}/a")
    assert kube.create(JOBS, named("a"))["metadata"]["uid"] != first["metadata"]["uid"]


def test_the_generation_grows_with_the_spec_alone(kube: KubeClient) -> None:
    kube.create(BATCHES, named("a"))
    generations = [
        kube.patch(path, patch)["metadata"]["generation"]
        for path, patch in (
            (f"{BATCHES}/a", {"metadata": {"labels": {"x": "1"}}}),
            (f"{BATCHES}/a/status", {"status": {"total": 1}, "spec": {"size": 9}}),
            (f"{BATCHES}/a", {"spec": {"size": 2}, "status": {"total": 9}}),
        )
    ]
    assert generations == [1, 1, 2]
    there = kube.get(f"{BATCHES}/a")
    assert (there["spec"], there["status"]) == ({"size": 2}, {"total": 1})


def test_creating_what_is_there_is_a_conflict(kube: KubeClient) -> None:
    kube.create(JOBS, named("a"))
    assert refusal(kube.create, JOBS, named("a")) == (409, "AlreadyExists", 'jobs "a" already exists')


@pytest.mark.parametrize("how", ["replace", "patch"])
def test_an_update_from_an_old_version_is_a_conflict(kube: KubeClient, how: str) -> None:
    old = kube.create(JOBS, named("a"))
    new = kube.patch(f"{JOBS}/a", {"spec": {"size": 2}})
    code, reason, message = refusal(getattr(kube, how), f"{JOBS}/a", old | {"spec": {"size": 3}})
    assert (code, reason) == (409, "Conflict")
    assert "the object has been modified" in message
    assert getattr(kube, how)(f"{JOBS}/a", new | {"spec": {"size": 4}})["spec"] == {"size": 4}


def test_a_deletion_meant_for_another_uid_is_a_conflict(kube: KubeClient) -> None:
    there = kube.create(JOBS, named("a"))
    assert refusal(kube.delete, f"{JOBS}/a", preconditions={"uid": "another"})[:2] == (409, "Conflict")
    kube.delete(f"{JOBS}/a", preconditions={"uid": there["metadata"]["uid"]})
    assert refusal(kube.get, f"{JOBS}/a")[0] == 404


# lists


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        pytest.param("kind=x", ["a", "b"], id="equal"),
        pytest.param("kind!=x", ["c", "d"], id="not equal"),
        pytest.param("kind in (x,y),!done", ["a", "c"], id="one of, and without"),
        pytest.param("done", ["b"], id="with"),
    ],
)
def test_labels_select(kube: KubeClient, selector: str, found: list[str]) -> None:
    for name, labels in (("a", {"kind": "x"}), ("b", {"kind": "x", "done": "1"}), ("c", {"kind": "y"}), ("d", {})):
        kube.create(JOBS, named(name, **labels))
    assert names(kube.items(JOBS, labelSelector=selector)) == found


def test_fields_select_and_an_unknown_one_is_refused(kube: KubeClient) -> None:
    for name, node in (("a", "node-1"), ("b", "node-2")):
        kube.create(PODS, named(name) | {"spec": {"nodeName": node}})
    assert names(kube.items(PODS, fieldSelector="spec.nodeName=node-1")) == ["a"]
    assert refusal(kube.get, PODS, fieldSelector="spec.color=red")[:2] == (400, "BadRequest")


def test_without_a_namespace_all_of_them_are_listed(kube: KubeClient) -> None:
    kube.create(PODS, named("a"))
    kube.create("/api/v1/namespaces/trading/pods", named("b"))
    assert names(kube.items("/api/v1/pods")) == ["a", "b"]
    assert names(kube.items(PODS)) == ["a"]


def test_every_page_shows_the_list_as_it_was_for_the_first_one(kube: KubeClient) -> None:
    for name in "abcde":
        kube.create(JOBS, named(name))
    first = kube.get(JOBS, limit="2")
    kube.delete(f"{JOBS}/c")
    kube.create(JOBS, named("cc"))
    second = kube.get(JOBS, limit="2", **{"continue": first["metadata"]["continue"]})
    third = kube.get(JOBS, limit="2", **{"continue": second["metadata"]["continue"]})
    pages = (first, second, third)
    assert [names(page["items"]) for page in pages] == [["a", "b"], ["c", "d"], ["e"]]
    assert len({page["metadata"]["resourceVersion"] for page in pages}) == 1
    assert [page["metadata"].get("remainingItemCount") for page in pages] == [3, 1, None]
    assert names(kube.items(JOBS)) == ["a", "b", "cc", "d", "e"]


def test_a_page_that_is_too_old_is_gone_and_names_one_that_goes_on_from_now(api: ApiServer, kube: KubeClient) -> None:
    for name in "abc":
        kube.create(JOBS, named(name))
    token = kube.get(JOBS, limit="1")["metadata"]["continue"]
    kube.delete(f"{JOBS}/b")
    api.objects.history.compact()
    with pytest.raises(Refusal) as caught:
        kube.get(JOBS, limit="1", **{"continue": token})
    assert (caught.value.status, caught.value.body["reason"]) == (410, "Expired")
    rest = kube.get(JOBS, limit="1", **{"continue": caught.value.body["metadata"]["continue"]})
    assert names(rest["items"]) == ["c"]


# deletion in two steps


def test_what_has_a_finalizer_goes_when_that_is_taken_off(kube: KubeClient) -> None:
    kube.create(JOBS, {"metadata": {"name": "a", "finalizers": ["example.com/x"]}})
    kube.delete(f"{JOBS}/a")
    kube.delete(f"{JOBS}/a")
    assert kube.get(f"{JOBS}/a")["metadata"]["deletionTimestamp"] == "2026-01-05T09:00:00Z"
    kube.patch(f"{JOBS}/a", {"metadata": {"finalizers": None}})
    assert refusal(kube.get, f"{JOBS}/a")[0] == 404


def test_deleted_in_the_foreground_it_waits_for_what_it_owns(kube: KubeClient) -> None:
    kube.create(JOBS, named("a"))
    kube.delete(f"{JOBS}/a", propagationPolicy="Foreground")
    assert kube.get(f"{JOBS}/a")["metadata"]["finalizers"] == [FOREGROUND]


def test_a_running_pod_stays_until_its_kubelet_has_ended_it(kube: KubeClient) -> None:
    kube.create(PODS, named("a") | {"spec": {"nodeName": "node-1", "terminationGracePeriodSeconds": 10}})
    kube.delete(f"{PODS}/a")
    meta = kube.get(f"{PODS}/a")["metadata"]
    assert (meta["deletionTimestamp"], meta["deletionGracePeriodSeconds"]) == ("2026-01-05T09:00:10Z", 10)
    kube.delete(f"{PODS}/a", gracePeriodSeconds=0)
    assert kube.items(PODS) == []
