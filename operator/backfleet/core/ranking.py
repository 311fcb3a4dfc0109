"""The order of results under an objective: ties and nulls are decided here and nowhere else."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Protocol

from backfleet.core.metrics import METRICS


@unique
class Direction(StrEnum):
    """Which end of a metric is best."""

    MAXIMIZE = "maximize"
    MINIMIZE = "minimize"


@dataclass(frozen=True, slots=True)
class Objective:
    """The metric that ranks the results of a batch, and its better end."""

    metric: str = "sharpe_ratio"
    direction: Direction = Direction.MAXIMIZE

    @staticmethod
    def of(metric: str, direction: Direction | None = None) -> "Objective":
        """The objective as declared; without a direction the metric's own better end."""
        return Objective(metric, direction or natural_direction(metric))


class Scored(Protocol):
    """A succeeded backtest with its value under the objective."""

    @property
    def index(self) -> int: ...

    @property
    def value(self) -> float | None: ...


def natural_direction(metric: str) -> Direction:
    """The better end of a metric, for an objective that names none."""
    known = METRICS.get(metric)
    return Direction.MAXIMIZE if known is None or known.is_better_high else Direction.MINIMIZE


def is_better(left: Scored, right: Scored, objective: Objective) -> bool:
    """Whether `left` ranks before `right`."""
    return _order(left, objective) < _order(right, objective)


def rank[Row: Scored](rows: Iterable[Row], objective: Objective) -> list[Row]:
    """Best first; a value that is absent (or NaN) comes last, ties go to the lowest index."""
    return sorted(rows, key=lambda row: _order(row, objective))


def _order(row: Scored, objective: Objective) -> tuple[bool, float, int]:
    if row.value is None or math.isnan(row.value):
        return (True, 0.0, row.index)
    return (False, -row.value if objective.direction is Direction.MAXIMIZE else row.value, row.index)
