from fractions import Fraction
from math import isnan
from random import Random
from statistics import pstdev

import pytest

from backfleet.engines.bars.indicators import (
    RATIO_UNITS,
    average_true_range,
    earlier,
    growth,
    highest_before,
    macd_histogram,
    moving_average_gap,
    moving_sum,
    spread,
    wilder_rsi,
)


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


SERIES = {
    "a walk in eighths": [100 + Random(7).randint(-80, 80) / 8 + bar / 4 for bar in range(300)],
    "few levels": [float(Random(bar).randint(1, 3)) for bar in range(300)],
    "rising": [float(bar) for bar in range(1, 100)],
    "falling": [float(bar) for bar in range(100, 1, -1)],
    "flat": [7.25] * 60,
}


@pytest.mark.parametrize("period", [1, 2, 7, 30])
@pytest.mark.parametrize("name", SERIES)
def test_extremes_and_sums_are_those_of_each_window(name: str, period: int) -> None:
    values = SERIES[name]
    windows = [values[bar - period + 1 : bar + 1] for bar in range(period - 1, len(values))]
    sums, tops = moving_sum(values, period), highest_before(values, period)
    assert all(map(isnan, sums[: period - 1] + tops[:period]))
    assert sums[period - 1 :] == list(map(sum, windows))
    assert tops[period:] == list(map(max, windows[:-1]))


@pytest.mark.parametrize("period", [2, 7, 30])
@pytest.mark.parametrize("name", SERIES)
def test_distance_and_deviation_are_those_of_each_window(name: str, period: int) -> None:
    values = SERIES[name]
    distances, deviations = spread(values, period)
    assert all(map(isnan, distances[: period - 1] + deviations[: period - 1]))
    for bar in range(period - 1, len(values)):
        window = [Fraction(value) for value in values[bar - period + 1 : bar + 1]]
        assert distances[bar] == float(window[-1] * period - sum(window)) * 1e8
        assert deviations[bar] == pytest.approx(float(pstdev(window)) * period * 1e8, rel=1e-9)
        assert deviations[bar] > 0 or len(set(window)) == 1
        assert deviations[bar] == 0 or len(set(window)) > 1


def test_equal_values_have_no_deviation_whatever_came_before() -> None:
    values = [1e6 / 3, 0.1, 1e5 / 7, *[10.1] * 3, 10.3]
    distances, deviations = spread(values, 3)
    assert (distances[5], deviations[5]) == (0.0, 0.0)
    assert deviations[6] == pytest.approx(pstdev([10.1, 10.1, 10.3]) * 3e8)
    assert spread([0.1] * 3, 3)[1][2] == 0.0


def test_ratios_are_counted_finely() -> None:
    distances, deviations = spread([0.5, 0.5 + 1e-11, 0.5], 3, RATIO_UNITS)
    assert distances[2] / deviations[2] == pytest.approx(-(0.5**0.5), rel=0.01)


def test_growth_is_a_quotient_and_earlier_a_step_back() -> None:
    series = growth([2.0, 3.0, 4.0], 2)
    assert [isnan(value) for value in series] == [True, True, False]
    assert series[2] == 2.0
    assert earlier([1.0, 2.0])[1:] == [1.0]
    assert isnan(earlier([1.0])[0])
    assert earlier([]) == []


def test_the_true_range_reaches_to_the_close_before() -> None:
    # Ranges 2, then 4 (from the close 10 up to 14), then 5 (from 13 down to 8): (2 + 4) / 2, then (3 + 5) / 2.
    series = average_true_range([11.0, 14.0, 9.0], [9.0, 12.0, 8.0], [10.0, 13.0, 8.5], 2)
    assert isnan(series[0])
    assert series[1:] == [3.0, 4.0]


def test_the_macd_starts_from_plain_means() -> None:
    # The average over one bar is the bar; the one over two starts at the mean of two, and so does the signal.
    values = [1.0, 2.0, 4.0, 7.0]
    slow = [1.5, 4.0 * 2 / 3 + 1.5 / 3]
    slow.append(7.0 * 2 / 3 + slow[1] / 3)
    macd = [value - mean for value, mean in zip(values[1:], slow, strict=True)]
    signal = [(macd[0] + macd[1]) / 2]
    signal.append(macd[2] * 2 / 3 + signal[0] / 3)
    series = macd_histogram(values, 1, 2, 2)
    assert [isnan(value) for value in series] == [True, True, False, False]
    assert series[2:] == pytest.approx([macd[1] - signal[0], macd[2] - signal[1]])


@pytest.mark.parametrize("period", [4, 10**15])
def test_a_period_longer_than_the_bars_is_never_ready_for_any_indicator(period: int) -> None:
    values = [1.0, 2.0, 3.0]
    for series in (
        moving_sum(values, period),
        growth(values, period),
        highest_before(values, period),
        highest_before(values, 3),
        *spread(values, period),
        macd_histogram(values, 1, 2, period),
        macd_histogram(values, period, 1, 1),
        average_true_range(values, values, values, period),
    ):
        assert len(series) == 3
        assert all(map(isnan, series))
