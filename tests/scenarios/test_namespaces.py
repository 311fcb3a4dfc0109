"""Several watched namespaces: all are served, slots are shared, and one that is forbidden stops none of the others."""

import pytest

from backfleet.controller.cluster import NotAllowed
from backfleet.controller.observing import list_namespaces
from backfleet.core.errors import BackfleetError, NotFound, Unavailable
from backfleet.core.planning.observation import Limits
from backfleet.core.records import BatchState
from tests.scenarios.conftest import NewWorld
from tests.support.cluster import START, FakeCluster, Json
from tests.support.life import status
from tests.support.operator import World, batch_spec, result, values

LAB, TEAM = "lab", "team"
LONG_SECONDS = 100_000


@pytest.fixture
def world(new_world: NewWorld) -> World:
    world = new_world(limits=Limits(max_concurrent=2))
    world.restart(namespaces=[LAB, TEAM])
    return world


def start_all(world: World) -> None:
    """Run passes until a running engine holds every slot."""
    for _ in range(4):
        world.turn()
        for job in world.cluster.active_jobs:
            world.cluster.start_engine(job)


def namespaces_of_jobs(world: World) -> list[str]:
    return sorted(world.cluster.jobs[job]["metadata"]["namespace"] for job in world.cluster.active_jobs)


def test_batches_of_all_namespaces_run_and_share_the_slots(world: World) -> None:
    uids = [world.cluster.add_batch(batch_spec(), name, namespace=name) for name in (LAB, TEAM)]
    start_all(world)
    assert namespaces_of_jobs(world) == [LAB, TEAM]
    world.run_all()
    assert world.cluster.most_alive == 2
    world.tick(3)
    world.turn()
    assert [status(world, uid)["progress"] for uid in uids] == ["6/6", "6/6"]


def test_a_batch_elsewhere_is_left_untouched(world: World) -> None:
    uid = world.cluster.add_batch(batch_spec(), namespace="elsewhere")
    world.turn(3)
    assert (world.cluster.jobs, world.rows.batches) == ({}, {})
    assert "status" not in world.cluster.batches[uid]


@pytest.mark.parametrize("refusal", [NotAllowed("403"), NotFound("404")], ids=["forbidden", "not served"])
def test_a_namespace_is_listed_whole_or_left_out_whole(refusal: BackfleetError) -> None:
    cluster = FakeCluster(now=START)
    for namespace in (LAB, TEAM):
        cluster.add_batch(batch_spec(), namespace=namespace)

    class Pods(FakeCluster):
        def list_pods(self, namespace: str) -> list[Json]:
            if namespace == TEAM:
                raise refusal
            return super().list_pods(namespace)

    listing = list_namespaces(Pods(now=START, batches=cluster.batches), [TEAM, LAB])
    assert (listing.listed, listing.refused) == ({LAB}, {TEAM: str(refusal)})
    assert [batch.namespace for batch in listing.batches] == [LAB]


def test_no_answer_is_no_refusal() -> None:
    with pytest.raises(Unavailable, match="away"):
        list_namespaces(FakeCluster(now=START, is_away=True), [LAB, TEAM])


def test_a_forbidden_namespace_is_told_and_stops_none_of_the_others(world: World) -> None:
    world.cluster.add_batch(batch_spec(), "out", namespace=TEAM)
    uid = world.cluster.add_batch(batch_spec(), "in", namespace=LAB)
    world.cluster.forbidden = {TEAM}
    assert world.turn().refused == {TEAM: "not allowed: team is forbidden"}
    world.run_all()
    world.tick(3)
    world.turn()
    assert status(world, uid)["progress"] == "6/6"
    assert list(world.rows.batches) == [uid]


def test_its_batches_are_unknown_not_deleted_and_go_on_when_it_answers_again(world: World) -> None:
    uid = world.cluster.add_batch(batch_spec(parameters=values(3)), namespace=TEAM)
    start_all(world)
    world.cluster.forbidden = {TEAM}
    for _ in range(3):
        world.tick(world.limits.missing_seconds + 1)
        world.turn()
    assert world.rows.batches[uid].state is BatchState.LIVE
    assert world.rows.batches[uid].missing_since is None
    world.cluster.forbidden = set()
    world.run_all()
    assert {number for _, _, number in world.rows.launches} == {1}
    assert world.turn().refused == {}


def test_its_attempts_hold_their_slots_until_they_have_an_outcome(world: World) -> None:
    world.cluster.add_batch(batch_spec(), "out", namespace=TEAM)
    start_all(world)
    assert namespaces_of_jobs(world) == [TEAM, TEAM]
    hidden = list(world.cluster.active_jobs)
    world.cluster.forbidden = {TEAM}
    world.cluster.add_batch(batch_spec(), "in", namespace=LAB)
    world.turn(2)
    assert namespaces_of_jobs(world) == [TEAM, TEAM]
    world.record(hidden[0], result())
    world.turn(2)
    assert namespaces_of_jobs(world) == [LAB, TEAM]


def test_its_attempts_hold_no_slot_once_they_are_long_overdue(world: World) -> None:
    world.cluster.add_batch(batch_spec(), "out", namespace=TEAM)
    start_all(world)
    world.cluster.forbidden = {TEAM}
    world.cluster.add_batch(batch_spec(), "in", namespace=LAB)
    world.tick(LONG_SECONDS)
    start_all(world)
    assert namespaces_of_jobs(world) == [LAB, LAB, TEAM, TEAM]


def test_more_outcomes_than_one_look_takes_in_a_forbidden_namespace_do_not_hold_the_others_up(world: World) -> None:
    world.rows.look = 1
    world.cluster.add_batch(batch_spec(), "out", namespace=TEAM)
    start_all(world)
    for job in world.cluster.active_jobs:
        world.record(job, result(), ends=False)
    world.cluster.forbidden = {TEAM}
    world.cluster.add_batch(batch_spec(), "in", namespace=LAB)
    world.turn(2)
    assert LAB in namespaces_of_jobs(world)


def test_all_of_them_forbidden_is_a_pass_that_failed_and_names_each(world: World) -> None:
    world.cluster.forbidden = {LAB, TEAM}
    with pytest.raises(NotAllowed, match="lab is forbidden; not allowed: team is forbidden"):
        world.turn()


def test_that_postgres_is_away_is_told_where_it_may_be(world: World) -> None:
    uid = world.cluster.add_batch(batch_spec(), namespace=LAB)
    world.turn(2)
    world.cluster.forbidden = {TEAM}
    world.operator.passes.show_database_unavailable("away")
    assert world.cluster.condition(uid, "DatabaseUnavailable")["status"] == "True"
