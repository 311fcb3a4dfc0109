"""The order of results under an objective: ties and nulls are decided here and nowhere else."""

import math
from collections.abc import Iterable
from enum import StrEnum, unique
from typing import Protocol

from backfleet.core.metrics import METRICS


@unique
class Direction(StrEnum):
    """Which end of a metric is best."""

    MAXIMIZE = "maximize"
    MINIMIZE = "minimize"


class Objective(Protocol):
    """The metric that ranks the results of a batch, and its better end."""

    @property
    def metric(self) -> str: ...

    @property
    def direction(self) -> Direction: ...


Standing = tuple[float | None, int]
"""A succeeded backtest's value under the objective, and its index."""


def natural_direction(metric: str) -> Direction:
    """The better end of a metric, for an objective that names none."""
    known = METRICS.get(metric)
    return Direction.MAXIMIZE if known is None or known.is_better_high else Direction.MINIMIZE


def is_better(left: Standing, right: Standing, objective: Objective) -> bool:
    """Whether `left` ranks before `right`."""
    return _order(left, objective) < _order(right, objective)


def rank(standings: Iterable[Standing], objective: Objective) -> list[Standing]:
    """Best first; a value that is absent (or NaN) comes last, ties go to the lowest index."""
    return sorted(standings, key=lambda standing: _order(standing, objective))


def _order(standing: Standing, objective: Objective) -> tuple[bool, float, int]:
    value, index = standing
    if value is None or math.isnan(value):
        return (True, 0.0, index)
    return (False, -value if objective.direction is Direction.MAXIMIZE else value, index)
