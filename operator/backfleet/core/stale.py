"""Results whose verdict is by an older version of the criteria, as a pass reads them."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class StaleResult:
    """A result whose verdict is by an older version of the criteria, with that verdict."""

    backtest_id: str
    metrics: Mapping[str, float | int | None]
    passed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StaleLook:
    """Some of a batch's results with verdicts by versions below `criteria_version`. `has_more` if there are others."""

    criteria_version: int
    results: tuple[StaleResult, ...]
    has_more: bool
