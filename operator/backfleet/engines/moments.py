"""Mean and deviation of returns; a deviation that is only rounding counts as 0."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum, sqrt, sumprod

ROUNDING = 1e-9
"""Relative to the values: a deviation below this comes from rounding equal values."""
RATIO_ROUNDING = 1e-14
"""Absolute: a return is a ratio of about 1, minus 1, so anything below this is indistinguishable from rounding."""


@dataclass(frozen=True, slots=True)
class Moments:
    """Mean, sample deviation and distances from the mean of at least two returns; the deviation of equal returns is 0."""

    mean: float
    deviation: float
    distances: list[float]

    @staticmethod
    def of(values: Sequence[float]) -> "Moments | None":
        """Compute the moments; None for fewer than two values."""
        if len(values) < 2:
            return None
        mean = fsum(values) / len(values)
        distances = [value - mean for value in values]
        deviation = sqrt(sumprod(distances, distances) / (len(values) - 1))
        # If all values are equal except for rounding, the mean is as large as the largest of them.
        is_rounding = deviation <= ROUNDING * abs(mean) + RATIO_ROUNDING
        return Moments(mean, 0.0 if is_rounding else deviation, distances)
