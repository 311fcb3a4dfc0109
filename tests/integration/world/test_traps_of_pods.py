"""Traps in which a pod never starts, never ends, or is taken away."""

import pytest

from backfleet.core.planning.observation import Limits
from tests.support.clocked import ClockedDatabase
from tests.world.fates import Fate, Plan
from tests.world.kinds import Json
from tests.world.scene import NAMESPACE, Scene

pytestmark = pytest.mark.postgres
MINUTES = Limits().room_timeout_seconds // 60
STORM = Limits().uncharged_attempts + 1


def attempts(scene: Scene) -> list[tuple[int, int, str | None]]:
    """Index, number and reason of every attempt."""
    return sorted((each.index, each.number, each.reason) for each in scene.rows.attempts.values())


def wait_minutes(scene: Scene, minutes: int) -> None:
    for _ in range(minutes):
        scene.world.advance(60, step_seconds=30)


def test_image_pull_back_off_on_every_pod_ends_its_batch_in_bounded_time(clocked_database: ClockedDatabase) -> None:
    with Scene.running(clocked_database, Plan(weights={Fate.IMAGE: 1})) as scene:
        uid = scene.add_batch(500, failurePolicy={"startTimeoutSeconds": 60})
        status = scene.run_to_its_end(scene.operator(), turns=120)
        assert (status["succeeded"], scene.condition("Failed")) == (0, "True")
        assert scene.rows.batches[uid].finish_reason == "NeverStarted"
        assert "ErrImagePull" in str(scene.rows.batches[uid].finish_message)
        assert {reason for _, _, reason in attempts(scene)} == {"StartTimeout"}
        assert len(attempts(scene)) == 3, "the other 497 were not tried"
        assert scene.most_alive == 1


def test_pods_that_no_node_takes_for_nearly_an_hour_run_when_one_does(clocked_database: ClockedDatabase) -> None:
    with Scene.running(clocked_database, nodes=()) as scene:
        operator = scene.operator()
        scene.add_batch(2, failurePolicy={"maxAttempts": 1, "startTimeoutSeconds": 60})
        for _ in range(MINUTES - 5):
            scene.turn(operator)
            wait_minutes(scene, 1)
        assert "Unschedulable" in str(scene.status)
        assert scene.status["failed"] == 0
        scene.world.kubelet.nodes = ("fake-0",)
        scene.world.kubelet.register()
        assert scene.run_to_its_end(operator)["succeeded"] == 2
        assert attempts(scene) == [(0, 1, None), (1, 1, None)], "lack of room is not charged"


def test_pods_that_no_node_ever_takes_end_their_batch_with_that_reason(clocked_database: ClockedDatabase) -> None:
    with Scene.running(clocked_database, nodes=()) as scene:
        operator = scene.operator(roomTimeoutSeconds=600)
        uid = scene.add_batch(500)
        for _ in range(3 * 10 + 15):
            scene.turn(operator)
            wait_minutes(scene, 1)
        assert scene.rows.batches[uid].finish_reason == "NeverStarted"
        assert "Unschedulable: 0/0 nodes are available" in str(scene.rows.batches[uid].finish_message)
        assert attempts(scene) == [(0, number, "Unschedulable") for number in (1, 2, 3)]


def test_a_pod_that_terminates_for_ever_on_a_lost_node_holds_its_slot_until_its_deadline_and_no_longer(
    clocked_database: ClockedDatabase,
) -> None:
    policy = {"backtestTimeoutSeconds": 60, "startTimeoutSeconds": 60}
    recorder = {
        "image": "localhost/backfleet:test",
        "secretName": "recorder",
        "patienceSeconds": 30,
        "startSeconds": 30,
    }
    with Scene.running(clocked_database, nodes=("fake-0", "fake-1")) as scene:
        operator = scene.operator(maxConcurrent=1, recorder=recorder)
        uid = scene.add_batch(2, failurePolicy=policy)
        scene.run(operator, lambda: any(each.engine_started_at for each in scene.rows.packs.values()))
        (pod,) = scene.world.objects.all("pods")
        scene.world.kubelet.lose(pod["spec"]["nodeName"])
        (job,) = scene.world.objects.all("jobs")
        for _ in range((job["spec"]["activeDeadlineSeconds"] + Limits().overdue_seconds) // 20 - 1):
            scene.turn(operator)
            scene.world.advance(20)
        assert scene.pods_made == [(0, 1)], "its slot was taken"
        scene.run(operator, lambda: scene.status.get("overdue"), turns=12)
        left = scene.world.objects.get("pods", NAMESPACE, pod["metadata"]["name"])
        assert "deletionTimestamp" in left["metadata"], (
            "Kubernetes wants it gone, and nobody is there to say that it is"
        )
        scene.run(operator, lambda: len(scene.rows.results) == 2)
        assert attempts(scene) == [(0, 1, "NodeLost"), (0, 2, None), (1, 1, None)]
        assert sorted(scene.rows.results) == [(uid, 0), (uid, 1)]
        assert is_there(scene, pod), "nobody has removed it"


def is_there(scene: Scene, pod: Json) -> bool:
    return ("pods", NAMESPACE, pod["metadata"]["name"]) in scene.world.objects.stored


def test_a_node_that_is_deleted_ends_its_pods_and_they_run_elsewhere(clocked_database: ClockedDatabase) -> None:
    with Scene.running(clocked_database, nodes=("fake-0", "fake-1")) as scene:
        operator = scene.operator()
        scene.add_batch(4, failurePolicy={"maxAttempts": 1})
        scene.run(operator, lambda: len(scene.world.kubelet.lives) > 2)
        scene.world.kubelet.lose("fake-0")
        scene.world.objects.delete("nodes", "", "fake-0")
        assert scene.run_to_its_end(operator)["succeeded"] == 4


def test_out_of_memory_in_the_engines_container_and_in_a_child_of_it_are_one_reason(
    clocked_database: ClockedDatabase,
) -> None:
    fates = {0: Fate.OOM_OF_CONTAINER, 1: Fate.OOM_IN_ENGINE}
    with Scene.running(clocked_database, Plan(by_index=fates)) as scene:
        scene.add_batch(3)
        status = scene.run_to_its_end(scene.operator())
        assert (status["succeeded"], status["failed"]) == (1, 2)
        twice = [(index, number, "OOMKilled") for index in (0, 1) for number in (1, 2)]
        assert attempts(scene) == [*twice, (2, 1, None)], "its limit is fixed, so it is tried once more and no oftener"


def test_a_storm_of_evictions_charges_no_attempt_and_has_an_end(clocked_database: ClockedDatabase) -> None:
    with Scene.running(clocked_database, Plan(by_index={0: Fate.EVICTED})) as scene:
        scene.add_batch(2, failurePolicy={"maxAttempts": 1})
        status = scene.run_to_its_end(scene.operator(), turns=120)
        assert (status["succeeded"], status["failed"]) == (1, 1)
        storm = [(0, number + 1, "Evicted") for number in range(STORM)]
        assert attempts(scene) == [*storm, (1, 1, None)]
        assert {each.charged for each in scene.rows.attempts.values()} == {0}
