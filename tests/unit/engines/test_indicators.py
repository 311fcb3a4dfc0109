from fractions import Fraction
from math import isnan

import pytest

from backfleet.engines.bars.indicators import simple_moving_average, wilder_rsi


def test_an_average_is_ready_when_its_window_is_full() -> None:
    series = simple_moving_average([1.0, 2.0, 3.0, 4.0, 6.0], 3)
    assert [isnan(value) for value in series[:2]] == [True, True]
    assert series[2:] == [2.0, 3.0, 13.0 / 3]


def test_an_average_is_the_exact_mean_whatever_came_before() -> None:
    values = [1e6 / 3, 0.1, 1e5 / 7, 10.1, 10.1, 10.1, 10.3, 0.7]
    series = simple_moving_average(values, 3)
    exact = [float(sum(map(Fraction, values[at - 2 : at + 1])) / 3) for at in range(2, len(values))]
    assert series[2:] == exact
    assert series[5] == 10.1


def test_a_period_longer_than_the_bars_is_never_ready() -> None:
    assert all(map(isnan, simple_moving_average([1.0, 2.0], 3)))
    assert all(map(isnan, wilder_rsi([1.0, 2.0, 3.0], 3)))
    assert len(simple_moving_average([1.0, 2.0], 3)) == 2
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
