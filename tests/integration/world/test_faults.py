"""What goes wrong between the fake API server and its callers, when a test asks for it."""

import time
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import urllib3.exceptions

from tests.world.answering import Severed
from tests.world.api_server import ApiServer
from tests.world.clock import START
from tests.world.faults import Call, Fault
from tests.world.kube_client import KubeClient, Refusal

JOBS = "/apis/batch/v1/namespaces/research/jobs"


def named(name: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {}}


def names(items: list[dict[str, Any]]) -> list[str]:
    return [item["metadata"]["name"] for item in items]


def test_a_busy_server_says_when_to_come_again(api: ApiServer, kube: KubeClient) -> None:
    api.faults.append(Fault("/jobs", "POST", code=429, headers={"Retry-After": "7"}))
    response = kube._request("POST", JOBS, named("a"), "application/json", {}, kube.timeouts)
    assert (response.status, response.getheaders()["Retry-After"]) == (429, "7")
    assert kube.items(JOBS) == []


def test_a_slow_answer_is_right(api: ApiServer, kube: KubeClient) -> None:
    api.faults.append(Fault("/jobs", "POST", "slow", seconds=0.3))
    began = time.monotonic()
    kube.create(JOBS, named("a"))
    assert time.monotonic() - began >= 0.3
    assert names(kube.items(JOBS)) == ["a"]


@pytest.mark.parametrize(
    ("kind", "there"),
    [pytest.param("close", [], id="nothing is done"), pytest.param("unanswered", ["a"], id="it is done")],
)
def test_a_write_without_an_answer(api: ApiServer, kube: KubeClient, kind: Any, there: list[str]) -> None:
    api.faults.append(Fault("/jobs", "POST", kind))
    with pytest.raises(urllib3.exceptions.HTTPError):
        kube.create(JOBS, named("a"))
    assert names(kube.items(JOBS)) == there


def test_a_half_open_connection_gives_no_answer_at_all(api: ApiServer, kube: KubeClient) -> None:
    api.faults.append(Fault("/jobs", kind="hang"))
    with pytest.raises(urllib3.exceptions.HTTPError):
        KubeClient(kube.api, timeouts=(5.0, 0.3)).get(JOBS)
    assert kube.items(JOBS) == []


def test_a_stale_list_is_what_was_there_some_changes_ago(api: ApiServer, kube: KubeClient) -> None:
    kube.create(JOBS, named("a"))
    kube.create(JOBS, named("b"))
    kube.delete(f"{JOBS}/a")
    api.faults.append(Fault("/jobs", kind="stale", behind=2, verb="list"))
    stale, fresh = kube.get(JOBS), kube.get(JOBS)
    assert (names(stale["items"]), names(fresh["items"])) == (["a"], ["b"])
    versions = [int(each["metadata"]["resourceVersion"]) for each in (stale, fresh)]
    assert versions[0] == versions[1] - 2


def test_a_caller_dies_with_its_nth_write_and_the_others_go_on(api: ApiServer, kube: KubeClient) -> None:
    dying, living = KubeClient(api.client("first")), KubeClient(api.client("second"))
    api.sever_after(3, "first")
    dying.create(JOBS, named("a"))
    living.create(JOBS, named("b"))
    dying.create(JOBS, named("c"))
    for call in (
        lambda: dying.create(JOBS, named("d")),
        lambda: dying.create(JOBS, named("e")),
        lambda: dying.get(JOBS),
    ):
        with pytest.raises(urllib3.exceptions.HTTPError):
            call()
    living.create(JOBS, named("f"))
    assert names(living.items(JOBS)) == ["a", "b", "c", "d", "f"]


def test_a_token_that_is_not_accepted_any_more_gets_401(api: ApiServer) -> None:
    api.tokens = {"second"}
    with pytest.raises(Refusal, match="401 Unauthorized"):
        KubeClient(api.client("first")).create(JOBS, named("a"))
    KubeClient(api.client("second")).create(JOBS, named("b"))
    assert names(KubeClient(api.client("second")).items(JOBS)) == ["b"]


def test_a_hook_sees_every_write_when_it_is_done(api: ApiServer, kube: KubeClient) -> None:
    seen: list[tuple[str, list[str]]] = []

    def note(call: Call) -> None:
        seen.append((call.verb, [key[2] for key in api.objects.stored]))
        if call.verb == "delete":
            raise Severed

    api.after_write = note
    kube.create(JOBS, named("a"))
    kube.items(JOBS)
    with pytest.raises(urllib3.exceptions.HTTPError):
        kube.delete(f"{JOBS}/a")
    assert seen == [("create", ["a"]), ("delete", [])]


def test_the_date_and_all_stamps_are_of_the_clock_that_a_test_advances(api: ApiServer, kube: KubeClient) -> None:
    first = kube.create(JOBS, named("a"))
    api.objects.clock.advance(3600)
    second = kube.call("POST", JOBS, named("b"))
    stamps = [each["metadata"]["creationTimestamp"] for each in (first, second.body)]
    assert stamps == ["2026-01-05T09:00:00Z", "2026-01-05T10:00:00Z"]
    assert (parsedate_to_datetime(second.headers["Date"]) - START).total_seconds() == 3600


def test_a_definition_that_is_removed_takes_its_objects_with_it(api: ApiServer, kube: KubeClient) -> None:
    batches = "/apis/backfleet.io/v1alpha1/namespaces/research/optimizationbatches"
    kube.create(batches, named("a"))
    api.remove_definition()
    with pytest.raises(Refusal, match="404"):
        kube.get(batches)
    assert "backfleet.io" not in [group["name"] for group in kube.get("/apis")["groups"]]
    api.absent.clear()
    assert kube.items(batches) == []
