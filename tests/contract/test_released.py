"""How the release that upgrades start from is had from a clone: by its tag, else by its commit, else not without a word."""

import subprocess
from pathlib import Path

import pytest

from tests.support.released import COMMIT, ROOT, TAG, unpack_released


def git(repository: Path, *arguments: str) -> str:
    who = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.org", "-c", "safe.directory=*"]
    command = ["git", *who, "-C", str(repository), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Return a repository of two commits, whose file says which one it is."""
    repository = tmp_path / "clone"
    repository.mkdir()
    git(repository, "init", "-q")
    for text in ("old", "new"):
        (repository / "file").write_text(text)
        git(repository, "add", "file")
        git(repository, "commit", "-q", "-m", text)
    return repository


@pytest.mark.parametrize("has_tag", [True, False], ids=["by the tag", "by the commit"])
def test_the_tree_of_the_release_is_had_whatever_stands_there_now(clone: Path, tmp_path: Path, has_tag: bool) -> None:
    old = git(clone, "rev-parse", "HEAD~1")
    if has_tag:
        git(clone, "tag", "v1", old)
    tree = unpack_released(tmp_path / "out", clone, tag="v1", commit=COMMIT if has_tag else old)
    assert [each.name for each in tree.iterdir()] == ["file"]
    assert (tree / "file").read_text() == "old"


def test_a_clone_without_tag_and_commit_says_what_to_fetch(clone: Path, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=f"neither the tag {TAG} nor the commit {COMMIT}.*git fetch"):
        unpack_released(tmp_path / "out", clone)


def test_the_commit_is_what_the_tag_names() -> None:
    listed = ["git", "-c", "safe.directory=*", "-C", str(ROOT), "rev-parse", "-q", "--verify", f"{TAG}^{{commit}}"]
    named = subprocess.run(listed, capture_output=True, text=True, check=False, timeout=60).stdout.strip()
    assert named in (COMMIT, ""), "the tag was moved"
