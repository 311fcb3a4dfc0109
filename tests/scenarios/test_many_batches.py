"""Two hundred batches whose constraints cost much or leave nothing: a good batch among them is as fast as alone."""

from itertools import count
from typing import Any

import pytest

from backfleet.controller.applying import PassOverdue
from backfleet.controller.observing import list_namespaces
from backfleet.core.planning.effects import Effect
from backfleet.core.planning.observation import Limits
from backfleet.core.records import BatchState, StoredCatalog, StrategyRecord
from backfleet.core.space.constraints import compile_known, work_between
from backfleet.core.space.parameters import ParameterSpace
from tests.scenarios.conftest import NewWorld
from tests.support.broken import DEAR, EMPTY, GOOD, INVALID, MANY, SPARSE, passes_until_the_end
from tests.support.cluster import START, FakeCluster
from tests.support.life import status
from tests.support.operator import World, batch_spec, build_settings, values

CASES = [
    pytest.param(DEAR, True, id="a million dear tests, applied together"),
    pytest.param(DEAR, False, id="a million dear tests, applied before"),
    pytest.param(EMPTY, True, id="nothing is left, applied together"),
    pytest.param(INVALID, True, id="refused, applied together"),
]


def work_done(world: World) -> int:
    """Return what all passes walked so far: what they compute, whatever the machine."""
    done = 0
    for record in world.rows.batches.values():
        space = ParameterSpace.from_json(record.axes)
        known = compile_known(tuple(record.spec["constraints"]), space.types)
        done += sum(work_between(space, known, 0, cursor) for cursor in (record.count_cursor, record.next_index))
    return done


@pytest.mark.long
@pytest.mark.parametrize(("spec", "at_once"), CASES)
def test_a_good_batch_ends_as_soon_as_alone(new_world: NewWorld, spec: dict[str, Any], at_once: bool) -> None:
    alone = new_world()
    expected = passes_until_the_end(alone, alone.cluster.add_batch(GOOD, name="good"))
    world = new_world()
    for number in range(MANY):
        world.cluster.add_batch(spec, name=f"other-{number}")
    if not at_once:
        for _ in range(3):
            world.turn()
            world.tick(1)
    assert passes_until_the_end(world, world.cluster.add_batch(GOOD, name="good")) <= 1.1 * expected


@pytest.mark.long
def test_batches_that_search_long_for_their_next_combination_hold_up_no_other(new_world: NewWorld) -> None:
    limits = Limits(max_concurrent=256)
    alone = new_world(limits=limits)
    expected = passes_until_the_end(alone, alone.cluster.add_batch(GOOD, name="good"))
    world = new_world(limits=limits)
    dear = "value * value * value * value * value / 7 > 0 and value * value / value / value == 1"
    sparse = batch_spec(parameters=values(30), constraints=["value == 29", *[dear] * 31])
    for number in range(20):
        world.cluster.add_batch(sparse, name=f"sparse-{number}")
    while any(record.state is BatchState.COUNTING for record in world.rows.batches.values()) or not world.rows.batches:
        world.turn()
        world.tick(1)
    assert passes_until_the_end(world, world.cluster.add_batch(GOOD, name="good")) <= 1.1 * expected


@pytest.mark.parametrize("spec", [DEAR, EMPTY, SPARSE], ids=["dear", "empty", "sparse"])
def test_a_pass_walks_no_further_than_its_budget(new_world: NewWorld, spec: dict[str, Any]) -> None:
    world = new_world(limits=Limits(walk_budget=1_000))
    for number in range(20):
        world.cluster.add_batch(spec, name=f"other-{number}")
    before, dearest = 0, 40
    for _ in range(5):
        world.turn()
        world.tick(1)
        assert 0 < work_done(world) - before <= 1_000 + 2 * dearest
        before = work_done(world)


def test_the_batch_that_waits_longest_is_counted_beside_all_smaller_ones(new_world: NewWorld) -> None:
    world = new_world(limits=Limits(walk_budget=1_000))
    first = world.cluster.add_batch(SPARSE, name="first")
    for number in range(12):
        world.cluster.add_batch(EMPTY, name=f"smaller-{number}")
        before = world.rows.batches[first].count_cursor if number else 0
        world.turn()
        world.tick(1)
        assert world.rows.batches[first].count_cursor - before >= 400


def test_a_batch_that_its_constraints_leave_empty_is_counted_once_and_costs_nothing_after_a_restart(
    world: World,
) -> None:
    for number in range(3):
        world.cluster.add_batch(batch_spec(constraints=["value < 0"]), name=f"empty-{number}")
    world.turn()
    rows = {uid: (row.state, row.finish_reason, row.version) for uid, row in world.rows.batches.items()}
    assert list(rows.values()) == [(BatchState.FINISHED, "SpecInvalid", 1)] * 3
    world.restart()
    for _ in range(3):
        world.tick(400)
        assert world.turn().plan.batches == ()
    assert {uid: row.version for uid, row in world.rows.batches.items()} == dict.fromkeys(rows, 1)


