"""Batches in the simulated world of `tests.support.operator`, for tests of passes."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from backfleet.core.changes import RowChange
from tests.support.operator import World, batch_spec

TICK_SECONDS = 15.0
GATHER_SECONDS = 0.1


def status(world: World, uid: str) -> dict[str, Any]:
    """Return what the custom resource shows."""
    body: dict[str, Any] = world.cluster.batches[uid]["status"]
    return body


def start(world: World, **changes: object) -> str:
    """Start a batch until its first engine runs, so that it may use all its slots."""
    uid = world.cluster.add_batch(batch_spec(**changes))
    world.turn()
    world.cluster.start_engine(world.cluster.active_jobs[0])
    world.tick(1)
    world.turn()
    return uid


def go_on(world: World, seconds: float, act: Callable[[], None] = lambda: None) -> list[RowChange]:
    """Run passes as the loop does: when due, and at least every 15 s. Return what they changed. `act` is the cluster's part."""
    end = world.cluster.now + timedelta(seconds=seconds)
    changes: list[RowChange] = []
    while True:
        report = world.turn()
        changes += [each for made in report.plan.batches if made.rows for each in made.rows.changes]
        if world.cluster.now >= end:
            return changes
        due = TICK_SECONDS if report.due_seconds is None else max(GATHER_SECONDS, report.due_seconds)
        world.tick(min(TICK_SECONDS, due, (end - world.cluster.now).total_seconds()))
        act()
