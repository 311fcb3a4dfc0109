"""Plants each bug of `tests/world/bugs` into a copy of the operator, and counts the worlds until the machine finds it."""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.world.planting import BUGS, plant

SECONDS = 3_600


def main() -> int:
    """Return 1 unless every bug was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--bug", action="append", choices=sorted(path.stem for path in BUGS.glob("*.patch")))
    given = parser.parse_args()
    missed = 0
    for bug in given.bug or sorted(path.stem for path in BUGS.glob("*.patch")):
        began = time.monotonic()
        code, output = fuzz_with(bug, given.worlds, given.seed)
        found = re.search(r"^FAILED: world (\d+)", output, re.MULTILINE)
        reason = re.findall(r"^(\w*Error.*|ExceptionGroup.*)$", output, re.MULTILINE)
        missed += found is None
        what = f"found in world {found.group(1)}" if found else f"NOT FOUND (exit code {code})"
        print(f"{bug}: {what}, {time.monotonic() - began:.0f} s; {reason[-1][:200] if reason else ''}", flush=True)
    return 1 if missed else 0


def fuzz_with(bug: str, worlds: int, seed: int) -> tuple[int, str]:
    """Return the exit code and the output of the machine over the operator with that bug."""
    with tempfile.TemporaryDirectory(prefix="backfleet-bug-") as name:
        folder = Path(name)
        plant(bug, folder)
        arguments = ("--worlds", str(worlds), "--seed", str(seed), "--workers", "1", "--no-shrink")
        done = subprocess.run(
            [sys.executable, "-m", "tests.properties.world.fuzz", *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": "operator:api:.", "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr


if __name__ == "__main__":
    sys.exit(main())
