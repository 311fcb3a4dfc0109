"""A pass beside a thousand finished batches, over a real Postgres: as many statements and rows as beside a single one."""

import copy
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, text

from backfleet.store.postgres.fence import Fence
from backfleet.store.postgres.session import open_engine
from tests.integration.store.filling import explain
from tests.integration.test_operator import INSTALLATION, Scene, StoreRows
from tests.support.cluster import FakeCluster
from tests.support.databases import Database
from tests.support.operator import Operator, batch_spec, result, values

pytestmark = pytest.mark.postgres

MANY = 1_000
COPY = """
INSERT INTO optimization_batches
SELECT (jsonb_populate_record(batch, jsonb_build_object('uid', other, 'name', other))).*
FROM optimization_batches AS batch, unnest(CAST(:others AS text[])) AS other WHERE uid = :uid
"""


@pytest.fixture
def scene(database: Database) -> Iterator[Scene]:
    engine = open_engine(database.operator_url, application_name="test-operator")
    fence = Fence(database.operator_url, INSTALLATION)
    epoch = fence.acquire()
    assert epoch is not None
    rows, cluster = StoreRows(engine, epoch), FakeCluster(now=datetime.now(UTC))
    yield Scene(database, engine, fence, rows, cluster, Operator(cluster, rows))
    fence.close()
    engine.dispose()


def multiply(engine: Engine, cluster: FakeCluster, uid: str, count: int) -> None:
    """As many finished batches more, in Kubernetes and in the rows."""
    others = [cluster.next_uid() for _ in range(count)]
    for other in others:
        body = copy.deepcopy(cluster.batches[uid])
        body["metadata"].update(uid=other, name=other)
        cluster.batches[other] = body
    with engine.begin() as connection:
        connection.execute(text(COPY), {"others": others, "uid": uid})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE optimization_batches"))


def test_a_pass_beside_a_thousand_finished_batches_reads_what_one_beside_a_single_one_reads(scene: Scene) -> None:
    uid = scene.cluster.add_batch(batch_spec(parameters=values(1)))
    scene.run_all(uid, lambda _: result())
    scene.operator.passes.applier.memory.status_written_at.clear()
    for _ in range(3):
        scene.operator.turn()
    beside_one = explain(scene.engine, scene.operator.turn)
    multiply(scene.engine, scene.cluster, uid, MANY - 1)
    first = explain(scene.engine, scene.operator.turn)
    assert first.touched >= MANY, "each is read once"
    scene.operator.turn()
    beside_many = explain(scene.engine, scene.operator.turn)
    assert (beside_many.statements, beside_many.touched) == (beside_one.statements, beside_one.touched)
    assert scene.operator.turn().plan.batches == ()
