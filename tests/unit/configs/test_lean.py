"""LEAN's own optimizer config becomes a batch. What LEAN's file does not give may stand next to LEAN's keys."""

from typing import Any

import pytest

from backfleet.configs.documents import ConfigInvalid
from backfleet.core.space.parameters import build_space
from backfleet.core.spec.model import parse_spec
from tests.support.configs import read
from tests.support.lean_config import TEXT, changed


def test_lean_s_own_file_is_a_batch() -> None:
    found = read(TEXT)
    assert found.spec == {
        "strategy": {"name": "SMA_Crossover_ETF", "leanProjectPath": "STR-003_SMA_Crossover_ETF"},
        "engine": {"name": "lean"},
        "data": {"symbols": ["SPY"], "startDate": "2020-01-01", "endDate": "2024-12-31", "initialCash": 1000},
        "parameters": [
            {"name": "fast_sma", "type": "int", "range": {"start": 20, "end": 50, "step": 15}},
            {"name": "slow_sma", "type": "int", "range": {"start": 100, "end": 200, "step": 50}},
            {"name": "stop_loss_pct", "type": "float", "value": 0.01},
        ],
        "search": {"algorithm": "grid"},
        "objective": {"metric": "sharpe_ratio", "direction": "maximize"},
        "successCriteria": {"minTrades": 21, "maxDrawdown": 0.15},
        "maxConcurrent": 2,
    }
    assert build_space(parse_spec(found.spec).declarations()).total == found.total == 9
    dates, only = found.warnings
    assert dates.startswith("line 1: dates are missing")
    assert only.startswith("line 18: constraints: these are the only criteria of the batch")


def test_the_same_without_comments_is_the_same() -> None:
    assert read(changed()).spec == read(TEXT).spec


def test_keys_of_ours_may_stand_next_to_lean_s() -> None:
    found = read(
        changed(
            strategy={"name": "Mine", "lean_project_path": "mine"},
            symbols=["QQQ"],
            backtest={"start_date": "2021-01-01", "end_date": "2021-12-31"},
            engine="lean",
        )
    )
    assert found.spec["strategy"] == {"name": "Mine", "leanProjectPath": "mine"}
    assert found.spec["data"] | {"initialCash": 1000} == {
        "symbols": ["QQQ"],
        "startDate": "2021-01-01",
        "endDate": "2021-12-31",
        "initialCash": 1000,
    }


@pytest.mark.parametrize(
    ("location", "kind"),
    [
        ("C:\\lean\\STR-003_SMA_Crossover_ETF\\main.py", "main"),
        ("SMA_Crossover_ETF/main.py", "main"),
        ("/LeanCLI/main.py", "SMA_Crossover_ETF"),
    ],
)
def test_the_strategy_is_found_by_the_location_or_the_type_of_the_algorithm(location: str, kind: str) -> None:
    found = read(changed(algorithm_location=location, algorithm_type_name=kind))
    assert found.spec["strategy"]["name"] == "SMA_Crossover_ETF"


@pytest.mark.parametrize(
    ("location", "kind", "more"),
    [
        ("STR-003_SMA_Crossover_ETF/main.py", "main", {}),
        ("STR-003_SMA_Crossover_ETF/other.py", "other", {"leanAlgorithmFile": "other.py"}),
        (
            "STR-003_SMA_Crossover_ETF\\bin\\Sma.dll",
            "SmaCrossover",
            {"leanAlgorithmFile": "bin/Sma.dll", "leanAlgorithmType": "SmaCrossover"},
        ),
        ("STR-003_SMA_Crossover_ETF", "main", {}),
    ],
)
def test_the_file_that_lean_runs_is_that_of_its_location(location: str, kind: str, more: dict[str, str]) -> None:
    strategy = read(changed(algorithm_location=location, algorithm_type_name=kind)).spec["strategy"]
    assert strategy == {"name": "SMA_Crossover_ETF", "leanProjectPath": "STR-003_SMA_Crossover_ETF", **more}


def test_the_file_stays_where_the_caller_names_the_strategy() -> None:
    text = changed(algorithm_location="/LeanCLI/own.py")
    assert read(text, strategy="SMA_Crossover_ETF").spec["strategy"]["leanAlgorithmFile"] == "own.py"


def test_a_strategy_that_lean_s_file_does_not_name_is_the_callers() -> None:
    text = changed(algorithm_location="/LeanCLI/main.py")
    with pytest.raises(ConfigInvalid, match="the config names no strategy"):
        read(text)
    assert read(text, strategy="SMA_Crossover_ETF").spec == read(TEXT).spec


