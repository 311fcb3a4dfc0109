from typing import Any

import pytest

from backfleet.core import wire
from tests.support.manifests import invalid_manifests, refused_manifests
from tests.support.manifests.crd import load_crd, load_schema, schema_faults

CRD = load_crd()
SCHEMA = load_schema()


def fields(schema: dict[str, Any], path: str = "") -> list[tuple[str, dict[str, Any]]]:
    """Return every schema in the CRD with its path; items are `[]`."""
    found = [(path, schema)]
    for name, field in schema.get("properties", {}).items():
        found += fields(field, f"{path}.{name}" if path else name)
    for key in ("items", "additionalProperties"):
        if key in schema:
            found += fields(schema[key], f"{path}[]")
    return found


FIELDS = [(path, schema) for path, schema in fields(SCHEMA) if path.startswith(("spec", "status"))]
each_field = pytest.mark.parametrize(("path", "schema"), [pytest.param(*field, id=field[0]) for field in FIELDS])


def test_the_crd_is_named_as_the_operator_names_it():
    names = CRD["spec"]["names"]
    (version,) = CRD["spec"]["versions"]
    assert (CRD["spec"]["group"], version["name"]) == (wire.GROUP, wire.VERSION)
    assert (names["kind"], names["plural"], names["shortNames"]) == (wire.KIND, wire.PLURAL, ["ob"])
    assert CRD["metadata"]["name"] == f"{wire.PLURAL}.{wire.GROUP}"


def test_kubectl_get_shows_these_columns():
    (version,) = CRD["spec"]["versions"]
    columns = {column["name"].upper(): column["jsonPath"] for column in version["additionalPrinterColumns"]}
    assert columns == {
        "STRATEGY": ".spec.strategy.name",
        "PROGRESS": ".status.progress",
        "ACTIVE": ".status.active",
        "FAILED": ".status.failed",
        "BEST": ".status.best.value",
        "STATUS": ".status.state",
        "AGE": ".metadata.creationTimestamp",
    }
    known = {f".{path}" for path, _ in FIELDS} | {".metadata.creationTimestamp"}
    assert set(columns.values()) <= known


def test_status_is_a_subresource_and_scale_sets_the_concurrency():
    (version,) = CRD["spec"]["versions"]
    assert version["subresources"] == {
        "status": {},
        "scale": {"specReplicasPath": ".spec.maxConcurrent", "statusReplicasPath": ".status.active"},
    }


@each_field
def test_a_field_has_a_description_for_kubectl_explain(path, schema):
    assert schema.get("description", "").endswith(".") or path.endswith("[]")


@each_field
def test_a_field_has_bounds(path, schema):
    match schema.get("type"):
        case "string":
            assert "maxLength" in schema or "enum" in schema or "format" in schema
        case "array":
            assert schema["maxItems"] <= 1000
        case "integer" | "number":
            assert "minimum" in schema
            assert "maximum" in schema or path.startswith("status")
        case "object":
            assert "properties" in schema or "maxProperties" in schema
        case "boolean":
            pass
        case None:
            is_bounded = schema["maxLength"] <= 256
            assert is_bounded
            assert schema.get("x-kubernetes-int-or-string") or schema["maxItems"] == schema["maxProperties"] == 0


@each_field
def test_a_field_needs_nothing_that_a_server_of_1_20_does_not_know(path, schema):
    assert set(schema) <= {
        "additionalProperties", "anyOf", "default", "description", "enum", "format", "items", "maxItems", "maxLength",
        "maxProperties", "maximum", "minItems", "minLength", "minimum", "nullable", "pattern", "properties", "required",
        "type", "x-kubernetes-int-or-string", "x-kubernetes-list-map-keys", "x-kubernetes-list-type",
        "x-kubernetes-preserve-unknown-fields",
    }  # fmt: skip


def test_a_condition_may_have_an_empty_message_even_where_the_server_takes_it_for_null():
    message = dict(FIELDS)["status.conditions[].message"]
    assert message["nullable"] is True


def test_only_the_scalars_of_parameters_have_no_type():
    untyped = [path for path, schema in FIELDS if "type" not in schema and "x-kubernetes-int-or-string" not in schema]
    scalars = ["range.start", "range.end", "range.step", "values[]", "value"]
    assert untyped == [f"spec.parameters[].{scalar}" for scalar in scalars]
    preserving = [path for path, schema in FIELDS if "x-kubernetes-preserve-unknown-fields" in schema]
    assert preserving == untyped


@pytest.mark.parametrize("manifest", refused_manifests(), ids=lambda manifest: manifest.name)
def test_the_schema_refuses_a_bad_manifest_at_its_field(manifest):
    assert set(schema_faults(manifest.body)) == {manifest.field}


@pytest.mark.parametrize("manifest", invalid_manifests(), ids=lambda manifest: manifest.name)
def test_the_schema_accepts_what_only_the_operator_can_validate(manifest):
    assert schema_faults(manifest.body) == []


def test_there_are_enough_bad_manifests():
    assert len(refused_manifests()) >= 15
    assert len(invalid_manifests()) >= 18
    names = [manifest.body["metadata"]["name"] for manifest in refused_manifests() + invalid_manifests()]
    assert names == [manifest.name for manifest in refused_manifests() + invalid_manifests()]
