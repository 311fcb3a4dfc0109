"""The equity curve from LEAN's charts: points in time, sampled by days."""

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from operator import itemgetter
from typing import Any

from backfleet.engines.results import MAX_CURVE_POINTS

Points = tuple[tuple[int, float], ...]
"""Seconds since 1970 (UTC) and the value at that time, in order of time."""

HALF_A_DAY = 12 * 3600
LAST_SECOND = 253370764799
"""9998-12-31T23:59:59Z: a year before Python's last day, which leaves room to add days."""


def chart_points(charts: Mapping[str, Any], chart: str, *names: str) -> Points:
    """Return the points of the first named series that the chart has; empty without one. Skip malformed points.

    LEAN writes a point as {"x": seconds, "y": value}, as [seconds, value], or as [seconds, open, high, low, close].
    """
    series = _get(charts.get(chart), "series", "Series")
    values = _get(_get(series, *names), "values", "Values")
    points = [point for value in values if (point := _point(value))] if isinstance(values, list) else []
    return tuple(sorted(points, key=itemgetter(0)))


def sampled_curve(points: Points) -> tuple[tuple[date, float], ...]:
    """Return the last equity of each UTC day: at most 200 days, evenly spread, including the first and the last."""
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
    """Convert LEAN's daily returns from percent to fractions by day; compound the points of one day.

    A timestamp belongs to the day twelve hours before it: LEAN stamps a day's close at the exchange's next midnight.
    """
    by_day: dict[date, float] = {}
    for seconds, percent in points:
        day = trading_day(seconds)
        by_day[day] = (1.0 + by_day.get(day, 0.0)) * (1.0 + percent / 100) - 1.0
    return tuple(by_day.items())


def trading_day(seconds: int) -> date:
    """Return the day that a timestamp belongs to."""
    return datetime.fromtimestamp(max(0, seconds - HALF_A_DAY), UTC).date()


def finite(value: object) -> float | None:
    """Return a JSON value as a finite number; None for anything else."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
