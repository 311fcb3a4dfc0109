"""What a result of LEAN costs in the recorder: time to read 2 MB, and the memory of the whole process.

    .venv/bin/python tests/benchmarks/lean_result.py        (make bench-lean)

Reads a generated result of 2.1 MB in LEAN's layout, with its orders, trades, charts and log, in processes that first import
what the recorder imports; and a real result of that size where ../shared/lean-results is at hand. Prints a JSON report;
limits stand in limits.yaml, that of time on the CPU's, which a shared machine disturbs least.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import mean
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path[0:1] = [str(ROOT), str(ROOT / "operator")]

from tests.support.engines import make_request  # noqa: E402
from tests.support.lean_results import (  # noqa: E402
    equity_values,
    make_performance,
    make_result,
    write_exit,
    write_json,
    write_log,
    write_monitor_report,
    write_run,
)

REAL = Path(os.environ.get("BACKFLEET_LEAN_RESULTS") or ROOT / "../shared/lean-results") / "pascalcase-large"
TRADES = 2200
LEAST_BYTES = 2_000_000
READ = """
import json, resource, sys, time
from pathlib import Path
import backfleet.recorder.main
from backfleet.core.backtests import BacktestRequest
from backfleet.engines.lean.outcome import outcome_of_run
request = BacktestRequest.from_json(sys.argv[2])
started, cpu = time.perf_counter(), time.process_time()
recorded = outcome_of_run(Path(sys.argv[1]), request)
seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
assert recorded.ending.metrics["total_orders"], recorded
print(json.dumps({"ms": seconds * 1000, "cpu_ms": cpu * 1000, "peak_mib": peak}))
"""


def main() -> int:
    """Measure and print; 1 when a limit is passed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=20, help="processes started for each file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        report = {"generated": measure(generated(Path(name)), options.runs)}
    if REAL.is_dir():
        with tempfile.TemporaryDirectory() as name:
            report["real"] = measure(real(Path(name)), options.runs)
    passed = passed_limits(report)
    machine = f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}"
    print(json.dumps({"machine": machine, **report, "limits_passed": passed}, indent=2))
    return 1 if passed else 0


def measure(folder: Path, runs: int) -> dict[str, float]:
    """Measure in a process for each run, as in a pod: its first and only reading counts."""
    arguments = [sys.executable, "-c", READ, str(folder), make_request("Trend").to_json()]
    environment = {"PYTHONPATH": str(ROOT / "operator")}
    figures = [
        json.loads(subprocess.run(arguments, env=environment, check=True, capture_output=True).stdout)
        for _ in range(runs + 1)
    ]
    del figures[0]  # it may have compiled
    times = [figure["ms"] for figure in figures]
    size = max(file.stat().st_size for file in folder.iterdir())
    return {
        "bytes": size,
        "best_ms": min(times),
        "mean_ms": mean(times),
        "mean_cpu_ms": mean(figure["cpu_ms"] for figure in figures),
        "peak_mib": max(figure["peak_mib"] for figure in figures),
        "runs": runs,
    }


def generated(folder: Path) -> Path:
    """Return a run with 2,200 closed trades and 1,000 points of equity."""
    trades = [trade(number) for number in range(TRADES)]
    charts = {"Strategy Equity": {"series": {"Equity": {"values": equity_values(days=1000)}}}}
    performance = {**make_performance(), "closedTrades": trades}
    orders = {str(number): order(number) for number in range(1, TRADES + 1)}
    body = make_result(
        totalPerformance=performance, orders=orders, charts=charts, algorithmConfiguration={"accountCurrency": "USD"}
    )
    write_run(folder, summary=make_result(algorithmConfiguration=None))
    (folder / "backtest.json").write_text(json.dumps(body))
    write_json(folder, "backtest-order-events.json", [])
    write_monitor_report(folder, 300, 0)
    write_log(folder, [f"TRACE:: Debug: line {number}" for number in range(20_000)])
    size = (folder / "backtest.json").stat().st_size
    if size < LEAST_BYTES:
        raise SystemExit(f"the generated result has {size} bytes, at least {LEAST_BYTES} are due")
    return folder


def trade(number: int) -> dict[str, Any]:
    time = f"2020-{number % 12 + 1:02}-{number % 28 + 1:02}T14:31:00Z"
    figures = {"profitLoss": number / 7, "totalFees": 2.0, "mae": -number / 3, "mfe": number / 5}
    return {
        "symbol": {"value": "SPY", "id": "SPY R735QTJ8XC9X", "permtick": "SPY"},
        "entryTime": time,
        "entryPrice": 300 + number / 11,
        "direction": 0,
        "quantity": 100.0,
        "exitTime": time,
        "exitPrice": 301 + number / 11,
        "duration": "00:35:00",
        "isWin": True,
        "orderIds": [number, number + 1],
        **figures,
    }


def order(number: int) -> dict[str, Any]:
    time = f"2020-{number % 12 + 1:02}-{number % 28 + 1:02}T14:31:00Z"
    submission = {"bidPrice": 300.0, "askPrice": 300.0 + number / 11, "lastPrice": 300.0 + number / 13}
    return {
        "type": 0,
        "id": number,
        "contingentId": 0,
        "brokerId": [str(number)],
        "symbol": {"value": "SPY", "id": "SPY R735QTJ8XC9X", "permtick": "SPY"},
        "price": 300 + number / 11,
        "priceCurrency": "USD",
        "time": time,
        "createdTime": time,
        "lastFillTime": time,
        "quantity": 100.0,
        "status": 3,
        "tag": "",
        "properties": {"timeInForce": {}},
        "securityType": 1,
        "direction": number % 2,
        "value": 30000 + number,
        "orderSubmissionData": submission,
        "isMarketable": True,
    }


def real(folder: Path) -> Path:
    for file in REAL.iterdir():
        shutil.copy(file, folder)
    write_exit(folder)
    return folder


def passed_limits(report: dict[str, Any]) -> list[str]:
    """Return the limits that the report passes, as `what: measured > limit`."""
    limits = yaml.safe_load((Path(__file__).parent / "limits.yaml").read_text())["lean_result"]
    return [
        f"{name}.{figure}: {figures[figure]:.1f} > {limit}"
        for name, figures in report.items()
        for figure, limit in limits.items()
        if figures[figure] > limit
    ]


if __name__ == "__main__":
    sys.exit(main())
