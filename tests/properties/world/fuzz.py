"""Runs the machine by hand over many worlds: `make fuzz`. Prints its seed, its progress and the shortest failing history."""

import argparse
import contextlib
import multiprocessing
import os
import queue
import secrets
import signal
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.properties.world.stage import Stage
from tests.properties.world.trace import Trace
from tests.properties.world.worlds import Tally, run_worlds
from tests.support.clocked import ClockedDatabase
from tests.support.postgres import end_with_parent, running_server

EVERY_SECONDS = 15.0
LEAVE_SECONDS = 60.0
"""So long a process may take to stop its Postgres and to remove it."""
Answers = Any
"""A queue of what the workers found: None, or the number of the world and its history."""
Counter = Any
"""Two shared numbers: the worlds that a worker has begun, and the first one that failed or 0."""


def main() -> int:
    """Return 1 if a world failed."""
    given = parse_arguments()
    os.nice(given.niceness)
    print(f"{given.worlds:,} worlds from SEED={given.seed}, in {given.workers} processes", flush=True)
    context = multiprocessing.get_context("spawn")
    answers, counts = context.Queue(), [context.Array("i", 2) for _ in range(given.workers)]
    orders = [Order.of(given, number) for number in range(given.workers)]
    workers = [
        context.Process(target=work, args=(order, answers, count), daemon=True)
        for order, count in zip(orders, counts, strict=True)
    ]
    for worker in workers:
        worker.start()
    failures = [found for found in wait(workers, answers, counts, given.worlds) if found is not None]
    for number, history in failures:
        print(f"{history}\nFAILED: world {number}; again: make fuzz SEED={given.seed} EXAMPLES={given.worlds}")
    if not failures:
        print(f"PASSED: {sum(each[0] for each in counts):,} worlds from SEED={given.seed}")
    return 1 if failures else 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--workers", type=int, default=min(4, os.cpu_count() or 1))
    parser.add_argument("--no-shrink", action="store_true", help="show the first failing history, not the shortest")
    parser.add_argument("--niceness", type=int, default=0)
    parser.add_argument("--trace", type=Path, help="a folder to write into what happened in the worlds of each process")
    return parser.parse_args()


@dataclass(frozen=True)
class Order:
    """What one process has to do."""

    seed: int
    worlds: int
    is_shrunk: bool
    trace: Path | None

    @classmethod
    def of(cls, given: argparse.Namespace, number: int) -> "Order":
        trace = given.trace / str(number) if given.trace else None
        return cls(given.seed + number, given.worlds // given.workers, not given.no_shrink, trace)


def work(order: Order, answers: Answers, counter: Counter) -> None:
    """Generate worlds in a process of its own, whose output is only its answer: nothing else has loaded modules there."""

    def note(tally: Tally) -> None:
        counter[:] = tally.count, tally.failed_at or 0

    end_with_parent()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that it leaves no Postgres behind
    tally = Tally(on_begin=note)
    with (
        Path(os.devnull).open("w") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
        Trace.into(order.trace) as trace,
        running_server() as server,
        ClockedDatabase.running(server) as database,
        Stage.running(database, trace) as stage,
    ):
        answer = None
        try:
            run_worlds(stage, order.seed, order.worlds, tally, is_shrunk=order.is_shrunk)
        except BaseException:
            answer = (tally.failed_at, traceback.format_exc())
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_IGN)  # from here on it only leaves
        answers.put(answer)


def wait(workers: list[Any], answers: Answers, counts: list[Counter], worlds: int) -> list[Any]:
    """Return every worker's answer, or those up to the first failure; show progress meanwhile."""
    began = time.monotonic()
    found: list[Any] = []
    while len(found) < len(workers) and not any(each is not None for each in found):
        with contextlib.suppress(queue.Empty):
            found.append(answers.get(timeout=EVERY_SECONDS))
            continue
        print(progress(time.monotonic() - began, counts, worlds), flush=True)
        if not any(worker.is_alive() for worker in workers) and answers.empty():
            raise RuntimeError("a process ended without an answer")
    for worker in workers:
        if worker.is_alive():
            os.kill(worker.pid, signal.SIGINT)
    for worker in workers:
        worker.join(LEAVE_SECONDS)
    return found


def progress(seconds: float, counts: list[Counter], worlds: int) -> str:
    """Return how far it has come. Hypothesis begins more worlds than it counts."""
    done, failed = min(worlds, sum(each[0] for each in counts)), any(each[1] for each in counts)
    more = "; looking for the shortest history of a failure" if failed else ""
    return f"{seconds // 60:.0f} min {seconds % 60:.0f} s: {done:,} of {worlds:,} worlds{more}"


if __name__ == "__main__":
    sys.exit(main())