@pytest.mark.parametrize(
    "kind", ["EulerSearchOptimizationStrategy", "QuantConnect.Optimizer.Strategies.EulerSearchOptimi"]
)
def test_euler_is_the_grid_at_its_step(kind: str) -> None:
    found = read(changed(optimization_strategy=kind))
    assert found.spec == read(TEXT).spec
    assert any("Euler Search without a minimum step is the same as the grid" in each for each in found.warnings)
    parameters = [{"name": "fast_sma", "min": 20, "max": 50, "step": 15, "minStep": 1}]
    found = read(changed(optimization_strategy=kind, parameters=parameters))
    assert found.total == 3
    assert any("parameters[0].minStep: only the grid at `step` runs; the finer" in each for each in found.warnings)


@pytest.mark.parametrize(
    ("operator", "criteria"),
    [
        ("less", {"maxTrades": 99}),
        ("lessOrEqual", {"maxTrades": 100}),
        ("Greater", {"minTrades": 101}),
        ("greaterOrEqual", {"minTrades": 100}),
        ("<", {"maxTrades": 99}),
        (">=", {"minTrades": 100}),
    ],
)
def test_every_operator_that_bounds(operator: str, criteria: dict[str, int]) -> None:
    constraint = {"target": "Total Trades", "operator": operator, "target-value": 100}
    assert read(changed(constraints=[constraint])).spec["successCriteria"] == criteria


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"out_of_sample_days": 30}, "out-of-sample-days: ignored: the backtest section gives the dates"),
        ({"out_of_sample_max_end_date": "2024-01-01"}, "out-of-sample-max-end-date: ignored: the backtest section"),
        (
            {"algorithm_location": "STR-003_SMA_Crossover_ETF/Main.cs"},
            "algorithm-location: expected a Python file or a DLL, got 'Main.cs'; using main.py",
        ),
        (
            {"optimization_criterion": {"target": "Sharpe Ratio", "extremum": "max", "target-value": 2}},
            "optimization-criterion.target-value: ignored: a batch does not end early",
        ),
    ],
)
def test_what_is_ignored_is_a_warning(fields: dict[str, Any], said: str) -> None:
    assert any(f"line 1: {said}" in each for each in read(changed(**fields)).warnings)


def divided(segments: int, **fields: Any) -> list[str]:
    """Return the values of a parameter that is divided into this many segments. The catalog does not have its strategy."""
    text = changed(
        strategy={"name": "Mine", "lean_project_path": "mine"},
        symbols=["SPY"],
        optimization_strategy_settings={"Default-Segment-Amount": segments},
        parameters=[{"name": "x", **fields}],
    )
    space = build_space(parse_spec(read(text).spec).declarations())
    return [space.combination(index).texts["x"] for index in range(space.total)]


@pytest.mark.parametrize(
    ("segments", "fields", "values"),
    [
        (4, {"min": 10, "max": 18}, ["10", "12", "14", "16", "18"]),
        (4, {"min": 0, "max": 1}, ["0", "0.25", "0.5", "0.75", "1"]),
        (3, {"min": 0, "max": 1}, ["0", "0.333333333333333", "0.666666666666666", "0.999999999999999"]),
        (3, {"min": 5, "max": 5}, ["5"]),
        (4, {"min": 10, "max": 18, "step": 8}, ["10", "18"]),
        (4, {"min": 10, "max": 18, "value": 7}, ["7"]),
        (4, {"MIN": 10, "Max": 18, "STEP": 4}, ["10", "14", "18"]),
    ],
)
def test_a_range_is_read_as_lean_s_optimizer_reads_it(segments: int, fields: dict[str, Any], values: list[str]) -> None:
    assert divided(segments, **fields) == values


def test_euler_divides_a_range_without_a_step_further() -> None:
    found = read(
        changed(
            optimization_strategy="EulerSearchOptimizationStrategy",
            parameters=[{"name": "fast_sma", "min": 20, "max": 50, "min-step": 1}],
        )
    )
    assert found.total == 11
    assert any("parameters[0]: only the grid at `step` runs; the finer" in each for each in found.warnings)


@pytest.mark.parametrize("key", ["target-value", "targetValue", "TargetValue"])
def test_keys_are_read_in_every_case_that_lean_reads(key: str) -> None:
    criterion = {"Target": "['Statistics'].['Sharpe Ratio']", "EXTREMUM": "MIN", key: 3}
    constraint = {"Target": "statistics.Drawdown", "Operator": "lessOrEqual", key: 0.25}
    found = read(changed(optimization_criterion=criterion, constraints=[constraint]))
    assert found.spec["objective"] == {"metric": "sharpe_ratio", "direction": "minimize"}
    assert found.spec["successCriteria"] == {"maxDrawdown": 0.25}
    assert any(f"optimization-criterion.{key}: ignored: a batch does not end early" in each for each in found.warnings)


def test_the_number_of_closed_trades_is_a_metric_of_ours() -> None:
    constraint = {
        "target": "TotalPerformance.TradeStatistics.TotalNumberOfTrades",
        "operator": "greater",
        "target-value": 9,
    }
    assert read(changed(constraints=[constraint])).spec["successCriteria"] == {"minTrades": 10}
