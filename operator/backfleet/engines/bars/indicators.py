"""Indicators as series of the same length as their input; NaN until ready, so that every comparison with it is false."""

from collections.abc import Sequence
from itertools import accumulate, pairwise
from math import nan

_FIXED_POINT = 2.0**60


def simple_moving_average(values: Sequence[float], period: int) -> list[float]:
    """The mean of the last `period` values; ready at the bar `period` - 1.

    Summed in whole multiples of 2**-60, so that a window's mean does not depend on what came before it: averages of
    equal prices are equal, and a comparison of two averages never turns on a rounding error.
    """
    if period > len(values):
        return [nan] * len(values)
    sums = [0, *accumulate(int(value * _FIXED_POINT) for value in values)]
    divisor = period << 60
    ready = [(high - low) / divisor for low, high in zip(sums, sums[period:], strict=False)]
    return [nan] * (period - 1) + ready


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
    series.append(_strength(gain, loss))
    for change in changes[period:]:
        gain = (gain * (period - 1) + (change if change > 0 else 0.0)) / period
        loss = (loss * (period - 1) + (-change if change < 0 else 0.0)) / period
        series.append(_strength(gain, loss))
    return series


def _strength(gain: float, loss: float) -> float:
    return 100.0 if loss == 0 else 100.0 - 100.0 / (1.0 + gain / loss)
