"""What is required of batches of the engine `lean` alone: a project, from a place that the installation allows."""

from dataclasses import replace

import pytest

from tests.support.acceptance import DATA, accept, refusal
from tests.support.manifests.specs import LIMITS, RSI_PERIOD, STRATEGIES

LEAN = {"lean": None}


def test_lean_needs_a_project_that_the_catalog_or_the_batch_names():
    error = refusal(strategies=LEAN, engine={"name": "lean"})
    assert (error.field, error.hint) == (
        "spec.strategy.leanProjectPath",
        "Give the project's path within the volume of projects; one that another batch gave holds for that batch alone.",
    )
    own = {"name": "Mine", "leanProjectPath": "mine"}
    assert accept(strategies=LEAN, engine={"name": "lean"}, strategy=own).lean_project_path == "mine"
    limits = replace(LIMITS, project_paths={"RSI_MeanReversion_ETF": "STR-001"})
    assert accept(limits, LEAN, engine={"name": "lean"}).lean_project_path == "STR-001"
    assert (
        accept(
            limits, LEAN, engine={"name": "lean"}, strategy=own | {"name": "RSI_MeanReversion_ETF"}
        ).lean_project_path
        == "mine"
    )


@pytest.mark.parametrize("engine", ["bars", "lean", "noop"])
def test_a_strategy_on_hold_is_refused_by_every_engine(engine):
    strategy = {"name": "MicroFutures_Momentum_MESNQ", "leanProjectPath": "STR-007"}
    error = refusal(strategies=STRATEGIES | LEAN, engine={"name": engine}, strategy=strategy)
    assert error.problem == "MicroFutures_Momentum_MESNQ is on hold: it has no project"


OWN = {"name": "Mine", "leanProjectPath": "mine"}


@pytest.mark.parametrize("name", ["symbols", "start_date", "end_date", "initial_cash"])
def test_a_parameter_that_carries_the_data_to_lean_cannot_be_the_batches_own(name):
    parameters = [RSI_PERIOD, {"name": name, "type": "string", "value": "x"}]
    error = refusal(strategies=LEAN, engine={"name": "lean"}, strategy=OWN, parameters=parameters)
    assert (error.field, error.hint) == ("spec.parameters[1].name", "Remove it, or give the parameter another name.")
    assert accept(engine={"name": "noop"}, parameters=parameters)


def test_prices_are_for_bars_since_a_lean_project_sets_its_own():
    data = DATA | {"prices": "raw"}
    error = refusal(strategies=LEAN, engine={"name": "lean"}, strategy=OWN, parameters=[RSI_PERIOD], data=data)
    assert (error.field, error.hint) == (
        "spec.data.prices",
        "Remove it, and set the data normalization mode in the project.",
    )
    assert accept(data=data).spec.data.prices == "raw"


def test_lean_needs_projects_from_somewhere():
    bare = replace(LIMITS, has_projects_volume=False, volume_claims=("p",), image_prefixes=("mine",))
    error = refusal(bare, LEAN, engine={"name": "lean"}, strategy=OWN)
    assert (error.field, error.problem) == (
        "spec.strategy.volume",
        "this installation has no volume of LEAN projects",
    )
    assert accept(bare, LEAN, engine={"name": "lean"}, strategy=OWN | {"volume": {"claimName": "p"}})
    assert accept(bare, LEAN, engine={"name": "lean", "image": "mine:1"}, strategy=OWN)
    assert accept(bare, engine={"name": "bars"})


@pytest.mark.parametrize(
    ("strategy", "field"),
    [
        ({"volume": {"claimName": "other"}}, "spec.strategy.volume.claimName"),
        ({"volume": {"claimName": "p", "subPath": "a/../.."}}, "spec.strategy.volume.subPath"),
        ({"leanProjectPath": "a/../../etc"}, "spec.strategy.leanProjectPath"),
        ({"leanAlgorithmFile": "a/../../x/main.py"}, "spec.strategy.leanAlgorithmFile"),
        ({"leanAlgorithmFile": "main.sh"}, "spec.strategy.leanAlgorithmFile"),
        ({"leanAlgorithmType": "Mine; Other"}, "spec.strategy.leanAlgorithmType"),
    ],
    ids=["claim", "folder in the claim", "project", "file elsewhere", "file of another kind", "class"],
)
def test_a_project_outside_of_what_is_allowed_is_refused(strategy, field):
    limits = replace(LIMITS, volume_claims=("p",))
    assert refusal(limits, LEAN, engine={"name": "lean"}, strategy=OWN | strategy).field == field
