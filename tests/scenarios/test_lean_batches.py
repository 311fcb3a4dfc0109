"""A batch for LEAN, pass by pass: where its project comes from, and what counts as an edit of it."""

import json
from typing import Any

import pytest

from backfleet.core.planning.observation import Limits
from backfleet.core.records import StoredCatalog, StrategyRecord
from tests.scenarios.conftest import NewWorld
from tests.support.lean import config_of, text_of
from tests.support.operator import World, batch_spec

LEAN = {"name": "lean"}
KNOWN = StrategyRecord(name="Known", status="testing", lean_project_path="STR-099_Known")


def known(new_world: NewWorld, **limits: Any) -> World:
    """Return a world whose catalog has one strategy with a project."""
    made = new_world(limits=Limits(**limits))
    made.rows.set_catalog(StoredCatalog(strategies={"Known": KNOWN}))
    return made


def project_of(made: World) -> str:
    (engine,) = made.cluster.jobs[made.cluster.active_jobs[0]]["spec"]["template"]["spec"]["initContainers"]
    env = {entry["name"]: entry["value"] for entry in engine["env"]}
    return str(json.loads(text_of(config_of(env)))["algorithm-location"])


@pytest.mark.parametrize(
    ("strategy", "wanted"),
    [
        pytest.param({"name": "Known"}, "/projects/STR-099_Known/main.py", id="the catalog's"),
        pytest.param({"name": "Known", "leanProjectPath": "mine"}, "/projects/mine/main.py", id="the batch's own"),
        pytest.param({"name": "New", "leanProjectPath": "new"}, "/projects/new/main.py", id="a new strategy's"),
    ],
)
def test_the_project_is_fixed_at_acceptance_and_runs_without_drift(
    new_world: NewWorld, strategy: dict[str, str], wanted: str
) -> None:
    made = known(new_world)
    uid = made.cluster.add_batch(batch_spec(engine=LEAN, strategy=strategy))
    made.turn()
    made.rows.set_catalog(StoredCatalog())
    made.turn(2)
    assert project_of(made) == wanted
    assert made.cluster.condition(uid, "SpecDrift").get("status") != "True"


def test_file_class_and_claim_of_a_batch_reach_its_job(new_world: NewWorld) -> None:
    made = known(new_world, volume_claims=("mine",))
    strategy: dict[str, Any] = {
        "name": "Known",
        "leanAlgorithmFile": "bin/Known.dll",
        "leanAlgorithmType": "Known.Algo",
    }
    strategy |= {"volume": {"claimName": "mine", "subPath": "lean"}}
    made.cluster.add_batch(batch_spec(engine=LEAN, strategy=strategy))
    made.turn(2)
    pod = made.cluster.jobs[made.cluster.active_jobs[0]]["spec"]["template"]["spec"]
    env = {entry["name"]: entry["value"] for entry in pod["initContainers"][0]["env"]}
    told = json.loads(text_of(config_of(env)))
    assert (told["algorithm-location"], told["algorithm-type-name"]) == (
        "/projects/STR-099_Known/bin/Known.dll",
        "Known.Algo",
    )
    mounted = {"name": "projects", "mountPath": "/projects", "readOnly": True, "subPath": "lean"}
    assert mounted in pod["initContainers"][0]["volumeMounts"]
    claim = {"claimName": "mine", "readOnly": True}
    assert {"name": "projects", "persistentVolumeClaim": claim} in pod["volumes"]


@pytest.mark.parametrize(
    "strategy", [{"name": "Known", "leanProjectPath": "other"}, {"name": "Known", "leanAlgorithmFile": "x.py"}]
)
def test_an_edit_of_the_project_is_shown_and_not_in_force(new_world: NewWorld, strategy: dict[str, str]) -> None:
    made = known(new_world)
    uid = made.cluster.add_batch(batch_spec(engine=LEAN, strategy={"name": "Known"}))
    made.turn()
    made.cluster.batches[uid]["spec"]["strategy"] = strategy
    made.tick(5)
    made.turn(2)
    assert "spec.strategy" in made.cluster.condition(uid, "SpecDrift")["message"]
    assert project_of(made) == "/projects/STR-099_Known/main.py"


def test_a_batch_that_counting_refused_is_not_validated_again_for_the_catalogs_project(new_world: NewWorld) -> None:
    made = known(new_world, walk_budget=2)
    spec = batch_spec(engine=LEAN, strategy={"name": "Known"}, constraints=["value > 100"])
    uid = made.cluster.add_batch(spec)
    made.turn(6)
    record = made.rows.batches[uid]
    assert record.finish_reason == "SpecInvalid"
    made.tick(20)
    made.turn(2)
    assert made.rows.batches[uid] == record


def test_without_projects_the_batch_is_refused_with_the_hint(new_world: NewWorld) -> None:
    made = known(new_world, has_projects_volume=False)
    uid = made.cluster.add_batch(batch_spec(engine=LEAN, strategy={"name": "Known"}))
    made.turn()
    assert "engines.lean.mounts" in made.cluster.condition(uid, "Accepted")["message"]
    assert not made.cluster.jobs
