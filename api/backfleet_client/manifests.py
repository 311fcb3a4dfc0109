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
    """What a file asks for."""

    spec: dict[str, Any]
    name: str | None = None
    namespace: str | None = None


def parse_manifest(content: bytes) -> Manifest:
    """SpecInvalid says what is wrong; a field of a manifest that would be lost on the way is refused."""
    if len(content) > MAX_FILE_BYTES:
        raise SpecInvalid(
            FIELD, f"it is over {MAX_FILE_BYTES} bytes", "declare ranges in place of long lists of values"
        )
    body = _load(content)
    if not isinstance(body, dict):
        raise SpecInvalid(FIELD, "it holds no object", f"write a manifest of kind {wire.KIND}, or its spec alone")
    if not {"apiVersion", "kind", "metadata", "spec"} & body.keys():
        return Manifest(_plain(body))
    if body.get("kind") != wire.KIND or body.get("apiVersion") != wire.API_VERSION:
        raise SpecInvalid(
            "kind", f"the manifest is not of {wire.API_VERSION}, kind {wire.KIND}", "name both in the file"
        )
    metadata, spec = body.get("metadata") or {}, body.get("spec")
    if not isinstance(metadata, dict) or not isinstance(spec, dict):
        raise SpecInvalid("spec", "metadata or spec is no object", "write both as in manifests/examples")
    for field in sorted(metadata.keys() - {"name", "namespace"}, key=str):
        raise SpecInvalid(f"metadata.{field}", "it would be lost on the way", "take it out, or use kubectl apply")
    name, namespace = (None if metadata.get(key) is None else str(metadata[key]) for key in ("name", "namespace"))
    return Manifest(_plain(spec), name, namespace)


def _load(content: bytes) -> Any:  # noqa: ANN401 - any YAML
    import yaml  # noqa: PLC0415 - late: only for `run`

    try:
        documents = [each for each in yaml.safe_load_all(content) if each is not None]
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1} column {mark.column + 1}" if mark else ""
        raise SpecInvalid(FIELD, f"it is neither YAML nor JSON{where}", "mend the file") from error
    if len(documents) != 1:
        raise SpecInvalid(FIELD, f"it holds {len(documents)} documents", "write one batch a file")
    return documents[0]


def _plain(spec: dict[str, Any]) -> dict[str, Any]:
    """As JSON has it: YAML knows dates, and numbers that JSON does not."""
    try:
        plain: dict[str, Any] = json.loads(json.dumps(spec, allow_nan=False, default=_text))
    except (ValueError, TypeError, RecursionError) as error:
        raise SpecInvalid(
            FIELD, "it holds what JSON cannot say", "write finite numbers, texts, lists and objects"
        ) from error
    return plain


def _text(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(type(value).__name__)