def test_a_refused_batch_is_validated_again_only_when_it_may_be_taken(world: World) -> None:
    uids = [world.cluster.add_batch(INVALID, name=f"bad-{number}") for number in range(3)]
    assert set(world.turn().plan.refused) == set(uids)
    writes = world.cluster.status_writes
    for _ in range(5):
        world.tick(10)
        assert world.turn().plan.refused == {}
    world.cluster.edit_batch(uids[0], maxConcurrent=2)
    assert set(world.turn().plan.refused) == {uids[0]}
    world.turn()
    world.tick(world.limits.validate_again_seconds)
    assert world.turn().plan.refused == {}, "the catalog is the same"
    world.restart()
    assert set(world.turn().plan.refused) == set(uids)
    assert world.cluster.status_writes == writes + 1, "the edited one's, and nothing for what was said before"


def test_a_refused_batch_whose_status_was_not_written_gets_it_in_the_next_pass(world: World) -> None:
    uid = world.cluster.add_batch(INVALID)
    world.turn()
    del world.cluster.batches[uid]["status"]
    world.tick(3)
    world.turn()
    assert status(world, uid)["state"] == "SpecInvalid"


def test_a_batch_for_an_engine_that_was_missing_is_taken_by_an_operator_that_has_it(world: World) -> None:
    uid = world.cluster.add_batch(batch_spec())
    world.restart(engines={"bars": {"image": "localhost/backfleet:test"}})
    world.turn()
    assert "engine noop is not available" in world.cluster.condition(uid, "Accepted")["message"]
    world.restart()
    world.turn()
    assert world.cluster.active_jobs != []


def test_a_strategy_that_is_released_is_taken_without_an_edit_or_a_restart(world: World) -> None:
    held = StrategyRecord(name="Noop", status="on_hold")
    world.rows.set_catalog(StoredCatalog(strategies={"Noop": held}))
    uid = world.cluster.add_batch(batch_spec())
    world.turn()
    assert "on hold" in world.cluster.condition(uid, "Accepted")["message"]
    world.rows.set_catalog(StoredCatalog(strategies={"Noop": StrategyRecord(name="Noop", status="testing")}))
    world.tick(world.limits.validate_again_seconds)
    world.turn()
    assert world.cluster.active_jobs != []


def test_new_batches_beyond_what_a_pass_validates_wait_for_the_next_by_their_age(new_world: NewWorld) -> None:
    world = new_world(limits=Limits(validation_budget=1))
    uids = []
    for name in ("first", "second", "third"):
        uids.append(world.cluster.add_batch(batch_spec(), name=name))
        world.tick(1)
    for number in (1, 2, 3):
        assert world.turn().due_seconds is not None
        assert list(world.rows.batches) == uids[:number]


def test_planning_beats_for_every_batch(world: World) -> None:
    beats: list[int] = []
    for number in range(7):
        world.cluster.add_batch(SPARSE, name=f"sparse-{number}")
    world.operator.passes.beat = lambda: beats.append(1)
    world.turn()
    assert len(beats) > 2 * 7


def test_planning_has_the_passs_deadline(world: World) -> None:
    world.operator.passes.settings = build_settings(passSeconds=0.5)
    world.operator.passes.clock = count().__next__
    world.cluster.add_batch(batch_spec())
    with pytest.raises(PassOverdue, match="planning did not end"):
        world.turn()


def test_what_a_pass_takes_by_its_clock_is_no_longer_to_be_waited_for(new_world: NewWorld) -> None:
    def due_seconds(spent: float) -> float | None:
        world, left = new_world(), iter([spent])

        def checkpoint(_: Effect) -> None:
            world.tick(next(left, 0))

        world.cluster.add_batch(batch_spec())
        world.turn()
        world.operator.passes.applier.checkpoint = checkpoint
        return world.turn().due_seconds

    assert [due_seconds(spent) for spent in (0.0, 0.25)] == [pytest.approx(0.3), pytest.approx(0.05)]


def test_a_hundred_namespaces_are_listed_with_a_beat_before_each() -> None:
    cluster, beats = FakeCluster(now=START), []
    cluster.forbidden = {"ns-7"}
    names = [f"ns-{number}" for number in range(100)]
    listing = list_namespaces(cluster, names, lambda: beats.append(1))
    assert (len(listing.listed), len(beats)) == (99, 100)
