"""Puts a bug into a copy of the operator's code and runs tests on it: what does not find it is not worth much.

Each file in `bugs` is a patch of the repository. When code has moved on and one no longer applies, plant the same bug again and
replace the patch.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUGS = Path(__file__).parent / "bugs"
SECONDS = 280
_LINKED = ("api", "crds", "hack", "helm", "tests")


def plant(bug: str, folder: Path) -> None:
    """Make `folder` the repository with that bug; AssertionError when its patch does not apply."""
    shutil.copytree(ROOT / "operator", folder / "operator", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    for name in _LINKED:
        (folder / name).symlink_to(ROOT / name)
    command = ["git", "apply", "--verbose", str(BUGS / f"{bug}.patch")]
    environment = {**os.environ, "GIT_DIR": os.devnull}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{bug}.patch does not apply any more: {done.stderr}"


def run_tests(folder: Path, *arguments: str) -> tuple[int, str]:
    """Run pytest in a repository, and return its exit code and what it printed; the code is 1 when a test failed."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *arguments]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    environment.pop("COVERAGE_PROCESS_CONFIG", None)
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    return done.returncode, done.stdout
