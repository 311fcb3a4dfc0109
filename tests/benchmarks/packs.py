"""What a search costs in packs: quick strategies on a real Kubernetes, against backtesting.py on the same machine, in turn.

    .venv/bin/python tests/benchmarks/packs.py --rounds 3        (make bench-packs)

Measured from `kubectl apply` to Finished, with `backtestsPerJob: auto` and four Jobs at once, on a strategy that has run in this
installation before: 100 and 2,000 combinations of a crossover of averages against backtesting.py's `optimize` over as many,
10,000 of them, and the 486 of STR-001. Prints a JSON report and compares it with limits.yaml (exit code 1: a figure is above
its limit).
"""

import argparse
import csv
import json
import statistics
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[0:1] = [str(ROOT), str(ROOT / "operator")]

import yaml  # noqa: E402
from kubernetes import client  # noqa: E402

from backfleet.core import wire  # noqa: E402
from backfleet.engines.bars.market_data import read_bars  # noqa: E402
from backfleet.engines.bars.settings import BarsSettings  # noqa: E402
from hack.local import LocalBackfleet  # noqa: E402
from tests.benchmarks.makespan import NAMESPACE, install, operator_counters  # noqa: E402
from tests.soak.test_full_space import full_space  # noqa: E402
from tests.support.live import Live  # noqa: E402
from tests.support.observer import wait_until  # noqa: E402

ELSEWHERE = "backtesting==0.6.6"
SIZES = {100: (10, 10), 2_000: (40, 50), 10_000: (100, 100)}
COMPARED = (100, 2_000)
BATCH_SECONDS = 900
LIMITS = Path(__file__).parent / "limits.yaml"


def main() -> int:
    """Run the rounds and print the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cluster", default="bench", help="name of the local cluster; it stays up")
    parser.add_argument(
        "--elsewhere", type=Path, default=ROOT / "build" / "backtesting", help="an environment for " + ELSEWHERE
    )
    options = parser.parse_args()
    python = environment_elsewhere(options.elsewhere)
    live = install(LocalBackfleet(options.cluster, NAMESPACE))
    run_batch(live, crossover(2, 2), "proves-crossover")
    run_batch(live, small_space(), "proves-rsi")
    rounds = []
    for number in range(options.rounds):
        rounds.append(measure_round(live, python, options.elsewhere, number))
        print(f"round {number + 1}: {json.dumps(rounds[-1])}", file=sys.stderr, flush=True)
    measured = {key: round(statistics.mean(each[key] for each in rounds), 4) for key in rounds[0]}
    print(json.dumps({"rounds": len(rounds), **measured}, indent=2))
    limits = yaml.safe_load(LIMITS.read_text(encoding="utf-8"))["packs"]
    above = {key: limit for key, limit in limits.items() if measured[key] > limit}
    for key, limit in above.items():
        print(f"above its limit: {key} is {measured[key]}, its limit {limit}", file=sys.stderr)
    return 1 if above else 0


def measure_round(live: Live, python: Path, folder: Path, number: int) -> dict[str, float]:
    """Run every search once, and those elsewhere next to ours."""
    figures: dict[str, float] = {}
    for count, (fast, slow) in SIZES.items():
        if count in COMPARED:
            figures[f"elsewhere_{count}_s"] = search_elsewhere(python, folder, fast, slow)
        ours = run_batch(live, crossover(fast, slow), f"crossover-{count}-{number}")
        figures[f"crossover_{count}_s"] = ours["seconds"]
        if count in COMPARED:
            figures[f"ratio_{count}"] = ours["seconds"] / figures[f"elsewhere_{count}_s"]
        if count == max(COMPARED):
            figures["api_writes_per_backtest"] = ours["writes"] / count
            figures["operator_cpu_ms_per_backtest"] = ours["cpu_seconds"] / count * 1_000
    figures["space_486_s"] = run_batch(live, full_space(), f"space-{number}")["seconds"]
    return figures


def crossover(fast: int, slow: int) -> dict[str, Any]:
    """Return a batch of a crossover of so many fast and slow averages on AAPL, 2000 to 2013."""
    manifest = full_space()
    manifest["spec"] |= {
        "strategy": {"name": "SMA_Crossover_ETF"},
        "parameters": [
            {"name": "fast_sma", "type": "int", "range": {"start": 5, "end": 4 + fast, "step": 1}},
            {"name": "slow_sma", "type": "int", "range": {"start": 110, "end": 109 + slow, "step": 1}},
        ],
    }
    return manifest


def small_space() -> dict[str, Any]:
    """Return one combination of STR-001."""
    manifest = full_space()
    for each in manifest["spec"]["parameters"]:
        each["value"] = each.pop("range")["start"]
    return manifest


def run_batch(live: Live, manifest: dict[str, Any], name: str) -> dict[str, float]:
    """Run a batch in packs. Return its seconds, and the operator's writes and CPU seconds for it."""
    manifest["metadata"]["name"] = name
    manifest["spec"] |= {"backtestsPerJob": "auto", "maxConcurrent": 4, "ttlSecondsAfterFinished": 600}
    before, began = operator_counters(live), time.monotonic()
    live.kubectl("apply", "-f", "-", stdin=json.dumps(manifest))
    wait_until(f"batch {name} is finished", lambda: is_finished(live, name), BATCH_SECONDS, every=0.05)
    seconds = time.monotonic() - began
    status = live.batch(name)["status"]
    assert status["failed"] == 0, status
    after = operator_counters(live)
    live.delete(name)
    return {"seconds": seconds, **{key: after[key] - before[key] for key in after}}


def is_finished(live: Live, name: str) -> bool:
    """Ask the API server. A kubectl for each question would take a third of two processors from what is measured."""
    custom: Any = client.CustomObjectsApi(live.api)
    body = custom.get_namespaced_custom_object(wire.GROUP, wire.VERSION, live.namespace, wire.PLURAL, name)
    return "finishedAt" in body.get("status", {})


def environment_elsewhere(folder: Path) -> Path:
    """Make an environment with backtesting.py, if there is none yet. Return its Python."""
    python = folder / "bin" / "python"
    if not python.exists():
        print(f"setting up {folder} with {ELSEWHERE}", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", ELSEWHERE], check=True)
    return python


def search_elsewhere(python: Path, folder: Path, fast: int, slow: int) -> float:
    """Return the seconds of backtesting.py's search over the bars that ours reads."""
    bars = read_bars(BarsSettings().data_folder, "AAPL", date(2000, 3, 1), date(2013, 3, 1))
    path = folder / "bars.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("day", "Open", "High", "Low", "Close", "Volume"))
        writer.writerows(zip(bars.days, bars.opens, bars.highs, bars.lows, bars.closes, bars.volumes, strict=True))
    script = Path(__file__).with_name("optimize_elsewhere.py")
    command = [str(python), str(script), str(path), str(fast), str(slow)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=BATCH_SECONDS)
    return float(json.loads(done.stdout.splitlines()[-1])["seconds"])


if __name__ == "__main__":
    sys.exit(main())
