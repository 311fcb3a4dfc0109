"""The operator's real pass over real HTTP and a real Postgres, with a kubelet that runs nothing: batches come to their ends."""

from collections import Counter
from typing import Any

import pytest

from backfleet.controller.cluster import Cluster
from backfleet.core import wire
from backfleet.core.errors import Unavailable
from backfleet.core.planning.effects import Effect
from tests.support.clocked import ClockedDatabase
from tests.support.operator import Operator, batch_spec, build_settings, values
from tests.support.postgres_rows import PostgresRows
from tests.world.clock import START
from tests.world.fates import Fate, Plan
from tests.world.kubernetes_world import KubernetesWorld
from tests.world.node_objects import TOLERATION
from tests.world.recording import Recorder

pytestmark = pytest.mark.postgres

NAMESPACE = "research"
SETTINGS = build_settings(pods={"tolerations": [TOLERATION]}, maxConcurrent=8)


class Dead(BaseException):
    """The process is gone; it does not go on to its next effect."""


def operator_of(world: KubernetesWorld, rows: PostgresRows, token: str = "operator") -> Operator:
    """A process of the operator, whose calls carry a token of their own."""
    clock = world.objects.clock
    if rows.set_clock not in world.clocks:
        world.clocks.append(rows.set_clock)

    def die_if_severed(_: Effect) -> None:
        if token in world.api.severed:
            raise Dead

    cluster = Cluster(world.api.client(token))
    return Operator(cluster, rows, checkpoint=die_if_severed, settings=SETTINGS, clock=lambda: clock.now().timestamp())


def add_batch(world: KubernetesWorld, count: int) -> str:
    spec = batch_spec(parameters=values(count), maxConcurrent=8, ttlSecondsAfterFinished=60)
    return str(
        world.objects.create(wire.PLURAL, NAMESPACE, {"metadata": {"name": "demo"}, "spec": spec})["metadata"]["uid"]
    )


def status_of(world: KubernetesWorld) -> dict[str, Any]:
    status: dict[str, Any] = world.objects.get(wire.PLURAL, NAMESPACE, "demo").get("status", {})
    return status


def run_to_its_end(world: KubernetesWorld, operator: Operator) -> dict[str, Any]:
    """Passes and time until the batch has finished; its status."""
    for _ in range(60):
        operator.turn()
        world.settle()
        if status_of(world).get("finishedAt"):
            return status_of(world)
        world.advance(5)
    raise AssertionError(f"the batch did not finish: {status_of(world)}")


def test_a_batch_of_twenty_comes_to_its_end_and_leaves_nothing(clocked_database: ClockedDatabase) -> None:
    rows = PostgresRows(now=START, store=clocked_database)
    with KubernetesWorld.running(Recorder(clocked_database.database.recorder_url)) as world:
        operator = operator_of(world, rows)
        uid = add_batch(world, 20)
        status = run_to_its_end(world, operator)
        assert (status["succeeded"], status["failed"], status["progress"]) == (20, 0, "20/20")
        assert Counter(key for key in rows.results) == Counter((uid, index) for index in range(20))
        assert len(rows.launches) == 20
        jobs = [call for call in world.api.calls_of("POST", "/jobs") if call.token == "operator"]
        assert len({call.body["metadata"]["name"] for call in jobs}) == len(jobs) == 20

        for _ in range(3):
            world.advance(60, step_seconds=60)
            operator.turn()
        assert (world.objects.all("jobs"), world.objects.all("pods")) == ([], [])


def test_every_fate_is_in_postgres_as_the_recorder_or_the_pod_says_it(clocked_database: ClockedDatabase) -> None:
    rows = PostgresRows(now=START, store=clocked_database)
    fates = (Fate.SUCCEEDS, Fate.FAILS, Fate.OOM_IN_ENGINE, Fate.OOM_OF_CONTAINER, Fate.CRASHES, Fate.RECORDER_CRASHES)
    plan = Plan(by_index=dict(enumerate(fates)))
    with KubernetesWorld.running(Recorder(clocked_database.database.recorder_url), plan) as world:
        operator = operator_of(world, rows)
        uid = add_batch(world, len(fates))
        status = run_to_its_end(world, operator)
    assert (status["succeeded"], status["failed"]) == (2, 4)
    outcomes = clocked_database.read("SELECT attempt_id, kind, reason FROM backtest_outcomes ORDER BY attempt_id")
    assert outcomes == [
        (f"{uid}-0.1", "succeeded", None),
        (f"{uid}-1.1", "failed", "EngineError"),
        (f"{uid}-2.1", "failed", "OOMKilled"),
        (f"{uid}-2.2", "failed", "OOMKilled"),
        (f"{uid}-5.1", "succeeded", None),
    ]
    told = {each.id: each.reason for each in rows.attempts.values() if each.index in (3, 4)}
    names = {f"{uid}-{index}.{number}": (index, number) for index in (3, 4) for number in (1, 2)}
    assert told == {name: "OOMKilled" if index == 3 else "EngineCrash" for name, (index, _) in names.items()}


@pytest.mark.parametrize("writes", range(1, 9))
def test_who_dies_with_a_write_is_followed_by_one_that_ends_the_batch(
    clocked_database: ClockedDatabase, writes: int
) -> None:
    rows = PostgresRows(now=START, store=clocked_database)
    with KubernetesWorld.running(Recorder(clocked_database.database.recorder_url)) as world:
        first = operator_of(world, rows, "first")
        uid = add_batch(world, 2)
        world.api.sever_after(writes, "first")
        with pytest.raises((Dead, Unavailable)):
            run_to_its_end(world, first)
        status = run_to_its_end(world, operator_of(world, rows, "second"))
        made = [change.key[2] for change in world.objects.history.changes if change.type == "ADDED"]
    assert (status["succeeded"], status["failed"]) == (2, 0)
    assert sorted(rows.results) == [(uid, 0), (uid, 1)]
    assert [len([name for name in made if name.endswith(f"-{index}-1")]) for index in range(2)] == [1, 1]
