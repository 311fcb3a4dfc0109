"""Reads and renders the chart."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import helm_python
import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "helm" / "backfleet"
CRD = ROOT / "crds" / "optimizationbatches.backfleet.io.yaml"
CHART_CRD = CHART / "files" / CRD.name


def render_texts(values: Mapping[str, Any], name: str = "demo", namespace: str = "prod") -> dict[str, str]:
    """Render the templates: text by file name, without NOTES.txt and empty texts."""
    with helm_python.Chart.load(CHART) as chart:
        rendered = chart.render(dict(values), name=name, namespace=namespace)
    return {Path(path).name: text for path, text in sorted(rendered.items()) if path.endswith(".yaml") and text.strip()}


def render_objects(values: Mapping[str, Any], name: str = "demo", namespace: str = "prod") -> list[dict[str, Any]]:
    """Return every object of a release, in the order of the templates' names."""
    texts = render_texts(values, name, namespace)
    return [each for text in texts.values() for each in yaml.safe_load_all(text) if each]
