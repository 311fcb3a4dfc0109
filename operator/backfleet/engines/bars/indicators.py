"""Indicators as series of the same length as their input; NaN until ready, so that every comparison with it is false."""

from collections.abc import Sequence
from itertools import accumulate, pairwise
from math import nan

_UNITS = 1e8
_TO_WHOLE = 1.5 * 2.0**52
"""Added and taken away again, it rounds a number below 2**51 to a whole one."""


def moving_average_gap(values: Sequence[float], fast: int, slow: int) -> list[float]:
    """The fast simple average above the slow one, in hundred-millionths times both periods; ready when both are.

    Prices are counted in whole hundred-millionths, as LEAN counts in decimals: their sums are exact up to a total of 2**53, so
    averages that are equal in decimals have a gap of exactly 0 (real prices have such days), and what came before is no matter.
    """
    ready = max(fast, slow)
    if ready > len(values):
        return [nan] * len(values)
    sums = [0.0, *accumulate([value * _UNITS + _TO_WHOLE - _TO_WHOLE for value in values])]
    # Floats throughout: Python is quicker at them than at a mixture.
    fast_weight, slow_weight = float(slow), float(fast)
    return [nan] * (ready - 1) + [
        (top - fast_low) * fast_weight - (top - slow_low) * slow_weight
        for top, fast_low, slow_low in zip(sums[ready:], sums[ready - fast :], sums[ready - slow :], strict=False)
    ]


def wilder_rsi(values: Sequence[float], period: int) -> list[float]:
    """Wilder's relative strength index; ready at the bar `period`, after `period` changes.

    The first average gain and loss are plain means of the first `period` changes, then smoothed by 1 / `period`
    (J. W. Wilder, New Concepts in Technical Trading Systems, 1978). Without any loss it is 100, as in LEAN.
    """
    count = len(values)
    if period >= count:
        return [nan] * count
    changes = [after - before for before, after in pairwise(values)]
    gain = sum(change for change in changes[:period] if change > 0) / period
    loss = -sum(change for change in changes[:period] if change < 0) / period
    series = [nan] * period
    series.append(100.0 - 100.0 / (1.0 + gain / loss) if loss else 100.0)
    # Floats throughout: Python is quicker at them than at a mixture.
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
