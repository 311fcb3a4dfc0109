"""Scalars of a parameter: parses JSON from an API server to exact values, and writes values as the texts that engines read.

An API server may return a number in another spelling (14.0 as 14, 1e21 as 1e+21), so the spelling never matters. A float
is read by its shortest form, which is exact up to 15 significant digits. The text depends only on type and value.
"""

import math
import re
from decimal import Context, Decimal
from enum import StrEnum, unique

from backfleet.core.errors import SpecInvalid

MAX_DIGITS = 15
MAX_MAGNITUDE = 30
"""Numbers lie between 1e-30 and 1e+31 in magnitude, so that a text without exponent stays short."""
MAX_NUMBER_LENGTH = 64
MAX_TEXT_LENGTH = 256

# Every sum, product and text below needs fewer digits than this, so no operation ever rounds.
EXACT = Context(prec=200)

_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?")


@unique
class ParameterType(StrEnum):
    """The type of a parameter's values."""

    INT = "int"
    FLOAT = "float"
    BOOL = "bool"
    STRING = "string"


Value = int | Decimal | bool | str
"""The value of a parameter: int for int, Decimal for float."""


def shown(raw: object) -> str:
    """Return any JSON value as text, short enough for a message."""
    if isinstance(raw, str):
        return repr(raw if len(raw) <= 40 else raw[:37] + "...")
    if raw is None or isinstance(raw, bool):
        return "null" if raw is None else value_text(raw)
    if isinstance(raw, float):
        return str(raw)
    if isinstance(raw, int):
        # Python refuses to print integers of thousands of digits.
        return str(raw) if raw.bit_length() < 200 else "an integer of more than 60 digits"
    return "a list" if isinstance(raw, list | tuple) else "an object"


def parse_number(raw: object, field: str) -> Decimal:
    """Parse an exact number from a JSON number or a decimal string, normalized. SpecInvalid names `field`."""
    number = _read_number(raw, field)
    if number == 0:
        return Decimal(0)
    number = number.normalize(EXACT)
    if abs(number.adjusted()) > MAX_MAGNITUDE:
        raise _out_of_bounds(raw, field)
    if len(number.as_tuple().digits) > MAX_DIGITS:
        raise SpecInvalid(
            field,
            f"{shown(raw)} has more than {MAX_DIGITS} significant digits",
            f"round it to {MAX_DIGITS} significant digits or fewer",
        )
    return number


def _out_of_bounds(raw: object, field: str) -> SpecInvalid:
    bounds = f"keep numbers between 1e-{MAX_MAGNITUDE} and 1e+{MAX_MAGNITUDE} in magnitude"
    return SpecInvalid(field, f"{shown(raw)} is too large or too small", bounds)


def _read_number(raw: object, field: str) -> Decimal:
    hint = 'write a number like 14 or 0.005, or a decimal string like "0.005"'
    if isinstance(raw, bool) or not isinstance(raw, int | float | str):
        raise SpecInvalid(field, f"expected a number, got {shown(raw)}", hint)
    if isinstance(raw, int):
        if raw.bit_length() >= 200:
            raise SpecInvalid(
                field, f"{shown(raw)} is too large", f"keep numbers below 1e+{MAX_MAGNITUDE} in magnitude"
            )
        return Decimal(raw)
    if isinstance(raw, float):
        if not math.isfinite(raw):
            raise SpecInvalid(field, f"expected a number, got {shown(raw)}", hint)
        return Decimal(repr(raw))
    if len(raw) > MAX_NUMBER_LENGTH or not _NUMBER.fullmatch(raw):
        raise SpecInvalid(field, f"expected a number, got the text {shown(raw)}", hint)
    return Decimal(raw)


def is_whole(number: Decimal) -> bool:
    """Report whether a finite number has no fraction."""
    return number == number.to_integral_value(context=EXACT)


def parse_value(raw: object, parameter_type: ParameterType, field: str) -> Value:
    """Parse a value of the given type from any JSON value. SpecInvalid names `field`."""
    match parameter_type:
        case ParameterType.INT:
            number = parse_number(raw, field)
            if not is_whole(number):
                raise SpecInvalid(
                    field,
                    f"expected a whole number, got {shown(raw)}",
                    "write a whole number, or declare `type: float`",
                )
            return int(number)
        case ParameterType.FLOAT:
            return parse_number(raw, field)
        case ParameterType.BOOL:
            return _parse_bool(raw, field)
        case ParameterType.STRING:
            return _parse_text(raw, field)


def _parse_bool(raw: object, field: str) -> bool:
    if isinstance(raw, bool):
        return raw
    if raw in ("true", "false"):
        return raw == "true"
    raise SpecInvalid(field, f"expected true or false, got {shown(raw)}", "write true or false")


def _parse_text(raw: object, field: str) -> str:
    if not isinstance(raw, str):
        raise SpecInvalid(
            field,
            f"expected text, got {shown(raw)}",
            "put it in quotes; YAML reads bare numbers, on, off, yes, no otherwise",
        )
    if not 0 < len(raw) <= MAX_TEXT_LENGTH or not raw.isprintable():
        raise SpecInvalid(
            field,
            f"expected 1 to {MAX_TEXT_LENGTH} printable characters, got {shown(raw)}",
            "write text of this length, without control characters",
        )
    return raw


def value_text(value: Value) -> str:
    """Return the exact text that parses back to the value: 14 (never 14.0), 0.005 (never 5e-3), true, false, or the text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | str):
        return str(value)
    return "0" if value == 0 else format(value.normalize(EXACT), "f")
