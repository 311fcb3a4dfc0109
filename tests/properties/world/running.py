"""Runs worlds in a process of their own: Hypothesis also draws from the constants of all modules that a process has loaded."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SECONDS = 1_150


@contextmanager
def running(worlds: int, seed: int, *arguments: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """Begin worlds from a seed, without measuring what they cover: that would take half of the time."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("COVERAGE_")}
    command = [sys.executable, "-m", "tests.properties.world.fuzz", "--worlds", str(worlds), "--seed", str(seed)]
    process = subprocess.Popen(
        [*command, "--workers", "1", *arguments],
        cwd=ROOT,
        env={**kept, "PYTHONPATH": "operator:api:.", **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def worlds_of(process: subprocess.Popen[str]) -> int:
    """Return how many worlds there were when all have passed; raise AssertionError with the history of one that did not."""
    output, _ = process.communicate(timeout=SECONDS)
    passed = re.search(r"^PASSED: ([0-9,]+) worlds", output, re.MULTILINE)
    assert passed is not None, output
    return int(passed[1].replace(",", ""))
