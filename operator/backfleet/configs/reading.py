"""Reads values of a config as numbers, texts, lists and sections. A value of the wrong kind is an error with its line."""

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from backfleet.configs.documents import ConfigInvalid, Entry, Place, at
from backfleet.configs.wording import near
from backfleet.core.errors import SpecInvalid
from backfleet.core.space.scalars import is_whole, parse_number, shown

BOOLS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
"""The bools of YAML 1.1. The quoted texts true and false are bools only if the type is bool."""
MAX_WARNINGS = 50
_NUMBER = re.compile(r"[-+]?(?:[0-9]+(?:_[0-9]+)*(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|nan)", re.IGNORECASE)

Json = bool | int | float | str


@dataclass(slots=True)
class Conversion:
    """The result of a conversion so far: the spec, the place of each of its fields, the warnings and the faults."""

    spec: dict[str, Any] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    faults: list[ConfigInvalid] = field(default_factory=list)

    def warn(self, place: Place, text: str) -> None:
        """Add a warning about a place."""
        if len(self.warnings) < MAX_WARNINGS:
            self.warnings.append(f"{at(place)}: {text}")
        elif len(self.warnings) == MAX_WARNINGS:
            self.warnings.append("further warnings are not shown")

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Collect a fault raised inside and go on, so that one run reports every fault."""
        try:
            yield
        except ConfigInvalid as error:
            self.faults.append(error)


@contextmanager
def standing(place: Place) -> Iterator[None]:
    """Give this place to any SpecInvalid that core raises inside."""
    try:
        yield
    except ConfigInvalid:
        raise
    except SpecInvalid as error:
        raise ConfigInvalid(place, error.problem, error.hint) from error


def fields_of(entry: Entry, what: str) -> Mapping[str, Entry]:
    """Return the fields of a section that are not null. `what` says what was expected."""
    if not isinstance(entry.value, Mapping):
        raise ConfigInvalid(entry.place, f"expected {what}, got {describe(entry)}", "write `key: value` lines")
    return {key: each for key, each in entry.value.items() if each.value is not None}


def items_of(entry: Entry) -> tuple[Entry, ...]:
    """Return the items of a list. A single value is a list of one."""
    if isinstance(entry.value, tuple):
        return entry.value
    if isinstance(entry.value, str):
        return (entry,)
    raise ConfigInvalid(entry.place, f"expected a list, got {describe(entry)}", "write a list, such as [a, b]")


def text_of(entry: Entry) -> str:
    """Return the text of a scalar as it is written."""
    if not isinstance(entry.value, str):
        raise ConfigInvalid(entry.place, f"expected a single value, got {describe(entry)}", "write one text or number")
    return entry.value


def number_of(entry: Entry) -> Decimal:
    """Return an exact number, quoted or not. Refuse a percent sign."""
    text = text_of(entry).strip()
    if not _NUMBER.fullmatch(text):
        raise ConfigInvalid(entry.place, f"expected a number, got {shown(text)}", _number_mend(text))
    return _parse(text, entry.place)


def is_number(entry: Entry) -> bool:
    """Return whether the value reads as a number or a percentage, quoted or not."""
    return isinstance(entry.value, str) and _NUMBER.fullmatch(entry.value.strip().removesuffix("%").strip()) is not None


def fraction_of(entry: Entry) -> Decimal:
    """Return a number, or a percentage as a fraction: 15% is 0.15."""
    text = text_of(entry).strip()
    if not text.endswith("%"):
        return number_of(entry)
    return number_of(Entry(entry.place, text[:-1].strip(), is_quoted=True)) / 100


def scalar_of(entry: Entry) -> bool | Decimal | str:
    """Return a value as YAML 1.1 reads it. Unquoted yes, no, on, off, true, false and numbers are bools and numbers."""
    text = text_of(entry)
    if entry.is_quoted:
        return text
    if text.lower() in BOOLS:
        return BOOLS[text.lower()]
    if _NOT_FINITE.fullmatch(text):
        raise ConfigInvalid(entry.place, f"expected a finite number, got {shown(text)}", "write a number")
    return _parse(text, entry.place) if _NUMBER.fullmatch(text) else text


def json_of(value: bool | Decimal | str) -> Json:
    """Return a value as JSON. It has at most 15 digits, so a double holds it exactly."""
    if not isinstance(value, Decimal):
        return value
    return int(value) if is_whole(value) else float(value)


def describe(entry: Entry) -> str:
    """Describe the value in a few words."""
    if isinstance(entry.value, Mapping):
        return "a section"
    return "nothing" if entry.value is None else shown(entry.value)


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of a section: read, ignored silently, ignored with a warning (`told`), or of other formats (`others`)."""

    known: Collection[str]
    silent: Collection[str] = ()
    told: Mapping[str, str] = field(default_factory=dict)
    others: Mapping[str, str] = field(default_factory=dict)
    is_closed: bool = False
    """Refuse an unknown key with a number. An unknown key with a text or a section is a note."""


def validate_keys(section: Mapping[str, Entry], keys: Keys, conversion: Conversion) -> None:
    """Refuse keys that look misspelled, and warn about other keys that are ignored."""
    for key, entry in section.items():
        with conversion.going_on():
            _validate_key(key, entry, keys, conversion)


def _validate_key(key: str, entry: Entry, keys: Keys, conversion: Conversion) -> None:
    if key in keys.known or key in keys.silent:
        return
    if key in keys.told:
        conversion.warn(entry.place, keys.told[key])
    elif key in keys.others:
        raise ConfigInvalid(entry.place, "the key belongs to another format", f"write {keys.others[key]}")
    elif close := near(key, [*keys.known, *keys.told]):
        raise ConfigInvalid(entry.place, "the key is unknown", f"did you mean {close}?")
    elif not keys.is_closed:
        conversion.warn(entry.place, "ignored: the key is unknown")
    elif is_number(entry):
        raise ConfigInvalid(entry.place, "the key is unknown", f"use one of: {', '.join(keys.known)}")
    else:
        conversion.warn(entry.place, "ignored: this is a note, not a criterion")


def _parse(text: str, place: Place) -> Decimal:
    digits = text.replace("_", "")
    if re.match(r"[-+]?0[0-9]", digits):
        raise ConfigInvalid(place, f"{shown(text)} has a leading zero, which YAML reads as octal", "remove the zero")
    whole, dot, rest = digits.partition(".")
    if dot:
        # YAML allows .5 and 5., but parse_number does not.
        digits = (whole if whole[-1:].isdigit() else f"{whole}0") + "." + (rest if rest[:1].isdigit() else f"0{rest}")
    with standing(place):
        return parse_number(digits, "number")


def _number_mend(text: str) -> str:
    if text.endswith("%") and _NUMBER.fullmatch(text[:-1].strip()):
        return "write the fraction: 0.15 for 15%"
    return "write a number such as 14 or 0.005"
