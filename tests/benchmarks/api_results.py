"""How quickly the API answers about a batch with 100,000 results, against its limits.

    .venv/bin/python tests/benchmarks/api_results.py        (make bench-api)

Starts a Postgres, fills it, and runs the API as a process of its own; asks over HTTP, one request at a time. Prints a JSON report
of p50 and p99 in milliseconds, rows per second of the CSV, and the API's peak of memory. Limits stand in limits.yaml. On a
machine
with other work the times say little: `cpu_ms` is the processor time of API and Postgres together for one request.
"""

import argparse
import json
import os
import platform
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path[0:1] = [str(ROOT), str(ROOT / "operator"), str(ROOT / "api")]

from backfleet.store.postgres.connection import Timeouts  # noqa: E402
from backfleet.store.postgres.fence import Fence  # noqa: E402
from backfleet.store.postgres.session import open_engine  # noqa: E402
from tests.support.databases import Database, migrated_template  # noqa: E402
from tests.support.grid_rows import GRID_UID, big_space, fill_grid  # noqa: E402
from tests.support.postgres import PostgresServer, running_server  # noqa: E402

INSTALLATION = "research/backfleet"
BATCH = f"/api/optimization/batches/{GRID_UID}"
QUESTIONS: dict[str, tuple[str, int]] = {
    "status": (BATCH, 300),
    "first_page": (f"{BATCH}/results", 300),
    "by_column": (f"{BATCH}/results?order_by=drawdown", 30),
    "by_other": (f"{BATCH}/results?order_by=exposure", 30),
    "filtered": (f"{BATCH}/results?metrics=drawdown<=3,exposure>5&parameters=fast>=10,side=up|both", 30),
    "rejected": (f"{BATCH}/results?rejection=low_sharpe_ratio", 30),
    "heat_map": (f"{BATCH}/heat-map?x=fast&y=slow", 30),
    "heat_map_median": (f"{BATCH}/heat-map?x=fast&y=slow&others=median", 30),
    "heat_map_other_metric": (f"{BATCH}/heat-map?x=fast&y=slow&order_by=exposure&others=max", 30),
    "parameters": (f"{BATCH}/parameters", 20),
    "columns": (f"{BATCH}/columns?columns=sharpe_ratio,drawdown,exposure", 20),
    "backtests": (f"{BATCH}/backtests?state=failed", 50),
}
"""What is asked, and how many times."""


def main() -> int:
    """Measure and print; 1 when a limit is passed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="one of the questions")
    options = parser.parse_args()
    with database() as filled, serving(filled.api_url) as (client, process):
        meter = Meter(process.pid, filled.server)
        chosen = {name: each for name, each in QUESTIONS.items() if options.only in (None, name)}
        report: dict[str, Any] = {name: ask(client, meter, *question) for name, question in chosen.items()}
        if options.only is None:
            report["csv"] = read_csv(client, meter)
        report["process"] = {"peak_mib": peak_mib(process)}
    passed = passed_limits(report)
    machine = (
        f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}, load {os.getloadavg()[0]:.0f}"
    )
    print(json.dumps({"machine": machine, **report, "limits_passed": passed}, indent=2))
    return 1 if passed else 0


@dataclass(frozen=True)
class Meter:
    """The processor time of the API and of Postgres."""

    api: int
    server: PostgresServer

    def seconds(self) -> float:
        """Return the time so far, that of ended children of Postgres included."""
        assert self.server.folder is not None
        postmaster = int((self.server.folder / "data" / "postmaster.pid").read_text().split()[0])
        ticks = _ticks(self.api) + _ticks(postmaster)
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == postmaster:
                ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")


def _ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15]))


@contextmanager
def database() -> Iterator[Database]:
    """Yield a database with a batch of 100,000 results."""
    with (
        running_server() as server,
        migrated_template(server) as template,
        Database.create(server, template) as filled,
    ):
        Fence(filled.operator_url, INSTALLATION).acquire()
        engine = open_engine(filled.operator_url, application_name="fill", timeouts=Timeouts(statement_seconds=600))
        fill_grid(engine, INSTALLATION, big_space())
        engine.dispose()
        yield filled


@contextmanager
def serving(url: str) -> Iterator[tuple[httpx2.Client, subprocess.Popen[bytes]]]:
    """Yield a client of the API in a process of its own."""
    port = free_port()
    given = {"BACKFLEET_API_DATABASE_URL": url, "BACKFLEET_API_PORT": str(port), "BACKFLEET_INSTALLATION": INSTALLATION}
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}/operator:{ROOT}/api", **given}
    command = [sys.executable, "-m", "backfleet_api.main"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
                wait_for(client)
                yield client, process
        finally:
            process.terminate()


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_for(client: httpx2.Client) -> None:
    """Wait until the API answers, at most a minute."""
    give_up_at = time.monotonic() + 60
    while time.monotonic() < give_up_at:
        try:
            if client.get("/health").status_code == 200:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.1)
    raise SystemExit("the API did not start")


def ask(client: httpx2.Client, meter: Meter, path: str, runs: int) -> dict[str, float]:
    """Ask a question many times, after two that are not counted."""
    times, cpu = [], 0.0
    for run in range(runs + 2):
        cpu = meter.seconds() if run == 2 else cpu
        started = time.perf_counter()
        response = client.get(path)
        took = (time.perf_counter() - started) * 1000
        if response.status_code != 200:
            raise SystemExit(f"{path}: {response.status_code} {response.text[:300]}")
        if run >= 2:
            times.append(took)
    cpu_ms = (meter.seconds() - cpu) * 1000 / runs
    times.sort()
    p99 = times[min(len(times) - 1, len(times) * 99 // 100)]
    return {"p50_ms": times[len(times) // 2], "p99_ms": p99, "best_ms": times[0], "cpu_ms": cpu_ms, "runs": runs}


def read_csv(client: httpx2.Client, meter: Meter) -> dict[str, float]:
    """Read all results as CSV."""
    started, size, rows = time.perf_counter(), 0, 0
    cpu = meter.seconds()
    with client.stream("GET", f"{BATCH}/results.csv") as response:
        for piece in response.iter_bytes():
            size += len(piece)
            rows += piece.count(b"\n")
    seconds = time.perf_counter() - started
    cpu = meter.seconds() - cpu
    rates = {"rows_per_s": (rows - 1) / seconds, "rows_per_cpu_s": (rows - 1) / cpu}
    return {"rows": rows - 1, "mib": size / 2**20, **rates}


def peak_mib(process: subprocess.Popen[bytes]) -> float:
    """Return the most memory that the process had."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) / 1024


def passed_limits(report: dict[str, Any]) -> list[str]:
    """Return the limits that the report passes, as `what: measured > limit`."""
    limits = yaml.safe_load((Path(__file__).parent / "limits.yaml").read_text())["api_results"]
    found = []
    for name, bounds in limits.items():
        for figure, limit in bounds.items():
            measured = report.get(name, {}).get(figure)
            is_floor = figure.endswith("_per_s")
            if measured is not None and (measured < limit if is_floor else measured > limit):
                found.append(f"{name}.{figure}: {measured:.1f} {'<' if is_floor else '>'} {limit}")
    return found


if __name__ == "__main__":
    sys.exit(main())
