from pathlib import Path

import pytest
import yaml

from backfleet.core.space.constraints import count_satisfying
from backfleet.core.spec.model import parse_spec
from backfleet.core.spec.validation import validate_spec
from tests.support.manifests.crd import schema_faults, with_defaults
from tests.support.manifests.specs import LIMITS, STRATEGIES

FOLDER = Path(__file__).parents[2] / "manifests" / "examples"
EXAMPLES = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.yaml"))}
COMBINATIONS = {
    "rsi-small": 6,
    "sma-crossover": 108,
    "tutorial-search": 16,
    "tutorial-refine": 15,
    "tutorial-holdout": 15,
}

each_example = pytest.mark.parametrize("name", EXAMPLES)


@each_example
def test_the_schema_accepts_an_example(name):
    assert EXAMPLES[name]["metadata"]["name"] == name
    assert schema_faults(EXAMPLES[name]) == []


@each_example
def test_the_operator_accepts_an_example_with_this_many_combinations(name):
    accepted = validate_spec(parse_spec(with_defaults(EXAMPLES[name])["spec"]), STRATEGIES, LIMITS)
    found, cursor = count_satisfying(accepted.space, accepted.constraints, 0, accepted.space.total)
    assert (found, cursor) == (COMBINATIONS[name], accepted.space.total)


def test_the_small_example_is_the_one_of_the_mission():
    spec = parse_spec(EXAMPLES["rsi-small"]["spec"])
    accepted = validate_spec(spec, STRATEGIES, LIMITS)
    assert (spec.strategy.name, spec.engine.name, spec.data.symbols) == ("RSI_MeanReversion_ETF", "bars", ["AAPL"])
    assert (spec.data.start_date.isoformat(), spec.data.end_date.isoformat()) == ("2000-03-01", "2013-03-01")
    assert [accepted.space.combination(index).texts for index in range(6)] == [
        {"rsi_period": period, "entry_threshold": threshold}
        for period in ("14", "15", "16")
        for threshold in ("25", "30")
    ]
    assert 60 <= spec.ttl_seconds_after_finished <= 600
