"""Traps in which what the operator depends on goes away, slows down, or has another time."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta

import pytest

from backfleet.controller.loop import Loop
from backfleet.core import wire
from tests.support.clocked import TABLES, ClockedDatabase
from tests.support.postgres import OPERATOR, RECORDER
from tests.world.fates import Plan
from tests.world.faults import Fault
from tests.world.scene import Scene

pytestmark = pytest.mark.postgres
STEADY = Plan(run_seconds=(20.0, 20.0))
HOUR = 3600.0
_FULL = """
CREATE FUNCTION is_full() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE 'could not extend file "base/1/2": No space left on device' USING ERRCODE = 'disk_full'; END $$
"""
_FULL_TABLE = """
CREATE TRIGGER is_full BEFORE INSERT OR UPDATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION is_full();
"""


Outage = Callable[[ClockedDatabase], AbstractContextManager[None]]


def started(scene: Scene) -> bool:
    """Report whether an engine was seen to run."""
    return any(each.engine_started_at for each in scene.rows.packs.values())


def assert_all_ran_once(scene: Scene, loop: Loop, count: int) -> None:
    """Assert that the batch comes to its end, no attempt is lost or charged, and the loop has no problem left."""
    assert scene.run_to_its_end(loop)["succeeded"] == count
    assert scene.pods_made == [(index, 1) for index in range(count)]
    assert len(scene.rows.results) == count
    assert loop.health.problem is None


def test_status_that_cannot_be_written_for_two_minutes_stops_nothing(clocked_database: ClockedDatabase) -> None:
    with Scene.running(clocked_database, STEADY) as scene:
        loop = scene.loop(maxConcurrent=2)
        scene.add_batch(12)
        scene.run(loop, lambda: started(scene))
        shown, made = scene.status, len(scene.pods_made)
        outage = Fault("/demo/status", "PATCH", code=503, message="etcdserver: request timed out", times=10**6)
        scene.world.api.faults.append(outage)
        for _ in range(24):
            scene.turn(loop)
            scene.world.advance(5)
        assert scene.status == shown
        assert len(scene.pods_made) > made, "backtests go on"
        scene.world.api.faults.clear()
        assert_all_ran_once(scene, loop, 12)


def test_an_api_server_that_is_away_for_two_minutes_costs_nothing_but_time(clocked_database: ClockedDatabase) -> None:
    with Scene.running(clocked_database, STEADY) as scene:
        loop = scene.loop(maxConcurrent=2)
        scene.add_batch(4)
        scene.run(loop, lambda: started(scene))
        outage = [Fault("/namespaces/research", method, "close", times=10**6) for method in ("GET", "POST", "PATCH")]
        for _ in range(24):
            scene.world.api.faults[:] = outage
            loop.turn()
            scene.world.api.faults.clear()  # kubelet and controllers are on its other side
            scene.world.advance(5)
        assert loop.health.problem is not None
        assert_all_ran_once(scene, loop, 4)


def test_a_busy_api_server_is_left_alone_for_as_long_as_it_asks(clocked_database: ClockedDatabase) -> None:
    with Scene.running(clocked_database) as scene:
        loop, clock = scene.loop(), scene.world.objects.clock
        busy = Fault("/optimizationbatches", code=429, headers={"Retry-After": "17"}, message="too many requests")
        scene.add_batch(2)
        loop.turn()
        scene.world.api.faults.append(busy)
        assert loop.turn() == 17.0
        loop.wake()
        assert loop.seconds_left(clock.now().timestamp() + 300) == 17.0, "whatever happens meanwhile"
        scene.world.advance(17)
        assert_all_ran_once(scene, loop, 2)


@contextmanager
def stopped(database: ClockedDatabase) -> Iterator[None]:
    """Stop Postgres until the block ends."""
    database.database.server.stop()
    try:
        yield
    finally:
        database.database.server.start()
        database.connect()


@contextmanager
def failed_over(database: ClockedDatabase) -> Iterator[None]:
    """Break all connections; the server that answers until the block ends is a standby, which takes no write."""
    name = database.database.name
    for role in (OPERATOR, RECORDER):
        database.run(f"ALTER ROLE {role} IN DATABASE {name} SET default_transaction_read_only = on")
    database.database.terminate_connections()
    database.connect()
    try:
        yield
    finally:
        for role in (OPERATOR, RECORDER):
            database.run(f"ALTER ROLE {role} IN DATABASE {name} RESET default_transaction_read_only")
        database.database.terminate_connections()
        database.connect()


@contextmanager
def full(database: ClockedDatabase) -> Iterator[None]:
    """Leave Postgres no space for new rows, nor for new versions of those that it has, until the block ends."""
    database.run(_FULL)
    for table in TABLES:
        database.run(_FULL_TABLE.format(table=table))
    try:
        yield
    finally:
        database.run("DROP FUNCTION is_full CASCADE")


@pytest.mark.parametrize(
    "outage",
    [pytest.param(stopped, id="restart"), pytest.param(failed_over, id="failover to a server that is read-only")],
)
def test_a_postgres_that_is_away_or_read_only_loses_no_result(
    clocked_database: ClockedDatabase, outage: Outage
) -> None:
    with Scene.running(clocked_database, STEADY) as scene:
        loop = scene.loop(maxConcurrent=2)
        scene.add_batch(4)
        scene.run(loop, lambda: started(scene))
        clocks, scene.world.clocks, before = scene.world.clocks, [], scene.pods_made
        with outage(clocked_database):
            for _ in range(12):
                scene.turn(loop)
                scene.world.advance(5)
            assert loop.health.problem is not None
            assert scene.condition(wire.CONDITION_DATABASE_UNAVAILABLE) == "True"
            assert scene.pods_made == before, "nothing starts that could not be recorded"
        scene.world.clocks = clocks
        assert_all_ran_once(scene, loop, 4)
        assert scene.condition(wire.CONDITION_DATABASE_UNAVAILABLE) is None


def test_a_postgres_whose_disk_is_full_loses_no_result(clocked_database: ClockedDatabase) -> None:
    with Scene.running(clocked_database, STEADY) as scene:
        loop = scene.loop(maxConcurrent=2)
        scene.add_batch(4)
        scene.run(loop, lambda: started(scene))
        before = scene.pods_made
        with full(clocked_database):
            scene.add_batch(1, "other")
            for _ in range(12):
                scene.turn(loop)
                scene.world.advance(5)
            assert "research/other" in loop.health.failing
            assert scene.pods_made == before, "nothing starts that could not be recorded"
            assert scene.rows.results == {}
        assert scene.run_to_its_end(loop)["succeeded"] == 4
        assert len(scene.rows.results) == 5
        assert len(scene.pods_made) == 5, "none ran twice"


@pytest.mark.parametrize("jump", [HOUR, -HOUR], ids=["forward", "back"])
def test_a_clock_that_jumps_by_an_hour_ends_no_backtest(clocked_database: ClockedDatabase, jump: float) -> None:
    with Scene.running(clocked_database, STEADY) as scene:
        loop = scene.loop(maxConcurrent=2)
        scene.add_batch(4, failurePolicy={"backtestTimeoutSeconds": 120, "startTimeoutSeconds": 60, "maxAttempts": 1})
        scene.run(loop, lambda: started(scene))
        scene.world.clocks = [lambda now: scene.rows.set_clock(now + timedelta(seconds=jump))]
        assert_all_ran_once(scene, loop, 4)
