"""Parses the text of a config to a tree in which every value has its line. The text is YAML, or JSON with comments.

Only plain data is read. Aliases, tags, a second document and repeated keys are errors. Size, depth and the number of values
are bounded.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from backfleet.configs.json_comments import is_json, without_comments
from backfleet.core.errors import SpecInvalid
from backfleet.core.space.scalars import shown

MAX_CONFIG_BYTES = 128 * 1024
MAX_DEPTH = 20
MAX_VALUES = 10_000
MAX_SHOWN_PATH = 160
MAX_FAULTS = 20
"""The most faults that one error names."""
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})


@dataclass(frozen=True, slots=True)
class Place:
    """A position in a config: the 1-based line, and the path of keys from the top (empty for the whole config)."""

    line: int
    path: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One value of a config. None is null; a scalar is its text, quoted or not."""

    place: Place
    value: "str | tuple[Entry, ...] | Mapping[str, Entry] | None"
    is_quoted: bool = False


class ConfigInvalid(SpecInvalid):
    """A config that is not valid. `field` is the file or the field of a request; the problem begins with line and path."""

    def __init__(self, place: Place, problem: str, hint: str, file: str = "config") -> None:
        self.place = place
        self._said = problem
        super().__init__(file, f"{at(place)}: {problem}", hint)

    def of(self, file: str) -> "ConfigInvalid":
        """Return the same error for the named file."""
        named = ConfigInvalid(self.place, self._said, self.hint, file)
        named.others = tuple(each.of(file) if isinstance(each, ConfigInvalid) else each for each in self.others)
        return named


def joined(faults: Sequence[ConfigInvalid]) -> ConfigInvalid:
    """Join all faults of a config to one error, in the order of their lines. Keep the first MAX_FAULTS."""
    first, *others = sorted(faults, key=lambda each: each.place.line)
    first.others = tuple(others[: MAX_FAULTS - 1])
    return first


def at(place: Place) -> str:
    """Write a place as text. Keep only the end of a long path."""
    path = place.path if len(place.path) <= MAX_SHOWN_PATH else f"…{place.path[-MAX_SHOWN_PATH:]}"
    return f"line {place.line}: {path}" if path else f"line {place.line}"


def parse_document(content: bytes | str) -> Entry:
    """Parse one config to a tree. Raise ConfigInvalid with the line and what to change."""
    text = _decode(content)
    if is_json(text):
        text = without_comments(text)
    try:
        return _Builder(text).build()
    except yaml.MarkedYAMLError as error:
        raise _not_yaml(error) from error
    except yaml.YAMLError as error:
        # An error of PyYAML's reader has a position but no line.
        line = text.count("\n", 0, getattr(error, "position", 0)) + 1
        problem = "YAML does not allow this character"
        raise ConfigInvalid(Place(line, ""), problem, "remove it") from error
    except (ValueError, OverflowError) as error:
        # PyYAML does not check an escape such as \U00110000 itself.
        problem = "an escape sequence does not name a character"
        raise ConfigInvalid(Place(1, ""), problem, "write the character itself") from error


def _decode(content: bytes | str) -> str:
    size = len(content) if isinstance(content, bytes) else len(content.encode("utf-8", "replace"))
    if size > MAX_CONFIG_BYTES:
        problem = f"expected at most {MAX_CONFIG_BYTES} bytes, got more"
        raise ConfigInvalid(Place(1, ""), problem, "write ranges instead of long lists")
    if isinstance(content, str):
        return content.removeprefix("\ufeff")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigInvalid(
            Place(line, ""), f"byte {error.start} is not valid UTF-8", "save the file as UTF-8"
        ) from error


def _not_yaml(error: yaml.MarkedYAMLError) -> ConfigInvalid:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else 1
    reason = " ".join(str(error.problem or error.context or "not understood").split())
    return ConfigInvalid(Place(line, ""), f"this is not YAML: {reason}", "check indentation, colons and quotes")


class _Builder:
    """A reader of PyYAML's events, one by one. It stops as soon as a bound is exceeded."""

    def __init__(self, text: str) -> None:
        self._events: Iterator[Any] = iter(yaml.parse(text, Loader=yaml.SafeLoader))
        self._values = 0

    def build(self) -> Entry:
        """Return the tree of the only document."""
        event = self._next()
        while isinstance(event, yaml.StreamStartEvent | yaml.DocumentStartEvent):
            event = self._next()
        if isinstance(event, yaml.StreamEndEvent):
            raise ConfigInvalid(Place(1, ""), "the config is empty", "add strategy, optimization and backtest")
        root = self._entry(event, Place(_line(event), ""), 1)
        self._next()
        after = self._next()
        if not isinstance(after, yaml.StreamEndEvent):
            raise ConfigInvalid(Place(_line(after), ""), "a second document begins", "write one config per file")
        return root

    def _next(self) -> Any:  # noqa: ANN401 - PyYAML's events are untyped
        event = next(self._events)
        place = Place(_line(event), "")
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise ConfigInvalid(place, "anchors (&) and aliases (*) are not supported", "write the value itself")
        # The parser gives quoted texts the tag "!", which does not count as one.
        if getattr(event, "tag", None) not in (None, "!"):
            problem = f"the tag {shown(event.tag)} is not supported"
            raise ConfigInvalid(place, problem, "write plain values without ! or !!")
        return event

    def _entry(self, event: Any, place: Place, depth: int) -> Entry:  # noqa: ANN401
        self._values += 1
        if depth > MAX_DEPTH:
            raise ConfigInvalid(
                place, f"expected at most {MAX_DEPTH} levels of nesting, got more", "write fewer levels"
            )
        if self._values > MAX_VALUES:
            raise ConfigInvalid(
                place, f"expected at most {MAX_VALUES} values, got more", "write ranges instead of lists"
            )
        match event:
            case yaml.ScalarEvent():
                is_quoted = event.style is not None
                is_null = not is_quoted and event.value in _NULLS
                return Entry(place, None if is_null else event.value, is_quoted)
            case yaml.SequenceStartEvent():
                return Entry(place, self._items(place, depth))
            case _:
                return Entry(place, self._fields(place, depth))

    def _items(self, place: Place, depth: int) -> tuple[Entry, ...]:
        items: list[Entry] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            items.append(self._entry(event, Place(_line(event), f"{place.path}[{len(items)}]"), depth + 1))
        return tuple(items)

    def _fields(self, place: Place, depth: int) -> Mapping[str, Entry]:
        fields: dict[str, Entry] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key = self._key(event, place)
            path = f"{place.path}.{key}" if place.path else key
            here = Place(_line(event), path)
            if key in fields:
                first = fields[key].place.line
                raise ConfigInvalid(here, f"the key is already in line {first}", "write each key once")
            fields[key] = self._entry(self._next(), here, depth + 1)
        return fields

    def _key(self, event: Any, place: Place) -> str:  # noqa: ANN401
        here = Place(_line(event), place.path)
        if not isinstance(event, yaml.ScalarEvent):
            raise ConfigInvalid(here, "expected text as a key, got a list or a section", "write `key: value`")
        key: str = event.value
        if not 0 < len(key) <= 100 or not key.isprintable():
            problem = f"expected a key of 1 to 100 printable characters, got {shown(key)}"
            raise ConfigInvalid(here, problem, "rename the key")
        return key


def _line(event: Any) -> int:  # noqa: ANN401
    return int(event.start_mark.line) + 1
