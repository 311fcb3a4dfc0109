"""What the process remembers is bounded by what is alive, however long it runs."""

import pytest

from backfleet.controller.cluster import Refused
from backfleet.core.errors import Unavailable
from tests.support.operator import World, batch_spec, result, values

DENIED = Refused("admission webhook denied the request", is_quota=False)


def is_odd(job: str) -> bool:
    return int(job.split("-")[-2]) % 2 == 1


@pytest.mark.long
def test_refusals_are_forgotten_once_the_rows_have_them(world: World) -> None:
    """Every other backtest is refused until it is given up; the batch goes on, and its custom resource stays."""
    world.cluster.job_fault_of = lambda job: DENIED if is_odd(job) else None
    uid = world.cluster.add_batch(batch_spec(parameters=values(60), failurePolicy={"startTimeoutSeconds": 1}))
    for _ in range(400):
        world.turn()
        memory = world.operator.passes.applier.memory
        alive = [each for each in world.rows.attempts.values() if each.is_deciding and each.backtest_state.is_alive]
        assert len(memory.refusals) <= len(alive) + world.limits.max_concurrent
        for job in world.cluster.active_jobs:
            world.record(job, result())
        world.tick(2)
    record = world.rows.batches[uid]
    assert (record.finish_reason, record.counters.failed) == ("CompletedWithFailures", 30)
    assert memory.refusals == {}
    assert (memory.problems_since, list(memory.status_written_at)) == ({}, [uid])


def test_a_refusal_that_the_rows_do_not_have_yet_is_kept(world: World) -> None:
    world.cluster.job_fault = Unavailable("POST jobs: no answer")
    world.cluster.add_batch(batch_spec(parameters=values(1)))
    for _ in range(5):
        world.turn()
        world.tick(1)
    (refusal,) = world.operator.passes.applier.memory.refusals.values()
    assert refusal.start_tries == 0
    assert len(world.cluster.tried) == 1, "its Job may come yet"


def test_the_spec_of_a_live_batch_is_kept_parsed_until_it_is_edited_or_over(world: World) -> None:
    uid = world.cluster.add_batch(batch_spec(maxConcurrent=2))
    world.turn()
    accepted = world.operator.passes.works[uid]
    for job in world.cluster.active_jobs:
        world.record(job, result())
    world.tick(1)
    world.turn()
    assert world.operator.passes.works[uid] is accepted
    world.cluster.edit_batch(uid, maxConcurrent=1)
    world.tick(1)
    world.turn()
    edited = world.operator.passes.works[uid]
    assert edited.work.spec.max_concurrent == 1
    world.restart()
    world.turn()
    assert world.operator.passes.works[uid].work == edited.work, "a restart reads the same from the row"
    world.run_all()
    world.turn()
    assert world.operator.passes.works == {}
