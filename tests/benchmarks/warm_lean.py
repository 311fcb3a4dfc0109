"""What warm runs of LEAN save: 200 backtests of the stand-in on a real Kubernetes, in warm packs and one per Job, in turn.

    .venv/bin/python tests/benchmarks/warm_lean.py        (make bench-warm-lean)

A start of the stand-in costs 5 s and a backtest 0.2 s; real LEAN takes longer for both. Measured from `kubectl apply` to Finished
with four Jobs at once. Prints a JSON report and compares it with limits.yaml (exit code 1: a figure is above its limit).
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[0:1] = [str(ROOT), str(ROOT / "operator")]

import yaml  # noqa: E402

from hack.local import LocalBackfleet  # noqa: E402
from tests.e2e.conftest import NAMESPACE, connect, install  # noqa: E402
from tests.e2e.test_lean import PROJECTS, lean  # noqa: E402
from tests.support.live import Live  # noqa: E402

COUNT = 200
START_SECONDS, WORK_SECONDS = 5.0, 0.2
BATCH_SECONDS = 1_800
LIMITS = Path(__file__).parent / "limits.yaml"
RUNS = "SELECT run, count(*) FROM backtest_results WHERE batch_uid = '{}' GROUP BY run"


def main() -> int:
    """Measure and print the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cluster", default="bench-lean", help="name of the local cluster; it stays up")
    local = LocalBackfleet(parser.parse_args().cluster, NAMESPACE)
    local.up()
    install(
        local,
        f"engines.lean.environment.LEAN_STAND_IN_START_SECONDS={START_SECONDS}",
        f"engines.lean.environment.LEAN_STAND_IN_WORK_SECONDS={WORK_SECONDS}",
    )
    live = connect(local)
    live.kubectl("apply", "-f", "-", stdin=json.dumps(PROJECTS))
    warm, runs = run_batch(live, "warm", backtestsPerJob="auto")
    fresh, _ = run_batch(live, "fresh")
    report = {"warm_s": round(warm, 1), "fresh_s": round(fresh, 1), "ratio": round(warm / fresh, 3), "runs": runs}
    print(json.dumps(report, indent=2))
    limit = yaml.safe_load(LIMITS.read_text(encoding="utf-8"))["warm_lean"]["ratio"]
    if report["ratio"] > limit:
        print(f"above its limit: ratio is {report['ratio']}, its limit {limit}", file=sys.stderr)
        return 1
    return 0


def run_batch(live: Live, name: str, **changes: Any) -> tuple[float, dict[str, int]]:
    """Run a batch. Return its seconds, and how its results ran."""
    parameters = [
        {"name": "rsi_period", "type": "int", "range": {"start": 5, "end": 14, "step": 1}},
        {"name": "entry_threshold", "type": "int", "range": {"start": 21, "end": 20 + COUNT // 10, "step": 1}},
    ]
    manifest = lean(name, parameters=parameters, maxConcurrent=4, failurePolicy={}, **changes)
    began = time.monotonic()
    uid = live.apply(manifest)
    status = live.wait_finished(name, BATCH_SECONDS, every=0.2)["status"]
    seconds = time.monotonic() - began
    assert status["succeeded"] == COUNT, status
    runs = {run: int(count) for run, count in live.psql(RUNS.format(uid))}
    live.delete(name)
    return seconds, runs


if __name__ == "__main__":
    sys.exit(main())
