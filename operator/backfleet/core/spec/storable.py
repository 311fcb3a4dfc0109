"""Finds texts and numbers that Postgres cannot store. A spec with one is refused; messages of other programs are cleaned."""

import json
import math
import re
from collections.abc import Mapping

from backfleet.core.errors import SpecInvalid
from backfleet.core.space.scalars import shown

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_SUSPICIOUS = re.compile(r"\\u0000|\\ud[89a-f]|NaN|Infinity|[0-9]{300}")
"""Escapes in Python's JSON that Postgres may refuse. A match can be harmless, such as the two halves of an emoji."""
_HINT = "remove it: a text may hold any character but NUL (U+0000) and half of a surrogate pair"
_LONGEST_INTEGER_BITS = 1_000


def storable_text(text: str) -> str:
    """Replace NUL and lone surrogates in a text. Postgres cannot store them."""
    return _UNSTORABLE.sub("�", text)


def storable(value: object) -> object:
    """Clean every text in a JSON value with `storable_text`."""
    match value:
        case str():
            return storable_text(value)
        case Mapping():
            return {storable_text(str(key)): storable(item) for key, item in value.items()}
        case list() | tuple():
            return [storable(item) for item in value]
        case _:
            return value


def dump_storable(value: object) -> str:
    """Write JSON that Postgres accepts, with texts cleaned as by `storable`. Raise ValueError for NaN and infinity."""
    written = json.dumps(value, allow_nan=False)
    return json.dumps(storable(value)) if _SUSPICIOUS.search(written) else written


def check_storable(value: object, field: str) -> None:
    """Raise SpecInvalid for the first text or number in a JSON value that Postgres cannot store."""
    try:
        written = json.dumps(value, default=str)
    except ValueError:  # an integer of thousands of digits
        written = "NaN"
    if _SUSPICIOUS.search(written):
        _check(value, field)


def _check(value: object, field: str) -> None:
    match value:
        case str():
            if found := _UNSTORABLE.search(value):
                problem = f"{shown(value)} has the character U+{ord(found.group()):04X} at position {found.start() + 1}"
                raise SpecInvalid(field, problem, _HINT)
        case float() if not math.isfinite(value):
            raise SpecInvalid(field, f"{shown(value)} is not a number", "write a finite number")
        case int() if value.bit_length() > _LONGEST_INTEGER_BITS:
            raise SpecInvalid(field, f"{shown(value)} is too large", "write a smaller number")
        case Mapping():
            for key, item in value.items():
                _check(key, f"{field}: the key {shown(key)}")
                _check(item, f"{field}.{key if str(key).isprintable() else shown(key)}")
        case list() | tuple():
            for position, item in enumerate(value):
                _check(item, f"{field}[{position}]")
        case _:
            return
