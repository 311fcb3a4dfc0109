"""Indicators as series of the same length as their input. Values are NaN until ready, so every comparison is false."""

from collections import deque
from collections.abc import Sequence
from itertools import accumulate, islice, pairwise
from math import inf, nan, sqrt
from operator import sub, truediv

PRICE_UNITS = 1e8
RATIO_UNITS = 2.0**40
_TO_WHOLE = 1.5 * 2.0**52
"""Adding and subtracting this rounds a number below 2**51 to a whole number."""


def moving_average_gap(values: Sequence[float], fast: int, slow: int) -> list[float]:
    """Compute the fast minus the slow simple average, in hundred-millionths times both periods; ready when both are.

    Prices are counted in whole hundred-millionths, since LEAN counts in decimals. Sums are exact up to a total of 2**53:
    averages that are equal in decimals have a gap of exactly 0 (real prices have such days), and earlier values do not matter.
    """
    ready = max(fast, slow)
    if ready > len(values):
        return [nan] * len(values)
    sums = [0.0, *accumulate(_whole(values, PRICE_UNITS))]
    # Floats throughout: Python computes faster with them than with a mixture.
    fast_weight, slow_weight = float(slow), float(fast)
    gaps = [nan] * (ready - 1)
    gaps += [
        (top - fast_low) * fast_weight - (top - slow_low) * slow_weight
        for top, fast_low, slow_low in zip(
            islice(sums, ready, None), islice(sums, ready - fast, None), islice(sums, ready - slow, None), strict=False
        )
    ]
    return gaps


def moving_sum(values: Sequence[float], period: int) -> list[float]:
    """Sum the last `period` values, including this one; exact for whole numbers up to a total of 2**53."""
    sums = [0.0, *accumulate(values)]
    return _padded([top - low for top, low in zip(sums[period:], sums, strict=False)], len(values))


def growth(values: Sequence[float], period: int) -> list[float]:
    """Divide a value by that `period` bars before: 1 more than the rate of change. Equal quotients are equal numbers."""
    return _padded(list(map(truediv, values[period:], values)), len(values))


def highest_before(values: Sequence[float], period: int) -> list[float]:
    """Return the highest of the `period` values before this one.

    Time is proportional to the number of values: a queue keeps those that may still become the highest, in falling order
    (D. Lemire, Streaming Maximum-Minimum Filter, 2006).
    """
    if period > len(values):
        return [nan] * len(values)
    series: list[float] = []
    queue: deque[float] = deque()
    top = -inf
    for new, old in zip(values, [inf] * period + list(values), strict=False):
        if new > top:
            queue.clear()
            queue.append(new)
            top = new
        else:
            while queue[-1] < new:
                queue.pop()
            queue.append(new)
            if old == top:
                queue.popleft()
                top = queue[0]
        series.append(top)
    return _padded(series[period - 1 : -1], len(values))


def spread(values: Sequence[float], period: int, units: float = PRICE_UNITS) -> tuple[list[float], list[float]]:
    """Compute each value's distance from the mean of its last `period` values, and their population deviation.

    Both are multiplied by period x units. The first divided by the second is the z-score; Bollinger's bands lie at multiples of
    the deviation (J. Bollinger, Bollinger on Bollinger Bands, 2001). Values are counted in whole units, so a value at the mean
    has a distance of exactly 0, and equal values have a deviation of exactly 0. With n values, sum S and sum of squares Q, n
    deviations squared are n Q - S²; the loop updates this from window to window.
    """
    whole, count = _whole(values, units), float(period)
    if period > len(values):
        return [nan] * len(values), [nan] * len(values)
    total = sum(whole[:period])
    square = sum((count * value - total) ** 2 for value in whole[:period]) / count
    distances, deviations = [count * whole[period - 1] - total], [sqrt(square)]
    equal = next((run for run in range(1, period) if whole[period - 1 - run] != whole[period - 1]), period)
    for new, previous, old in zip(whole[period:], whole[period - 1 :], whole, strict=False):
        change = new - old
        before, total = total, total + change
        distance = count * new - total
        square += change * (distance + count * old - before)
        if new != previous:
            equal = 1
        elif (equal := equal + 1) >= period:
            square = 0.0  # without the remaining rounding errors
        distances.append(distance)
        deviations.append(sqrt(square) if square > 0.0 else 0.0)
    return _padded(distances, len(values)), _padded(deviations, len(values))


