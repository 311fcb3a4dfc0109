"""Label and field selectors as the API server reads them, as far as the operator and kopf use them."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]
Test = Callable[[str | None], bool]

FIELDS = {
    "pods": {
        "metadata.name",
        "metadata.namespace",
        "spec.nodeName",
        "spec.restartPolicy",
        "status.phase",
        "status.podIP",
    },
    "jobs": {"metadata.name", "metadata.namespace", "status.successful"},
    "events": {"metadata.name", "involvedObject.kind", "involvedObject.name", "involvedObject.uid", "reason", "type"},
}
"""By resource, the fields that a selector may name; of any other resource the metadata alone."""
_METADATA = {"metadata.name", "metadata.namespace"}
_SET = re.compile(r"^(?P<key>\S+) (?P<how>in|notin) \((?P<values>[^)]*)\)$")


@dataclass(frozen=True)
class Selector:
    """All of these must hold."""

    labels: tuple[tuple[str, Test], ...] = ()
    fields: tuple[tuple[str, Test], ...] = ()

    @classmethod
    def parse(cls, resource: str, labels: str, fields: str) -> "Selector":
        """Parse selectors; raise ValueError for what the server answers with 400."""
        by_field = tuple(_parse_term(term) for term in fields.split(",") if term)
        for name, _ in by_field:
            if name not in FIELDS.get(resource, _METADATA):
                raise ValueError(f'field label not supported: "{name}"')
        return cls(tuple(_parse_label(term) for term in _terms(labels)), by_field)

    def matches(self, item: Json) -> bool:
        labels = item["metadata"].get("labels") or {}
        by_label = all(test(labels.get(name)) for name, test in self.labels)
        return by_label and all(test(_value(item, name)) for name, test in self.fields)


EVERYTHING = Selector()


def _terms(selector: str) -> list[str]:
    return [term for term in re.split(r",(?![^(]*\))", selector) if term]


def _parse_label(term: str) -> tuple[str, Test]:
    found = _SET.match(term)
    if found:
        values, is_in = {value.strip() for value in found["values"].split(",")}, found["how"] == "in"
        return found["key"], lambda value: (value in values) is is_in
    if term.startswith("!"):
        return term[1:], lambda value: value is None
    if "=" not in term:
        return term, lambda value: value is not None
    return _parse_term(term)


def _parse_term(term: str) -> tuple[str, Test]:
    name, wanted = re.split(r"!=|==?", term, maxsplit=1)
    if "!=" in term:
        return name, lambda value: value != wanted
    return name, lambda value: value == wanted


def _value(item: Json, path: str) -> str:
    """Return the value of a field; one that is absent is the empty text."""
    value: Any = item
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return "" if value is None else str(value)
