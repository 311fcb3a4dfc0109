"""Packs over real HTTP and a real Postgres: time that is over, a container that dies as a whole, a recorder that is late."""

import pytest

from tests.support.clocked import ClockedDatabase
from tests.world.fates import Fate, Plan
from tests.world.scene import Scene

pytestmark = pytest.mark.postgres


def reasons_of(database: ClockedDatabase) -> dict[str, int]:
    """Return how many attempts ended with each reason."""
    found = database.read(
        "SELECT reason, count(*) FROM backtest_attempts WHERE reason IS NOT NULL GROUP BY reason ORDER BY reason"
    )
    return {str(reason): int(count) for reason, count in found}


def test_a_batch_in_packs_has_all_results_from_fewer_pods(clocked_database: ClockedDatabase) -> None:
    with Scene.running(clocked_database, Plan(run_seconds=(5, 9))) as scene:
        uid = scene.add_batch(20, backtestsPerJob=8)
        status = scene.run_to_its_end(scene.operator())
        assert (status["succeeded"], status["failed"], status["progress"]) == (20, 0, "20/20")
        assert sorted(scene.rows.results) == [(uid, index) for index in range(20)]
        assert len(scene.pods_made) < 10
    assert reasons_of(clocked_database) == {}


def test_members_whose_turn_did_not_come_run_in_another_job_and_count_for_nothing(
    clocked_database: ClockedDatabase,
) -> None:
    with Scene.running(clocked_database, Plan(weights={Fate.TIME_IS_OVER: 1}, run_seconds=(5, 9))) as scene:
        uid = scene.add_batch(12, backtestsPerJob=12)
        status = scene.run_to_its_end(scene.operator())
        assert (status["succeeded"], status["failed"]) == (12, 0)
        assert sorted(scene.rows.results) == [(uid, index) for index in range(12)]
    assert reasons_of(clocked_database).keys() == {"NotBegun"}
    counts = clocked_database.read("SELECT sum(charged), sum(uncharged) FROM backtest_jobs")
    assert [tuple(map(int, row)) for row in counts] == [(0, 0)]


def test_a_member_that_kills_its_container_fails_alone(clocked_database: ClockedDatabase) -> None:
    with Scene.running(clocked_database, Plan(by_index={0: Fate.CRASHES}, run_seconds=(5, 9))) as scene:
        uid = scene.add_batch(9, backtestsPerJob=9)
        status = scene.run_to_its_end(scene.operator())
        assert (status["succeeded"], status["failed"]) == (8, 1)
        assert sorted(scene.rows.results) == [(uid, index) for index in range(1, 9)]
    failed = clocked_database.read("SELECT index, reason FROM backtest_jobs WHERE state = 'failed'")
    assert [tuple(row) for row in failed] == [(0, "EngineCrash")]
    others = clocked_database.read(
        "SELECT max(attempt_count), sum(charged + uncharged) FROM backtest_jobs WHERE index > 0"
    )
    assert [tuple(map(int, row)) for row in others] == [(2, 0)], (
        "it is tried again alone, and nothing counts against them"
    )


def test_no_member_begins_when_the_time_of_its_job_is_over(clocked_database: ClockedDatabase) -> None:
    with Scene.running(clocked_database, Plan(run_seconds=(24, 24))) as scene:
        scene.add_batch(4, backtestsPerJob=4)
        status = scene.run_to_its_end(scene.operator())
        assert (status["succeeded"], status["failed"]) == (4, 0)
        # Members take 6, 12 and 24 s, and begin within 10 s.
        assert scene.pods_made == [(0, 1), (2, 2), (3, 3)]
    assert reasons_of(clocked_database) == {"NotBegun": 3}


def test_a_recorder_that_crashes_loses_nothing_of_what_it_has_recorded(clocked_database: ClockedDatabase) -> None:
    with Scene.running(clocked_database, Plan(by_index={0: Fate.RECORDER_CRASHES}, run_seconds=(5, 9))) as scene:
        scene.add_batch(4, backtestsPerJob=4)
        status = scene.run_to_its_end(scene.operator())
        assert (status["succeeded"], status["failed"]) == (4, 0)
        assert scene.pods_made == [(0, 1), (2, 2)]
    assert reasons_of(clocked_database) == {"RecorderError": 2}


def test_a_member_that_takes_too_long_fails_alone(clocked_database: ClockedDatabase) -> None:
    plan = Plan(by_index={1: Fate.TIMES_OUT}, run_seconds=(5, 9), is_by_member=True)
    with Scene.running(clocked_database, plan) as scene:
        scene.add_batch(4, backtestsPerJob=4)
        status = scene.run_to_its_end(scene.operator())
        assert (status["succeeded"], status["failed"]) == (3, 1)
        assert scene.pods_made == [(0, 1)]
    assert reasons_of(clocked_database) == {"BacktestTimeout": 1}
