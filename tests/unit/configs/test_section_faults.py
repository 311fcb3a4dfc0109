"""A section, a key or a value that is not valid is an error that names its line and its fix."""

import pytest

from backfleet.configs.documents import ConfigInvalid
from tests.support.configs import GOOD, HEAD, PARAMETERS, read_axes, read_fault


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        pytest.param(
            "optimisation: {}", "line 5: optimisation: the key is unknown. Did you mean optimization?", id="top"
        ),
        pytest.param(
            "success_critera: {}", "line 5: success_critera: the key is unknown. Did you mean succ", id="criteria"
        ),
        pytest.param(
            "reportin: {}", "line 5: reportin: the key is unknown. Did you mean reporting?", id="free section"
        ),
        pytest.param(
            "optimization: {target_metrc: x}", "line 5: optimization.target_metrc: the key is unk", id="metric"
        ),
        pytest.param(
            "optimization: []", "line 5: optimization: expected an optimization section, got a list", id="a list"
        ),
        pytest.param(
            "optimization:\n  parameters: {a: [1]}",
            "line 6: optimization.parameters: line 3 already has parameters at the top level. Keep one of the two",
            id="parameters twice",
        ),
        pytest.param(
            "optimization: {type: Random Search}",
            "line 5: optimization.type: expected a type of search, got 'Random",
            id="search",
        ),
        pytest.param(
            "optimization: {target_metric: Beauty}",
            "line 5: optimization.target_metric: expected a metric, got 'B",
            id="no metric",
        ),
        pytest.param(
            "optimization: {target_metric: Sharp Ratio}",
            "line 5: optimization.target_metric: expected a metric, got 'Sharp Ratio'. Did you mean Sharpe Ratio?",
            id="nearly a metric",
        ),
        pytest.param(
            "optimization: {target_direction: up}",
            "line 5: optimization.target_direction: expected a direction, got 'up'. Write max or min",
            id="direction",
        ),
        pytest.param(
            "optimization: {total_combinations: many}",
            "line 5: optimization.total_combinations: expected a number, got 'many'",
            id="total",
        ),
        pytest.param(
            "engine: excel", "line 5: engine: expected an engine, got 'excel'. Write one of: bars, lean", id="engine"
        ),
        pytest.param(
            "max_concurrent: 1000",
            "line 5: max_concurrent: expected a number of at most 256, got 1000. Lower",
            id="at once",
        ),
        pytest.param(
            "max_concurrent: 1.5", "line 5: max_concurrent: expected a whole number, got 1.5. Write", id="half at once"
        ),
        pytest.param(
            "backtests_per_job: 1001",
            "line 5: backtests_per_job: expected a whole number from 1 to 1000, or auto, got 1001",
            id="too many in a Job",
        ),
        pytest.param("backtests_per_job: many", "line 5: backtests_per_job: expected a number", id="words in a Job"),
        pytest.param("symbols: [spy]", "line 5: symbols[0]: expected text that matches", id="lower case"),
        pytest.param(
            "symbols:\n  - A\n  - A", "line 7: symbols[1]: A is listed twice. List each symbol once", id="symbol twice"
        ),
        pytest.param("symbols: {a: b}", "line 5: symbols: expected a list, got a section", id="symbols a section"),
        pytest.param("symbols: [[A]]", "line 5: symbols[0]: expected a single value, got a list", id="symbols nested"),
        pytest.param(
            "start_date: 2021-01-01",
            "line 2: backtest.start_date: the value differs from start_date in line 5",
            id="dates",
        ),
        pytest.param(
            "initial_cash: 5\ncash: 6",
            "line 6: cash: the value differs from initial_cash in line 5. Keep one",
            id="cash",
        ),
        pytest.param(
            "initial_capital: $1000",
            "line 5: initial_capital: expected a number, got '$1000'. Write a number",
            id="dollars",
        ),
        pytest.param(
            "initial_capital: 0",
            "line 5: initial_capital: expected an amount from 1 to 1000000000000, got 0",
            id="no cash",
        ),
        pytest.param(
            "initial_capital: 0100", "line 5: initial_capital: '0100' has a leading zero, which YAML", id="octal"
        ),
        pytest.param(
            "success_criteria: {min_tradse: 1}",
            "line 5: success_criteria.min_tradse: the key is unknown. Did",
            id="c typo",
        ),
        pytest.param(
            "success_criteria: {beauty: 1}",
            "line 5: success_criteria.beauty: the key is unknown. Use one of",
            id="c unknown",
        ),
        pytest.param(
            "success_criteria: {min_trades: 1.5}",
            "line 5: success_criteria.min_trades: expected a count, got 1.5",
            id="c half",
        ),
        pytest.param(
            "success_criteria: {max_drawdown: 15}",
            "line 5: success_criteria.max_drawdown: expected a fraction from 0 to 1, got 15. "
            "Write the fraction 0.15 or the percentage 15%",
            id="c 15",
        ),
        pytest.param(
            "success_criteria: {max_drawdown: -0.1}",
            "line 5: success_criteria.max_drawdown: expected a fraction from 0 to 1, got -0.1. Write a positive",
            id="c neg",
        ),
        pytest.param(
            "success_criteria: {min_psr: high}",
            "line 5: success_criteria.min_psr: expected a number, got 'high'",
            id="c text",
        ),
        pytest.param(
            "success_criteria: {min_psr: [1]}",
            "line 5: success_criteria.min_psr: expected a single value, got a list",
            id="c list",
        ),
        pytest.param(
            "success_criteria:\n  min_trades: 9\n  max_trades: 5",
            "line 7: success_criteria.max_trades: 5 is below",
            id="c none",
        ),
        pytest.param(
            "constraints: [Drawdwn < 0.1]",
            "line 5: constraints[0]: expected a statistic or a parameter, got 'Drawdwn'. Did you mean Drawdown?",
            id="k typo",
        ),
        pytest.param(
            "constraints: [Drawdown > 0.1]",
            "line 5: constraints[0]: no criterion has the form Drawdown >. Use one of",
            id="k floor",
        ),
        pytest.param(
            "constraints: [Drawdown == 0.1]",
            "line 5: constraints[0]: a bound of a statistic cannot use ==. Write <",
            id="k equal",
        ),
        pytest.param(
            "constraints: [Drawdown < low]",
            "line 5: constraints[0]: expected a number, got 'low'. Write a num",
            id="k text",
        ),
        pytest.param(
            "constraints: [Drawdown]",
            "line 5: constraints[0]: expected a constraint, got 'Drawdown'. Write",
            id="k no sign",
        ),
        pytest.param(
            "constraints: [Drawdown < 15]",
            "line 5: constraints[0]: expected a fraction from 0 to 1, got 15. Write",
            id="k 15",
        ),
        pytest.param(
            "constraints: [Total Trades < 0]", "line 5: constraints[0]: expected a count, got -1", id="k none left"
        ),
        pytest.param(
            "constraints: [Total Orders > 5]",
            "line 5: constraints[0]: no criterion has the form Total Orders >",
            id="k orders",
        ),
        pytest.param(
            "constraints: [rsi_period <]", "line 5: constraints[0]: at character 13: expected a term", id="k half"
        ),
        pytest.param(
            "constraints: [rsi_period < sma]",
            "line 5: constraints[0]: at character 14: expected a parameter",
            id="k unknown",
        ),
        pytest.param(
            "constraints: [{target: x}]",
            "line 5: constraints[0]: expected a single value, got a section",
            id="k section",
        ),
    ],
)
def test_a_fault_names_its_line_and_its_fix(lines: str, said: str) -> None:
    assert read_fault(f"{GOOD}{lines}\n")[: len(said)] == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (PARAMETERS, "line 1: the config names no strategy. Add `strategy: {name: …}`, or name it with --strategy"),
        (HEAD, "line 1: the config has no parameters. Add them under optimization"),
        ("strategy: {category: x}\n" + PARAMETERS, "line 1: strategy: the config names no strategy"),
        ("strategy: {nmae: x}\n" + PARAMETERS, "line 1: strategy.nmae: the key is unknown. Did you mean name?"),
        ("strategy: 'a b'\nsymbols: [A]\n" + PARAMETERS, "line 1: strategy: expected text that matches"),
        (
            f"strategy: Mine\n{PARAMETERS}",
            "line 1: the config names no symbols, and the catalog has none for its strategy",
        ),
        (
            f"strategy: Mine\nsymbols: [A]\n{PARAMETERS}",
            "line 1: strategy: the catalog has no project for 'Mine'. Give",
        ),
        (
            f"strategy: {{name: Mine, lean_project_path: a/../../b}}\nsymbols: [A]\n{PARAMETERS}",
            "line 1: strategy.lean_project_path: 'a/../../b' leaves its volume. Write a path without `..`",
        ),
        (
            "strategy: RSI_MeanReversion_ETF\nengine: bars\nparameters: []",
            "line 3: parameters: expected parameters, got a list",
        ),
        (
            f"strategy: RSI_MeanReversion_ETF\n{PARAMETERS}backtest:\n  start_date: 2020/01/01",
            "line 5: backtest.start_date: expected a date, got '2020/01/01'. Write",
        ),
        (
            f"strategy: RSI_MeanReversion_ETF\n{PARAMETERS}backtest:\n  start_date: 2021-01-01\n  end_date: 2020-01-01",
            "line 6: backtest.end_date: 2020-01-01 is before startDate 2021-01-01. Swap the two dates",
        ),
        (
            f"strategy: RSI_MeanReversion_ETF\n{PARAMETERS}backtest:\n  strat_date: 2021-01-01",
            "line 5: backtest.strat_date: the key is unknown. Did you mean start_date?",
        ),
        (
            f"strategy: RSI_MeanReversion_ETF\n{PARAMETERS}backtest: {{start: 2021-01-01}}",
            "line 4: backtest.start: the key belongs to another format. Write start_date",
        ),
    ],
)
def test_a_missing_or_wrong_section_is_an_error(text: str, said: str) -> None:
    assert read_fault(text)[: len(said)] == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x:", "line 6: parameters.x: the parameter has no values. Add start, end and step, or values, or value"),
        ("x: {type: int}", "line 6: parameters.x: the parameter has no values"),
        ("x: {start: 1, end: 2}", "line 6: parameters.x: the range has no step. Add step, or list the values"),
        ("x: {end: 2}", "line 6: parameters.x: the range has no start and no step"),
        ("x:\n    start: 1\n    end: 2\n    step: 0", "line 9: parameters.x.step: step is 0. Write a positive step"),
        ("x: {start: 1, end: 2, step: -1}", "line 6: parameters.x.step: step -1 is negative"),
        ("x: {start: 2, end: 1, step: 1}", "line 6: parameters.x.end: end 1 is before start 2. Swap start and end"),
        ("x: {start: a, end: 1, step: 1}", "line 6: parameters.x.start: expected a number, got 'a'"),
        (
            "x: {start: 1%, end: 2%, step: 1%}",
            "line 6: parameters.x.start: expected a number, got '1%'. Write the fraction",
        ),
        ("x: {start: .nan, end: 1, step: 1}", "line 6: parameters.x.start: expected a number, got '.nan'"),
        ("x: {start: 1, end: 1e99, step: 1}", "line 6: parameters.x.end: '1e99' is too large or too small"),
        ("x: {start: 1, end: 2, step: 1, type: bool}", "line 6: parameters.x.start: a bool cannot have a range. List"),
        ("x: {start: 1, end: 2, step: 1, type: complex}", "line 6: parameters.x.type: expected a type, got 'complex'"),
        ("x: {min: 1, max: 2, step: 1}", "line 6: parameters.x.min: the key belongs to another format. Write start"),
        ("x: {start: 1, end: 2, stepp: 1}", "line 6: parameters.x.stepp: the key is unknown. Did you mean step?"),
        (
            "x: {start: 1, end: 9e14, step: 1, value: 1}\n  y: {start: 1, end: 9e14, step: 1}",
            "line 5: parameters: the space has",
        ),
        ("x: []", "line 6: parameters.x: the list is empty, so the space is empty"),
        ("x: [1, 1.0]", "line 6: parameters.x[1]: 1 repeats the value at position 0. List each value once"),
        ("x:\n    - 1\n    -", "line 8: parameters.x[1]: expected a single value, got nothing"),
        ("x: [[1]]", "line 6: parameters.x[0]: expected a single value, got a list"),
        ("x: [.inf]", "line 6: parameters.x[0]: expected a finite number, got '.inf'"),
        ("x: ['']", "line 6: parameters.x[0]: expected 1 to 256 printable characters, got ''"),
        ("'a b': [1]", "line 6: parameters.a b: expected text that matches"),
        ("x: {values: [up], type: int}", "line 6: parameters.x.values[0]: expected a number, got 'up'"),
    ],
)
def test_a_parameter_that_is_not_valid_is_an_error_with_its_line(text: str, said: str) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        read_axes(f"  {text}\n")
    assert f"{caught.value.problem}. {caught.value.hint}"[: len(said)] == said
