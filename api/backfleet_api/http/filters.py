"""Filters of lists as query parameters: conditions on metrics and parameters, in a small language with exact patterns."""

import re
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import unquote

from pydantic import AfterValidator, Field
from pydantic.config import JsonDict

from backfleet.core.analysis.selection import Comparison, ParameterCondition
from backfleet.core.metrics import METRICS
from backfleet.core.space.scalars import shown
from backfleet.core.spec.expectations import fault
from backfleet.store.queries.filters import MetricCondition

MAX_LENGTH = 2_000
_NUMBER = r"-?[0-9]{1,15}(?:\.[0-9]{1,15})?(?:e-?[0-9]{1,2})?"
# Printable ASCII without the separators; everything else is percent-encoded once more than the URL itself asks for.
_VALUE = r"(?:[ -$&-+\--{}~]|%[0-9A-F]{2}){1,256}"
_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}"
_METRIC_CONDITION = rf"(?:{'|'.join(METRICS)})(?:>=|<=|>|<|=){_NUMBER}"
_PARAMETER_CONDITION = rf"{_NAME}(?:(?:>=|<=|>|<){_NUMBER}|={_VALUE}(?:\|{_VALUE})*)"
_ASSIGNMENT = rf"{_NAME}={_VALUE}"
_PARTS = re.compile(r"([^<>=]+)(>=|<=|>|<|=)(.+)", re.DOTALL)


def _several(condition: str) -> str:
    return f"^{condition}(?:,{condition})*$"


def _text(pattern: str, expected: str, example: str, description: str) -> Any:  # noqa: ANN401 - an annotation
    """Return the type of a parameter that matches a pattern, whose error says what it is and not the pattern."""
    form = re.compile(pattern)

    def check(text: str) -> str:
        if not form.fullmatch(text):
            raise fault(f"expected {expected}, got {shown(text)}", f"write it like {example}")
        return text

    extra: JsonDict = {"pattern": pattern}
    return Annotated[
        str,
        AfterValidator(check),
        Field(max_length=MAX_LENGTH, json_schema_extra=extra, description=description, examples=[example]),
    ]


if TYPE_CHECKING:
    MetricFilter = str
    ParameterFilter = str
    Held = str
    MetricNames = str
else:
    MetricFilter = _text(
        _several(_METRIC_CONDITION),
        "bounds on metrics",
        "sharpe_ratio>=0.5,drawdown<=0.2",
        "bounds on metrics, separated by commas. A result without the metric is left out",
    )
    ParameterFilter = _text(
        _several(_PARAMETER_CONDITION),
        "conditions on parameters",
        "rsi_period>=14,gap_direction=up|both",
        "conditions on parameters, separated by commas. Write a comma, a bar, a percent sign or what is not ASCII in a value "
        "as %XX",
    )
    Held = _text(
        _several(_ASSIGNMENT),
        "values of parameters",
        "rsi_period=14,gap_direction=up",
        "parameters that are held at a value, separated by commas",
    )
    MetricNames = _text(
        _several(f"(?:{'|'.join(METRICS)})"),
        "metrics",
        "sharpe_ratio,drawdown",
        "metrics, separated by commas; by default the batch's objective",
    )
ParameterName = Annotated[str, Field(max_length=63, pattern=f"^{_NAME}$", description="a parameter of the batch")]


def metric_conditions(text: str | None) -> tuple[MetricCondition, ...]:
    """Read what MetricFilter allows."""
    parts = (_split(each) for each in text.split(",")) if text else ()
    return tuple(MetricCondition(name, comparison, float(bound)) for name, comparison, bound in parts)


def parameter_conditions(text: str | None) -> tuple[ParameterCondition, ...]:
    """Read what ParameterFilter or Held allows."""
    parts = (_split(each) for each in text.split(",")) if text else ()
    return tuple(
        ParameterCondition(name, comparison, tuple(unquote(value) for value in values.split("|")))
        for name, comparison, values in parts
    )


def _split(condition: str) -> tuple[str, Comparison, str]:
    found = _PARTS.fullmatch(condition)
    assert found is not None, "the pattern of the parameter has checked it"
    return found[1], Comparison(found[2]), found[3]
