"""Finds objects in a rendered chart, and renders its notes."""

from collections.abc import Iterable, Mapping
from typing import Any

import helm_python

from hack.helm.chart import CHART


def render_notes(values: Mapping[str, Any], name: str = "demo", namespace: str = "prod") -> str:
    """Return the notes that an install prints."""
    with helm_python.Chart.load(CHART) as chart:
        rendered = chart.render(dict(values), name=name, namespace=namespace)
    return next(text for path, text in rendered.items() if path.endswith("NOTES.txt"))


def pods_of(objects: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the pod specs by the name of the object that has them."""
    return {
        each["metadata"]["name"]: each["spec"]["template"]["spec"]
        for each in objects
        if "template" in each.get("spec", {})
    }


def containers_of(pod: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the containers of a pod, init containers first."""
    return [*pod.get("initContainers", []), *pod["containers"]]


def find_object(objects: Iterable[Mapping[str, Any]], kind: str, name: str) -> Mapping[str, Any]:
    """Return the object with this kind and name."""
    return next(each for each in objects if (each["kind"], each["metadata"]["name"]) == (kind, name))
