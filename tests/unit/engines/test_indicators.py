from fractions import Fraction
from math import isnan

import pytest

from backfleet.engines.bars.indicators import moving_average_gap, wilder_rsi


def sign(value: float | Fraction) -> int:
    return (value > 0) - (value < 0)


def test_the_gap_is_ready_when_both_windows_are_full() -> None:
    series = moving_average_gap([1.0, 2.0, 3.0, 5.0, 4.0], 2, 3)
    assert [isnan(value) for value in series[:2]] == [True, True]
    # Averages 2.5 and 2, 4 and 10/3, 4.5 and 4; times both periods.
    assert series[2:] == [3e8, 4e8, 3e8]
    assert moving_average_gap([1.0, 2.0, 3.0, 5.0, 4.0], 3, 2)[2:] == [-3e8, -4e8, -3e8]


def test_equal_averages_have_no_gap_whatever_came_before() -> None:
    values = [1e6 / 3, 0.1, 1e5 / 7, *[10.1] * 7, 10.3]
    series = moving_average_gap(values, 2, 3)
    assert series[5:10] == [0.0] * 5
    assert series[10:] == moving_average_gap(values[-3:], 2, 3)[2:]


def test_averages_that_are_equal_in_decimals_have_no_gap() -> None:
    # The sums of the same three prices in another order, which differ in binary.
    assert moving_average_gap([0.55, 0.28, 0.31, 0.31, 0.55, 0.28], 3, 6)[5] == 0.0
    assert moving_average_gap([0.6, 0.0, 0.1, 0.2], 2, 3)[3] > 0


def test_the_gap_has_the_sign_of_the_exact_averages() -> None:
    values = [100 + (at * 7919 % 1013) / 100 for at in range(400)]
    series = moving_average_gap(values, 5, 40)
    exact = [
        sum(map(Fraction, values[at - 4 : at + 1])) / 5 - sum(map(Fraction, values[at - 39 : at + 1])) / 40
        for at in range(39, 400)
    ]
    assert list(map(sign, series[39:])) == list(map(sign, exact))
    assert series[39:] == pytest.approx([float(gap) * 200e8 for gap in exact])


def test_a_period_longer_than_the_bars_is_never_ready() -> None:
    assert all(map(isnan, moving_average_gap([1.0, 2.0], 3, 1)))
    assert all(map(isnan, wilder_rsi([1.0, 2.0, 3.0], 3)))
    assert len(moving_average_gap([1.0, 2.0], 1, 3)) == 2
    assert len(wilder_rsi([1.0, 2.0, 3.0], 3)) == 3


def test_the_rsi_smooths_as_wilder_does() -> None:
    # Changes +2, -1, +3, -2 with period 2: averages (1, 0.5), then (2, 0.25), then (1, 1.125).
    series = wilder_rsi([10.0, 12.0, 11.0, 14.0, 12.0], 2)
    assert [isnan(value) for value in series[:2]] == [True, True]
    assert series[2:] == pytest.approx([100 - 100 / 3, 100 - 100 / 9, 100 - 100 / (1 + 1 / 1.125)])


def test_the_rsi_agrees_with_the_textbook_example() -> None:
    # The closes and values of the RSI example in StockCharts' ChartSchool, period 14.
    closes = [44.3389, 44.0902, 44.1497, 43.6124, 44.3278, 44.8264, 45.0955, 45.4245, 45.8433, 46.0826]
    closes += [45.8931, 46.0328, 45.6140, 46.2820, 46.2820, 46.0028, 46.0328, 46.4116, 46.2222, 45.6439]
    assert wilder_rsi(closes, 14)[14:] == pytest.approx([70.53, 66.32, 66.55, 69.41, 66.36, 57.97], abs=0.02)


def test_the_rsi_without_losses_is_100_and_without_gains_0() -> None:
    assert wilder_rsi([1.0, 2.0, 3.0], 2)[2] == 100.0
    assert wilder_rsi([1.0, 1.0, 1.0], 2)[2] == 100.0
    assert wilder_rsi([3.0, 2.0, 1.0], 2)[2] == 0.0
