"""What is over costs a pass nothing: finished and refused batches are read and planned again only when they change."""

import copy
import sys
from collections.abc import Collection
from types import FrameType
from typing import Any

import pytest

from backfleet.core.records import StoredCatalog, StoreView, StrategyRecord
from tests.scenarios.conftest import NewWorld
from tests.support.life import status
from tests.support.operator import World, batch_spec, failure, values

MANY = 1_000
LISTED = MANY - 1
"""Whatever is listed becomes a value, and that is all."""
INVALID = batch_spec(strategy={"name": "Nope"})


class Watched:
    """What a pass asks of the rows."""

    def __init__(self, world: World) -> None:
        self.asked: list[set[str]] = []
        self.catalogs = 0
        self._observe, self._catalog = world.rows.observe, world.rows.catalog
        world.rows.observe = self.observe  # type: ignore[method-assign]
        world.rows.catalog = self.catalog  # type: ignore[method-assign]

    def observe(self, uids: Collection[str]) -> StoreView:
        self.asked.append(set(uids))
        return self._observe(uids)

    def catalog(self) -> StoredCatalog:
        self.catalogs += 1
        return self._catalog()


def finish_one(world: World, **changes: Any) -> str:
    """Return a batch that has ended, whose Job is settled and whose last pass had nothing to do."""
    uid = world.cluster.add_batch(batch_spec(parameters=values(1), **changes), name="done")
    world.run_all()
    for _ in range(4):
        world.tick(3)
        world.turn()
    return uid


def finished_world(world: World, count: int) -> World:
    uid = finish_one(world)
    others = [world.cluster.next_uid() for _ in range(1, count)]
    for other in others:
        body = copy.deepcopy(world.cluster.batches[uid])
        body["metadata"].update(uid=other, name=other)
        world.cluster.batches[other] = body
    world.rows.copy_finished(uid, others)
    world.turn(2)
    return world


def refused_world(world: World, count: int) -> World:
    for number in range(count):
        world.cluster.add_batch(INVALID, name=f"bad-{number}")
    world.turn(10)
    return world


def core_calls(world: World) -> int:
    """Return the calls of functions of `backfleet.core` in one pass: what is decided, whatever the machine."""
    count = 0

    def note(frame: FrameType, event: str, _: object) -> None:
        nonlocal count
        count += event == "call" and frame.f_globals.get("__name__", "").startswith("backfleet.core")

    sys.setprofile(note)
    try:
        world.turn()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.long
def test_a_pass_with_a_thousand_finished_batches_decides_as_little_as_one_with_a_single_one(
    new_world: NewWorld,
) -> None:
    beside_none = core_calls(finished_world(new_world(), 1))
    many = finished_world(new_world(), MANY)
    watched = Watched(many)
    assert core_calls(many) == beside_none + LISTED
    assert watched.asked == [set()]


@pytest.mark.long
def test_a_thousand_refused_batches_are_validated_once_and_cost_as_little_as_one(new_world: NewWorld) -> None:
    beside_none = core_calls(refused_world(new_world(), 1))
    many = refused_world(new_world(), MANY)
    watched = Watched(many)
    assert core_calls(many) == beside_none + LISTED
    many.tick(200)
    many.turn()
    assert (watched.asked, watched.catalogs) == ([set(), set()], 0)


def test_refused_batches_read_the_catalog_now_and_then_and_are_validated_again_when_it_has_changed(
    world: World,
) -> None:
    world.rows.set_catalog(StoredCatalog(strategies={"Noop": StrategyRecord(name="Noop", status="on_hold")}))
    uid = world.cluster.add_batch(batch_spec())
    world.cluster.add_batch(INVALID, name="bad")
    world.turn(3)
    watched = Watched(world)
    for _ in range(60):
        world.tick(15)
        assert world.turn().plan.refused == {}
    assert watched.catalogs == 60 * 15 // world.limits.validate_again_seconds
    world.rows.set_catalog(StoredCatalog(strategies={"Noop": StrategyRecord(name="Noop", status="testing")}))
    world.tick(world.limits.validate_again_seconds)
    world.turn()
    assert world.cluster.condition(uid, "Accepted")["status"] == "True"


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        pytest.param({"successCriteria": {"minTrades": 9}}, {"passed": 0}, id="its criteria"),
        pytest.param({"data": {}}, {"passed": 1}, id="what was fixed, which is shown"),
    ],
)
def test_a_finished_batch_that_is_edited_is_looked_at_again(
    world: World, edit: dict[str, Any], expected: dict[str, Any]
) -> None:
    uid = finish_one(world)
    before = world.cluster.batches[uid]["metadata"]["resourceVersion"]
    world.cluster.edit_batch(uid, **edit)
    for _ in range(4):
        world.turn()
        world.tick(3)
    assert status(world, uid)["observedGeneration"] == 2
    assert status(world, uid)["passed"] == expected["passed"]
    assert world.cluster.batches[uid]["metadata"]["resourceVersion"] != before


