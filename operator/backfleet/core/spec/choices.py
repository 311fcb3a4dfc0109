"""Fields of a spec whose value is one of a few words."""

from enum import StrEnum, unique


@unique
class EngineName(StrEnum):
    """What computes a backtest."""

    BARS = "bars"
    LEAN = "lean"
    NOOP = "noop"


@unique
class WarmMode(StrEnum):
    """Whether several backtests of a Job share a process of the engine."""

    AUTO = "auto"
    """Where the engine and the installation can."""
    NEVER = "never"


@unique
class SearchAlgorithm(StrEnum):
    """How the space is searched."""

    GRID = "grid"
