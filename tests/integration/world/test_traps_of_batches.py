"""Traps around a batch itself: edited, scaled, suspended, deleted and made again while its Jobs run."""

import re

import pytest

from backfleet.core import wire
from backfleet.core.planning.observation import Limits
from tests.support.clocked import ClockedDatabase
from tests.support.operator import values
from tests.world.collecting import delete_namespace
from tests.world.fates import Plan
from tests.world.faults import Call
from tests.world.scene import NAMESPACE, TURN_SECONDS, Scene

pytestmark = pytest.mark.postgres
STEADY = Plan(run_seconds=(20.0, 20.0))
MISSING_SECONDS = Limits().missing_seconds
LABEL_VALUE = re.compile(r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?")


def alive(scene: Scene, name: str = "") -> int:
    """Return how many pods are alive, of the batch of that name or of all."""
    uid = scene.world.objects.get(wire.PLURAL, NAMESPACE, name)["metadata"]["uid"] if name else ""
    pods = [
        pod for pod in scene.world.objects.all("pods") if uid in ("", pod["metadata"]["labels"][wire.LABEL_BATCH_UID])
    ]
    return len([pod for pod in pods if pod["status"]["phase"] in ("Pending", "Running")])


def test_a_batch_that_is_made_again_at_once_under_its_name_takes_nothing_of_its_predecessor(
    clocked_database: ClockedDatabase,
) -> None:
    with Scene.running(clocked_database, STEADY) as scene:
        operator = scene.operator(maxConcurrent=2)
        old = scene.add_batch(3)
        scene.run(operator, lambda: alive(scene) == 2)
        scene.world.objects.delete(wire.PLURAL, NAMESPACE, "demo")
        new = scene.add_batch(3)
        status = scene.run_to_its_end(operator)
        scene.run(operator, lambda: scene.rows.batches[old].finished_at)
        assert (status["succeeded"], scene.rows.batches[old].finish_reason) == (3, wire.REASON_DELETED)
        assert {uid for uid, _ in scene.rows.results} == {new}
        names = [call.body["metadata"]["name"] for call in scene.world.api.calls_of("POST", "/jobs")]
        assert len(set(names)) == len(names), "a Job of the new batch has no name of the old one"
        assert scene.most_alive == 2


def test_max_concurrent_goes_from_4_to_1_to_8_while_backtests_run(clocked_database: ClockedDatabase) -> None:
    with Scene.running(clocked_database, STEADY) as scene:
        operator = scene.operator()
        scene.add_batch(16, maxConcurrent=4)
        scene.run(operator, lambda: alive(scene) == 4)
        scene.edit(maxConcurrent=1)
        scene.run(operator, lambda: alive(scene) == 1)
        pods = len(scene.pods_made)
        assert pods <= 5, "none started above the new limit"
        scene.run(operator, lambda: len(scene.pods_made) == pods + 2)
        assert scene.most_alive == 4
        scene.edit(maxConcurrent=8)
        scene.run(operator, lambda: alive(scene) == 8)
        status = scene.run_to_its_end(operator)
        assert (status["succeeded"], scene.most_alive) == (16, 8)
        assert scene.pods_made == [(index, 1) for index in range(16)]


def test_a_suspended_batch_ends_what_runs_and_starts_nothing_until_it_is_resumed(
    clocked_database: ClockedDatabase,
) -> None:
    with Scene.running(clocked_database, STEADY) as scene:
        operator = scene.operator(maxConcurrent=2)
        scene.add_batch(6)
        scene.run(operator, lambda: alive(scene) == 2)
        scene.edit(suspend=True)
        made = scene.pods_made
        scene.run(operator, lambda: scene.condition(wire.CONDITION_SUSPENDED) == "True" and not alive(scene))
        scene.world.advance(600, step_seconds=30)
        scene.turn(operator)
        assert scene.pods_made == made
        assert len(scene.rows.results) == len(made), "what ran has its result"
        scene.edit(suspend=False)
        status = scene.run_to_its_end(operator)
        assert (status["succeeded"], scene.pods_made) == (6, [(index, 1) for index in range(6)])


@pytest.mark.parametrize("job", [1, 3], ids=["with its first Job", "with its third Job"])
def test_a_batch_that_is_deleted_while_it_launches_leaves_nothing_behind(
    clocked_database: ClockedDatabase, job: int
) -> None:
    with Scene.running(clocked_database, STEADY) as scene:
        operator = scene.operator()
        uid = scene.add_batch(6)
        scene.add_batch(2, "other")
        objects, left = scene.world.objects, job

        def delete_batch(call: Call) -> None:
            nonlocal left
            is_job_of_it = call.method == "POST" and call.path.endswith("/jobs") and uid in str(call.body)
            left -= is_job_of_it
            if is_job_of_it and not left:
                objects.delete(wire.PLURAL, NAMESPACE, "demo")

        scene.world.api.after_write = delete_batch
        scene.run(operator, lambda: left <= 0)
        jobs = [each["metadata"]["labels"][wire.LABEL_BATCH_UID] for each in objects.all("jobs")]
        assert uid not in jobs, "not even those that it still created in that pass"
        scene.run(operator, lambda: scene.is_finished and scene.rows.batches[uid].finished_at)
        assert scene.rows.batches[uid].finish_reason == wire.REASON_DELETED
        scene.world.advance(120, step_seconds=60)
        scene.turn(operator)
        assert [objects.all("jobs"), objects.all("pods")] == [[], []]
        assert scene.rows.batches.keys() - {uid} == {each for each, _ in scene.rows.results if each != uid}


def test_an_edit_of_the_work_after_the_start_is_shown_and_changes_nothing(clocked_database: ClockedDatabase) -> None:
    """No rule of the schema refuses it: the operator has to, on every version of Kubernetes."""
    with Scene.running(clocked_database, STEADY) as scene:
        operator = scene.operator(maxConcurrent=2)
        uid = scene.add_batch(4)
        scene.run(operator, lambda: alive(scene) == 2)
        scene.edit(parameters=values(9), engine={"name": "bars"})
        scene.run(operator, lambda: scene.condition(wire.CONDITION_SPEC_DRIFT) == "True")
        status = scene.run_to_its_end(operator)
        assert (status["total"], status["succeeded"]) == (4, 4)
        assert sorted(scene.rows.results) == [(uid, index) for index in range(4)]


def test_a_name_of_253_characters_and_numbers_of_every_form_arrive(clocked_database: ClockedDatabase) -> None:
    numbers = [-0.5, 1e-05, 2.5e3, -1e21]
    name = "a.b-" * 63 + "z"
    with Scene.running(clocked_database) as scene:
        parameters = [{"name": "value", "type": "float", "values": numbers}]
        scene.add_batch(1, name, parameters=parameters, successCriteria={"minSharpe": 0})
        scene.run(scene.operator(), lambda: scene.is_finished)
        measured = {index: row.metrics["sharpe_ratio"] for (_, index), row in scene.rows.results.items()}
        assert measured == dict(enumerate(numbers))
        for call in scene.world.api.calls_of("POST", "/jobs"):
            meta, template = call.body["metadata"], call.body["spec"]["template"]
            assert len(meta["name"]) <= 63, "the Job controller makes a label of it"
            labels = [*meta["labels"].values(), *template["metadata"]["labels"].values()]
            assert [each for each in labels if not LABEL_VALUE.fullmatch(each)] == []


def test_a_namespace_that_is_deleted_under_a_live_batch_goes(
    clocked_database: ClockedDatabase,
) -> None:
    with Scene.running(clocked_database, STEADY) as scene:
        loop = scene.loop(namespaces=[NAMESPACE, "other"])
        uid = scene.add_batch(6)
        scene.run(loop, lambda: alive(scene) > 1)
        delete_namespace(scene.world.objects, NAMESPACE)
        scene.run(loop, lambda: ("namespaces", "", NAMESPACE) not in scene.world.objects.stored, turns=10)
        assert [key for key in scene.world.objects.stored if key[1] == NAMESPACE] == [], (
            "nothing had a finalizer of ours"
        )
        for _ in range(4):
            scene.turn(loop)
            scene.world.advance(MISSING_SECONDS, step_seconds=30)
        assert loop.health.problem is None, "the other namespace is served"
        assert set(loop.health.refused) <= {NAMESPACE}
        assert scene.rows.batches[uid].finished_at is None, "its objects are unknown, not gone"


def test_a_namespace_with_a_live_batch_goes_when_the_operator_is_uninstalled(clocked_database: ClockedDatabase) -> None:
    """Nobody is left who could remove a finalizer."""
    with Scene.running(clocked_database, STEADY) as scene:
        operator = scene.operator()
        scene.add_batch(6)
        scene.run(operator, lambda: alive(scene) > 1)
        delete_namespace(scene.world.objects, NAMESPACE)
        for _ in range(10):
            scene.world.advance(TURN_SECONDS)
        assert [key for key in scene.world.objects.stored if NAMESPACE in key] == []
