"""The release that upgrades start from can be had from this clone, and a clone that lacks it says what to fetch."""

import subprocess
from pathlib import Path

import pytest

from tests.support.released import COMMIT, ROOT, TAG, unpack_released


def test_the_released_tree_has_its_chart_its_image_and_its_migrations(tmp_path: Path) -> None:
    tree = unpack_released(tmp_path)
    for path in ("helm/backfleet/Chart.yaml", "Dockerfile", "hack/helm/__main__.py", "hack/cluster/__main__.py"):
        assert (tree / path).is_file(), path
    migrations = [each.name for each in (tree / "operator/backfleet/store/migrations/versions").glob("0*.py")]
    assert migrations == ["0001_the_first_schema.py"]


def test_the_commit_is_what_the_tag_names() -> None:
    command = ["git", "-c", "safe.directory=*", "-C", str(ROOT), "rev-parse", "-q", "--verify", f"{TAG}^{{commit}}"]
    named = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60).stdout.strip()
    assert named in (COMMIT, ""), "the tag was moved"


def test_a_clone_without_tag_and_commit_says_what_to_fetch(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path / "empty")], check=True, timeout=60)
    with pytest.raises(AssertionError, match=f"neither the tag {TAG} nor the commit {COMMIT}.*git fetch"):
        unpack_released(tmp_path / "out", tmp_path / "empty")
