"""Batches and the installation's ceilings in passes: a new one is refused, an older one is held to them and goes on."""

from dataclasses import replace

from backfleet.core.spec.ceilings import NO_CEILINGS, Ceilings
from tests.support.operator import World, batch_spec, result, values

LONG = {"startTimeoutSeconds": 86_400, "backtestTimeoutSeconds": 604_800}


def raised_by(world: World, ceilings: Ceilings) -> None:
    """Restart the operator with other settings or as a newer version."""
    world.limits = replace(world.limits, ceilings=ceilings)
    world.restart()


def test_a_new_batch_above_a_ceiling_is_refused(world: World) -> None:
    uid = world.cluster.add_batch(batch_spec(ttlSecondsAfterFinished=31_536_000))
    world.turn()
    accepted = world.cluster.condition(uid, "Accepted")
    assert (accepted["status"], accepted["reason"]) == ("False", "SpecInvalid")
    assert "spec.ttlSecondsAfterFinished" in accepted["message"]
    assert "86400" in accepted["message"]
    assert world.cluster.created == []


def test_a_batch_that_was_accepted_before_is_held_to_the_ceilings_and_goes_on(world: World) -> None:
    raised_by(world, NO_CEILINGS)
    spec = batch_spec(parameters=values(3), ttlSecondsAfterFinished=31_536_000, failurePolicy=LONG)
    uid = world.cluster.add_batch(spec)
    world.turn()
    (first,) = world.cluster.active_jobs
    assert world.cluster.jobs[first]["spec"]["ttlSecondsAfterFinished"] == 31_536_000
    raised_by(world, Ceilings())
    world.record(first, result())
    world.tick(1)
    world.turn()
    second = world.cluster.active_jobs[0]
    made = world.cluster.jobs[second]
    assert made["spec"]["ttlSecondsAfterFinished"] == 86_400
    env = {each["name"]: each.get("value") for each in made["spec"]["template"]["spec"]["initContainers"][0]["env"]}
    assert env["BACKFLEET_BACKTEST_TIMEOUT_SECONDS"] == "86400"
    pack = world.rows.packs[world.attempt_of(second)]
    assert (pack.start_deadline_at - pack.launched_at).total_seconds() == 3_600
    drift = world.cluster.condition(uid, "SpecDrift")["message"]
    assert "spec.ttlSecondsAfterFinished: 86400 is in force" in drift
    assert "spec.failurePolicy.startTimeoutSeconds: 3600 is in force" in drift


def test_a_batch_above_a_ceiling_can_still_be_cancelled(world: World) -> None:
    raised_by(world, NO_CEILINGS)
    uid = world.cluster.add_batch(batch_spec(ttlSecondsAfterFinished=31_536_000))
    world.turn()
    raised_by(world, Ceilings())
    world.cluster.edit_batch(uid, cancel=True)
    world.turn()
    assert world.rows.batches[uid].finish_reason == "Cancelled"


def test_a_finished_jobs_time_to_live_is_held_to_the_ceiling_after_the_end_too(world: World) -> None:
    raised_by(world, NO_CEILINGS)
    world.cluster.add_batch(batch_spec(parameters=values(1), ttlSecondsAfterFinished=31_536_000))
    world.run_all()
    raised_by(world, Ceilings())
    assert len(world.cluster.jobs) == 1
    world.tick(86_401)
    world.turn()
    assert world.cluster.jobs == {}
