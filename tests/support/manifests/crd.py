"""The CRD's schema as jsonschema understands it, with the list types of Kubernetes added."""

from collections.abc import Iterator
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from jsonschema.validators import extend

CRD_PATH = Path(__file__).parents[3] / "crds" / "optimizationbatches.backfleet.io.yaml"

_FORMATS = FormatChecker(formats=())


@_FORMATS.checks("date", raises=ValueError)
def _is_date(value: object) -> bool:
    return not isinstance(value, str) or bool(date.fromisoformat(value))


@cache
def load_crd() -> dict[str, Any]:
    """Return the whole CustomResourceDefinition."""
    body: dict[str, Any] = yaml.safe_load(CRD_PATH.read_text(encoding="utf-8"))
    return body


def load_schema() -> dict[str, Any]:
    """Return the schema of the only version."""
    (version,) = load_crd()["spec"]["versions"]
    schema: dict[str, Any] = version["schema"]["openAPIV3Schema"]
    return schema


def schema_faults(body: object) -> list[str]:
    """Return the paths, without list indexes, of what the schema refuses in a whole custom resource; empty if it accepts."""
    return [_path(error) for error in _validator().iter_errors(body)]


def with_defaults(body: Any, schema: dict[str, Any] | None = None) -> Any:
    """Return a custom resource as the API server stores it, with defaults filled in from the top down."""
    schema = load_schema() if schema is None else schema
    if isinstance(body, list):
        return [with_defaults(item, schema.get("items", {})) for item in body]
    if not isinstance(body, dict):
        return body
    filled = dict(body)
    for name, field in schema.get("properties", {}).items():
        if name not in filled and "default" in field:
            filled[name] = field["default"]
        if name in filled:
            filled[name] = with_defaults(filled[name], field)
    return filled


@cache
def _validator() -> Any:
    return _Validator(_as_json_schema(load_schema()), format_checker=_FORMATS)


def _as_json_schema(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_as_json_schema(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    translated = {key: _as_json_schema(value) for key, value in schema.items() if key != "nullable"}
    if schema.get("nullable") is True:
        translated["type"] = [schema["type"], "null"]
    return translated


def _list_type(_validator: Any, kind: str, instance: object, schema: dict[str, Any]) -> Iterator[ValidationError]:
    if kind == "atomic" or not isinstance(instance, list):
        return
    keys = schema.get("x-kubernetes-list-map-keys")
    seen = [[item.get(key) for key in keys] if keys and isinstance(item, dict) else item for item in instance]
    if any(item in seen[:position] for position, item in enumerate(seen)):
        yield ValidationError("duplicate value")


_Validator = extend(Draft202012Validator, {"x-kubernetes-list-type": _list_type})


def _path(error: ValidationError) -> str:
    parts = [str(part) for part in error.absolute_path if not isinstance(part, int)]
    if error.validator == "required":
        parts.append(error.message.split("'")[1])
    return ".".join(parts)
