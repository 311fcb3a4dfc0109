"""The strict reader of a result.json: everything of the right name, type and size, or a problem that says what is not."""

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
    """The result in a folder; FileProblem names the file and the first thing that is wrong."""
    return parse_result(name, read_json(folder, name))


def parse_result(name: str, body: object) -> Result:
    """Check what `core.backtests.result_to_json` should have made, trusting nothing; texts come out cleaned."""
    if not isinstance(body, dict):
        raise FileProblem(name, "is no object")
    missing = [field for field in FIELDS if field not in body]
    unknown = sorted(set(body) - {*FIELDS, *OPTIONAL_FIELDS})
    if missing or unknown:
        problem = f"has no {missing[0]}" if missing else f"has an unknown field {_shown(unknown[0])}"
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
        raise FileProblem(name, "metrics is no object")
    unknown = sorted(set(body) - set(METRICS))
    if unknown:
        raise FileProblem(name, f"metrics has an unknown {_shown(unknown[0])}")
    return {metric: _metric(name, metric, body.get(metric)) for metric in METRICS}


def _metric(name: str, metric: str, value: object) -> float | int | None:
    if value is None:
        return None
    if METRICS[metric].unit is not Unit.COUNT:
        return _number(name, f"metrics.{metric}", value)
    if not _is_count(value):
        raise FileProblem(name, f"metrics.{metric} is {_shown(value)}, not a count")
    return value


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_COUNT


def _number(name: str, field: str, value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise FileProblem(name, f"{field} is {_shown(value)}, not a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise FileProblem(name, f"{field} is not finite")
    return number


def _list(name: str, field: str, body: Mapping[str, Any], limit: int) -> list[Any]:
    value = body[field]
    if not isinstance(value, list):
        raise FileProblem(name, f"{field} is no list")
    if len(value) > limit:
        raise FileProblem(name, f"{field} has {len(value)} entries, more than {limit}")
    return value


def _point(name: str, point: object) -> tuple[date, float]:
    if not isinstance(point, list) or len(point) != 2 or not isinstance(point[0], str):
        raise FileProblem(name, f"equityCurve holds {_shown(point)}, not a date and a number")
    try:
        day = date.fromisoformat(point[0])
    except ValueError as error:
        raise FileProblem(name, f"equityCurve holds {_shown(point[0])}, which is no date") from error
    return day, _number(name, "equityCurve", point[1])


def _block(name: str, block: object) -> tuple[int, float, float]:
    if not isinstance(block, list) or len(block) != 3 or not _is_count(block[0]):
        raise FileProblem(name, f"blocks holds {_shown(block)}, not a count, a sum and a sum of squares")
    return block[0], _number(name, "blocks", block[1]), _number(name, "blocks", block[2])


def _finding(name: str, body: object) -> Finding:
    if not isinstance(body, dict) or not {"name", "issue"} <= set(body) <= {"name", "issue", "sample", "count"}:
        raise FileProblem(name, "analysis holds something that is not a finding with a name and an issue")
    sample, count = body.get("sample"), body.get("count")
    if count is not None and not _is_count(count):
        raise FileProblem(name, f"analysis holds {_shown(count)}, not a count")
    return Finding(
        name=_text(name, "analysis", body["name"]),
        issue=_text(name, "analysis", body["issue"]),
        sample=None if sample is None else _text(name, "analysis", sample),
        count=count,
    )


def _texts(name: str, field: str, body: object) -> Mapping[str, str]:
    if not isinstance(body, dict) or len(body) > MAX_TEXTS:
        raise FileProblem(name, f"{field} is no object of at most {MAX_TEXTS} texts")
    return {clean_text(key, MAX_TEXT): _text(name, field, value) for key, value in body.items()}


def _text(name: str, field: str, value: object) -> str:
    if not isinstance(value, str):
        raise FileProblem(name, f"{field} holds {_shown(value)}, not a text")
    return clean_text(value, MAX_TEXT)


def _shown(value: object) -> str:
    """A value in a message; a container only by its type, since its text may be nested without end."""
    if isinstance(value, str):
        return repr(clean_text(value, 60))
    if isinstance(value, bool | float) or value is None:
        return str(value)
    return "a very large number" if isinstance(value, int) and abs(value) > MAX_COUNT else _kind(value)


def _kind(value: object) -> str:
    return str(value) if isinstance(value, int) else f"a {type(value).__name__}"
