"""Errors in LEAN's own optimizer config name LEAN's key, its line and how to fix it."""

from typing import Any

import pytest

from backfleet.configs.documents import ConfigInvalid
from tests.support.configs import read
from tests.support.lean_config import TEXT, changed

CONSTRAINT = {"target": "Drawdown", "operator": "less", "target-value": 0.1}
BAD = {
    "misspelt key": (
        {"optimization_criterium": {}},
        "optimization-criterium: the key is unknown",
        "Did you mean optimization-c",
    ),
    "misspelt target": (
        {"optimization_criterion": {"traget": "x"}},
        "optimization-criterion.traget: the key is",
        "Did you mean t",
    ),
    "extremum": (
        {"optimization_criterion": {"extremum": "most"}},
        "optimization-criterion.extremum: expected a direction, got 'most'",
        "Write max or",
    ),
    "no metric": (
        {"optimization_criterion": {"target": "x"}},
        "optimization-criterion.target: expected a metric, got 'x'",
        "Use one of: ",
    ),
    "no such search": (
        {"optimization_strategy": "Random"},
        "optimization-strategy: expected a type of search, got 'Random'",
        "Write Grid",
    ),
    "no parameters": ({"parameters": []}, "parameters: expected a list of at least 1 item", "List at least 1"),
    "no name": ({"parameters": [{"min": 1}]}, "parameters[0]: the parameter has no name", "Add name"),
    "no step, and nothing to make one of": (
        {"optimization_strategy_settings": {}, "parameters": [{"name": "fast_sma", "min": 1, "max": 2}]},
        "parameters[0]: the range has no step, and optimization-strategy-settings has no default-segment-amount",
        "Add step or default-segment-amount",
    ),
    "no segments": (
        {
            "optimization_strategy_settings": {"default-segment-amount": 0},
            "parameters": [{"name": "fast_sma", "min": 1, "max": 2}],
        },
        "optimization-strategy-settings.default-segment-amount: expected a number of segments, got 0",
        "Write a whole number, 1 or more",
    ),
    "a fraction for a whole parameter": (
        {"parameters": [{"name": "fast_sma", "min": 1, "max": 2}]},
        "parameters[0]: expected a whole number, got 0.1",
        "Write a whole number",
    ),
    "a target of closed trades": (
        {"optimization_criterion": {"target": "TotalPerformance.TradeStatistics.SharpeRatio"}},
        "optimization-criterion.target: expected a metric, got 'TotalPerformance.TradeStatistics.Shar...'",
        "Use a figure of TotalPerformance.PortfolioStatistics, or its name alone, such as SharpeRatio",
    ),
    "a constraint on closed trades": (
        {"constraints": [{"target": "TotalPerformance.TradeStatistics.WinRate", "operator": "less", "targetValue": 1}]},
        "constraints[0]: expected a statistic or a parameter, got 'TotalPerformance.TradeStatistics.WinRate'",
        "Use a figure of TotalPerformance.PortfolioStatistics, or its name alone, such as WinRate",
    ),
    "step zero": (
        {"parameters": [{"name": "fast_sma", "min": 1, "max": 2, "step": 0}]},
        "parameters[0].step: step is 0",
        "Write a positive step",
    ),
    "name twice": (
        {"parameters": [{"name": "a", "value": 1}, {"key": "a", "value": 2}]},
        "parameters[1]: 'a' is already declared in line 1",
        "Declare each parameter once",
    ),
    "min twice": (
        {"parameters": [{"name": "a", "min": 1, "start": 1, "max": 2, "step": 1}]},
        "parameters[0].start: line 1 already sets this under another name",
        "Keep one",
    ),
    "a misspelt part": (
        {"parameters": [{"name": "a", "mim": 1}]},
        "parameters[0].mim: the key is unknown",
        "Did you mean min",
    ),
    "values, which LEAN has not": (
        {"parameters": [{"name": "a", "xyz": 1}]},
        "parameters[0].xyz: the key is unknown",
        "Use one of: ",
    ),
    "a text": ({"parameters": ["a"]}, "parameters[0]: expected a section, got 'a'", "Write `key: value`"),
    "no operator": (
        {"constraints": [{"target": "x", "target-value": 1}]},
        "constraints[0]: the constraint has no op",
        "Add oper",
    ),
    "no such operator": (
        {"constraints": [CONSTRAINT | {"operator": "about"}]},
        "constraints[0].operator: expected an operator, got 'about'",
        "Write less, lessOrEqual",
    ),
    "equals": (
        {"constraints": [CONSTRAINT | {"operator": "equals"}]},
        "constraints[0]: a bound of a statistic cannot use ==",
        "Write <",
    ),
    "no statistic": (
        {"constraints": [CONSTRAINT | {"target": "x"}]},
        "constraints[0]: expected a statistic or a parameter, got 'x'",
        "Use one of: ",
    ),
    "at once": (
        {"maximum_concurrent_backtests": 0},
        "maximum-concurrent-backtests: expected a number of at least 1, got 0",
        "Raise it",
    ),
}


@pytest.mark.parametrize(("fields", "problem", "hint"), BAD.values(), ids=BAD)
def test_a_fault_names_lean_s_key(fields: dict[str, Any], problem: str, hint: str) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        read(changed(**fields))
    assert caught.value.problem.startswith(f"line 1: {problem}")
    assert caught.value.hint.startswith(hint)


def test_the_line_is_that_of_the_file_in_spite_of_comments() -> None:
    with pytest.raises(ConfigInvalid) as caught:
        read(TEXT.replace('"max": 200', '"max": 2'))
    assert caught.value.problem == "line 13: parameters[1].max: end 2 is before start 100"


@pytest.mark.parametrize(
    "text", ['{"optimization-criterion": "/*', '{"optimization-criterion": {} /*', "{ // ", "/* {", "{"]
)
def test_a_file_that_is_cut_off_is_an_error(text: str) -> None:
    with pytest.raises(ConfigInvalid):
        read(text)
