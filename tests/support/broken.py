"""Batches with expensive or unsatisfiable constraints, and the time that a good batch among 200 of them takes."""

from collections.abc import Callable

from tests.support.operator import World, batch_spec, result, values

MANY = 200
AXIS = {
    "type": "float",
    "range": {"start": "0.123456789012347", "end": "0.123456789013436", "step": "0.000000000000011"},
}
DEAR = batch_spec(
    parameters=[AXIS | {"name": name} for name in "abc"],
    constraints=["*".join(["a", "b", "c"] * 16) + " < 0"],
    engine={"name": "lean"},
    strategy={"name": "S", "leanProjectPath": "p"},
)
EMPTY = batch_spec(parameters=values(50_000), constraints=["value < 0"])
SPARSE = batch_spec(parameters=values(1_000_000), constraints=["value == 999999"])
INVALID = batch_spec(strategy={"name": "Nope"})
KINDS = {
    "a million dear tests": DEAR,
    "nothing is left": EMPTY,
    "a million tests for one combination": SPARSE,
    "refused": INVALID,
}
GOOD = batch_spec(parameters=values(60), constraints=["value < 41"])


def passes_until_the_end(world: World, uid: str, turn: Callable[[], object] | None = None) -> int:
    """Run passes a second apart, in which each backtest of it ends at once, until the batch of `GOOD` has ended."""
    for number in range(1, 500):
        (turn or world.turn)()
        for job in world.cluster.active_jobs:
            if world.attempt_of(job).startswith(uid):
                world.record(job, result())
        world.tick(1)
        record = world.rows.batches.get(uid)
        if record is not None and record.finished_at is not None:
            assert record.counters.succeeded == 40
            return number
    raise AssertionError("the good batch did not end")
