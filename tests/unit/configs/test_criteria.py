"""Criteria and constraints: their names, their numbers, and which one applies if two differ."""

from typing import Any

import pytest

from tests.support.configs import HEAD, PARAMETERS, read


def criteria(text: str) -> tuple[dict[str, Any] | None, tuple[str, ...]]:
    """Return the criteria of a batch with these lines, which begin in line 5, and the warnings."""
    found = read(HEAD + PARAMETERS + text)
    return found.spec.get("successCriteria"), found.warnings


def test_every_name_of_a_criterion() -> None:
    text = """\
success_criteria:
  min_trades: 50
  max_trades: 150
  min_sharpe: 0.8
  max_drawdown: 0.20
  min_win_rate: 0.5
  max_fee_share: 0.25
  min_avg_win: 0.01
  min_psr: 0.7
  min_comparable_sharpe: 0.7
  min_comparable_sortino: -1.5
  max_comparable_drawdown: 20%
  max_comparable_deviation: 0.3
  target_trades_per_year: 5 to 10
  target_sharpe: 2
  description: words
"""
    assert criteria(text) == (
        {
            "minTrades": 50,
            "maxTrades": 150,
            "minSharpe": 0.8,
            "maxDrawdown": 0.2,
            "minWinRate": 0.5,
            "minAvgWin": 0.01,
            "minPsr": 0.7,
            "maxFeeShare": 0.25,
            "minComparableSharpe": 0.7,
            "minComparableSortino": -1.5,
            "maxComparableDrawdown": 0.2,
            "maxComparableDeviation": 0.3,
        },
        (),
    )


def test_a_percentage_is_its_hundredth() -> None:
    text = "success_criteria: {max_drawdown: 15%, min_win_rate: '45 %', min_avg_win: 0.5%, min_sharpe: -1}\n"
    assert criteria(text)[0] == {"minSharpe": -1, "maxDrawdown": 0.15, "minWinRate": 0.45, "minAvgWin": 0.005}


def test_without_criteria_the_strategys_own_apply() -> None:
    assert criteria("") == (None, ())
    assert criteria("success_criteria: {}\nconstraints: []\n") == (None, ())


@pytest.mark.parametrize(
    ("constraint", "criterion"),
    [
        ("Drawdown < 0.15", {"maxDrawdown": 0.15}),
        ("drawdown <= 15%", {"maxDrawdown": 0.15}),
        ("Max Drawdown<0.15", {"maxDrawdown": 0.15}),
        ("Total Trades >= 100", {"minTrades": 100}),
        ("Total Trades > 100", {"minTrades": 101}),
        ("Total Trades < 150", {"maxTrades": 149}),
        ("Total Trades <= 150", {"maxTrades": 150}),
        ("Win Rate > 0.45", {"minWinRate": 0.45}),
        ("PSR > 0.7", {"minPsr": 0.7}),
        ("Probabilistic Sharpe Ratio >= 70%", {"minPsr": 0.7}),
        ("Fee Share < 0.3", {"maxFeeShare": 0.3}),
        ("Sharpe Ratio >= 1.0", {"minSharpe": 1}),
        ("TotalPerformance.PortfolioStatistics.SharpeRatio > 1", {"minSharpe": 1}),
        ("Average Win > 0.01", {"minAvgWin": 0.01}),
        ("Comparable Sharpe Ratio >= 1.5", {"minComparableSharpe": 1.5}),
        ("comparable_sortino_ratio > -0.5", {"minComparableSortino": -0.5}),
        ("Comparable Drawdown < 15%", {"maxComparableDrawdown": 0.15}),
        ("Comparable Annual Standard Deviation <= 0.3", {"maxComparableDeviation": 0.3}),
    ],
)
def test_a_constraint_on_a_statistic_is_a_criterion(constraint: str, criterion: dict[str, Any]) -> None:
    found, warnings = criteria(f"constraints:\n  - {constraint}\n")
    assert found == criterion
    assert warnings == (
        "line 5: constraints: these are the only criteria of the batch; the strategy's own criteria do not apply",
    )


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("success_criteria: {max_fee_pct: 0.3}\n", "success_criteria.max_fee_pct"),
        ("constraints: [Fee Pct < 0.3]\n", "constraints[0]"),
    ],
)
def test_a_name_with_three_meanings_is_a_warning_that_says_which_applies(text: str, path: str) -> None:
    found, warnings = criteria(text)
    assert found == {"maxFeeShare": 0.3}
    assert any(
        each.startswith(f"line 5: {path}: read as total fees over gross profit; some files mean fees over capital")
        for each in warnings
    )


