"""Batches in the simulated world of `tests.support.operator`, as tests of passes begin with them."""

from typing import Any

from tests.support.operator import World, batch_spec


def status(world: World, uid: str) -> dict[str, Any]:
    """What the custom resource shows."""
    body: dict[str, Any] = world.cluster.batches[uid]["status"]
    return body


def start(world: World, **changes: object) -> str:
    """A batch whose first engine has started, so that it may use all its slots."""
    uid = world.cluster.add_batch(batch_spec(**changes))
    world.turn()
    world.cluster.start_engine(world.cluster.active_jobs[0])
    world.tick(1)
    world.turn()
    return uid
