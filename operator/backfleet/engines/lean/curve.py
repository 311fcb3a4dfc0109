"""The equity curve from LEAN's charts: points in time, sampled by days."""

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from operator import itemgetter
from typing import Any

from backfleet.engines.results import MAX_CURVE_POINTS

Points = tuple[tuple[int, float], ...]
"""Seconds since 1970 (UTC) and the value at their end, in order of time."""

HALF_A_DAY = 12 * 3600
LAST_SECOND = 253370764799
"""9998-12-31T23:59:59Z: a year before the last day that Python knows, so that days can be added."""


def chart_points(charts: Mapping[str, Any], chart: str, *names: str) -> Points:
    """The points of the first of the series in a chart, none without it; a point that is not one is left out.

    LEAN writes a point as {"x": seconds, "y": value}, as [seconds, value], or as [seconds, open, high, low, close].
    """
    series = _get(charts.get(chart), "series", "Series")
    values = _get(_get(series, *names), "values", "Values")
    points = [point for value in values if (point := _point(value))] if isinstance(values, list) else []
    return tuple(sorted(points, key=itemgetter(0)))


def sampled_curve(points: Points) -> tuple[tuple[date, float], ...]:
    """The last equity of each UTC day, at most 200 of them evenly spread, the first and the last day included."""
    by_day = {datetime.fromtimestamp(seconds, UTC).date(): value for seconds, value in points}
    days = tuple(by_day.items())
    count = min(len(days), MAX_CURVE_POINTS)
    picks = [(len(days) - 1) * place // max(1, count - 1) for place in range(count)]
    return tuple(days[pick] for pick in picks)


def _get(body: object, *keys: str) -> object:
    if not isinstance(body, dict):
        return None
    return next((body[key] for key in keys if key in body), None)


def _point(value: object) -> tuple[int, float] | None:
    match value:
        case {"x": int() as seconds, "y": int() | float() as figure}:
            pass
        case [int() as seconds, *_, int() | float() as figure]:
            pass
        case _:
            return None
    number = finite(figure)
    if isinstance(seconds, bool) or not 0 <= seconds <= LAST_SECOND:
        return None
    return None if number is None else (seconds, number)


def daily_returns(points: Points) -> tuple[tuple[date, float], ...]:
    """LEAN's daily returns, in percent, as fractions by day; points of one day are compounded.

    A stamp belongs to the day twelve hours before it: LEAN stamps the close of a day at the next midnight of the exchange.
    """
    by_day: dict[date, float] = {}
    for seconds, percent in points:
        day = trading_day(seconds)
        by_day[day] = (1.0 + by_day.get(day, 0.0)) * (1.0 + percent / 100) - 1.0
    return tuple(by_day.items())


def trading_day(seconds: int) -> date:
    """The day that a stamp belongs to."""
    return datetime.fromtimestamp(max(0, seconds - HALF_A_DAY), UTC).date()


def finite(value: object) -> float | None:
    """A finite number of a JSON value; None for anything else."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
