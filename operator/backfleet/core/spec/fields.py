"""Parses single fields of the spec, and converts pydantic's errors to SpecInvalid with a path and a hint."""

import re
from datetime import date, datetime
from decimal import Decimal
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from backfleet.core.errors import SpecInvalid
from backfleet.core.space.scalars import parse_number, shown, value_text
from backfleet.core.spec import quantities
from backfleet.core.spec.expectations import explain, fault, join_path

MAX_CASH = 10**12
AUTO = "auto"
LARGEST_PACK = 1_000
"""The most backtests that one Job carries."""
PACK_SIZE_SCHEMA: dict[str, Any] = {
    "anyOf": [{"type": "integer"}, {"type": "string"}],
    "minimum": 1,
    "maximum": LARGEST_PACK,
    "maxLength": len(AUTO),
    "pattern": f"^{AUTO}$",
}
DEFAULT_NOT_COMPUTED = "default_factory_not_called"
"""The type of an error that only follows from another: a default is computed from the field with that error."""


def parse_whole(raw: object) -> object:
    """Convert 4.0 to 4, as the API server does. Leave everything else to the strict type."""
    return int(raw) if isinstance(raw, float) and raw.is_integer() else raw


def parse_fraction(raw: object) -> object:
    """Refuse a number above 1, which must be meant as a percentage. The strict type validates everything else."""
    if isinstance(raw, int | float) and not isinstance(raw, bool) and raw > 1:
        raise fault(f"expected a fraction from 0 to 1, got {shown(raw)}", "write a fraction: 0.15 for 15 %")
    return raw


def parse_pack_size(raw: object) -> int | str:
    """Read how many backtests a Job carries: a whole number, or the word that leaves the number to the operator."""
    number = parse_whole(raw)
    is_number = isinstance(number, int) and not isinstance(number, bool) and 1 <= number <= LARGEST_PACK
    if is_number or raw == AUTO:
        return int(str(number)) if is_number else AUTO
    raise fault(
        f"expected a whole number from 1 to {LARGEST_PACK}, or {AUTO}, got {shown(raw)}", f"write {AUTO} or a number"
    )


def parse_date(raw: object) -> date:
    """Parse a calendar date from YYYY-MM-DD text."""
    if isinstance(raw, date) and not isinstance(raw, datetime):
        return raw
    hint = 'write "YYYY-MM-DD" in quotes, a day that exists'
    if not isinstance(raw, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", raw):
        raise fault(f"expected a date, got {shown(raw)}", hint)
    try:
        return date.fromisoformat(raw)
    except ValueError:
        raise fault(f"expected a date, got {shown(raw)}", hint) from None


def parse_cash(raw: object) -> Decimal:
    """Convert a JSON number to an exact amount of money."""
    if isinstance(raw, Decimal):
        return raw
    if isinstance(raw, str):
        raise fault(f"expected a number, got the text {shown(raw)}", "write the number without quotes")
    try:
        amount = parse_number(raw, "initialCash")
    except SpecInvalid as error:
        raise fault(error.problem, error.hint) from None
    if not 1 <= amount <= MAX_CASH:
        raise fault(f"expected an amount from 1 to {MAX_CASH}, got {shown(raw)}", "write an amount in these bounds")
    return Decimal(value_text(amount))


def parse_quantity(raw: object) -> str:
    """Parse a Kubernetes quantity such as 500m, 1, 0.5 or 512Mi, from text or a whole number."""
    text = str(raw) if isinstance(raw, int) and not isinstance(raw, bool) and 0 <= raw < 10**12 else raw
    if not isinstance(text, str) or not re.fullmatch(quantities.PATTERN, text):
        raise fault(f"expected a quantity, got {shown(raw)}", "write a quantity such as 500m, 1 or 512Mi")
    return text


def spec_invalid(error: ValidationError, model: type[BaseModel]) -> SpecInvalid:
    """Convert the first of pydantic's errors, misspelt fields before others. The problem says how many more there are."""
    first, *others = spec_faults(error, model)
    more = f" (and {len(others)} more error{'' if len(others) == 1 else 's'})" if others else ""
    return SpecInvalid(first.field, first.problem + more, first.hint)


def spec_faults(error: ValidationError, model: type[BaseModel]) -> list[SpecInvalid]:
    """Convert all of pydantic's errors, misspelt fields first."""
    details = [each for each in error.errors(include_url=False) if each["type"] != DEFAULT_NOT_COMPUTED]
    details.sort(key=lambda detail: detail["type"] != "extra_forbidden")
    return [SpecInvalid(join_path(("spec", *each["loc"])), *_explain(each, model)) for each in details]


def _explain(detail: ErrorDetails, model: type[BaseModel]) -> tuple[str, str]:
    problem, hint = explain(detail)
    return problem, _did_you_mean(detail["loc"], model) if detail["type"] == "extra_forbidden" else hint


def _did_you_mean(loc: tuple[int | str, ...], model: type[BaseModel]) -> str:
    known = _fields_at(loc[:-1], model)
    close = get_close_matches(str(loc[-1]), known, n=1)
    hint = f"Did you mean {close[0]}? " if close else "Remove it. "
    return f"{hint}Known here: {', '.join(known)}"


def _fields_at(loc: tuple[int | str, ...], model: type[BaseModel]) -> list[str]:
    current = model
    for part in loc:
        if isinstance(part, str):
            current = next(_models_of(info.annotation) for info in current.model_fields.values() if info.alias == part)
    return [info.alias or "" for info in current.model_fields.values()]


def _models_of(annotation: object) -> type[BaseModel]:
    """Return the models inside list[Model] or Model | None."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return _models_of(next(part for part in get_args(annotation) if part is not type(None)))
