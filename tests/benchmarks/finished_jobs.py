"""What finished Jobs cost the operator: the processor time of five minutes of passes with 10,000 settled Jobs and with none.

    .venv/bin/python tests/benchmarks/finished_jobs.py

Real passes over fake API servers in other processes, rows in memory, a pass per second of the operator's clock, so that the
looks at the settled Jobs' metadata are part of it. The operator's whole process is measured, in turns with and without. Prints
a JSON report and compares it with limits.yaml (exit code 1: a figure is above its limit).
"""

import json
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path[0:1] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parents[2] / "operator")]

import yaml  # noqa: E402

from tests.support.finished import build_passes, served  # noqa: E402
from tests.support.memory import MemoryRows  # noqa: E402

COUNT = 10_000
PASSES = 300
"""Five minutes of the operator's clock, with a look at the settled Jobs every 15 s."""
LIMITS = Path(__file__).parent / "limits.yaml"


def main() -> int:
    """Measure and print the report."""
    without, among = minutes_of_passes()
    report = {
        "finished_jobs": COUNT,
        "pass_ms_without": round(without / PASSES * 1000, 2),
        "pass_ms_among": round(among / PASSES * 1000, 2),
        "ratio": round(among / without, 3),
    }
    print(json.dumps(report, indent=2))
    limit = yaml.safe_load(LIMITS.read_text(encoding="utf-8"))["finished_jobs"]["ratio"]
    if report["ratio"] > limit:
        print(f"above its limit: ratio {report['ratio']} > {limit}", file=sys.stderr)
        return 1
    return 0


def minutes_of_passes() -> tuple[float, float]:
    """Measure the processor seconds of passes a second apart with four live backtests: without finished Jobs, and with them.

    A pass of the one follows a pass of the other, so that whatever else the machine does concerns both. The Jobs that the one
    has are of another component, which the operator never asks for: both servers take as long to answer, and a processor
    that waited longer works slower at first.
    """
    spent = [0.0, 0.0]
    with served(COUNT, "another") as without, served(COUNT) as among:
        rows = [MemoryRows(now=datetime.now(UTC).replace(microsecond=0)) for _ in spent]
        passes = [build_passes(client, each) for client, each in zip((without, among), rows, strict=True)]
        for number in range(PASSES + 1):
            for which in (0, 1):
                started = time.process_time()
                passes[which].run()
                if number:  # the first one launches
                    spent[which] += time.process_time() - started
                rows[which].now += timedelta(seconds=1)
    return spent[0], spent[1]


if __name__ == "__main__":
    sys.exit(main())