def test_a_refused_batch_that_is_mended_is_taken(world: World) -> None:
    uid = world.cluster.add_batch(INVALID)
    world.turn(4)
    world.cluster.edit_batch(uid, strategy={"name": "Noop"})
    world.turn()
    assert world.cluster.condition(uid, "Accepted")["status"] == "True"


def test_a_status_that_somebody_wrote_over_is_written_again(world: World) -> None:
    uid = finish_one(world)
    world.cluster.patch_status("research", "done", uid, {"state": "Nonsense"})
    world.turn()
    assert status(world, uid)["state"] == "AllSucceeded"


def test_settled_jobs_of_a_finished_batch_are_deleted_once_their_time_is_over(world: World) -> None:
    uid = finish_one(world, ttlSecondsAfterFinished=3600)
    watched = Watched(world)
    (job,) = world.cluster.jobs
    for seconds in (3000, 400):
        world.tick(seconds)
        world.turn()
        assert job in world.cluster.jobs
    for seconds in (300, 61, 16):
        world.tick(seconds)
        world.turn()
    assert world.cluster.jobs == {}
    assert uid not in set().union(*watched.asked)


def test_a_late_job_of_a_finished_batch_is_found_and_deleted(world: World) -> None:
    """A request of an operator that lost its fence arrives after everything was over."""
    uid = finish_one(world)
    (job,) = [copy.deepcopy(each) for each in world.cluster.jobs.values()]
    world.cluster.jobs.clear()
    world.cluster.pods.clear()
    world.turn()
    job["metadata"].update(uid=world.cluster.next_uid(), labels={**job["metadata"]["labels"]})
    job["metadata"]["labels"].pop("backfleet.io/settled")
    job["status"] = {"active": 1}
    world.cluster.jobs[job["metadata"]["name"]] = job
    world.turn()
    assert world.cluster.jobs == {}
    reasons = {each["reason"] for each in world.cluster.events.values() if each["involvedObject"]["uid"] == uid}
    assert "LateJobDeleted" in reasons


def test_rows_that_say_otherwise_after_all_are_not_taken_for_those_of_a_deleted_batch(world: World) -> None:
    """As of a database that was restored from a backup, in which the batch still ran."""
    uid = world.cluster.add_batch(batch_spec(parameters=values(2)), name="done")
    world.turn()
    restore = world.rows.back_up()
    world.run_all()
    for _ in range(4):
        world.tick(3)
        world.turn()
    restore()
    world.cluster.jobs.clear()
    world.cluster.pods.clear()
    for _ in range(10):
        world.tick(30)
        world.turn()
    assert world.rows.batches[uid].finish_reason != "Deleted"
    world.run_all()
    assert world.rows.batches[uid].finish_reason == "AllSucceeded"


def test_a_batch_whose_last_status_could_not_be_written_is_not_forgotten(world: World) -> None:
    uid = world.cluster.add_batch(batch_spec(parameters=values(1)))
    world.turn()
    world.record(world.cluster.active_jobs[0], failure())
    world.tick(3)
    real = world.cluster.patch_status

    def refuse(*_: object) -> None:
        raise RuntimeError("not now")

    world.cluster.patch_status = refuse  # type: ignore[method-assign,assignment]
    world.turn(2)
    world.cluster.patch_status = real  # type: ignore[method-assign]
    world.tick(70)
    world.turn()
    assert status(world, uid)["state"] == "NoneSucceeded"
