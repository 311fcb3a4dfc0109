"""The pydantic model and the CRD say the same of every field of the spec."""

from typing import Any

import pytest

from backfleet.core.errors import SpecInvalid
from backfleet.core.spec.model import BatchSpec, parse_spec
from tests.support.manifests import refused_manifests
from tests.support.manifests.crd import load_schema, with_defaults
from tests.support.manifests.specs import spec_body

FACTS = (
    "type", "enum", "format", "anyOf", "minimum", "maximum", "minLength", "maxLength", "pattern", "minItems",
    "maxItems", "default",
)  # fmt: skip
# What jsonschema of the model cannot know: Kubernetes' names for widths of integers, and the bounds on untyped scalars,
# which the operator validates itself.
WIDTHS = {"int32", "int64"}


def facts(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the facts of a schema about one value, in a form in which both sides are equal."""
    known = {key: schema[key] for key in FACTS if schema.get(key) is not None}
    if known.get("format") in WIDTHS:
        del known["format"]
    if schema.get("type") == "number" and "default" in known:
        # The model's default is an exact decimal, which its schema shows as text.
        known["default"] = float(known["default"])
    if "type" not in schema and "x-kubernetes-preserve-unknown-fields" in schema:
        return {}
    if schema.get("type") == "object":
        known["required"] = sorted(schema.get("required", []))
        known["fields"] = sorted(schema["properties"])
        # Defaults of objects are compared by what comes out of them, below.
        known.pop("default", None)
    if "enum" in known:
        known["enum"] = sorted(known["enum"])
    return known


def flatten(schema: dict[str, Any], path: str, definitions: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return facts by path."""
    schema = resolve(schema, definitions)
    found = {path: facts(schema)}
    for name, field in schema.get("properties", {}).items():
        found |= flatten(field, f"{path}.{name}", definitions)
    if "items" in schema:
        found |= flatten(schema["items"], f"{path}[]", definitions)
    return found


def resolve(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Follow references, and drop the null of an optional field: on the wire it is left out."""
    branches = [branch for branch in schema.get("anyOf", []) if branch != {"type": "null"}]
    if len(branches) == 1:
        schema = {**{key: value for key, value in schema.items() if key != "anyOf"}, **branches[0]}
    if "$ref" in schema:
        target = definitions[schema["$ref"].rsplit("/", 1)[1]]
        schema = {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
    return schema


MODEL_SCHEMA = BatchSpec.model_json_schema(by_alias=True)
MODEL = flatten(MODEL_SCHEMA, "spec", MODEL_SCHEMA["$defs"])
CRD = flatten(load_schema()["properties"]["spec"], "spec", {})


def test_the_model_and_the_crd_have_the_same_fields():
    assert sorted(MODEL) == sorted(CRD)


@pytest.mark.parametrize("path", sorted(CRD))
def test_the_model_and_the_crd_say_the_same_of_a_field(path):
    assert MODEL[path] == CRD[path]


def test_only_bounds_that_may_be_lifted_again_are_nullable():
    policy = load_schema()["properties"]["spec"]["properties"]["failurePolicy"]["properties"]
    assert [name for name, field in policy.items() if field.get("nullable")] == ["maxFailed", "batchTimeoutSeconds"]
    lifted = {"maxFailed": None, "batchTimeoutSeconds": None}
    assert parse_spec(spec_body(failurePolicy=lifted)) == parse_spec(spec_body())


def test_defaults_filled_in_by_the_server_are_the_models_own():
    stored = with_defaults({"spec": spec_body()})["spec"]
    assert stored != spec_body()
    assert parse_spec(stored) == parse_spec(spec_body())


# The server has no door for the API's and the command line's bodies, so the model refuses by itself what the schema does;
# what it leaves to acceptance are scalars, and lists keyed by name or without duplicates.
LEFT_TO_ACCEPTANCE = {
    "duplicate-parameter-names", "duplicate-symbols", "range-start-as-an-object", "value-as-a-list", "endless-number",
}  # fmt: skip


@pytest.mark.parametrize(
    "manifest",
    [each for each in refused_manifests() if each.name not in LEFT_TO_ACCEPTANCE],
    ids=lambda manifest: manifest.name,
)
def test_the_model_refuses_what_the_schema_refuses_at_the_same_field(manifest):
    with pytest.raises(SpecInvalid) as refused:
        parse_spec(manifest.body["spec"])
    assert refused.value.field.replace("[0]", "") == manifest.field
