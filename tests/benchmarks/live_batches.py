"""What 1,000 live batches cost a pass that finds nothing new: processor time, with rows in memory or in a real Postgres.

    .venv/bin/python tests/benchmarks/live_batches.py [--postgres]

Prints a JSON report and compares it with limits.yaml (exit code 1: a figure is above its limit).
"""

import gc
import json
import logging
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

sys.path[0:1] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parents[2] / "operator")]

import yaml  # noqa: E402

from tests.support.clocked import ClockedDatabase  # noqa: E402
from tests.support.cluster import START, FakeCluster  # noqa: E402
from tests.support.operator import Operator, World, batch_spec  # noqa: E402
from tests.support.postgres import running_server  # noqa: E402
from tests.support.postgres_rows import PostgresRows  # noqa: E402

LIMITS = Path(__file__).parent / "limits.yaml"
BATCHES, PASSES = 1_000, 5
SPEC = batch_spec(
    engine={"name": "bars"},
    strategy={"name": "RSI_MeanReversion_ETF"},
    parameters=[
        {"name": "rsi_period", "type": "int", "range": {"start": 14, "end": 22, "step": 1}},
        {"name": "entry_threshold", "type": "int", "range": {"start": 25, "end": 35, "step": 5}},
        {"name": "stop_loss_pct", "type": "float", "range": {"start": 0.02, "end": 0.08, "step": 0.01}},
        {"name": "exit_threshold", "type": "int", "values": [55, 60, 65]},
        {"name": "profit_target_pct", "type": "float", "value": 0.05},
    ],
    objective={"metric": "sharpe_ratio", "direction": "maximize"},
    successCriteria={"minTrades": 100, "minSharpe": 1.0, "maxDrawdown": 0.15, "minWinRate": 0.45},
    failurePolicy={"maxAttempts": 3, "backtestTimeoutSeconds": 1_800},
    maxConcurrent=4,
)


def main() -> int:
    """Measure and print the report."""
    logging.disable(logging.CRITICAL)
    kind = "postgres" if "--postgres" in sys.argv[1:] else "memory"
    with in_postgres() if kind == "postgres" else in_memory() as operator:
        report = measure(operator)
    print(json.dumps({kind: report}))
    limit = yaml.safe_load(LIMITS.read_text(encoding="utf-8"))["live_batches"][kind]["pass_cpu_s"]
    if report["pass_cpu_s"] > limit:
        print(f"above its limit: pass_cpu_s {report['pass_cpu_s']} > {limit}", file=sys.stderr)
        return 1
    return 0


@contextmanager
def in_memory() -> Iterator[Operator]:
    """Yield an operator whose rows are in memory."""
    yield World().operator


@contextmanager
def in_postgres() -> Iterator[Operator]:
    """Yield an operator whose rows are in a Postgres of its own."""
    with running_server() as server, ClockedDatabase.running(server) as store:
        yield World(rows=PostgresRows(now=START, store=store)).operator


def measure(operator: Operator) -> dict[str, float]:
    """Take the batches in, fill the slots, and measure the passes after that."""
    assert isinstance(operator.cluster, FakeCluster)
    for number in range(BATCHES):
        operator.cluster.add_batch(SPEC, name=f"batch-{number}")
    for _ in range(11):
        operator.turn()
    gc.collect()
    passes = []
    for _ in range(PASSES):
        started = time.process_time()
        report = operator.turn()
        passes.append(time.process_time() - started)
        assert report.live_batches == BATCHES
        assert not report.errors, report.errors
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "pass_cpu_s": round(median(passes), 3),
        "pass_cpu_s_worst": round(max(passes), 3),
        "peak_mib": round(peak_mib),
    }


if __name__ == "__main__":
    sys.exit(main())
