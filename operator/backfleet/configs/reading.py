"""Values of a config as numbers, texts, lists and sections; what is of the wrong kind is an error with its line."""

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from backfleet.configs.documents import ConfigInvalid, Entry, Place, at
from backfleet.configs.wording import near
from backfleet.core.errors import SpecInvalid
from backfleet.core.scalars import is_whole, parse_number, shown

BOOLS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
"""As YAML 1.1 has them; the quoted texts true and false are no bools here, unless the type says so."""
MAX_WARNINGS = 50
_NUMBER = re.compile(r"[-+]?(?:[0-9]+(?:_[0-9]+)*(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|nan)", re.IGNORECASE)

Json = bool | int | float | str


@dataclass(slots=True)
class Draft:
    """What a config has become so far: a spec, where each of its fields came from, what was noticed and what is wrong."""

    spec: dict[str, Any] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    faults: list[ConfigInvalid] = field(default_factory=list)

    def warn(self, place: Place, text: str) -> None:
        """Say something about a place."""
        if len(self.warnings) < MAX_WARNINGS:
            self.warnings.append(f"{at(place)}: {text}")
        elif len(self.warnings) == MAX_WARNINGS:
            self.warnings.append("there are more warnings, which are not shown")

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Keep what is refused inside and go on, so that one run shows everything that is wrong."""
        try:
            yield
        except ConfigInvalid as error:
            self.faults.append(error)


@contextmanager
def standing(place: Place) -> Iterator[None]:
    """Whatever core refuses inside is refused at this place."""
    try:
        yield
    except ConfigInvalid:
        raise
    except SpecInvalid as error:
        raise ConfigInvalid(place, error.problem, error.mend) from error


def fields_of(entry: Entry, what: str) -> Mapping[str, Entry]:
    """The fields of a section that are not null."""
    if not isinstance(entry.value, Mapping):
        raise ConfigInvalid(entry.place, f"{describe(entry)} stands where {what} is due", "write `key: value` lines")
    return {key: each for key, each in entry.value.items() if each.value is not None}


def items_of(entry: Entry) -> tuple[Entry, ...]:
    """The items of a list; a single text is a list of one."""
    if isinstance(entry.value, tuple):
        return entry.value
    if isinstance(entry.value, str):
        return (entry,)
    raise ConfigInvalid(entry.place, f"{describe(entry)} stands where a list is due", "write a list, like [a, b]")


def text_of(entry: Entry) -> str:
    """The text of a scalar as it is written."""
    if not isinstance(entry.value, str):
        raise ConfigInvalid(entry.place, f"{describe(entry)} stands where a text is due", "write a text")
    return entry.value


def number_of(entry: Entry) -> Decimal:
    """An exact number, also from quotes; a percent sign is refused."""
    text = text_of(entry).strip()
    if not _NUMBER.fullmatch(text):
        raise ConfigInvalid(entry.place, f"{shown(text)} is not a number", _number_mend(text))
    return _parse(text, entry.place)


def is_number(entry: Entry) -> bool:
    """Whether it reads as a number or a percentage, quoted or not."""
    return isinstance(entry.value, str) and _NUMBER.fullmatch(entry.value.strip().removesuffix("%").strip()) is not None


def fraction_of(entry: Entry) -> Decimal:
    """A number, or a percentage such as 15%, which is 0.15."""
    text = text_of(entry).strip()
    if not text.endswith("%"):
        return number_of(entry)
    return number_of(Entry(entry.place, text[:-1].strip(), is_quoted=True)) / 100


def scalar_of(entry: Entry) -> bool | Decimal | str:
    """A value as YAML 1.1 means it: unquoted yes, no, on, off, true, false and numbers are what they look like."""
    text = text_of(entry)
    if entry.is_quoted:
        return text
    if text.lower() in BOOLS:
        return BOOLS[text.lower()]
    if _NOT_FINITE.fullmatch(text):
        raise ConfigInvalid(entry.place, f"{shown(text)} is not a finite number", "write a number")
    return _parse(text, entry.place) if _NUMBER.fullmatch(text) else text


def json_of(value: bool | Decimal | str) -> Json:
    """A value as JSON; at most 15 digits, so a double holds it."""
    if not isinstance(value, Decimal):
        return value
    return int(value) if is_whole(value) else float(value)


def describe(entry: Entry) -> str:
    """What stands there, in few words."""
    if isinstance(entry.value, Mapping):
        return "a section"
    return "nothing" if entry.value is None else shown(entry.value)


@dataclass(frozen=True, slots=True)
class Keys:
    """What may stand in a section: read, passed over in silence, or passed over with a word; and words of other formats."""

    known: Collection[str]
    silent: Collection[str] = ()
    told: Mapping[str, str] = field(default_factory=dict)
    others: Mapping[str, str] = field(default_factory=dict)
    is_closed: bool = False
    """No unknown number may stand here; an unknown text or section is a note."""


def judge_keys(section: Mapping[str, Entry], keys: Keys, draft: Draft) -> None:
    """Refuse what looks like a typing error, and say what else is passed over."""
    for key, entry in section.items():
        with draft.going_on():
            _judge_key(key, entry, keys, draft)


def _judge_key(key: str, entry: Entry, keys: Keys, draft: Draft) -> None:
    if key in keys.known or key in keys.silent:
        return
    if key in keys.told:
        draft.warn(entry.place, keys.told[key])
    elif key in keys.others:
        raise ConfigInvalid(entry.place, "the key is of another format", f"write {keys.others[key]}")
    elif close := near(key, [*keys.known, *keys.told]):
        raise ConfigInvalid(entry.place, "the key is unknown", f"did you mean {close}?")
    elif not keys.is_closed:
        draft.warn(entry.place, "unknown, and passed over")
    elif is_number(entry):
        raise ConfigInvalid(entry.place, "the key is unknown", f"known here: {', '.join(keys.known)}")
    else:
        draft.warn(entry.place, "this is a note, so it is not judged")


def _parse(text: str, place: Place) -> Decimal:
    digits = text.replace("_", "")
    if re.match(r"[-+]?0[0-9]", digits):
        raise ConfigInvalid(place, f"{shown(text)} has a leading zero, which YAML reads as octal", "write it without")
    whole, dot, rest = digits.partition(".")
    if dot:
        # .5 and 5. are YAML's, but not ours.
        digits = (whole if whole[-1:].isdigit() else f"{whole}0") + "." + (rest if rest[:1].isdigit() else f"0{rest}")
    with standing(place):
        return parse_number(digits, "number")


def _number_mend(text: str) -> str:
    if text.endswith("%") and _NUMBER.fullmatch(text[:-1].strip()):
        return "write the fraction: 0.15 for 15%"
    return "write a number such as 14 or 0.005"
