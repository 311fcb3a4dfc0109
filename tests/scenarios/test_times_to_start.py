"""What counts as an attempt's time to start: neither a suspension nor the wait for a slot."""

from contextlib import suppress

import pytest

from backfleet.controller.cluster import Refused
from backfleet.core.backtests import BacktestState
from backfleet.core.planning.effects import CreateJob, Effect
from tests.support.life import go_on
from tests.support.operator import World, batch_spec, values

INVALID = Refused("spec.template: invalid", is_quota=False)


class Killed(Exception):
    """The operator's process ended."""


@pytest.mark.long
def test_a_refusal_from_just_before_a_suspension_does_not_count_after_it(world: World) -> None:
    world.cluster.job_fault = INVALID
    uid = world.cluster.add_batch(batch_spec(parameters=values(1)))
    world.turn()
    world.cluster.edit_batch(uid, suspend=True)
    go_on(world, 3000)
    world.cluster.job_fault = None
    world.cluster.edit_batch(uid, suspend=False)
    world.run_all()
    assert world.rows.states(uid) == {0: BacktestState.SUCCEEDED}


def test_the_wait_for_a_slot_is_left_out_of_an_attempts_time_only_once(world: World) -> None:
    """Where its Job is never asked for, pass after pass."""
    world.cluster.job_fault = INVALID
    world.cluster.add_batch(batch_spec(parameters=values(1)))
    go_on(world, 1)
    (before,) = world.rows.packs.values()
    assert before.retry_at is not None

    def crash(effect: Effect) -> None:
        if isinstance(effect, CreateJob):
            raise Killed

    for seconds in (30, 10, 10, 10):
        world.tick(seconds)
        world.restart(crash)
        with suppress(Killed):
            world.turn()
    (after,) = world.rows.packs.values()
    assert after.start_deadline_at - before.start_deadline_at == world.cluster.now - before.retry_at


def test_a_job_that_cannot_be_deleted_is_named_and_has_a_deadline(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A finalizer keeps it, and its name with it."""
    uid = world.cluster.add_batch(batch_spec(parameters=values(1)))
    world.turn()
    (job,) = world.cluster.active_jobs
    world.cluster.wait_engine(job, "ErrImagePull", "no such image")
    meta = world.cluster.jobs[job]["metadata"]
    monkeypatch.setattr(world.cluster, "delete_job", lambda *_: meta.update(deletionTimestamp="2026-01-05T09:01:00Z"))
    go_on(world, 120)
    assert "JobDeleting" in world.cluster.condition(uid, "Progressing")["message"]
    go_on(world, 600)
    assert world.rows.reasons == {(uid, 0): "StartTimeout"}
