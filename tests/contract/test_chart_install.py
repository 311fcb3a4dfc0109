"""manifests/install.yaml is complete, valid, and without a secret."""

from typing import Any

import kubernetes_validate
import kubernetes_validate.utils
import pytest
import yaml

from hack.generate.install_manifest import NAMESPACE
from hack.helm.chart import ROOT
from tests.support.chart import containers_of, pods_of

INSTALL = ROOT / "manifests" / "install.yaml"
OBJECTS: list[dict[str, Any]] = list(yaml.safe_load_all(INSTALL.read_text()))
VERSIONS = [version.removesuffix(".0") for version in kubernetes_validate.utils.all_versions()]
CLUSTER_WIDE = {"Namespace", "CustomResourceDefinition"}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_is_valid(version: str):
    objects = [each for each in OBJECTS if each["kind"] != "CustomResourceDefinition"]
    assert {"Deployment", "Role", "ConfigMap"} <= {each["kind"] for each in objects}
    for each in objects:
        kubernetes_validate.validate(each, version, strict=True)


def test_namespace_and_definition_come_first_and_everything_else_is_in_the_namespace():
    assert OBJECTS[0]["metadata"]["name"] == NAMESPACE
    for each in OBJECTS:
        assert each["metadata"].get("namespace") == (None if each["kind"] in CLUSTER_WIDE else NAMESPACE)


def test_it_holds_no_secret_and_names_only_those_that_the_documentation_has_made():
    assert "Secret" not in {each["kind"] for each in OBJECTS}
    assert "postgresql://" not in INSTALL.read_text()
    named = {
        (entry["valueFrom"]["secretKeyRef"]["name"], entry["valueFrom"]["secretKeyRef"]["key"])
        for pod in pods_of(OBJECTS).values()
        for container in containers_of(pod)
        for entry in container["env"]
        if "valueFrom" in entry
    }
    assert named == {
        ("backfleet-database", "operator-url"),
        ("backfleet-database", "api-url"),
        ("backfleet-api-token", "token"),
    }
    settings = next(each for each in OBJECTS if each["kind"] == "ConfigMap")["data"]["settings.json"]
    assert '"secretName": "backfleet-database"' in settings


def test_nothing_in_it_says_that_helm_manages_it():
    text = INSTALL.read_text()
    assert "Helm\n" not in text
    assert "helm.sh/" not in text
    assert not [each for each in OBJECTS if each["kind"] == "Pod"]
