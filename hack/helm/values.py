"""Reads the values of a release from files and `--set` options. Later ones take precedence."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import helm_python
import yaml


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Merge maps key by key, and replace everything else."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def read_values(
    files: Sequence[Path], words: Sequence[str], texts: Sequence[str], documents: Sequence[str]
) -> dict[str, Any]:
    """Read the values. `words`, `texts` and `documents` are the arguments of --set, --set-string and --set-json."""
    values: dict[str, Any] = {}
    for file in files:
        body = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
        if not isinstance(body, Mapping):
            raise SystemExit(f"{file}: expected a map of values; write `key: value` lines")
        values = merge(values, body)
    parsed = [
        *map(helm_python.parse_set_string, words),
        *map(helm_python.parse_set_string_values, texts),
        *map(helm_python.parse_set_json, documents),
    ]
    for each in parsed:
        values = merge(values, each)
    return values
