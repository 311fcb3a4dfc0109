"""Explains pydantic's errors in our words: what was expected, what came, and how to fix it. For specs, settings, requests."""

import re
from difflib import get_close_matches

from pydantic_core import ErrorDetails, PydanticCustomError

from backfleet.core.space.scalars import shown

_TYPES = {
    "bool_type": ("true or false", "write true or false without quotes"),
    "bool_parsing": ("true or false", "write true or false"),
    "int_type": ("a whole number", "write a whole number without quotes"),
    "int_parsing": ("a whole number", "write a whole number"),
    "int_from_float": ("a whole number", "write a number without a fraction"),
    "float_type": ("a number", "write a number without quotes"),
    "float_parsing": ("a number", "write a number"),
    "finite_number": ("a finite number", "write a finite number"),
    "string_type": ("text", "write text in quotes"),
    "list_type": ("a list", "write a list"),
    "tuple_type": ("a list", "write a list"),
    "dict_type": ("an object", "write an object with fields"),
    "model_type": ("an object", "write an object with fields"),
    "model_attributes_type": ("an object", "write an object with fields"),
}
_BOUNDS = {
    "greater_than_equal": ("ge", "of at least", "raise it to at least"),
    "greater_than": ("gt", "above", "raise it above"),
    "less_than_equal": ("le", "of at most", "lower it to at most"),
    "less_than": ("lt", "below", "lower it below"),
}
_LENGTHS = {
    "string_too_short": ("min_length", "text of at least", "character", "write at least"),
    "string_too_long": ("max_length", "text of at most", "character", "shorten it to at most"),
    "too_short": ("min_length", "a list of at least", "item", "list at least"),
    "too_long": ("max_length", "a list of at most", "item", "list at most"),
}


def fault(problem: str, hint: str) -> PydanticCustomError:
    """Return a field's own error, in the form that pydantic passes on to `explain`."""
    return PydanticCustomError("field", "{problem}", {"problem": problem, "hint": hint})


def explain(detail: ErrorDetails) -> tuple[str, str]:
    """Return the problem of one error and its hint, an imperative without a full stop."""
    kind, context, raw = detail["type"], detail.get("ctx", {}), detail["input"]
    if kind in _TYPES:
        wanted, hint = _TYPES[kind]
        return f"expected {wanted}, got {shown(raw)}", hint
    if kind in _BOUNDS:
        key, words, hint = _BOUNDS[kind]
        return f"expected a number {words} {context[key]:.15g}, got {shown(raw)}", f"{hint} {context[key]:.15g}"
    if kind in _LENGTHS:
        key, words, unit, hint = _LENGTHS[kind]
        count = _counted(context[key], unit)
        return f"expected {words} {count}, got {_counted(_length(raw), unit)}", f"{hint} {count}"
    match kind:
        case "field":
            return str(context["problem"]), str(context["hint"])
        case "missing":
            return "the field is missing", "add it"
        case "extra_forbidden":
            return "the field is unknown", "remove it"
        case "enum" | "literal_error":
            return f"expected {context['expected']}, got {shown(raw)}", _choose(context["expected"], raw)
        case "string_pattern_mismatch":
            problem = f"expected text that matches `{context['pattern']}`, got {shown(raw)}"
            return problem, "change it to match the pattern"
        case _:
            return f"{shown(raw)} is not valid", f"{detail['msg'][0].lower()}{detail['msg'][1:]}"


def join_path(loc: tuple[int | str, ...]) -> str:
    """Return the path of a field, such as `data.symbols[1]`. A hostile key is shown quoted and cut."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{_key(part)}" for part in loc).removeprefix(".")


def _key(part: str) -> str:
    return part if part.isprintable() and 0 < len(part) <= 64 else shown(part)


def _counted(count: int, unit: str) -> str:
    return f"{count} {unit}{'' if count == 1 else 's'}"


def _length(raw: object) -> int:
    return len(raw) if isinstance(raw, str | list | tuple) else 0


def _choose(expected: str, raw: object) -> str:
    choices = re.findall("'([^']*)'", expected)
    if len(choices) == 1:
        return f"write {choices[0]}"
    close = get_close_matches(str(raw), choices, n=1)
    return f"did you mean {close[0]}?" if close else "choose one of them"
