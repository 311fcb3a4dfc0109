"""The comparable figures: one set of formulas over daily returns, the same for every engine.

LEAN annualizes by 252, but its daily series has a value per calendar day. Its own ratios therefore do not compare with those
of `bars`. Here a year has as many returns as the series: about 252 for trading days, 261 for weekdays, 365 for all days.
Days without a movement stay in and change nothing: they lower mean and variance, and they add returns to the year.
"""

from collections.abc import Sequence
from datetime import date
from math import sqrt, sumprod

from backfleet.engines.moments import RATIO_ROUNDING, Moments
from backfleet.engines.risk_free import NO_RATE, RiskFreeRates

DAYS_PER_YEAR = 365.25
SATURDAY = 5

Figures = dict[str, float | None]


def comparable_figures(daily: Sequence[tuple[date, float]], rates: RiskFreeRates = NO_RATE) -> Figures:
    """Compute the figures of a series of (day, return), oldest first, one per day; drop weekends without a move."""
    kept = without_idle_weekends(daily)
    if not kept:
        return figures_of([], None, 0.0, 0.0, None)
    returns = [value for _, value in kept]
    is_ruined = min(returns) <= -1.0
    per_year = 0.0 if is_ruined else returns_per_year(kept[0][0], kept[-1][0], len(kept))
    rate = rates.of([f"{day:%Y%m%d}" for day, _ in kept])
    return figures_of(returns, Moments.of(returns), per_year, rate, deepest_fall(returns))


def figures_of(
    returns: Sequence[float],
    moments: Moments | None,
    per_year: float,
    risk_free: float | Sequence[float],
    drawdown: float | None,
) -> Figures:
    """Compute the figures of daily returns and their moments. `risk_free` is one annual rate, or one per return.

    A figure that cannot be computed is None. That is every ratio if the number of returns per year is unknown (0). The Sortino
    ratio is that of Sortino and Price (1994): the mean excess over the root mean square of the negative excesses over all days.
    LEAN divides by the deviation of the losses alone, which changes with the number of days on which nothing moves.
    """
    if moments is None or not per_year:
        return _figures(None, None, None, drawdown)
    excess = excess_returns(returns, risk_free, per_year)
    over = moments if excess is returns else Moments.of(excess)
    year = sqrt(per_year)
    sharpe = over.mean / over.deviation * year if over and over.deviation else None
    losses = [value for value in excess if value < 0.0]
    downside = sqrt(sumprod(losses, losses) / len(excess))
    sortino = over.mean / downside * year if over and over.deviation and downside > RATIO_ROUNDING else None
    return _figures(sharpe, sortino, moments.deviation * year, drawdown)


def excess_returns(returns: Sequence[float], risk_free: float | Sequence[float], per_year: float) -> Sequence[float]:
    """Subtract a day's part of the annual rate from each return. If the rate is 0, return the returns themselves."""
    if not isinstance(risk_free, float):
        return [value - rate / per_year for value, rate in zip(returns, risk_free, strict=True)]
    return [value - risk_free / per_year for value in returns] if risk_free else returns


def returns_per_year(first: date, last: date, count: int) -> float:
    """Return how many returns a year has, given `count` returns from `first` to `last`; 0 if that is unknown."""
    days = (last - first).days
    return (count - 1) / days * DAYS_PER_YEAR if days > 0 else 0.0


def without_idle_weekends(daily: Sequence[tuple[date, float]]) -> Sequence[tuple[date, float]]:
    """Drop Saturdays and Sundays from the series, unless a return on one of them differs from 0."""
    if any(value and day.weekday() >= SATURDAY for day, value in daily):
        return daily
    return [(day, value) for day, value in daily if day.weekday() < SATURDAY]


def deepest_fall(returns: Sequence[float]) -> float:
    """Return the largest fall from an earlier peak of the compounded returns, as a positive fraction."""
    worth = peak = 1.0
    lowest = 1.0
    for value in returns:
        worth *= 1.0 + value
        if worth > peak:
            peak = worth
        elif worth < lowest * peak:
            lowest = worth / peak
    return 1.0 - lowest


def _figures(sharpe: float | None, sortino: float | None, deviation: float | None, drawdown: float | None) -> Figures:
    return {
        "comparable_sharpe_ratio": sharpe,
        "comparable_sortino_ratio": sortino,
        "comparable_annual_standard_deviation": deviation,
        "comparable_drawdown": drawdown,
    }
