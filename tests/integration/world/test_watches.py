"""What a watch of the fake API server sends: in order and once, until a test asks for something else."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.world.api_server import ApiServer
from tests.world.faults import Fault, FaultKind
from tests.world.kube_client import KubeClient

JOBS = "/apis/batch/v1/namespaces/research/jobs"
SECONDS = 5.0


def named(name: str, **labels: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": labels}, "spec": {}}


def seen(events: Iterator[dict[str, Any]] | list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(event["type"], event["object"]["metadata"].get("name", "")) for event in events]


def until_closed(api: ApiServer, events: Iterator[dict[str, Any]], act: Callable[[], object]) -> list[dict[str, Any]]:
    """Return what a watch has sent by the time the server has sent all that `act` led to."""
    got: list[dict[str, Any]] = []
    reader = threading.Thread(target=lambda: got.extend(events), daemon=True)
    reader.start()
    deadline = time.monotonic() + SECONDS
    while not any("watch" in call.query for call in api.calls):
        assert time.monotonic() < deadline, "the watch did not begin"
        time.sleep(0.01)
    act()
    api.objects.close()
    reader.join(SECONDS)
    assert not reader.is_alive()
    return got


def test_from_a_version_on_every_change_is_sent_once(api: ApiServer, kube: KubeClient) -> None:
    kube.create(JOBS, named("a"))
    version = kube.get(JOBS)["metadata"]["resourceVersion"]
    kube.create(JOBS, named("b"))
    kube.create(JOBS.replace("research", "trading"), named("elsewhere"))

    def act() -> None:
        kube.patch(f"{JOBS}/a", {"spec": {"size": 2}})
        kube.delete(f"{JOBS}/b")

    events = until_closed(api, kube.watch(JOBS, SECONDS, resourceVersion=version), act)
    assert seen(events) == [("ADDED", "b"), ("MODIFIED", "a"), ("DELETED", "b")]
    versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in events]
    assert versions == sorted(set(versions))


def test_without_a_version_what_is_there_comes_first(api: ApiServer, kube: KubeClient) -> None:
    kube.create(JOBS, named("gone"))
    kube.create(JOBS, named("there"))
    kube.delete(f"{JOBS}/gone")
    events = until_closed(api, kube.watch(JOBS, SECONDS), lambda: kube.create(JOBS, named("new")))
    assert seen(events) == [("ADDED", "there"), ("ADDED", "new")]


def test_what_leaves_the_selection_is_deleted_for_its_watch(api: ApiServer, kube: KubeClient) -> None:
    kube.create(JOBS, named("a"))
    version = kube.get(JOBS)["metadata"]["resourceVersion"]

    def act() -> None:
        kube.patch(f"{JOBS}/a", {"metadata": {"labels": {"settled": "1"}}})
        kube.patch(f"{JOBS}/a", {"metadata": {"labels": {"settled": None}}})

    events = until_closed(api, kube.watch(JOBS, SECONDS, labelSelector="!settled", resourceVersion=version), act)
    assert seen(events) == [("DELETED", "a"), ("ADDED", "a")]


def test_bookmarks_say_how_far_a_watch_has_come(api: ApiServer, kube: KubeClient) -> None:
    api.bookmark_seconds = 0.05
    asked: dict[str, Any] = {"allowWatchBookmarks": "true", "labelSelector": "mine", "resourceVersion": "100"}
    began = time.monotonic()
    first = next(iter(kube.watch(JOBS, SECONDS, **asked)))
    assert time.monotonic() - began < SECONDS
    assert (first["type"], first["object"]["kind"]) == ("BOOKMARK", "Job")
    kube.create(JOBS, named("not-mine"))
    created = kube.get(JOBS)["metadata"]["resourceVersion"]
    api.bookmark_seconds = 60
    (last,) = kube.watch(JOBS, 0.2, **asked)
    assert last["object"]["metadata"] == {"resourceVersion": created}
    asked.pop("allowWatchBookmarks")
    assert list(kube.watch(JOBS, 0.2, **asked)) == []


def test_a_forgotten_version_is_gone(api: ApiServer, kube: KubeClient) -> None:
    version = kube.create(JOBS, named("a"))["metadata"]["resourceVersion"]
    kube.create(JOBS, named("b"))
    api.objects.history.compact()
    (event,) = kube.watch(JOBS, SECONDS, resourceVersion=version)
    assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")


def test_a_watch_ends_when_what_it_waits_for_is_forgotten_before_it_is_sent(api: ApiServer, kube: KubeClient) -> None:
    version = kube.create(JOBS, named("a"))["metadata"]["resourceVersion"]

    def act() -> None:
        with api.objects.history.changed:
            api.objects.create("jobs", "research", named("b"))
            api.objects.history.compact()

    (event,) = until_closed(api, kube.watch(JOBS, SECONDS, resourceVersion=version), act)
    assert (event["type"], event["object"]["code"]) == ("ERROR", 410)


ALL = [("ADDED", "a"), ("ADDED", "b"), ("ADDED", "c")]


@pytest.mark.parametrize(
    ("kind", "comes"),
    [
        pytest.param("duplicate", [each for each in ALL for _ in range(2)], id="every event twice"),
        pytest.param("reorder", [ALL[1], ALL[0], ALL[2]], id="in another order"),
        pytest.param("silent", [], id="none at all"),
        pytest.param("cut", ALL[:1], id="only the first"),
    ],
)
def test_a_watch_is_disturbed_once_and_then_it_is_as_it_should_be(
    api: ApiServer, kube: KubeClient, kind: FaultKind, comes: list[tuple[str, str]]
) -> None:
    for name in "abc":
        kube.create(JOBS, named(name))
    api.faults.append(Fault("/jobs", kind=kind, verb="watch", after_events=1))
    assert len(kube.items(JOBS)) == 3
    assert seen(kube.watch(JOBS, 0.2)) == comes
    assert seen(kube.watch(JOBS, 0.2)) == ALL


def test_a_silent_watch_stays_open(api: ApiServer, kube: KubeClient) -> None:
    api.faults.append(Fault("/jobs", kind="silent", verb="watch"))
    began = time.monotonic()
    assert list(kube.watch(JOBS, 0.3)) == []
    assert time.monotonic() - began >= 0.3


def test_a_watch_that_is_too_old_ends_with_410(api: ApiServer, kube: KubeClient) -> None:
    api.faults.append(Fault("/jobs", kind="too old", verb="watch"))
    (event,) = kube.watch(JOBS, SECONDS)
    assert (event["type"], event["object"]["code"]) == ("ERROR", 410)
