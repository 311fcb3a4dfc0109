"""The configs in configs/optimizations become the batches of the catalog, without a single warning."""

import pytest

from backfleet.catalog import StrategyStatus
from backfleet.core.criteria import SuccessCriteria
from backfleet.core.space.parameters import build_space
from backfleet.core.spec.model import parse_spec
from tests.support.configs import BY_NAME, CATALOG, FOLDER, TOTALS, read

OTHERS = {"test_config": 6, "template": 72}


def test_every_strategy_with_a_project_has_its_config_and_no_other_has() -> None:
    projects = {each.lean_project_path for each in CATALOG.strategies if each.lean_project_path}
    assert projects == set(TOTALS)
    assert {path.stem for path in FOLDER.iterdir()} == set(TOTALS) | set(OTHERS)
    assert [each.id for each in CATALOG.strategies if each.status is StrategyStatus.ON_HOLD] == ["STR-007"]


@pytest.mark.parametrize(("name", "total"), [*TOTALS.items(), *OTHERS.items()])
def test_a_shipped_config_has_this_many_combinations_and_leaves_nothing_open(name: str, total: int) -> None:
    found = read((FOLDER / f"{name}.yaml").read_text())
    spec = parse_spec(found.spec)
    assert (found.total, build_space(spec.declarations()).total) == (total, total)
    assert found.warnings == ()


@pytest.mark.parametrize("name", TOTALS)
def test_a_config_of_a_strategy_says_what_the_catalog_says(name: str) -> None:
    spec = parse_spec(read((FOLDER / f"{name}.yaml").read_text()).spec)
    strategy = BY_NAME[spec.strategy.name]
    assert spec.strategy.lean_project_path == strategy.lean_project_path == name
    assert spec.engine.name == "lean"
    assert tuple(spec.data.symbols) == strategy.symbols
    assert (spec.data.start_date.isoformat(), spec.data.end_date.isoformat()) == ("2020-01-01", "2024-12-31")
    assert spec.data.initial_cash == 1000
    assert (spec.objective.metric, spec.objective.direction) == ("sharpe_ratio", "maximize")
    assert spec.success_criteria is not None
    assert spec.success_criteria.criteria() == strategy.criteria
    types = {each.name: each.type for each in strategy.parameters}
    declared = {each.name: each.type for each in spec.parameters}
    assert set(declared) <= set(types)
    for parameter, kind in declared.items():
        # A strategy that reads fractions also reads whole numbers, but not the reverse.
        assert kind == types[parameter] or (kind, types[parameter]) == ("int", "float")


def test_the_test_config_runs_on_the_data_that_ships() -> None:
    spec = parse_spec(read((FOLDER / "test_config.yaml").read_text()).spec)
    assert (spec.engine.name, spec.data.symbols, spec.success_criteria) == ("bars", ["AAPL"], None)
    assert (spec.data.start_date.isoformat(), spec.data.end_date.isoformat()) == ("2000-03-01", "2013-03-01")
    texts = [build_space(spec.declarations()).combination(index).texts for index in range(6)]
    assert texts == [
        {"rsi_period": period, "entry_threshold": threshold}
        for period in ("14", "15", "16")
        for threshold in ("25", "30")
    ]


def test_the_template_shows_every_criterion() -> None:
    spec = parse_spec(read((FOLDER / "template.yaml").read_text()).spec)
    assert spec.success_criteria is not None
    assert None not in spec.success_criteria.model_dump().values()
    assert spec.success_criteria.criteria() == SuccessCriteria(
        min_trades=100,
        max_trades=500,
        min_sharpe=1.0,
        max_drawdown=0.15,
        min_win_rate=0.45,
        min_avg_win=0.01,
        min_psr=0.7,
        max_fee_share=0.3,
        min_comparable_sharpe=0.7,
        min_comparable_sortino=0.9,
        max_comparable_drawdown=0.15,
        max_comparable_deviation=0.25,
    )
