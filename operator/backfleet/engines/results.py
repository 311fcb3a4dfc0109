"""The strict reader of result.json. It accepts only the right names, types and sizes, and reports the first problem."""

import math
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, TypeGuard

from backfleet.core.backtests import Finding, Result
from backfleet.core.metrics import METRICS, Unit
from backfleet.engines.files import FileProblem, clean_text, read_json
from backfleet.engines.program import RESULT_FILE

FIELDS = ("metrics", "statistics", "equityCurve", "blocks", "warnings", "provenance")
OPTIONAL_FIELDS = ("analysis",)
MAX_CURVE_POINTS = 200
MAX_BLOCKS = 16
MAX_FINDINGS = 50
MAX_COUNT = 2**31 - 1
MAX_TEXTS = 500
MAX_TEXT = 1000


def read_result(folder: Path, name: str = RESULT_FILE) -> Result:
    """Read the result in a folder. FileProblem names the file and the first problem."""
    return parse_result(name, read_json(folder, name))


def parse_result(name: str, body: object) -> Result:
    """Check and convert the output of `core.backtests.result_to_json`. Trust nothing, and clean all texts."""
    if not isinstance(body, dict):
        raise FileProblem(name, f"expected a JSON object, got {_shown(body)}")
    missing = [field for field in FIELDS if field not in body]
    unknown = sorted(set(body) - {*FIELDS, *OPTIONAL_FIELDS})
    if missing or unknown:
        problem = f"the field {missing[0]} is missing" if missing else f"unknown field {_shown(unknown[0])}"
        raise FileProblem(name, problem)
    return Result(
        metrics=_metrics(name, body["metrics"]),
        statistics=_texts(name, "statistics", body["statistics"]),
        equity_curve=tuple(_point(name, point) for point in _list(name, "equityCurve", body, MAX_CURVE_POINTS)),
        blocks=tuple(_block(name, block) for block in _list(name, "blocks", body, MAX_BLOCKS)),
        warnings=tuple(_text(name, "warnings", text) for text in _list(name, "warnings", body, MAX_TEXTS)),
        provenance=_texts(name, "provenance", body["provenance"]),
        analysis=tuple(
            _finding(name, each) for each in _list(name, "analysis", {"analysis": [], **body}, MAX_FINDINGS)
        ),
    )


def _metrics(name: str, body: object) -> Mapping[str, float | int | None]:
    if not isinstance(body, dict):
        raise FileProblem(name, f"metrics: expected an object, got {_shown(body)}")
    unknown = sorted(set(body) - set(METRICS))
    if unknown:
        raise FileProblem(name, f"metrics: unknown metric {_shown(unknown[0])}")
    return {metric: _metric(name, metric, body.get(metric)) for metric in METRICS}


def _metric(name: str, metric: str, value: object) -> float | int | None:
    if value is None:
        return None
    if METRICS[metric].unit is not Unit.COUNT:
        return _number(name, f"metrics.{metric}", value)
    if not _is_count(value):
        raise FileProblem(name, f"metrics.{metric}: expected a count, got {_shown(value)}")
    return value


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_COUNT


def _number(name: str, field: str, value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise FileProblem(name, f"{field}: expected a number, got {_shown(value)}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise FileProblem(name, f"{field}: expected a finite number, got {_shown(value)}")
    return number


def _list(name: str, field: str, body: Mapping[str, Any], limit: int) -> list[Any]:
    value = body[field]
    if not isinstance(value, list):
        raise FileProblem(name, f"{field}: expected a list, got {_shown(value)}")
    if len(value) > limit:
        raise FileProblem(name, f"{field}: expected at most {limit} entries, got {len(value)}")
    return value


def _point(name: str, point: object) -> tuple[date, float]:
    if not isinstance(point, list) or len(point) != 2 or not isinstance(point[0], str):
        raise FileProblem(name, f"equityCurve: expected a date and a number, got {_shown(point)}")
    try:
        day = date.fromisoformat(point[0])
    except ValueError as error:
        raise FileProblem(name, f"equityCurve: expected a date, got {_shown(point[0])}") from error
    return day, _number(name, "equityCurve", point[1])


def _block(name: str, block: object) -> tuple[int, float, float]:
    if not isinstance(block, list) or len(block) != 3 or not _is_count(block[0]):
        raise FileProblem(name, f"blocks: expected a count, a sum and a sum of squares, got {_shown(block)}")
    return block[0], _number(name, "blocks", block[1]), _number(name, "blocks", block[2])


def _finding(name: str, body: object) -> Finding:
    if not isinstance(body, dict) or not {"name", "issue"} <= set(body) <= {"name", "issue", "sample", "count"}:
        problem = "analysis: expected findings with name and issue, and optionally sample and count, got something else"
        raise FileProblem(name, problem)
    sample, count = body.get("sample"), body.get("count")
    if count is not None and not _is_count(count):
        raise FileProblem(name, f"analysis: expected a count, got {_shown(count)}")
    return Finding(
        name=_text(name, "analysis", body["name"]),
        issue=_text(name, "analysis", body["issue"]),
        sample=None if sample is None else _text(name, "analysis", sample),
        count=count,
    )


def _texts(name: str, field: str, body: object) -> Mapping[str, str]:
    if not isinstance(body, dict) or len(body) > MAX_TEXTS:
        raise FileProblem(name, f"{field}: expected an object of at most {MAX_TEXTS} strings, got {_shown(body)}")
    return {clean_text(key, MAX_TEXT): _text(name, field, value) for key, value in body.items()}


def _text(name: str, field: str, value: object) -> str:
    if not isinstance(value, str):
        raise FileProblem(name, f"{field}: expected a string, got {_shown(value)}")
    return clean_text(value, MAX_TEXT)


def _shown(value: object) -> str:
    """Format a value for a message. Show only the type of a container, since its nesting may have no end."""
    if isinstance(value, str):
        return repr(clean_text(value, 60))
    if isinstance(value, bool | float) or value is None:
        return str(value)
    return "a very large number" if isinstance(value, int) and abs(value) > MAX_COUNT else _kind(value)


def _kind(value: object) -> str:
    return str(value) if isinstance(value, int) else "an object" if isinstance(value, dict) else "a list"