def macd_histogram(values: Sequence[float], fast: int, slow: int, signal: int) -> list[float]:
    """Compute the MACD minus its signal line; ready at the bar max(fast, slow) + signal - 2.

    The MACD is the fast exponential average minus the slow one. Its signal line is its own exponential average (G. Appel, The
    Moving Average Convergence-Divergence Trading Method, 1979). Each average starts as the mean of its first `period` values
    and has the weight 2 / (period + 1), as in LEAN.
    """
    ready = max(fast, slow)
    if ready > len(values):
        return [nan] * len(values)
    quick, dull = _exponential(values[:ready], fast)[-1], _exponential(values[:ready], slow)[-1]
    quick_weight, dull_weight = _weight(fast), _weight(slow)
    quick_kept, dull_kept = 1.0 - quick_weight, 1.0 - dull_weight
    lines = [quick - dull]
    for value in values[ready:]:
        quick = value * quick_weight + quick * quick_kept
        dull = value * dull_weight + dull * dull_kept
        lines.append(quick - dull)
    return _padded(list(map(sub, lines, _exponential(lines, signal))), len(values))


def average_true_range(
    highs: Sequence[float], lows: Sequence[float], closes: Sequence[float], period: int
) -> list[float]:
    """Compute Wilder's average true range; ready at the bar `period` - 1.

    The true range spans the bar and the close before it; that of the first bar is its own range. The first average is the
    plain mean of `period` true ranges, then smoothed by 1 / `period` (J. W. Wilder, 1978, and LEAN's AverageTrueRange).
    """
    if period > len(closes):
        return [nan] * len(closes)
    ranges = [
        (high if high > before else before) - (low if low < before else before)
        for high, low, before in zip(highs, lows, [lows[0], *closes], strict=False)
    ]
    average, kept, length = sum(ranges[:period]) / period, period - 1.0, float(period)
    series = [average]
    for true_range in ranges[period:]:
        average = (average * kept + true_range) / length
        series.append(average)
    return _padded(series, len(closes))


def earlier(series: Sequence[float]) -> list[float]:
    """Shift the series by one bar: each value becomes the one before it."""
    return [nan, *series[:-1]] if series else []


def wilder_rsi(values: Sequence[float], period: int) -> list[float]:
    """Compute Wilder's relative strength index; ready at the bar `period`, after `period` changes.

    The first average gain and loss are plain means of the first `period` changes, then smoothed by 1 / `period`
    (J. W. Wilder, New Concepts in Technical Trading Systems, 1978). Without any loss the index is 100, as in LEAN.
    """
    count = len(values)
    if period >= count:
        return [nan] * count
    changes = [after - before for before, after in pairwise(values)]
    gain = sum(change for change in changes[:period] if change > 0) / period
    loss = -sum(change for change in changes[:period] if change < 0) / period
    series = [nan] * period
    series.append(100.0 - 100.0 / (1.0 + gain / loss) if loss else 100.0)
    # Floats throughout: Python computes faster with them than with a mixture.
    kept, length = period - 1.0, float(period)
    for change in changes[period:]:
        if change > 0.0:
            gain = (gain * kept + change) / length
            loss = loss * kept / length
        else:
            gain = gain * kept / length
            loss = (loss * kept - change) / length
        series.append(100.0 - 100.0 / (1.0 + gain / loss) if loss else 100.0)
    return series


def _exponential(values: Sequence[float], period: int) -> list[float]:
    if period > len(values):
        return [nan] * len(values)
    weight = _weight(period)
    kept, average = 1.0 - weight, sum(values[:period]) / period
    series = [average]
    for value in values[period:]:
        average = value * weight + average * kept
        series.append(average)
    return _padded(series, len(values))


def _weight(period: int) -> float:
    return 2.0 / (period + 1.0)


def _whole(values: Sequence[float], units: float) -> list[float]:
    return [value * units + _TO_WHOLE - _TO_WHOLE for value in values]


def _padded(series: list[float], count: int) -> list[float]:
    """Pad the series to the length of the input, with NaN before it is ready."""
    return [nan] * (count - len(series)) + series
