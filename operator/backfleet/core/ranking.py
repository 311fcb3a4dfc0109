"""The order of results under an objective: ties and nulls are decided here and nowhere else."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum, unique

from backfleet.core.metrics import METRICS

_PSR = "probabilistic_sharpe_ratio"
_PSR_OF_LEAN = (
    f"{_PSR} is of excess returns in LEAN since 2026-07-06, of plain returns before: its values of two versions cannot be "
    "ranked together; "
)


@unique
class Direction(StrEnum):
    """Whether more or less of a metric is better."""

    MAXIMIZE = "maximize"
    MINIMIZE = "minimize"


@dataclass(frozen=True, slots=True)
class Objective:
    """The metric that ranks the results of a batch, and its better direction."""

    metric: str = "sharpe_ratio"
    direction: Direction = Direction.MAXIMIZE

    @staticmethod
    def of(metric: str, direction: Direction | None = None) -> "Objective":
        """Return the objective as declared. Without a direction it has the metric's own."""
        return Objective(metric, direction or natural_direction(metric))


Standing = tuple[float | None, int]
"""A succeeded backtest's value under the objective, and its index."""


def natural_direction(metric: str) -> Direction:
    """Return the better direction of a metric, for an objective that names none."""
    known = METRICS.get(metric)
    return Direction.MAXIMIZE if known is None or known.is_better_high else Direction.MINIMIZE


def is_better(left: Standing, right: Standing, objective: Objective) -> bool:
    """Report whether `left` ranks before `right`."""
    return _order(left, objective) < _order(right, objective)


def rank_key(value: float | None, direction: Direction) -> float:
    """Return the number that results are sorted by, smallest first; infinity for a value that is absent, NaN or infinite.

    The column `rank_key` of `backtest_results` holds it for the batch's own objective.
    """
    if value is None or not math.isfinite(value):
        return math.inf
    return -value if direction is Direction.MAXIMIZE else value


def mixing_warning(versions: Sequence[str], engine: str, ranked_by: str) -> str | None:
    """Return a warning about ranking results of several engine versions, or None if there is only one."""
    if len(versions) < 2:
        return None
    text = f"results are of several versions of the engine, {', '.join(versions)}: figures may differ for that reason alone"
    # First, since a condition's message is cut.
    return _PSR_OF_LEAN + text if engine == "lean" and ranked_by == _PSR else text


def _order(standing: Standing, objective: Objective) -> tuple[float, int]:
    value, index = standing
    return rank_key(value, objective.direction), index
