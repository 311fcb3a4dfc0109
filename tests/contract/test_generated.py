"""Every generated file is what its source gives today."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hack.generate.artifacts import ARTIFACTS, Artifact
from hack.helm.chart import ROOT


@pytest.mark.parametrize("artifact", ARTIFACTS, ids=lambda each: str(each.path.relative_to(ROOT)))
def test_a_generated_file_is_up_to_date(artifact: Artifact) -> None:
    assert artifact.path.read_text(encoding="utf-8") == artifact.render(), "run: make docs"


def test_a_stale_file_fails_the_check_and_is_written_without_it(tmp_path: Path) -> None:
    for folder in ("hack", "docs", "manifests", "helm", "crds"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    picture = tmp_path / "docs" / "demo.svg"
    picture.write_text("stale")

    def generate(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "hack.generate", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)

    checked = generate("--check")
    assert (checked.returncode, checked.stdout) == (1, "docs/demo.svg: stale, run `make docs`\n")
    assert picture.read_text() == "stale"
    assert (generate().returncode, generate("--check").returncode) == (0, 0)
    assert picture.read_bytes() == (ROOT / "docs" / "demo.svg").read_bytes()
