"""The loop's turns with the real calls over HTTP: what the API server's troubles do to batches."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backfleet.controller.applying import Applier
from backfleet.controller.cluster import Cluster
from backfleet.controller.limits import limits_of
from backfleet.controller.loop import RETRY_SECONDS, Loop
from backfleet.controller.passes import Passes, Rows
from backfleet.core import wire
from backfleet.core.errors import Unavailable
from tests.support.memory import MemoryRows
from tests.support.operator import batch_spec, build_settings, values
from tests.world.api_server import ApiServer
from tests.world.faults import Fault

NAMESPACE = "research"


class Fence:
    """Held by us while `is_there`."""

    is_there = True

    def acquire(self) -> int | None:
        if not self.is_there:
            raise Unavailable("Postgres does not answer")
        return 1

    def is_held(self) -> bool:
        return self.is_there

    def close(self) -> None:
        pass


@dataclass
class Scene:
    api: ApiServer
    rows: MemoryRows = field(default_factory=lambda: MemoryRows(now=datetime.now(UTC)))
    fence: Fence = field(default_factory=Fence)

    def __post_init__(self) -> None:
        settings, cluster = build_settings(), Cluster(self.api.client())
        self.passes = Passes(
            cluster=cluster,
            rows=Rows(
                observe=self.rows.observe,
                catalog=self.rows.catalog,
                members=self.rows.members,
                job_names=self.rows.job_names,
            ),
            applier=Applier(cluster=cluster, save=self.rows.save, settings=settings),
            settings=settings,
            limits=limits_of(settings),
        )
        self.loop = Loop(fence=self.fence, start_passes=lambda _: self.passes, tick_seconds=15)

    def add_batch(self, name: str = "demo", **changes: Any) -> str:
        body = {"metadata": {"name": name}, "spec": batch_spec(**changes)}
        return str(self.api.objects.create(wire.PLURAL, NAMESPACE, body)["metadata"]["uid"])

    def tick(self, seconds: float) -> None:
        self.rows.now += timedelta(seconds=seconds)

    def status(self, name: str = "demo") -> dict[str, Any]:
        return dict(self.api.objects.get(wire.PLURAL, NAMESPACE, name).get("status", {}))

    def condition(self, kind: str, name: str = "demo") -> dict[str, Any]:
        return next((each for each in self.status(name).get("conditions", []) if each["type"] == kind), {})

    def stored(self, resource: str) -> list[str]:
        return sorted(name for kind, _, name in self.api.objects.stored if kind == resource)


@pytest.fixture
def scene(api: ApiServer) -> Scene:
    return Scene(api)


def test_a_batch_becomes_jobs_and_a_status(scene: Scene) -> None:
    uid = scene.add_batch(parameters=values(3))
    for _ in range(3):
        scene.loop.turn()
        scene.tick(5)
    (name,) = scene.stored("jobs")
    job = scene.api.objects.get("jobs", NAMESPACE, name)
    assert job["metadata"]["ownerReferences"][0]["uid"] == uid
    assert (scene.status()["total"], scene.status()["active"]) == (3, 1)
    assert scene.condition("Accepted")["status"] == "True"
    assert all(isinstance(each["message"], str) for each in scene.status()["conditions"]), (
        "a null is refused by the CRD"
    )
    assert (scene.loop.health.is_holder, scene.loop.health.problem) == (True, None)


def not_served(scene: Scene) -> None:
    scene.api.absent.add(wire.GROUP)


def answering(code: int) -> Callable[[Scene], None]:
    return lambda scene: scene.api.faults.append(Fault(wire.PLURAL, code=code, times=1000))


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(not_served, id="404: the kind is not served"),
        pytest.param(answering(401), id="401"),
        pytest.param(answering(403), id="403: no right to list"),
        pytest.param(answering(429), id="429"),
        pytest.param(answering(500), id="500"),
    ],
)
def test_batches_that_cannot_be_listed_are_not_deleted(scene: Scene, trouble: Callable[[Scene], None]) -> None:
    uid = scene.add_batch()
    for _ in range(2):
        scene.loop.turn()
    jobs = scene.stored("jobs")
    before = scene.rows.batches[uid]
    trouble(scene)
    for _ in range(6):
        assert scene.loop.turn() == RETRY_SECONDS
        scene.tick(100)
    assert scene.loop.health.problem is not None
    assert wire.PLURAL in scene.loop.health.problem
    assert scene.rows.batches[uid] == before, "neither missing nor finished"
    assert scene.stored("jobs") == jobs != []
    assert scene.api.calls_of("DELETE", "") == []
    scene.api.absent.clear()
    scene.api.faults.clear()
    scene.loop.turn()
    assert scene.loop.health.problem is None
    assert scene.rows.batches[uid].missing_since is None


def test_a_batch_that_really_is_gone_ends_as_deleted(scene: Scene) -> None:
    """What the test above must not see: the same loop, but a complete list without the batch."""
    uid = scene.add_batch()
    scene.loop.turn()
    scene.api.objects.delete(wire.PLURAL, NAMESPACE, "demo")
    for _ in range(3):
        scene.loop.turn()
        scene.tick(100)
    assert scene.rows.batches[uid].finish_reason == wire.REASON_DELETED


def test_one_unreadable_page_counts_no_batch_as_missing(scene: Scene) -> None:
    uid = scene.add_batch()
    scene.loop.turn()
    for kind in ("garbage", "not an object", "truncate", "close"):
        scene.api.faults.append(Fault(wire.PLURAL, kind=kind))
        assert scene.loop.turn() == RETRY_SECONDS
        scene.tick(100)
    scene.loop.turn()
    assert scene.rows.batches[uid].missing_since is None


def test_postgres_away_is_shown_on_batches_that_are_not_finished(scene: Scene) -> None:
    scene.add_batch()
    scene.loop.turn()
    scene.add_batch("ended")
    scene.api.objects.set_status(
        wire.PLURAL, NAMESPACE, "ended", {"conditions": [{"type": "Finished", "status": "True"}]}
    )
    scene.fence.is_there = False
    for _ in range(3):
        scene.loop.turn()
    assert scene.condition("DatabaseUnavailable")["message"].startswith("Postgres does not answer")
    assert scene.condition("Accepted")["status"] == "True", "the rest stays as it was"
    assert [each["type"] for each in scene.status("ended")["conditions"]] == ["Finished"]
    written = len(scene.api.calls_of("PATCH", "/status"))
    scene.loop.turn()
    assert len(scene.api.calls_of("PATCH", "/status")) == written, "once per change"
    scene.fence.is_there = True
    scene.tick(5)
    scene.loop.turn()
    assert scene.condition("DatabaseUnavailable") == {}


def test_postgres_and_the_kind_away_together_end_nothing(scene: Scene) -> None:
    scene.add_batch()
    scene.loop.turn()
    not_served(scene)
    scene.fence.is_there = False
    assert [scene.loop.turn() for _ in range(3)] == [RETRY_SECONDS] * 3
    scene.api.absent.clear()
    scene.loop.turn()
    assert scene.condition("DatabaseUnavailable")["status"] == "True", "shown as soon as it can be"


def test_a_batch_whose_status_cannot_be_written_gets_an_event_and_disturbs_no_other(scene: Scene) -> None:
    scene.add_batch("bad")
    scene.add_batch("good")
    scene.api.faults.append(Fault("/bad/status", "PATCH", code=422, message="conditions: required", times=1000))
    assert scene.loop.turn() < RETRY_SECONDS, "the other's first look is due before"
    assert scene.status("bad") == {}
    assert scene.status("good")["total"] == 6
    events = [item for (kind, *_), item in scene.api.objects.stored.items() if kind == "events"]
    (failed,) = [event for event in events if event["reason"] == "PassFailed"]
    assert failed["involvedObject"]["name"] == "bad"
    assert "conditions: required" in failed["message"]


def test_a_refused_job_is_shown_and_tried_again(scene: Scene) -> None:
    scene.api.faults.append(Fault("/jobs", "POST", code=403, message="exceeded quota: compute", times=3))
    scene.add_batch()
    for _ in range(12):
        scene.loop.turn()
        scene.tick(5)
        if scene.stored("jobs"):
            break
        if scene.status():
            seen = scene.condition("Progressing").get("message", "")
    assert "exceeded quota: compute" in seen
    assert len(scene.stored("jobs")) == 1
