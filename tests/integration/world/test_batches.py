"""The operator's real pass over real HTTP and a real Postgres, with a kubelet that runs nothing: batches come to their ends."""

import pytest

from backfleet.core.errors import Unavailable
from tests.support.clocked import ClockedDatabase
from tests.world.fates import Fate, Plan
from tests.world.scene import Dead, Scene

pytestmark = pytest.mark.postgres


def test_a_batch_of_twenty_comes_to_its_end_and_leaves_nothing(clocked_database: ClockedDatabase) -> None:
    with Scene.running(clocked_database) as scene:
        operator, uid = scene.operator(), scene.add_batch(20)
        status = scene.run_to_its_end(operator)
        assert (status["succeeded"], status["failed"], status["progress"]) == (20, 0, "20/20")
        assert sorted(scene.rows.results) == [(uid, index) for index in range(20)]
        assert scene.pods_made == [(index, 1) for index in range(20)]
        jobs = [call for call in scene.world.api.calls_of("POST", "/jobs") if call.token == "operator"]
        assert len({call.body["metadata"]["name"] for call in jobs}) == len(jobs) == 20

        for _ in range(3):
            scene.world.advance(60, step_seconds=60)
            operator.turn()
        assert (scene.world.objects.all("jobs"), scene.world.objects.all("pods")) == ([], [])


def test_every_fate_is_in_postgres_as_the_recorder_or_the_pod_says_it(clocked_database: ClockedDatabase) -> None:
    fates = (Fate.SUCCEEDS, Fate.FAILS, Fate.OOM_IN_ENGINE, Fate.OOM_OF_CONTAINER, Fate.CRASHES, Fate.RECORDER_CRASHES)
    with Scene.running(clocked_database, Plan(by_index=dict(enumerate(fates)))) as scene:
        uid = scene.add_batch(len(fates))
        status = scene.run_to_its_end(scene.operator())
    assert (status["succeeded"], status["failed"]) == (2, 4)
    outcomes = clocked_database.read("SELECT attempt_id, kind, reason FROM backtest_outcomes ORDER BY attempt_id")
    assert outcomes == [
        (f"{uid}-0.1", "succeeded", None),
        (f"{uid}-1.1", "failed", "EngineError"),
        (f"{uid}-2.1", "failed", "OOMKilled"),
        (f"{uid}-2.2", "failed", "OOMKilled"),
        (f"{uid}-5.1", "succeeded", None),
    ]
    told = {(each.index, each.number): each.reason for each in scene.rows.attempts.values() if each.index in (3, 4)}
    assert told == {
        (3, 1): "OOMKilled",
        (3, 2): "OOMKilled",
        (4, 1): "EngineCrash",
        (4, 2): "EngineCrash",
    }


@pytest.mark.parametrize("writes", range(1, 9))
def test_who_dies_with_a_write_is_followed_by_one_that_ends_the_batch(
    clocked_database: ClockedDatabase, writes: int
) -> None:
    with Scene.running(clocked_database) as scene:
        uid = scene.add_batch(2)
        scene.world.api.sever_after(writes, "first")
        with pytest.raises((Dead, Unavailable)):
            scene.run_to_its_end(scene.operator("first"))
        scene.world.advance(60)
        status = scene.run_to_its_end(scene.operator("second"))
    assert (status["succeeded"], status["failed"]) == (2, 0)
    assert sorted(scene.rows.results) == [(uid, 0), (uid, 1)]
    assert scene.pods_made == [(0, 1), (1, 1)]