def test_notes_and_rules_of_the_strategy_are_ignored_with_a_warning() -> None:
    text = """\
success_criteria:
  min_trades: 50
  how_fees_stay_low: Trade seldom and in size.
  review: {by: me}
  max_risk_per_trade: 0.01
  max_leverage: 1.0
  max_fee_per_trade: 2
"""
    assert criteria(text) == (
        {"minTrades": 50},
        (
            "line 7: success_criteria.how_fees_stay_low: ignored: this is a note, not a criterion",
            "line 8: success_criteria.review: ignored: this is a note, not a criterion",
            "line 9: success_criteria.max_risk_per_trade: "
            "ignored: this is a rule for the strategy's own code, not a criterion",
            "line 10: success_criteria.max_leverage: "
            "ignored: this is a rule for the strategy's own code, not a criterion",
            "line 11: success_criteria.max_fee_per_trade: ignored: there is no such criterion; "
            "use max_fee_share to bound the fees",
        ),
    )


def test_one_constraint_needs_no_list() -> None:
    assert criteria("optimization: {constraints: Drawdown < 0.15}\n")[0] == {"maxDrawdown": 0.15}


def test_constraints_add_to_the_criteria_without_a_warning_where_they_agree() -> None:
    text = "success_criteria: {min_trades: 100}\nconstraints: [Total Trades >= 100, Drawdown < 0.2, Drawdown <= 20%]\n"
    assert criteria(text) == ({"minTrades": 100, "maxDrawdown": 0.2}, ())


@pytest.mark.parametrize(
    ("stated", "constraint", "found", "said"),
    [
        (
            "max_drawdown: 0.2",
            "Drawdown < 0.15",
            {"maxDrawdown": 0.15},
            "max_drawdown is 0.15 here and 0.2 in line 5; the stricter, 0.15,",
        ),
        (
            "max_drawdown: 0.1",
            "Drawdown < 0.15",
            {"maxDrawdown": 0.1},
            "max_drawdown is 0.15 here and 0.1 in line 5; the stricter, 0.1,",
        ),
        (
            "min_trades: 100",
            "Total Trades > 100",
            {"minTrades": 101},
            "min_trades is 101 here and 100 in line 5; the stricter, 101,",
        ),
        (
            "min_sharpe: 1.5",
            "Sharpe Ratio > 1",
            {"minSharpe": 1.5},
            "min_sharpe is 1 here and 1.5 in line 5; the stricter, 1.5,",
        ),
    ],
)
def test_the_stricter_of_two_bounds_applies_with_a_warning(
    stated: str, constraint: str, found: dict[str, Any], said: str
) -> None:
    assert criteria(f"success_criteria: {{{stated}}}\nconstraints: [{constraint}]\n") == (
        found,
        (f"line 6: constraints[0]: {said} applies",),
    )


def test_an_unsupported_criterion_is_a_warning() -> None:
    found, (warning,) = criteria("success_criteria: {min_trades: 1, max_fee_per_trade: 2.0}\n")
    assert found == {"minTrades": 1}
    assert warning.startswith("line 5: success_criteria.max_fee_per_trade: ignored: there is no such criterion")


@pytest.mark.parametrize(
    "constraint",
    ["rsi_period > 14", "14 < rsi_period", "rsi_period / 2 >= 7 and rsi_period != 15", "not rsi_period == 15"],
)
def test_a_constraint_between_parameters_stays_one(constraint: str) -> None:
    found = read(
        f"{HEAD}{PARAMETERS}constraints: [Drawdown < 0.15, '{constraint}']\nsuccess_criteria: {{min_trades: 1}}\n"
    )
    assert found.spec["constraints"] == [constraint]
    assert found.spec["successCriteria"] == {"minTrades": 1, "maxDrawdown": 0.15}


def test_a_parameter_with_the_name_of_a_statistic_is_the_parameter() -> None:
    text = "strategy: {name: Mine, lean_project_path: p}\nsymbols: [SPY]\nparameters: {drawdown: [1, 2]}\n"
    found = read(f"{text}constraints: [drawdown < 2]\n")
    assert (found.spec["constraints"], "successCriteria" in found.spec) == (["drawdown < 2"], False)
