"""Converts the parameters of a config to parameters of the spec.

If a parameter has both a list and a range, the list takes precedence and a warning says so.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from backfleet.catalog import CatalogParameter
from backfleet.configs.documents import ConfigInvalid, Entry, Place
from backfleet.configs.reading import (
    BOOLS,
    Conversion,
    Keys,
    describe,
    fields_of,
    items_of,
    json_of,
    number_of,
    scalar_of,
    standing,
    text_of,
    validate_keys,
)
from backfleet.core.space.parameters import ParameterDeclaration, RangeDeclaration, build_space
from backfleet.core.space.scalars import ParameterType, is_whole, parse_value, value_text

NUMERIC = (ParameterType.INT, ParameterType.FLOAT)
RANGE = ("start", "end", "step")
TYPES = {
    "int": ParameterType.INT,
    "integer": ParameterType.INT,
    "float": ParameterType.FLOAT,
    "double": ParameterType.FLOAT,
    "number": ParameterType.FLOAT,
    "bool": ParameterType.BOOL,
    "boolean": ParameterType.BOOL,
    "str": ParameterType.STRING,
    "string": ParameterType.STRING,
}
KEYS = Keys(
    known=(*RANGE, "values", "value", "default", "type", "min_step"),
    silent=("description", "note", "notes", "comment", "rationale", "unit", "name"),
    others={"min": "start", "max": "end", "low": "start", "high": "end", "choices": "values", "options": "values"},
)
_NUMBER_LIKE = re.compile(
    r"[-+]?(?:0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|[0-9][0-9_,:]*(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?%?)"
)
"""Matches numbers and what other readers take for numbers, such as hexadecimal, sexagesimal and percentages."""
SHOWN = 6
"""How many values of an axis a warning lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Axis:
    """One parameter during conversion. `known` is its entry in the catalog."""

    name: str
    entry: Entry
    known: CatalogParameter | None
    spec_path: str
    conversion: Conversion

    def place(self, below: str, place: Place) -> None:
        self.conversion.places[f"{self.spec_path}.{below}"] = place


def convert_parameters(
    entry: Entry, known: Mapping[str, CatalogParameter], conversion: Conversion
) -> list[dict[str, Any]]:
    """Return the list for `spec.parameters`, in the order of the config."""
    if not isinstance(entry.value, Mapping):
        hint = "write each as `name: {start: …, end: …, step: …}`"
        raise ConfigInvalid(entry.place, f"expected parameters, got {describe(entry)}", hint)
    found: list[dict[str, Any]] = []
    for name, each in entry.value.items():
        path = f"spec.parameters[{len(found)}]"
        conversion.places[path] = each.place
        axis = _Axis(name=name, entry=each, known=known.get(name), spec_path=path, conversion=conversion)
        with conversion.going_on():
            found.append(_convert(axis))
    return found


def _convert(axis: _Axis) -> dict[str, Any]:
    if isinstance(axis.entry.value, tuple):
        return _list(axis, axis.entry)
    if isinstance(axis.entry.value, str):
        return _fixed(axis, axis.entry)
    section = {} if axis.entry.value is None else fields_of(axis.entry, "a parameter")
    validate_keys(section, KEYS, axis.conversion)
    declared = _declared(section)
    bounds = [section[key] for key in RANGE if key in section]
    if "values" in section:
        found = _list(axis, section["values"], declared)
        if bounds or "value" in section:
            _say_what_the_list_wins_over(axis, section, found)
        return found
    if bounds:
        return _range(axis, section, declared)
    if "value" in section:
        return _fixed(axis, section["value"], declared)
    if "default" in section:
        axis.conversion.warn(
            axis.entry.place, f"there is only a default, so the value is fixed at {describe(section['default'])}"
        )
        return _fixed(axis, section["default"], declared)
    hint = "add start, end and step, or values, or value"
    raise ConfigInvalid(axis.entry.place, "the parameter has no values", hint)


def _declared(section: Mapping[str, Entry]) -> ParameterType | None:
    if "type" not in section:
        return None
    text = text_of(section["type"]).strip().lower()
    if text not in TYPES:
        raise ConfigInvalid(
            section["type"].place, f"expected a type, got {text[:40]!r}", "write int, float, bool or string"
        )
    return TYPES[text]


def _list(axis: _Axis, entry: Entry, declared: ParameterType | None = None) -> dict[str, Any]:
    items = items_of(entry)
    axis.place("values", entry.place)
    for position, item in enumerate(items):
        axis.place(f"values[{position}]", item.place)
    values, kind = _typed(axis, items, declared)
    return {"name": axis.name, "type": kind.value, "values": values}


def _fixed(axis: _Axis, entry: Entry, declared: ParameterType | None = None) -> dict[str, Any]:
    axis.place("value", entry.place)
    (value,), kind = _typed(axis, (entry,), declared)
    return {"name": axis.name, "type": kind.value, "value": value}


def _range(axis: _Axis, section: Mapping[str, Entry], declared: ParameterType | None) -> dict[str, Any]:
    if missing := [key for key in RANGE if key not in section]:
        hint = f"add {' and '.join(missing)}, or list the values under values"
        raise ConfigInvalid(axis.entry.place, f"the range has no {' and no '.join(missing)}", hint)
    # A bound is a number, quoted or not.
    bounds = {key: replace(section[key], is_quoted=False) for key in RANGE}
    for key, entry in bounds.items():
        axis.place(f"range.{key}", entry.place)
        if declared in (ParameterType.BOOL, ParameterType.STRING):
            raise ConfigInvalid(entry.place, f"a {declared} cannot have a range", "list its values under values")
    numbers = {key: number_of(entry) for key, entry in bounds.items()}
    _, kind = _typed(axis, tuple(bounds.values()), declared)
    _say_what_ends_off_the_grid(axis, bounds["end"].place, numbers)
    return {"name": axis.name, "type": kind.value, "range": {key: json_of(each) for key, each in numbers.items()}}


