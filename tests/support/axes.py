"""Declared parameters, in short."""

from typing import Any

from backfleet.core.space.parameters import ParameterDeclaration, RangeDeclaration
from backfleet.core.space.scalars import ParameterType

INT, FLOAT, BOOL, STRING = ParameterType.INT, ParameterType.FLOAT, ParameterType.BOOL, ParameterType.STRING


def ranged(name: str, start: Any, end: Any, step: Any, type: ParameterType = FLOAT) -> ParameterDeclaration:
    return ParameterDeclaration(name=name, type=type, range=RangeDeclaration(start=start, end=end, step=step))


def listed(name: str, *values: Any, type: ParameterType = FLOAT) -> ParameterDeclaration:
    return ParameterDeclaration(name=name, type=type, values=values)


def whole(name: str, start: Any, end: Any, step: Any) -> ParameterDeclaration:
    return ranged(name, start, end, step, type=INT)
