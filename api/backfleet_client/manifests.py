"""Reads a batch from a file: a manifest of kind OptimizationBatch, or a bare spec, in YAML or JSON."""

import json
from dataclasses import dataclass
from datetime import date
from typing import Any

from backfleet.core import wire
from backfleet.core.errors import SpecInvalid

MAX_FILE_BYTES = 1024 * 1024
FIELD = "FILE"


@dataclass(frozen=True, slots=True)
class Manifest:
    """The batch that a file describes."""

    spec: dict[str, Any]
    name: str | None = None
    namespace: str | None = None


def parse_manifest(content: bytes) -> Manifest:
    """Parse a manifest or a bare spec. Raise SpecInvalid if it is not valid or has metadata that the API cannot take."""
    if len(content) > MAX_FILE_BYTES:
        raise SpecInvalid(
            FIELD, f"expected at most {MAX_FILE_BYTES} bytes, got more", "use ranges instead of long lists of values"
        )
    body = _load(content)
    if not isinstance(body, dict):
        raise SpecInvalid(FIELD, "expected an object", f"write a manifest of kind {wire.KIND}, or only its spec")
    if not {"apiVersion", "kind", "metadata", "spec"} & body.keys():
        return Manifest(_plain(body))
    if body.get("kind") != wire.KIND or body.get("apiVersion") != wire.API_VERSION:
        raise SpecInvalid(
            "kind", f"expected apiVersion {wire.API_VERSION} and kind {wire.KIND}", "write both in the file"
        )
    metadata, spec = body.get("metadata") or {}, body.get("spec")
    if not isinstance(metadata, dict) or not isinstance(spec, dict):
        raise SpecInvalid("spec", "expected metadata and spec to be objects", "write both as in manifests/examples")
    for field in sorted(metadata.keys() - {"name", "namespace"}, key=str):
        raise SpecInvalid(f"metadata.{field}", "the API cannot take this field", "remove it, or use kubectl apply")
    name, namespace = (None if metadata.get(key) is None else str(metadata[key]) for key in ("name", "namespace"))
    return Manifest(_plain(spec), name, namespace)


def _load(content: bytes) -> Any:  # noqa: ANN401 - any YAML
    import yaml  # noqa: PLC0415 - late: only for `run`

    try:
        documents = [each for each in yaml.safe_load_all(content) if each is not None]
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1} column {mark.column + 1}" if mark else ""
        raise SpecInvalid(FIELD, f"expected YAML or JSON, got a syntax error{where}", "fix the syntax") from error
    if len(documents) != 1:
        raise SpecInvalid(FIELD, f"expected one document, got {len(documents)}", "write one batch per file")
    return documents[0]


def _plain(spec: dict[str, Any]) -> dict[str, Any]:
    """Reduce the spec to JSON values. YAML also has dates, and numbers that JSON does not have."""
    try:
        plain: dict[str, Any] = json.loads(json.dumps(spec, allow_nan=False, default=_text))
    except (ValueError, TypeError, RecursionError) as error:
        raise SpecInvalid(
            FIELD, "expected only values that JSON has", "write finite numbers, texts, lists and objects"
        ) from error
    return plain


def _text(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(type(value).__name__)
