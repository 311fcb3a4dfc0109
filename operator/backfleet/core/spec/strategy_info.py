"""What an engine says of a strategy that it knows: enough to refuse a batch that cannot run, and no more."""

from collections.abc import Mapping
from dataclasses import dataclass

from backfleet.core.space.scalars import ParameterType


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyInfo:
    """A strategy's parameters with their types, and its symbols."""

    parameters: Mapping[str, ParameterType]
    symbols: tuple[str, ...] | None = None
    """What each symbol of a batch is to the strategy, in order; None takes any number of symbols."""
    symbol_parameter: str | None = None
    """A parameter that, where a batch sets it, chooses the one symbol to trade among the batch's."""
