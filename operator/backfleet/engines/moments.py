"""Mean and deviation of returns; a deviation that is only rounding counts as none."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum, sqrt, sumprod

ROUNDING = 1e-9
"""Relative to the values: deviations below this are rounding of equal ones."""
RATIO_ROUNDING = 1e-14
"""Absolute: a return is a ratio of about 1 less 1, so nothing below this can be told from rounding."""


@dataclass(frozen=True, slots=True)
class Moments:
    """Mean, sample deviation and distances from the mean of at least two returns; the deviation of equal returns is 0."""

    mean: float
    deviation: float
    distances: list[float]

    @staticmethod
    def of(values: Sequence[float]) -> "Moments | None":
        """None below two values."""
        if len(values) < 2:
            return None
        mean = fsum(values) / len(values)
        distances = [value - mean for value in values]
        deviation = sqrt(sumprod(distances, distances) / (len(values) - 1))
        # Where all values are equal but for rounding, the mean is as large as the largest of them.
        is_rounding = deviation <= ROUNDING * abs(mean) + RATIO_ROUNDING
        return Moments(mean, 0.0 if is_rounding else deviation, distances)
