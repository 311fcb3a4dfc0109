"""The operator's real pass over real HTTP and a real Postgres, with a kubelet that runs nothing: batches come to their ends."""

from collections import Counter

import pytest

from backfleet.controller.cluster import Cluster
from backfleet.core import wire
from tests.support.clocked import ClockedDatabase
from tests.support.operator import Operator, batch_spec, build_settings, values
from tests.support.postgres_rows import PostgresRows
from tests.world.clock import START
from tests.world.kubernetes_world import KubernetesWorld
from tests.world.node_objects import TOLERATION
from tests.world.recording import Recorder

pytestmark = pytest.mark.postgres

NAMESPACE = "research"
SETTINGS = build_settings(pods={"tolerations": [TOLERATION]}, maxConcurrent=8)


def operator_of(world: KubernetesWorld, rows: PostgresRows, token: str = "operator") -> Operator:
    """A process of the operator, whose calls carry a token of their own."""
    clock = world.objects.clock
    if rows.set_clock not in world.clocks:
        world.clocks.append(rows.set_clock)
    cluster = Cluster(world.api.client(token))
    return Operator(cluster, rows, settings=SETTINGS, clock=lambda: clock.now().timestamp())


def is_finished(world: KubernetesWorld, name: str) -> bool:
    return bool(world.objects.get(wire.PLURAL, NAMESPACE, name).get("status", {}).get("finishedAt"))


def test_a_batch_of_twenty_comes_to_its_end_and_leaves_nothing(clocked_database: ClockedDatabase) -> None:
    rows = PostgresRows(now=START, store=clocked_database)
    with KubernetesWorld.running(Recorder(clocked_database.database.recorder_url)) as world:
        operator = operator_of(world, rows)
        body = {
            "metadata": {"name": "demo"},
            "spec": batch_spec(parameters=values(20), maxConcurrent=8, ttlSecondsAfterFinished=60),
        }
        uid = world.objects.create(wire.PLURAL, NAMESPACE, body)["metadata"]["uid"]
        for _ in range(60):
            operator.turn()
            world.settle()
            if is_finished(world, "demo"):
                break
            world.advance(5)
        status = world.objects.get(wire.PLURAL, NAMESPACE, "demo")["status"]
        assert (status["succeeded"], status["failed"], status["progress"]) == (20, 0, "20/20")
        assert Counter(key for key in rows.results) == Counter((uid, index) for index in range(20))
        assert len(rows.launches) == 20
        jobs = [call for call in world.api.calls_of("POST", "/jobs") if call.token == "operator"]
        assert len({call.body["metadata"]["name"] for call in jobs}) == len(jobs) == 20

        for _ in range(3):
            world.advance(60, step_seconds=60)
            operator.turn()
        assert (world.objects.all("jobs"), world.objects.all("pods")) == ([], [])
