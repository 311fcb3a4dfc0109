"""How fast `bars` is: one backtest over 2,500 bars in memory, and the CPU from the start of the process to its first bar.

    .venv/bin/python tests/benchmarks/bars.py        (make bench-bars)

A backtest is `run`: signals, fills, all metrics, curve and blocks, with the strategy's default parameters on AAPL, and MSFT
where it takes two symbols (for STR-006 as the volatility index). Prints a JSON report of the best of many runs, which is what
a shared machine disturbs least; limits stand in limits.yaml.
"""

import argparse
import json
import platform
import resource
import subprocess
import sys
import timeit
from collections.abc import Callable
from datetime import date
from pathlib import Path
from statistics import mean
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path[0:1] = [str(ROOT), str(ROOT / "operator")]

from backfleet.core import wire  # noqa: E402
from backfleet.engines.bars.backtest import load_bars, run, trade  # noqa: E402
from backfleet.engines.bars.settings import BarsSettings  # noqa: E402
from backfleet.engines.bars.strategies import STRATEGIES  # noqa: E402
from tests.support.engines import make_request  # noqa: E402
from tests.support.packs import pack_of  # noqa: E402

BARS = 2500
PERIOD = (date(2000, 3, 1), date(2010, 2, 8))
"""Exactly 2,500 trading days."""
TO_FIRST_BAR = """
import os
from backfleet.engines.bars import main
from backfleet.engines.forking import read_pack_orders
request = next(read_pack_orders(os.environ).pack.requests)
main.PreparedBars(os.environ).prepare(request)
"""
"""What the command does before its first bar: imports, pack, settings, data."""


def main() -> int:
    """Measure and print; 1 when a limit is passed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=400, help="backtests of each strategy")
    parser.add_argument("--starts", type=int, default=20, help="processes started")
    options = parser.parse_args()
    report = {name: measure_backtest(name, options.runs) for name in STRATEGIES}
    report["start"] = measure_start(options.starts)
    passed = passed_limits(report)
    machine = f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}"
    print(json.dumps({"machine": machine, "bars": BARS, **report, "limits_passed": passed}, indent=2))
    return 1 if passed else 0


def measure_backtest(strategy: str, runs: int) -> dict[str, float]:
    """Return the milliseconds of a whole backtest, and of its signals and fills alone."""
    symbols = ("AAPL", "MSFT")[: len(STRATEGIES[strategy].symbols)]
    request = make_request(strategy, symbols=symbols, days=PERIOD)
    series = load_bars(request)
    if len(series[0]) != BARS:
        raise SystemExit(f"{len(series[0])} bars where {BARS} are due")
    settings = BarsSettings()
    whole = milliseconds(lambda: run(request, series, settings), runs)
    fills = milliseconds(lambda: trade(request, series, settings), runs)
    return {
        "best_ms": min(whole),
        "mean_ms": mean(whole),
        "trade_best_ms": min(fills),
        "trades": len(trade(request, series, settings).trades),
        "runs": runs,
    }


def milliseconds(work: Callable[[], Any], runs: int) -> list[float]:
    return [seconds * 1000 for seconds in timeit.repeat(work, repeat=runs, number=1)]


def measure_start(starts: int) -> dict[str, float]:
    """Return the seconds of CPU, user and system, of a process that does all that comes before the first bar."""
    environment = {wire.ENV_PACK: pack_of(make_request(days=PERIOD)).to_json(), "PYTHONPATH": str(ROOT / "operator")}
    seconds = []
    for _ in range(starts + 1):
        before = children_cpu()
        subprocess.run([sys.executable, "-c", TO_FIRST_BAR], env=environment, check=True)
        seconds.append(children_cpu() - before)
    del seconds[0]  # it may have compiled
    return {"best_cpu_s": min(seconds), "mean_cpu_s": mean(seconds), "starts": starts}


def children_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def passed_limits(report: dict[str, Any]) -> list[str]:
    """Return the limits that the report passes, as `what: measured > limit`."""
    limits = yaml.safe_load((Path(__file__).parent / "limits.yaml").read_text())["bars"]
    return [
        f"{name}.{figure}: {report[name][figure]:.3f} > {limit}"
        for name, figures in limits.items()
        for figure, limit in figures.items()
        if report[name][figure] > limit
    ]


if __name__ == "__main__":
    sys.exit(main())
