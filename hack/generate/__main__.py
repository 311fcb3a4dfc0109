"""Writes every generated file. With `--check`, writes nothing and fails if a file is stale."""

import argparse
import sys

from hack.generate.artifacts import ARTIFACTS
from hack.helm.chart import ROOT


def main() -> int:
    """Write the files, or check them, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m hack.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a file is stale")
    options = parser.parse_args()
    stale = 0
    # One after the other: some are made from others.
    for each in ARTIFACTS:
        if each.is_stale():
            stale += 1
            if not options.check:
                each.path.write_text(each.render(), encoding="utf-8")
            print(f"{each.path.relative_to(ROOT)}: {'stale, run `make docs`' if options.check else 'updated'}")
    if not stale:
        print(f"all {len(ARTIFACTS)} generated files are up to date")
    return 1 if stale and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
