"""A file becomes a spec and a name, or an error that names the field. Nothing in the file is lost silently."""

import json
from pathlib import Path

import pytest
import yaml

from backfleet.core.errors import SpecInvalid
from backfleet_client.manifests import Manifest, parse_manifest

EXAMPLES = sorted((Path(__file__).resolve().parents[3] / "manifests" / "examples").glob("*.yaml"))
HEAD = "apiVersion: backfleet.io/v1alpha1\nkind: OptimizationBatch\n"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_is_read_with_its_name(path: Path) -> None:
    body = yaml.safe_load(path.read_text())
    assert parse_manifest(path.read_bytes()) == Manifest(body["spec"], body["metadata"]["name"])


def test_a_bare_spec_in_yaml_or_json_is_a_batch() -> None:
    spec = {"strategy": {"name": "X"}, "maxConcurrent": 2}
    assert parse_manifest(json.dumps(spec).encode()) == Manifest(spec)
    assert parse_manifest(b"strategy: {name: X}\nmaxConcurrent: 2\n") == Manifest(spec)


def test_a_date_that_is_not_quoted_is_its_text() -> None:
    assert parse_manifest(b"data: {startDate: 2000-03-01}") == Manifest({"data": {"startDate": "2000-03-01"}})


def test_a_namespace_is_kept() -> None:
    assert parse_manifest(f"{HEAD}metadata: {{name: x, namespace: lab}}\nspec: {{}}".encode()) == Manifest(
        {}, "x", "lab"
    )


def test_a_manifest_without_a_name_has_none() -> None:
    assert parse_manifest(f"{HEAD}spec: {{}}".encode()) == Manifest({})


@pytest.mark.parametrize(
    ("text", "field"),
    [
        pytest.param("", "FILE", id="empty"),
        pytest.param("- a\n- b\n", "FILE", id="a list"),
        pytest.param("a: [", "FILE", id="half"),
        pytest.param("a: 1\n---\nb: 2\n", "FILE", id="two documents"),
        pytest.param("a: !!python/object/apply:os.system [ls]", "FILE", id="a tag that runs code"),
        pytest.param("a: .nan", "FILE", id="NaN"),
        pytest.param("a: !!binary aGVsbG8=", "FILE", id="bytes"),
        pytest.param("a: \x00", "FILE", id="NUL"),
        pytest.param("[" * 5000, "FILE", id="deep"),
        pytest.param("kind: Job\napiVersion: batch/v1\nspec: {}", "kind", id="another kind"),
        pytest.param("spec: {}", "kind", id="no kind"),
        pytest.param(f"{HEAD}metadata: []\nspec: []", "spec", id="no objects"),
        pytest.param(f"{HEAD}metadata: {{name: x}}", "spec", id="no spec"),
        pytest.param(f"{HEAD}metadata: {{labels: {{a: b}}}}\nspec: {{}}", "metadata.labels", id="labels"),
        pytest.param(f"{HEAD}metadata: {{finalizers: [a]}}\nspec: {{}}", "metadata.finalizers", id="a finalizer"),
        pytest.param("a: 1\n" + "# " + "x" * 1024 * 1024, "FILE", id="too large"),
    ],
)
def test_an_error_names_the_field(text: str, field: str) -> None:
    with pytest.raises(SpecInvalid) as caught:
        parse_manifest(text.encode())
    assert caught.value.field == field
