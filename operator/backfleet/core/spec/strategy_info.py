"""The description of a strategy by its engine: what acceptance needs to refuse a batch that cannot run."""

from collections.abc import Mapping
from dataclasses import dataclass

from backfleet.core.space.scalars import ParameterType


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyInfo:
    """A strategy's parameters with their types, and its symbols."""

    parameters: Mapping[str, ParameterType]
    symbols: tuple[str, ...] | None = None
    """The role of each symbol of a batch, in order. None allows any number of symbols."""
    symbol_parameter: str | None = None
    """A parameter that chooses the traded symbol among those of the batch, if the batch sets it."""
