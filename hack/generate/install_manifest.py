"""Renders the chart to manifests/install.yaml, for users who have only kubectl and their own Postgres."""

from typing import Any

import yaml

from hack.helm.chart import render_objects

NAMESPACE = RELEASE = "backfleet"
VALUES: dict[str, Any] = {
    "image": {"repository": "registry.example/backfleet"},
    "evaluationPostgres": {"enabled": False},
    "database": {"existingSecret": "backfleet-database"},
    "api": {"token": {"existingSecret": "backfleet-api-token"}},
}
"""The user makes the Secrets that the chart would generate, since a public file must not have any."""
ORDER = ("Namespace", "CustomResourceDefinition", "ServiceAccount", "Role", "RoleBinding", "ConfigMap")
HEADER = """\
# Backfleet in the namespace `backfleet`. Generated from helm/backfleet by `make docs`.
# First create the two Secrets that it names, and replace the image's name: docs/deployment.md, "Without Helm".
"""


class _Dumper(yaml.SafeDumper):
    """A dumper that writes text of several lines as a block, so that settings stay readable."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def render_install() -> str:
    """Render the whole file: every object of the release except hooks, in its namespace, in the order of dependencies."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    rendered = [each for each in render_objects(VALUES, name=RELEASE, namespace=NAMESPACE) if not _is_hook(each)]
    objects = sorted([namespace, *map(_prepared, rendered)], key=_rank)
    return HEADER + "".join(f"---\n{yaml.dump(each, Dumper=_Dumper, sort_keys=False, width=120)}" for each in objects)


def _rank(each: dict[str, Any]) -> int:
    return ORDER.index(each["kind"]) if each["kind"] in ORDER else len(ORDER)


def _is_hook(each: dict[str, Any]) -> bool:
    return "helm.sh/hook" in (each["metadata"].get("annotations") or {})


def _prepared(each: dict[str, Any]) -> dict[str, Any]:
    metadata = each["metadata"]
    metadata["labels"]["app.kubernetes.io/managed-by"] = "kubectl"
    metadata["labels"].pop("helm.sh/chart")
    (metadata.get("annotations") or {}).pop("helm.sh/resource-policy", None)
    if each["kind"] != "CustomResourceDefinition":
        metadata["namespace"] = NAMESPACE
    return each
