"""Traps of Kubernetes that the operator must not fall into, each in the world over HTTP; a planted bug falls into each."""

import pytest

from backfleet.core.planning.job_names import job_name
from tests.support.clocked import ClockedDatabase
from tests.world.admission import refusing
from tests.world.fates import Fate, Plan
from tests.world.faults import Fault
from tests.world.scene import NAMESPACE, Dead, Scene

pytestmark = pytest.mark.postgres
LONG = Plan(run_seconds=(60.0, 60.0))


def test_a_pod_that_is_alive_holds_its_slot_after_its_outcome_is_recorded(clocked_database: ClockedDatabase) -> None:
    with Scene.running(clocked_database, nodes=("fake-0", "fake-1")) as scene:
        operator = scene.operator(maxConcurrent=2)
        scene.add_batch(3)
        scene.add_batch(3, "other")
        scene.run(operator, lambda: scene.rows.results)
        scene.run(operator, lambda: len(alive_pods(scene)) == 2)
        scene.world.kubelet.cut_off.add("fake-0")
        for _ in range(12):
            scene.turn(operator)
            scene.world.advance(5)
        assert len(scene.rows.results) > 1
        scene.world.kubelet.reconnect("fake-0")
        scene.run_to_its_end(operator)
        assert scene.most_alive == 2


def test_no_more_attempts_are_alive_than_the_limit(clocked_database: ClockedDatabase) -> None:
    with Scene.running(clocked_database) as scene:
        scene.add_batch(6)
        scene.add_batch(6, "other")
        scene.run_to_its_end(scene.operator(maxConcurrent=3))
        assert scene.most_alive == 3


def test_what_runs_while_the_operator_is_dead_is_recorded(clocked_database: ClockedDatabase) -> None:
    with Scene.running(clocked_database) as scene:
        scene.add_batch(2)
        first = scene.operator("first")
        scene.world.api.sever_after(1, "first", "/jobs")
        with pytest.raises(Dead):
            scene.run_to_its_end(first)
        scene.world.advance(120)
        status = scene.run_to_its_end(scene.operator("second"))
        assert (status["succeeded"], scene.pods_made) == (2, [(0, 1), (1, 1)])


def test_a_name_that_somebody_else_has_is_shown(clocked_database: ClockedDatabase) -> None:
    with Scene.running(clocked_database) as scene:
        uid = scene.add_batch(1)
        name = job_name("demo", uid, 0, 1)
        foreign = {"metadata": {"name": name}, "spec": {"suspend": True, "template": {"spec": {}}}}
        scene.world.objects.create("jobs", NAMESPACE, foreign)
        operator = scene.operator()
        scene.run(operator, lambda: scene.condition("NameConflict") == "True", turns=6)
        scene.world.objects.delete("jobs", NAMESPACE, name)
        assert scene.run_to_its_end(operator, turns=120)["succeeded"] == 1


def test_a_job_that_its_time_to_live_removed_has_succeeded(clocked_database: ClockedDatabase) -> None:
    with Scene.running(clocked_database, LONG) as scene:
        scene.add_batch(1)
        operator = scene.operator()
        scene.run(operator, lambda: any(each.engine_started_at for each in scene.rows.packs.values()))
        scene.world.advance(600)
        assert scene.world.objects.all("jobs") == []
        status = scene.run_to_its_end(operator)
        assert (status["succeeded"], scene.pods_made) == (1, [(0, 1)])


def test_a_failed_attempt_is_followed_by_the_next_one(clocked_database: ClockedDatabase) -> None:
    with Scene.running(clocked_database, Plan(by_index={0: Fate.CRASHES})) as scene:
        scene.add_batch(2)
        status = scene.run_to_its_end(scene.operator())
        assert (status["succeeded"], status["failed"], scene.pods_made) == (1, 1, [(0, 1), (0, 2), (1, 1)])


def test_a_batch_that_is_never_admitted_ends(clocked_database: ClockedDatabase) -> None:
    with Scene.running(clocked_database) as scene:
        scene.world.objects.rules.append(refusing("jobs", "denied by policy"))
        scene.add_batch(4, failurePolicy={"startTimeoutSeconds": 30})
        status = scene.run_to_its_end(scene.operator(), turns=120)
        assert (status["succeeded"], scene.pods_made) == (0, [])


def test_a_list_from_the_past_takes_no_job_away(clocked_database: ClockedDatabase) -> None:
    with Scene.running(clocked_database, LONG) as scene:
        scene.add_batch(2)
        operator = scene.operator()
        before = scene.world.objects.history.version
        scene.run(operator, lambda: any(each.engine_started_at for each in scene.rows.packs.values()))
        behind = scene.world.objects.history.version - before
        scene.world.api.faults.append(Fault("/jobs", kind="stale", behind=behind, verb="list"))
        status = scene.run_to_its_end(operator)
        assert (status["succeeded"], scene.pods_made) == (2, [(0, 1), (1, 1)])


def alive_pods(scene: Scene) -> list[str]:
    pods = scene.world.objects.all("pods")
    return [pod["metadata"]["name"] for pod in pods if pod["status"]["phase"] in ("Pending", "Running")]
