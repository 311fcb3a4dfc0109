"""LEAN's own analysis of a run, in its full result since 2026: bounded, and as texts."""

import json
from collections.abc import Iterator

from backfleet.core.backtests import Finding
from backfleet.engines.files import clean_text
from backfleet.engines.results import MAX_COUNT, MAX_FINDINGS

MAX_NAME = 100
MAX_WORDS = 500


def read_findings(value: object) -> tuple[Finding, ...]:
    """Read the findings in the list `analysis`. Skip malformed ones."""
    return tuple(_findings(value)) if isinstance(value, list) else ()


def _findings(values: list[object]) -> Iterator[Finding]:
    for value in values[:MAX_FINDINGS]:
        match value:
            case {"name": str(name), "issue": str(issue), **rest}:
                yield Finding(
                    name=clean_text(name, MAX_NAME),
                    issue=clean_text(issue, MAX_WORDS),
                    sample=_sample(rest.get("sample")),
                    count=_count(rest.get("count")),
                )


def _sample(value: object) -> str | None:
    if value is None:
        return None
    try:
        return clean_text(value if isinstance(value, str) else json.dumps(value), MAX_WORDS)
    except RecursionError:
        return None


def _count(value: object) -> int | None:
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_COUNT
    return value if is_count and isinstance(value, int) else None
