import statistics
from datetime import date, timedelta
from math import sqrt

import pytest

from backfleet.engines.comparable import comparable_figures, deepest_fall, returns_per_year, without_idle_weekends
from backfleet.engines.risk_free import RiskFreeRates

FIRST = date(2020, 1, 6)
"""A Monday."""
MOVES = [0.01, -0.005, 0.0, 0.02, -0.015, 0.003, 0.0, 0.0, -0.002, 0.008]
NAMES = (
    "comparable_sharpe_ratio",
    "comparable_sortino_ratio",
    "comparable_annual_standard_deviation",
    "comparable_drawdown",
)


def weekdays(count: int) -> list[date]:
    days = (FIRST + timedelta(days) for days in range(2 * count))
    return [day for day in days if day.weekday() < 5][:count]


def series(days: list[date], moves: list[float] = MOVES) -> list[tuple[date, float]]:
    return [(day, moves[place % len(moves)]) for place, day in enumerate(days)]


def on_calendar_days(daily: list[tuple[date, float]]) -> list[tuple[date, float]]:
    by_day = dict(daily)
    span = (daily[-1][0] - daily[0][0]).days
    return [(day, by_day.get(day, 0.0)) for day in (daily[0][0] + timedelta(n) for n in range(span + 1))]


def test_the_figures_restated_with_the_statistics_module() -> None:
    daily = series(weekdays(100))
    returns = [value for _, value in daily]
    per_year = 99 / (daily[-1][0] - daily[0][0]).days * 365.25
    excess = [value - 0.03 / per_year for value in returns]
    downside = sqrt(statistics.mean(min(value, 0.0) ** 2 for value in excess))
    assert comparable_figures(daily, RiskFreeRates.constant(0.03)) == pytest.approx(
        {
            "comparable_sharpe_ratio": statistics.mean(excess) / statistics.stdev(excess) * sqrt(per_year),
            "comparable_sortino_ratio": statistics.mean(excess) / downside * sqrt(per_year),
            "comparable_annual_standard_deviation": statistics.stdev(returns) * sqrt(per_year),
            "comparable_drawdown": 1 - 0.985,
        }
    )


def test_a_rate_of_each_day_is_taken_from_the_return_of_that_day() -> None:
    daily = series(weekdays(10))
    switch = f"{daily[5][0]:%Y%m%d}"
    per_year = returns_per_year(daily[0][0], daily[-1][0], 10)
    excess = [value - (0.01 if place < 5 else 0.05) / per_year for place, (_, value) in enumerate(daily)]
    found = comparable_figures(daily, RiskFreeRates(("20000101", switch), (0.01, 0.05)))
    expected = statistics.mean(excess) / statistics.stdev(excess) * sqrt(per_year)
    assert found["comparable_sharpe_ratio"] == pytest.approx(expected)


def test_calendar_days_give_the_figures_of_weekdays() -> None:
    daily = series(weekdays(500))
    assert comparable_figures(on_calendar_days(daily)) == comparable_figures(daily)


def test_holidays_as_days_without_a_movement_change_next_to_nothing() -> None:
    days = weekdays(1000)
    without = [(day, move) for place, (day, move) in enumerate(series(days)) if place % 30]
    by_day = dict(without)
    with_holidays = [(day, by_day.get(day, 0.0)) for day in days[1:]]
    assert comparable_figures(with_holidays) == pytest.approx(comparable_figures(without), rel=0.002)


def test_weekends_stay_where_one_of_them_moves() -> None:
    daily = [(FIRST + timedelta(n), 0.01 if n == 5 else 0.0) for n in range(14)]
    assert without_idle_weekends(daily) == daily
    assert returns_per_year(FIRST, FIRST + timedelta(365), 366) == 365.25


def test_days_in_cash_stay_in_the_series() -> None:
    daily = [(day, 0.0) for day in weekdays(50)]
    assert len(without_idle_weekends(daily)) == 50


@pytest.mark.parametrize(
    ("moves", "expected"),
    [
        ([], (None, None, None, None)),
        ([0.01], (None, None, None, 0.0)),
        ([0.0, 0.0, 0.0], (None, None, 0.0, 0.0)),
        ([0.001, 0.001, 0.001], (None, None, 0.0, 0.0)),
        ([0.5, -1.5], (None, None, None, 1.5)),
    ],
    ids=["no returns", "one return", "cash alone", "equal returns", "more than everything lost"],
)
def test_what_cannot_be_computed_is_absent(moves: list[float], expected: tuple[float | None, ...]) -> None:
    found = comparable_figures(series(weekdays(len(moves)), moves or [0.0]))
    assert tuple(found[name] for name in NAMES) == pytest.approx(expected)


def test_without_a_loss_there_is_a_sharpe_ratio_and_no_sortino_ratio() -> None:
    found = comparable_figures(series(weekdays(3), [0.0, 0.01, 0.02]))
    assert found["comparable_sharpe_ratio"] is not None
    assert found["comparable_sortino_ratio"] is None


def test_the_deepest_fall_is_from_any_earlier_peak() -> None:
    assert deepest_fall([0.2, -0.25, 0.5, -0.1]) == pytest.approx(0.25)
    assert deepest_fall([-0.1, -0.1, 0.9]) == pytest.approx(0.19)
