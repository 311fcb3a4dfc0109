"""What asking for custom resources costs Kubernetes: bounded, whatever is asked for and however often."""

import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest

from backfleet.core.errors import Unavailable
from backfleet_api.cluster import ClusterBatch, NamespaceForbidden, NoCluster
from backfleet_api.directory import Directory

NAMESPACES = tuple(f"team-{number}" for number in range(100))
UNKNOWN = "00000000-0000-4000-8000-000000000000"
OLD = ClusterBatch(uid="uid-old", name="rsi", namespace="team-3", created_at="2026-11-24T15:00:00Z")
NEW = ClusterBatch(uid="uid-new", name="rsi", namespace="team-7", created_at="2026-11-24T16:00:00Z")


@dataclass
class Counting(NoCluster):
    """Counts what it is asked; `errors` are those of namespaces."""

    batches: list[ClusterBatch] = field(default_factory=lambda: [NEW, OLD])
    asked: Counter[str] = field(default_factory=Counter)
    errors: dict[str, Exception] = field(default_factory=dict)

    def get_batch(self, namespace: str, name: str) -> ClusterBatch | None:
        self.asked["get"] += 1
        return next((each for each in self.batches if (each.namespace, each.name) == (namespace, name)), None)

    def list_batches(self, namespace: str) -> Iterable[ClusterBatch]:
        self.asked["list"] += 1
        if namespace in self.errors:
            raise self.errors[namespace]
        return [each for each in self.batches if each.namespace == namespace]


@dataclass
class Clock:
    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


def directory(cluster: Counting, *namespaces: str, now: Clock | None = None) -> Directory:
    return Directory(cluster, namespaces or NAMESPACES, 5.0, now or Clock())


def test_unknown_ids_cost_one_list_of_the_namespaces_in_five_seconds() -> None:
    cluster, now = Counting(), Clock()
    wanted = directory(cluster, now=now)
    for number in range(50):
        assert wanted.find(f"{UNKNOWN[:-2]}{number:02}", None, is_uid=True) is None
        assert wanted.find(f"name-{number}", None, is_uid=False) is None
    assert cluster.asked == {"list": 100}
    now.seconds = 5.0
    assert wanted.find(UNKNOWN, None, is_uid=True) is None
    assert cluster.asked == {"list": 200}


def test_a_name_in_a_namespace_costs_one_get() -> None:
    cluster = Counting()
    assert directory(cluster).find("rsi", "team-3", is_uid=False) == OLD
    assert directory(cluster, "team-3").find("none", None, is_uid=False) is None
    assert cluster.asked == {"get": 2}


def test_a_namespace_that_is_not_watched_asks_nothing() -> None:
    cluster = Counting()
    assert directory(cluster).find("rsi", "elsewhere", is_uid=False) is None
    assert cluster.asked == {}


def test_a_name_without_a_namespace_is_the_newest_of_all_and_read_where_it_is() -> None:
    cluster = Counting()
    assert directory(cluster).find("rsi", None, is_uid=False) == NEW
    assert cluster.asked == {"list": 100, "get": 1}


def test_a_uid_is_found_wherever_it_is_but_not_outside_the_namespace_that_is_asked_for() -> None:
    wanted = directory(Counting())
    assert wanted.find("uid-old", None, is_uid=True) == OLD
    assert wanted.find("uid-old", "team-7", is_uid=True) is None


def test_a_batch_of_another_uid_under_its_name_is_another_batch() -> None:
    cluster = Counting(batches=[OLD])
    wanted = directory(cluster)
    assert wanted.find("uid-old", None, is_uid=True) == OLD
    cluster.batches = [ClusterBatch(uid="uid-again", name="rsi", namespace="team-3")]
    assert wanted.find("uid-old", None, is_uid=True) is None


def test_a_batch_that_was_just_made_is_known_before_the_next_list() -> None:
    cluster = Counting(batches=[])
    wanted = directory(cluster)
    assert wanted.find(UNKNOWN, None, is_uid=True) is None
    cluster.batches = [NEW]
    wanted.remember(NEW)
    assert wanted.find("uid-new", None, is_uid=True) == NEW


def test_a_namespace_that_cannot_be_looked_at_hides_nothing_else_and_is_told_when_nothing_is_found() -> None:
    cluster = Counting(errors={"team-0": NamespaceForbidden("forbidden")})
    wanted = directory(cluster)
    assert wanted.find("uid-old", None, is_uid=True) == OLD
    with pytest.raises(NamespaceForbidden):
        wanted.find(UNKNOWN, None, is_uid=True)


def test_a_kubernetes_that_is_away_is_asked_once_in_five_seconds() -> None:
    cluster, now = Counting(errors={"team-0": Unavailable("away")}), Clock()
    wanted = directory(cluster, now=now)
    for _ in range(3):
        with pytest.raises(Unavailable, match="away"):
            wanted.find(UNKNOWN, None, is_uid=True)
    assert cluster.asked == {"list": 1}
    cluster.errors, now.seconds = {}, 6.0
    assert wanted.find("uid-old", None, is_uid=True) == OLD


def test_one_request_lists_while_the_others_are_told_to_come_again() -> None:
    listing, release = threading.Event(), threading.Event()

    class Slow(Counting):
        def list_batches(self, namespace: str) -> Iterable[ClusterBatch]:
            listing.set()
            assert release.wait(30)
            return super().list_batches(namespace)

    cluster = Slow()
    wanted = directory(cluster, "team-1", "team-3")
    first = threading.Thread(target=wanted.find, args=(UNKNOWN, None), kwargs={"is_uid": True})
    first.start()
    assert listing.wait(30)
    with pytest.raises(Unavailable, match="another request"):
        wanted.find("uid-old", None, is_uid=True)
    release.set()
    first.join(30)
    assert wanted.find("uid-old", None, is_uid=True) == OLD
    assert cluster.asked["list"] == 2
