import pytest

from backfleet import catalog
from backfleet.catalog import StrategyStatus
from backfleet.core.criteria import SuccessCriteria
from backfleet.core.space.scalars import ParameterType, parse_value, value_text
from backfleet.core.spec.model import StrategySpec
from backfleet.engines.bars.strategies import STRATEGIES as BARS

STRATEGIES = catalog.load().strategies
BY_ID = {each.id: each for each in STRATEGIES}

CRITERIA = {
    "STR-001": (100, 1.0, 0.15, 0.45, 0.30, {"min_avg_win": 0.01, "min_psr": 0.7}),
    "STR-002": (50, 0.8, 0.20, 0.50, 0.25, {"max_trades": 150, "min_avg_win": 0.01}),
    "STR-003": (20, 1.2, 0.15, 0.50, 0.30, {"min_avg_win": 0.01}),
    "STR-004": (50, 1.0, 0.20, 0.50, None, {}),
    "STR-005": (30, 0.8, 0.20, 0.45, 0.35, {}),
    "STR-006": (10, 1.5, 0.15, 0.65, None, {}),
    "STR-008": (50, 1.2, 0.15, 0.50, 0.30, {"min_avg_win": 0.01}),
    "STR-009": (75, 1.3, 0.12, 0.50, 0.25, {"min_avg_win": 0.01, "min_psr": 0.75}),
    "STR-010": (30, 1.0, 0.15, 0.50, 0.30, {}),
    "STR-011": (40, 0.9, 0.15, 0.50, 0.30, {}),
    "STR-012": (40, 0.8, 0.15, 0.50, 0.30, {}),
    "STR-013": (50, 0.8, 0.15, 0.50, 0.30, {}),
    "STR-014": (40, 0.8, 0.15, 0.50, 0.30, {}),
    "STR-015": (30, 0.8, 0.15, 0.50, 0.30, {}),
}


def criteria_of(trades, sharpe, drawdown, win_rate, fees, more):
    return SuccessCriteria(
        min_trades=trades, min_sharpe=sharpe, max_drawdown=drawdown, min_win_rate=win_rate, max_fee_share=fees, **more
    )


def test_there_are_fifteen_strategies_with_names_of_their_own():
    assert [each.id for each in STRATEGIES] == [f"STR-{number:03}" for number in range(1, 16)]
    assert len({each.name for each in STRATEGIES}) == 15


@pytest.mark.parametrize("strategy", CRITERIA)
def test_a_strategys_criteria_are_the_tables(strategy):
    assert BY_ID[strategy].criteria == criteria_of(*CRITERIA[strategy])


def test_the_default_criteria_are_the_tables():
    expected = criteria_of(100, 1.0, 0.15, 0.45, 0.30, {"min_avg_win": 0.01})
    assert catalog.load().default_criteria == expected


def test_the_strategy_on_hold_has_neither_project_nor_criteria():
    held = BY_ID["STR-007"]
    assert [each.id for each in STRATEGIES if each.status is StrategyStatus.ON_HOLD] == ["STR-007"]
    assert (held.name, held.asset_class, held.lean_project_path) == ("MicroFutures_Momentum_MESNQ", "futures", None)
    assert (held.parameters, held.criteria) == ((), None)


@pytest.mark.parametrize("strategy", CRITERIA)
def test_a_strategy_is_complete(strategy):
    row = BY_ID[strategy]
    assert row.lean_project_path == f"{row.id}_{row.name}"
    assert StrategySpec(name=row.name, leanProjectPath=row.lean_project_path)
    assert row.symbols
    assert row.description
    assert {"stop_loss_pct", "profit_target_pct"} <= {parameter.name for parameter in row.parameters}
    assert len({parameter.name for parameter in row.parameters}) == len(row.parameters)


@pytest.mark.parametrize(
    "parameter",
    [pytest.param(parameter, id=f"{row.id}-{parameter.name}") for row in STRATEGIES for parameter in row.parameters],
)
def test_a_default_is_the_exact_text_of_its_type(parameter):
    assert value_text(parse_value(parameter.default, parameter.type, parameter.name)) == parameter.default


def test_defaults_where_a_config_gives_none():
    stops = {row.id: each.default for row in STRATEGIES for each in row.parameters if each.name == "stop_loss_pct"}
    targets = {each.default for row in STRATEGIES for each in row.parameters if each.name == "profit_target_pct"}
    assert stops == dict.fromkeys(CRITERIA, "0.015") | {"STR-001": "0.01"}
    assert targets == {"0.02"}


def test_types_follow_what_a_strategy_reads():
    types = {parameter.name: parameter.type for parameter in BY_ID["STR-009"].parameters}
    assert types["require_trend"] is ParameterType.BOOL
    assert types["trend_sma"] is ParameterType.INT
    assert {each.name: each.type for each in BY_ID["STR-013"].parameters}["gap_direction"] is ParameterType.STRING


@pytest.mark.parametrize(
    "row", [row for row in STRATEGIES if row.status is StrategyStatus.AVAILABLE], ids=lambda row: row.id
)
def test_an_available_strategy_has_the_built_in_engines_parameters_and_defaults(row):
    types = {int: ParameterType.INT, float: ParameterType.FLOAT, bool: ParameterType.BOOL, str: ParameterType.STRING}
    known = {each.name: (each.default, types[each.type]) for each in BARS[row.name].parameters}
    assert known == {each.name: (each.default, each.type) for each in row.parameters}


def test_what_the_built_in_engine_knows_is_available():
    assert {row.name for row in STRATEGIES if row.status is StrategyStatus.AVAILABLE} == set(BARS)
