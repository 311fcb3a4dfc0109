"""A pass with a thousand finished batches, over a real Postgres, needs as many statements and rows as with one."""

import copy
from datetime import UTC, datetime

import pytest

from tests.support.clocked import ClockedDatabase
from tests.support.cluster import FakeCluster
from tests.support.filling import explain
from tests.support.operator import World, batch_spec, values
from tests.support.postgres_rows import PostgresRows

pytestmark = pytest.mark.postgres

MANY = 1_000


def multiply(world: World, uid: str, count: int) -> None:
    """Add so many finished batches, in Kubernetes and in the rows."""
    others = [world.cluster.next_uid() for _ in range(count)]
    for other in others:
        body = copy.deepcopy(world.cluster.batches[uid])
        body["metadata"].update(uid=other, name=other)
        world.cluster.batches[other] = body
    world.rows.copy_finished(uid, others)


def test_a_pass_beside_a_thousand_finished_batches_reads_what_one_beside_a_single_one_reads(
    clocked_database: ClockedDatabase,
) -> None:
    now, engine = datetime.now(UTC), clocked_database.engine
    world = World(FakeCluster(now=now), PostgresRows(now=now, store=clocked_database))
    uid = world.cluster.add_batch(batch_spec(parameters=values(1)))
    world.run_all()
    world.tick(3)
    for _ in range(3):
        world.turn()
    beside_one = explain(engine, world.turn)
    multiply(world, uid, MANY - 1)
    clocked_database.run("VACUUM ANALYZE optimization_batches")
    first = explain(engine, world.turn)
    assert first.touched >= MANY, "each is read once"
    world.turn()
    beside_many = explain(engine, world.turn)
    assert beside_many.statements == beside_one.statements
    assert beside_many.touched <= beside_one.touched
    assert world.turn().plan.batches == ()
