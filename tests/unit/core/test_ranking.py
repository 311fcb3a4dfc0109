from math import inf

import pytest

from backfleet.core.ranking import Direction, Objective, is_better, mixing_warning, natural_direction, rank_key
from tests.support.ranking import rank

HIGH = Objective("sharpe_ratio", Direction.MAXIMIZE)
LOW = Objective("drawdown", Direction.MINIMIZE)
NAN = float("nan")


def test_the_highest_comes_first_when_maximizing():
    assert rank([(1.0, 0), (3.0, 1), (2.0, 2)], HIGH) == [(3.0, 1), (2.0, 2), (1.0, 0)]


def test_the_lowest_comes_first_when_minimizing():
    assert rank([(1.0, 0), (3.0, 1), (2.0, 2)], LOW) == [(1.0, 0), (2.0, 2), (3.0, 1)]


@pytest.mark.parametrize("objective", [HIGH, LOW], ids=["maximizing", "minimizing"])
def test_nulls_come_last_and_ties_go_to_the_lowest_index(objective):
    assert rank([(None, 0), (1.0, 5), (1.0, 2), (None, 1)], objective) == [(1.0, 2), (1.0, 5), (None, 0), (None, 1)]


@pytest.mark.parametrize("objective", [HIGH, LOW], ids=["maximizing", "minimizing"])
def test_nan_counts_as_null(objective):
    assert is_better((-1000.0, 1), (NAN, 0), objective)
    assert not is_better((NAN, 0), (-1000.0, 1), objective)


def test_a_result_is_better_than_an_equal_one_of_a_higher_index_and_never_than_itself():
    assert is_better((1.0, 2), (1.0, 3), HIGH)
    assert not is_better((1.0, 3), (1.0, 2), HIGH)
    assert not is_better((1.0, 2), (1.0, 2), HIGH)


@pytest.mark.parametrize(
    ("metric", "direction"),
    [("sharpe_ratio", Direction.MAXIMIZE), ("drawdown", Direction.MINIMIZE), ("no_such", Direction.MAXIMIZE)],
)
def test_an_objective_without_a_direction_takes_the_metrics_own(metric, direction):
    assert natural_direction(metric) is direction
    assert Objective.of(metric) == Objective(metric, direction)
    assert Objective.of(metric, Direction.MINIMIZE) == Objective(metric, Direction.MINIMIZE)


@pytest.mark.parametrize(
    ("value", "direction", "key"),
    [
        pytest.param(1.5, Direction.MAXIMIZE, -1.5, id="the highest is smallest when maximizing"),
        pytest.param(1.5, Direction.MINIMIZE, 1.5, id="the lowest is smallest when minimizing"),
        pytest.param(None, Direction.MINIMIZE, inf, id="absent"),
        pytest.param(NAN, Direction.MAXIMIZE, inf, id="NaN"),
        pytest.param(inf, Direction.MAXIMIZE, inf, id="infinite"),
    ],
)
def test_the_key_sorts_ascending_and_what_cannot_be_ranked_comes_last(value, direction, key):
    assert rank_key(value, direction) == key


def test_a_ranking_by_psr_of_several_leans_says_that_it_cannot_be() -> None:
    several = ("2.5.0.0 (lean:1)", "2.5.0.0 (lean:2)")
    plain = mixing_warning(several, "lean", "sharpe_ratio")
    assert plain is not None
    assert plain.endswith("2.5.0.0 (lean:1), 2.5.0.0 (lean:2): figures may differ for that reason alone")
    told = mixing_warning(several, "lean", "probabilistic_sharpe_ratio")
    assert told is not None
    assert told.endswith(plain)
    assert "excess returns in LEAN since 2026-07-06" in told
    assert mixing_warning(several[:1], "lean", "probabilistic_sharpe_ratio") is None
    assert "excess" not in (mixing_warning(("2", "3"), "bars", "probabilistic_sharpe_ratio") or "")
