"""Traps between the operator and its Jobs: refused, answered twice, ended without a row, removed before anybody looks."""

import pytest

from tests.support.clocked import ClockedDatabase
from tests.world.fates import Fate, Plan
from tests.world.faults import Fault
from tests.world.scene import NAMESPACE, Scene

pytestmark = pytest.mark.postgres
STEADY = Plan(run_seconds=(20.0, 20.0))


def reasons(scene: Scene) -> list[tuple[int, int, str | None]]:
    """Index, number and reason of every attempt."""
    return sorted((each.index, each.number, each.reason) for each in scene.rows.attempts.values())


def test_a_failed_job_that_its_time_to_live_removed_without_a_row_is_tried_again(
    clocked_database: ClockedDatabase,
) -> None:
    with Scene.running(clocked_database, Plan(by_index={0: Fate.CRASHES})) as scene:
        scene.add_batch(1)
        operator = scene.operator()
        scene.run(operator, lambda: any(each.engine_started_at for each in scene.rows.packs.values()))
        scene.world.advance(600)
        assert scene.world.objects.all("jobs") == []
        assert scene.run_to_its_end(operator)["failed"] == 1
        assert reasons(scene) == [(0, 1, "JobVanished"), (0, 2, "EngineCrash"), (0, 3, "EngineCrash")]
        assert {(each.charged, each.uncharged) for each in scene.rows.attempts.values()} == {(2, 1)}


def test_a_complete_job_without_a_row_has_its_grace_and_then_no_result(clocked_database: ClockedDatabase) -> None:
    with Scene.running(clocked_database, Plan(by_index={0: Fate.RECORDER_SILENT})) as scene:
        scene.add_batch(2)
        status = scene.run_to_its_end(scene.operator())
        assert (status["succeeded"], status["failed"]) == (1, 1)
        assert reasons(scene) == [(0, 1, "ResultMissing"), (0, 2, "ResultMissing"), (1, 1, None)]


def test_a_row_counts_although_its_job_failed(clocked_database: ClockedDatabase) -> None:
    with Scene.running(clocked_database, Plan(weights={Fate.RECORDER_CRASHES: 1})) as scene:
        uid = scene.add_batch(2)
        status = scene.run_to_its_end(scene.operator())
        assert (status["succeeded"], scene.pods_made) == (2, [(0, 1), (1, 1)])
        assert sorted(scene.rows.results) == [(uid, 0), (uid, 1)]
        ends = {each["type"] for job in scene.world.objects.all("jobs") for each in job["status"]["conditions"]}
        assert ends == {"Failed"}


def test_two_pods_of_one_job_that_both_write_are_one_result(clocked_database: ClockedDatabase) -> None:
    """On Kubernetes 1.20 a Job has a second pod while the first, on a node that is cut off, still runs."""
    with Scene.running(clocked_database, STEADY, nodes=("fake-0", "fake-1"), is_old=True) as scene:
        uid, operator, kubelet = scene.add_batch(1), scene.operator(), scene.world.kubelet
        scene.run(operator, lambda: any(each.engine_started_at for each in scene.rows.packs.values()))
        (pod,) = scene.world.objects.all("pods")
        kubelet.cut_off.add(pod["spec"]["nodeName"])
        scene.world.objects.delete("pods", NAMESPACE, pod["metadata"]["name"])
        status = scene.run_to_its_end(operator)
        scene.world.advance(30)
        written = clocked_database.read("SELECT attempt_id FROM backtest_outcomes")
        assert scene.pods_made == [(0, 1), (0, 1)]
        assert [life.step for life in kubelet.lives.values()] == [None, None], "both came to their recorder's end"
        phases = [
            each["status"]["phase"] for each in scene.world.objects.all("pods") if each["metadata"] != pod["metadata"]
        ]
        assert sorted(phases) == ["Pending", "Succeeded"], "the second one's recorder ended well"
        assert (status["succeeded"], written) == (1, [(f"{uid}-0.1",)])
        assert scene.rows.results.keys() == {(uid, 0)}


def test_a_quota_that_refuses_jobs_is_waited_for_without_a_charge(clocked_database: ClockedDatabase) -> None:
    with Scene.running(clocked_database) as scene:
        quota = {"metadata": {"name": "compute"}, "spec": {"hard": {"count/jobs.batch": "0"}}}
        scene.world.objects.create("resourcequotas", NAMESPACE, quota)
        operator = scene.operator()
        scene.add_batch(3, failurePolicy={"startTimeoutSeconds": 60, "maxAttempts": 1})
        scene.run(operator, lambda: "exceeded quota: compute" in str(scene.status))
        for _ in range(30):
            scene.world.advance(60, step_seconds=30)
            scene.turn(operator)
        assert scene.pods_made == []
        scene.world.objects.delete("resourcequotas", NAMESPACE, "compute")
        assert scene.run_to_its_end(operator)["succeeded"] == 3
        assert reasons(scene) == [(0, 1, None), (1, 1, None), (2, 1, None)]


def test_a_name_that_is_taken_and_then_not_there_is_left_to_the_next_pass(clocked_database: ClockedDatabase) -> None:
    """409 for the POST, 404 for the GET that follows: somebody deleted the Job in between."""
    with Scene.running(clocked_database) as scene:
        scene.world.api.faults.append(Fault("/jobs", "POST", code=409, message="already exists"))
        scene.add_batch(1)
        assert scene.run_to_its_end(scene.operator())["succeeded"] == 1
        posted, asked = (scene.world.api.calls_of(method, "/jobs") for method in ("POST", "GET"))
        assert len({call.body["metadata"]["name"] for call in posted}) == 1, "no attempt is lost"
        assert [call for call in asked if call.path.endswith(posted[0].body["metadata"]["name"])]
        (pack,) = scene.rows.packs.values()
        assert (pack.number, pack.start_tries) == (1, 0), "nobody has refused it"
