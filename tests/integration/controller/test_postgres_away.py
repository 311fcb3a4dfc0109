"""Postgres goes away under a batch that runs, and comes back."""

from datetime import UTC, datetime

import pytest

from backfleet.core.backtests import BacktestState
from backfleet.core.errors import Unavailable
from tests.support.clocked import ClockedDatabase
from tests.support.cluster import FakeCluster
from tests.support.operator import World, batch_spec, values
from tests.support.postgres_rows import PostgresRows

pytestmark = pytest.mark.postgres


def test_postgres_away_is_unavailable_and_recovers(clocked_database: ClockedDatabase) -> None:
    now = datetime(2026, 1, 5, 9, tzinfo=UTC)
    world = World(FakeCluster(now=now), PostgresRows(now=now, store=clocked_database))
    uid = world.cluster.add_batch(batch_spec(parameters=values(5)))
    world.turn()
    server = clocked_database.database.server
    server.stop()
    try:
        with pytest.raises(Unavailable):
            world.turn()
        world.operator.passes.show_database_unavailable("Postgres does not answer")
        shown = world.cluster.condition(uid, "DatabaseUnavailable")
        assert (shown["status"], shown["lastTransitionTime"]) == ("True", "2026-01-05T09:00:00Z"), (
            "by Kubernetes' clock"
        )
    finally:
        server.start()
    clocked_database.connect()
    world.restart()
    world.run_all()
    assert world.rows.states(uid) == dict.fromkeys(range(5), BacktestState.SUCCEEDED)
    world.tick(3)
    world.turn()
    assert world.cluster.condition(uid, "DatabaseUnavailable") == {}
