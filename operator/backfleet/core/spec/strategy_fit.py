"""Validates a batch against a strategy that its engine knows: names and types of parameters, and symbols."""

from collections.abc import Iterable
from decimal import Decimal
from difflib import get_close_matches

from backfleet.core.errors import SpecInvalid
from backfleet.core.space.parameters import Axis, ParameterSpace, RangeAxis
from backfleet.core.space.scalars import ParameterType, Value, value_text
from backfleet.core.spec.model import BatchSpec
from backfleet.core.spec.strategy_info import StrategyInfo

_TAKEN: dict[ParameterType, tuple[ParameterType, ...]] = {
    ParameterType.INT: (ParameterType.INT, ParameterType.FLOAT),
    ParameterType.FLOAT: (ParameterType.INT, ParameterType.FLOAT),
}
"""For each type of a parameter, the declared types that it can read. An int still refuses fractions of a float."""


def validate_names(spec: BatchSpec, strategy: StrategyInfo) -> None:
    """Raise SpecInvalid for a parameter that the strategy does not have."""
    for position, parameter in enumerate(spec.parameters):
        if parameter.name not in strategy.parameters:
            raise SpecInvalid(
                f"spec.parameters[{position}].name",
                f"{spec.strategy.name} has no parameter {parameter.name!r}",
                choose(parameter.name, strategy.parameters),
            )


def validate_values(spec: BatchSpec, space: ParameterSpace, strategy: StrategyInfo) -> None:
    """Raise SpecInvalid for values that a parameter cannot read, and for symbols that the strategy cannot use."""
    for position, axis in enumerate(space.axes):
        _validate_axis(axis, strategy.parameters[axis.name], f"spec.parameters[{position}]")
    chooser = next((axis for axis in space.axes if axis.name == strategy.symbol_parameter), None)
    if chooser is not None:
        _validate_choice(spec, chooser, space.axes.index(chooser))
    elif strategy.symbols is not None and len(spec.data.symbols) != len(strategy.symbols):
        count = len(strategy.symbols)
        raise SpecInvalid(
            "spec.data.symbols",
            f"{spec.strategy.name} takes {count} {'symbol' if count == 1 else 'symbols'}, not {len(spec.data.symbols)}",
            f"list {', then '.join(strategy.symbols)}",
        )


def choose(wrong: str, known: Iterable[str]) -> str:
    """Return the hint for a name that is not among the known ones."""
    names = sorted(known)
    close = get_close_matches(wrong, names, n=1)
    hint = f"Did you mean {close[0]}? " if close else ""
    return f"{hint}Choose one of: {', '.join(names)}"


def _validate_axis(axis: Axis, wanted: ParameterType, where: str) -> None:
    taken = _TAKEN.get(wanted, (wanted,))
    if axis.type not in taken:
        raise SpecInvalid(
            f"{where}.type",
            f"{axis.name} is declared {axis.type}, but the strategy reads {_named(wanted)}",
            f"declare type: {' or '.join(taken)}",
        )
    fraction = _first_fraction(axis) if wanted is ParameterType.INT else None
    if fraction is not None:
        raise SpecInvalid(
            where,
            f"{axis.name} takes whole numbers alone, and has the value {value_text(fraction)}",
            "declare type: int, with whole numbers",
        )


def _first_fraction(axis: Axis) -> Value | None:
    """Return the first value that is not whole, or None. In a range, the first two values decide."""
    looked_at = min(axis.count, 2) if isinstance(axis, RangeAxis) else axis.count
    values = (axis.value(position) for position in range(looked_at))
    return next((value for value in values if isinstance(value, Decimal) and value != value.to_integral_value()), None)


def _validate_choice(spec: BatchSpec, chooser: Axis, position: int) -> None:
    symbols = spec.data.symbols
    for value in map(chooser.value, range(chooser.count)):
        if value not in symbols:
            raise SpecInvalid(
                f"spec.parameters[{position}]",
                f"{chooser.name} {value!r} is none of the batch's symbols {', '.join(symbols)}",
                "list it under spec.data.symbols too",
            )


def _named(kind: ParameterType) -> str:
    names = {ParameterType.INT: "whole numbers", ParameterType.FLOAT: "numbers", ParameterType.BOOL: "true or false"}
    return names.get(kind, "a text")
