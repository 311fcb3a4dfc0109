"""The monitor of a world names every limit that is broken: Jobs of one operator, Jobs of one batch, indexes and pods."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from backfleet.core import wire
from backfleet.core.packs import Member, PackRequest
from tests.properties.world.monitor import Monitor
from tests.support.jobs import build_request
from tests.world.clock import START, Clock
from tests.world.objects import Objects

PLACE = "research"


class Cluster:
    """Objects of one batch, as the operator and the Job controller make them, and a monitor that looks."""

    def __init__(self, limit: int, max_concurrent: int) -> None:
        self.objects = Objects(clock=Clock(START))
        body = {"metadata": {"name": "demo"}, "spec": {"maxConcurrent": max_concurrent}}
        self.uid = self.objects.create(wire.PLURAL, PLACE, body)["metadata"]["uid"]
        self.monitor = Monitor(SimpleNamespace(objects=self.objects), limit, timedelta(seconds=60))  # type: ignore[arg-type]

    def add(self, resource: str, *members: tuple[int, int], owner: str | None = None) -> str:
        """Make a Job or a pod that carries these indexes and attempts. Return its uid."""
        labels = dict(zip((wire.LABEL_INDEX, wire.LABEL_ATTEMPT), map(str, members[0]), strict=True))
        labels[wire.LABEL_BATCH_UID] = self.uid
        request = PackRequest(
            batch_uid=self.uid,
            common=build_request(),
            members=tuple(Member(index=index, number=number, parameter_texts={}) for index, number in members),
        )
        recorder = {"name": wire.CONTAINER_RECORDER, "env": [{"name": wire.ENV_PACK, "value": request.to_json()}]}
        spec = {"initContainers": [], "containers": [recorder]}
        meta = {
            "name": f"demo-{self.objects.next_uid()}",
            "labels": labels,
            "annotations": {wire.ANNOTATION_DEADLINE: "600"},
            "ownerReferences": [{"uid": owner or self.uid, "controller": True}],
        }
        template = {"metadata": {"labels": labels}, "spec": spec}
        body = {"metadata": meta, "spec": {"template": template} if resource == "jobs" else spec}
        made: dict[str, Any] = self.objects.create(resource, PLACE, body)
        self.monitor.look()
        return str(made["metadata"]["uid"])


def test_jobs_within_the_limits_are_no_violation() -> None:
    cluster = Cluster(limit=2, max_concurrent=2)
    cluster.add("pods", (0, 1), owner=cluster.add("jobs", (0, 1), (1, 1)))
    cluster.add("jobs", (2, 1))
    assert cluster.monitor.violations == []


@pytest.mark.parametrize(
    ("limit", "max_concurrent", "jobs", "found"),
    [
        pytest.param(1, 4, [[(0, 1)], [(1, 1)]], "2 packs alive, the limit is 1", id="above the operator's limit"),
        pytest.param(
            4, 1, [[(0, 1)], [(1, 1)]], "2 packs of a batch alive, its maxConcurrent is 1", id="above the batch's"
        ),
        pytest.param(4, 4, [[(0, 1)], [(0, 2)]], "two attempts of one backtest alive", id="an index twice"),
        pytest.param(
            4, 4, [[(0, 1), (1, 1)], [(1, 2), (2, 1)]], "two attempts of one backtest alive", id="twice, in packs"
        ),
    ],
)
def test_jobs_beyond_a_limit_are_violations(
    limit: int, max_concurrent: int, jobs: list[list[tuple[int, int]]], found: str
) -> None:
    cluster = Cluster(limit, max_concurrent)
    for members in jobs:
        cluster.add("jobs", *members)
    (said,) = cluster.monitor.violations
    assert said.startswith(found)


def test_an_index_may_run_again_when_its_outcome_is_recorded_though_its_job_has_not_ended() -> None:
    cluster = Cluster(limit=4, max_concurrent=4)
    cluster.monitor.recorded = lambda _: {f"{cluster.uid}-0.1"}
    cluster.add("jobs", (0, 1), (1, 1))
    cluster.add("jobs", (0, 2))
    assert cluster.monitor.violations == []
    cluster.add("jobs", (1, 2))
    assert cluster.monitor.violations == [f"two attempts of one backtest alive: {(cluster.uid, 1, 2)}"]


def test_two_pods_of_one_pack_are_a_violation() -> None:
    cluster = Cluster(limit=4, max_concurrent=4)
    job = cluster.add("jobs", (0, 1), (1, 1))
    for _ in range(2):
        cluster.add("pods", (0, 1), (1, 1), owner=job)
    assert cluster.monitor.violations == [f"two pods of one pack at once: {(cluster.uid, 0, 1)}"]


def test_the_member_that_a_last_word_names_is_kept() -> None:
    cluster = Cluster(limit=4, max_concurrent=4)
    cluster.add("pods", (3, 1), (4, 1), (7, 2))
    (pod,) = cluster.objects.all("pods")
    ended = {"terminated": {"exitCode": 137, "message": "2"}}
    status = {"phase": "Failed", "startTime": "2026-01-05T09:00:00Z", "initContainerStatuses": [{"state": ended}]}
    cluster.objects.set_status("pods", PLACE, pod["metadata"]["name"], status)
    cluster.monitor.look()
    assert cluster.monitor.named == {(cluster.uid, 3, 1): (cluster.uid, 7, 2)}
    assert {key[1] for key in cluster.monitor.engines} == {3, 4, 7}
