"""Lists the generated files of the repository, each with the function that makes its text."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hack.generate.custom_resource import page
from hack.generate.install_manifest import render_install
from hack.generate.picture import draw
from hack.generate.values_table import put_table, render_table
from hack.helm.chart import CHART, CHART_CRD, CRD, ROOT

DEPLOYMENT = ROOT / "docs" / "deployment.md"
DEMO = ROOT / "docs" / "demo.txt"


@dataclass(frozen=True, slots=True)
class Artifact:
    """A generated file and the function that makes its text."""

    path: Path
    render: Callable[[], str]

    def is_stale(self) -> bool:
        """Return whether the file is missing or differs from the text that its source gives now."""
        return not self.path.exists() or self.path.read_text(encoding="utf-8") != self.render()


def _deployment() -> str:
    table = render_table((CHART / "values.yaml").read_text(encoding="utf-8"))
    return put_table(DEPLOYMENT.read_text(encoding="utf-8"), table)


def _crd() -> str:
    return CRD.read_text(encoding="utf-8")


def _demo() -> str:
    return draw(DEMO.read_text(encoding="utf-8").splitlines())


ARTIFACTS = (
    Artifact(CHART_CRD, _crd),
    Artifact(ROOT / "docs" / "custom-resource.md", page),
    Artifact(DEPLOYMENT, _deployment),
    Artifact(ROOT / "manifests" / "install.yaml", render_install),
    Artifact(ROOT / "docs" / "demo.svg", _demo),
)
"""The chart's copy of the CRD comes first, since the install manifest contains it."""
