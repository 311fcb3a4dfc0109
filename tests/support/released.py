"""The released version, from the history of this clone. Upgrades start from its chart, image and migrations."""

import io
import subprocess
import tarfile
from pathlib import Path

TAG = "v0.2.0"
COMMIT = "78657ea595874c6f0c0d641e0c1bf01699b5aed7"
"""What the tag names: a clone without tags may still have it."""
ROOT = Path(__file__).resolve().parents[2]
GIT_SECONDS = 60


def unpack_released(folder: Path, repository: Path = ROOT, tag: str = TAG, commit: str = COMMIT) -> Path:
    """Unpack the released tree in `folder`. AssertionError says what to fetch if the clone has neither tag nor commit."""
    revision = next((each for each in (f"refs/tags/{tag}", commit) if _has(repository, each)), None)
    assert revision is not None, (
        f"{repository} has neither the tag {tag} nor the commit {commit}, from whose chart an upgrade is tested: "
        "git fetch --unshallow --tags"
    )
    done = _git(repository, "archive", "--format=tar", revision)
    assert done.returncode == 0, done.stderr.decode()
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def _has(repository: Path, revision: str) -> bool:
    return _git(repository, "cat-file", "-e", f"{revision}^{{commit}}").returncode == 0


def _git(repository: Path, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    # Whoever runs the tests, root for one, need not own the clone.
    command = ["git", "-c", "safe.directory=*", "-C", str(repository), *arguments]
    return subprocess.run(command, capture_output=True, timeout=GIT_SECONDS, check=False)