def _typed(axis: _Axis, entries: tuple[Entry, ...], declared: ParameterType | None) -> tuple[list[Any], ParameterType]:
    """Return the values as JSON, and their type: the declared type, else the catalog's, else the values' own.

    If the values do not have the declared type, their own type is used, unless the strategy reads another type.
    """
    natural = _natural(entries)
    wanted = declared or (axis.known.type if axis.known else natural)
    if declared is None and wanted is ParameterType.STRING:
        _say_what_is_text(axis, entries)
    try:
        return [_value(entry, wanted) for entry in entries], wanted
    except ConfigInvalid as error:
        if declared is None or not _agrees(natural, axis.known, declared):
            raise
        axis.conversion.warn(error.place, f"the type is {declared}, but the values are {natural}; using {natural}")
        return [_value(entry, natural) for entry in entries], natural


def _natural(entries: tuple[Entry, ...]) -> ParameterType:
    values = [scalar_of(entry) for entry in entries]
    if values and all(isinstance(value, bool) for value in values):
        return ParameterType.BOOL
    numbers = [value for value in values if isinstance(value, Decimal)]
    if len(numbers) < len(values):
        return ParameterType.STRING
    return ParameterType.INT if all(is_whole(number) for number in numbers) else ParameterType.FLOAT


def _say_what_is_text(axis: _Axis, entries: tuple[Entry, ...]) -> None:
    """Warn if an unquoted value looks like a number or a bool."""
    looks = {
        _look(entry.value) for entry in entries if isinstance(entry.value, str) and not entry.is_quoted
    }  # fmt: skip
    if looks & {"a bool", "a number"}:
        shown = ", ".join(text_of(entry) for entry in entries[:SHOWN])
        text = f"{shown} {'is' if len(entries) == 1 else 'are'} read as text; quote the text, or declare the type"
        axis.conversion.warn(entries[0].place, text)


def _look(text: str) -> str:
    if text.lower() in BOOLS:
        return "a bool"
    return "a number" if _NUMBER_LIKE.fullmatch(text) else "text"


def _agrees(natural: ParameterType, known: CatalogParameter | None, declared: ParameterType) -> bool:
    """Return whether the strategy can read values of this type. A whole number passes as a fraction, but not the reverse."""
    if known is None:
        return natural in NUMERIC and declared in NUMERIC
    return natural is known.type or (natural in NUMERIC and known.type is ParameterType.FLOAT)


def _value(entry: Entry, kind: ParameterType) -> Any:  # noqa: ANN401 - JSON
    if kind in NUMERIC:
        number = number_of(entry)
        with standing(entry.place):
            parse_value(json_of(number), kind, "value")
        return json_of(number)
    value = scalar_of(entry)
    if isinstance(value, Decimal) and kind is ParameterType.STRING:
        # Unquoted, but the type is text: keep the spelling.
        value = text_of(entry)
    if isinstance(value, bool) and kind is ParameterType.STRING:
        value = text_of(entry)
    if isinstance(value, str) and kind is ParameterType.BOOL:
        value = {"true": True, "false": False}.get(value.strip().lower(), value)
    with standing(entry.place):
        parse_value(json_of(value), kind, "value")
    return json_of(value)


def _say_what_ends_off_the_grid(axis: _Axis, place: Place, numbers: Mapping[str, Decimal]) -> None:
    """Warn if the range does not reach its end. A range that is not valid is refused later, with the whole space."""
    start, end, step = (numbers[key] for key in RANGE)
    if step <= 0 or end < start or (end - start) / step > 10**6:
        return
    count = (end - start) // step
    last = start + count * step
    if last != end:
        text = f"the range does not reach {value_text(end)}; its last value is {value_text(last)}"
        axis.conversion.warn(place, text)


def _say_what_the_list_wins_over(axis: _Axis, section: Mapping[str, Entry], found: dict[str, Any]) -> None:
    listed = _shown_values([parse_value(each, ParameterType(found["type"]), "value") for each in found["values"]])
    if "value" in section:
        axis.conversion.warn(section["value"].place, f"the list {listed} takes precedence over the single value")
    if not any(key in section for key in RANGE):
        return
    first = next(section[key] for key in RANGE if key in section)
    ranged = _ranged(section)
    if ranged is None:
        axis.conversion.warn(first.place, f"the list {listed} takes precedence over the range, which is not valid")
    elif ranged != listed:
        axis.conversion.warn(first.place, f"the list {listed} takes precedence over the range {ranged}")


def _ranged(section: Mapping[str, Entry]) -> str | None:
    """Return the values of the range that stands next to a list, or None if the range is not valid."""
    if any(key not in section for key in RANGE):
        return None
    try:
        numbers = {key: json_of(number_of(section[key])) for key in RANGE}
        declaration = ParameterDeclaration(name="x", type=ParameterType.FLOAT, range=RangeDeclaration(**numbers))
        with standing(section["start"].place):
            space = build_space([declaration], 10_000)
    except ConfigInvalid:
        return None
    return _shown_values([space.axes[0].value(position) for position in range(space.total)])


def _shown_values(values: list[Any]) -> str:
    texts = [value_text(value) for value in values]
    if len(texts) > 2 * SHOWN:
        return f"{', '.join(texts[:SHOWN])} … {texts[-1]} ({len(texts)} values)"
    return ", ".join(texts)
