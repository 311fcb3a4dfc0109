"""What 200 broken batches cost everybody: processor time per pass, and the passes until a good batch among them ends.

    .venv/bin/python tests/benchmarks/broken_batches.py

Passes over the simulated cluster, without any waiting, for every kind of broken batch of tests/support/broken.py. Prints a JSON
report and compares it with limits.yaml (exit code 1: a figure is above its limit).
"""

import gc
import json
import logging
import sys
import time
from pathlib import Path
from statistics import mean
from typing import Any

sys.path[0:1] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parents[2] / "operator")]

import yaml  # noqa: E402

from tests.support.broken import GOOD, KINDS, MANY, passes_until_the_end  # noqa: E402
from tests.support.operator import World  # noqa: E402

LIMITS = Path(__file__).parent / "limits.yaml"


def main() -> int:
    """Measure every kind and print the report."""
    logging.disable(logging.CRITICAL)
    alone = World()
    expected = passes_until_the_end(alone, alone.cluster.add_batch(GOOD, name="good"))
    report = {name: measure(spec, expected) for name, spec in KINDS.items()}
    print(json.dumps({"passes_alone": expected, **report}, indent=2))
    limits, over = yaml.safe_load(LIMITS.read_text(encoding="utf-8"))["broken_batches"], 0
    for name, figures in report.items():
        for figure, limit in limits.items():
            if figures[figure] > limit:
                over = 1
                print(f"above its limit: {name}: {figure} {figures[figure]} > {limit}", file=sys.stderr)
    return over


def measure(spec: dict[str, Any], expected: int) -> dict[str, float]:
    """Run 200 batches of that kind and a good one, all applied together, until the good one ends."""
    world, seconds = World(), []
    for number in range(MANY):
        world.cluster.add_batch(spec, name=f"other-{number}")
    gc.collect()

    def turn() -> None:
        started = time.process_time()
        world.turn()
        seconds.append(time.process_time() - started)

    passes = passes_until_the_end(world, world.cluster.add_batch(GOOD, name="good"), turn)
    return {
        "passes": passes,
        "passes_ratio": round(passes / expected, 3),
        "pass_cpu_s_mean": round(mean(seconds), 3),
        "pass_cpu_s_worst": round(max(seconds), 3),
    }


if __name__ == "__main__":
    sys.exit(main())
