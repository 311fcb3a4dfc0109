"""What finished Jobs cost the operator: the processor time of a minute of passes with 10,000 settled Jobs and with none.

    .venv/bin/python tests/benchmarks/finished_jobs.py

Real passes over a fake API server by HTTP, rows in memory, a pass per second of the operator's clock, so that the looks at
the settled Jobs' metadata are part of it. Only the pass's own thread is measured, in turns with and without the Jobs. Prints
a JSON report and compares it with limits.yaml (exit code 1: a figure is above its limit).
"""

import json
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path[0:1] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parents[2] / "operator")]

import yaml  # noqa: E402

from backfleet.core import wire  # noqa: E402
from tests.support.api_server import ApiServer  # noqa: E402
from tests.support.finished import NAMESPACE, add_finished, build_passes  # noqa: E402
from tests.support.memory import MemoryRows  # noqa: E402
from tests.support.operator import batch_spec, values  # noqa: E402

COUNT = 10_000
ROUNDS = 3
PASSES = 60
LIMITS = Path(__file__).parent / "limits.yaml"


def main() -> int:
    """Measure in turns and print the report."""
    seconds: dict[int, list[float]] = {0: [], COUNT: []}
    for _ in range(ROUNDS):
        for count, found in seconds.items():
            found.append(minute_of_passes(count))
    without, beside = min(seconds[0]), min(seconds[COUNT])
    report = {
        "finished_jobs": COUNT,
        "pass_ms_without": round(without / PASSES * 1000, 2),
        "pass_ms_beside": round(beside / PASSES * 1000, 2),
        "ratio": round(beside / without, 3),
    }
    print(json.dumps(report, indent=2))
    limit = yaml.safe_load(LIMITS.read_text(encoding="utf-8"))["finished_jobs"]["ratio"]
    if report["ratio"] > limit:
        print(f"above its limit: ratio {report['ratio']} > {limit}", file=sys.stderr)
        return 1
    return 0


def minute_of_passes(count: int) -> float:
    """Processor seconds of 60 passes, a second apart, with four live backtests."""
    with ApiServer.running() as api:
        body = {"metadata": {"name": "demo"}, "spec": batch_spec(parameters=values(50))}
        owner = {"uid": api.objects.create(wire.PLURAL, NAMESPACE, body)["metadata"]["uid"], "name": "demo"}
        add_finished(api, owner, count)
        rows = MemoryRows(now=datetime.now(UTC).replace(microsecond=0))
        passes = build_passes(api, rows)
        passes.run()
        started = time.thread_time()
        for _ in range(PASSES):
            rows.now += timedelta(seconds=1)
            passes.run()
        return time.thread_time() - started


if __name__ == "__main__":
    sys.exit(main())
