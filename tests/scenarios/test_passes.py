"""The life of a batch, pass by pass, over the fake cluster."""

import pytest

from backfleet.core.backtests import BacktestState
from backfleet.core.planning.observation import Limits
from tests.scenarios.conftest import NewWorld
from tests.support.life import start, status
from tests.support.operator import World, batch_spec, result, values

SUCCEEDED = BacktestState.SUCCEEDED


def test_a_new_batch_is_accepted_and_gets_one_slot_until_its_first_engine_starts(world: World) -> None:
    uid = world.cluster.add_batch(batch_spec())
    world.turn(3)
    assert len(world.cluster.active_jobs) == 1
    assert world.cluster.condition(uid, "Accepted")["status"] == "True"
    world.cluster.start_engine(world.cluster.active_jobs[0])
    world.turn()
    assert len(world.cluster.active_jobs) == 4


def test_a_batch_whose_first_engine_has_not_started_is_looked_at_again_soon(world: World) -> None:
    world.cluster.add_batch(batch_spec())
    world.turn()
    due = world.turn().plan.look_again_at
    assert due is not None
    assert (due - world.cluster.now).total_seconds() <= 2


def test_all_combinations_run_once_and_the_batch_completes(world: World) -> None:
    uid = world.cluster.add_batch(batch_spec())
    world.run_all(lambda attempt: result(float(attempt.rpartition("-")[2].partition(".")[0])))
    assert world.rows.states(uid) == dict.fromkeys(range(6), SUCCEEDED)
    assert sorted(world.rows.launches) == [(uid, index, 1) for index in range(6)]
    assert world.cluster.most_alive <= 4
    world.tick(3)
    world.turn()
    final = status(world, uid)
    assert (final["progress"], final["succeeded"], final["active"], final["queued"]) == ("6/6", 6, 0, 0)
    assert final["best"] == {"index": 5, "value": "5", "parameters": {"value": "6"}}
    assert world.cluster.condition(uid, "Complete")["reason"] == "AllSucceeded"
    assert world.cluster.condition(uid, "Finished")["status"] == "True"


def test_never_more_attempts_than_the_batch_allows(world: World) -> None:
    start(world, maxConcurrent=2, parameters=values(9))
    assert len(world.cluster.active_jobs) == 2


def test_a_pod_that_outlives_its_job_keeps_its_slot(world: World) -> None:
    start(world, parameters=values(9))
    job = world.cluster.active_jobs[0]
    world.cluster.jobs.pop(job)
    world.turn()
    assert len(world.cluster.alive_attempts()) == 4


def test_a_job_that_has_not_noticed_its_pod_s_end_keeps_no_slot(world: World) -> None:
    start(world, parameters=values(9))
    job = world.cluster.active_jobs[0]
    world.record(job, result(), ends=False)
    world.turn()
    assert len(world.rows.launches) == 4, "the recorder is still there"
    world.cluster.pods[job]["status"]["phase"] = "Succeeded"
    world.turn()
    assert len(world.rows.launches) == 5
    assert world.cluster.most_alive == 4


def test_a_terminal_pod_without_an_outcome_keeps_its_slot_until_its_job_is_over(world: World) -> None:
    start(world, parameters=values(9))
    job = world.cluster.active_jobs[0]
    world.cluster.pods[job]["status"]["phase"] = "Failed"
    world.turn()
    assert len(world.rows.launches) == 4


def test_two_batches_share_the_slots_fairly(world: World) -> None:
    first = start(world, parameters=values(20))
    second = world.cluster.add_batch(batch_spec(parameters=values(20)), name="second")
    for _ in range(12):
        for job in world.cluster.active_jobs:
            world.record(job, result())
        world.tick(1)
        world.turn()
    launched = [uid for uid, _, _ in world.rows.launches]
    assert world.cluster.most_alive <= 4
    assert abs(launched.count(first) - launched.count(second)) <= 8
    assert launched.count(second) >= 10


def test_a_suspended_batch_starts_nothing_and_goes_on_when_resumed(world: World) -> None:
    uid = world.cluster.add_batch(batch_spec(suspend=True))
    world.turn(2)
    assert world.cluster.created == []
    assert world.cluster.condition(uid, "Suspended")["status"] == "True"
    world.cluster.edit_batch(uid, suspend=False)
    world.run_all()
    assert world.cluster.condition(uid, "Finished")["status"] == "True"


def test_a_cancelled_batch_deletes_what_runs_and_says_so(world: World) -> None:
    uid = start(world, parameters=values(9))
    world.record(world.cluster.active_jobs[0], result())
    world.turn()
    world.cluster.edit_batch(uid, cancel=True)
    world.turn()
    assert world.cluster.active_jobs == []
    assert world.cluster.condition(uid, "Failed")["reason"] == "Cancelled"
    counts = status(world, uid)
    assert (counts["succeeded"], counts["cancelled"], counts["queued"]) == (1, 8, 0)


def test_a_cancelled_batch_whose_jobs_were_not_deleted_is_cleaned_up_by_the_next_pass(world: World) -> None:
    uid = start(world, parameters=values(9))
    world.cluster.edit_batch(uid, cancel=True)

    def crash_at_delete(effect: object) -> None:
        if type(effect).__name__ == "DeleteJob":
            raise SystemExit

    world.restart(crash_at_delete)
    with pytest.raises(SystemExit):
        world.turn()
    assert world.cluster.active_jobs
    world.restart()
    world.turn()
    assert world.cluster.active_jobs == []


def test_finished_jobs_go_after_their_time(world: World) -> None:
    world.cluster.add_batch(batch_spec(ttlSecondsAfterFinished=60))
    world.run_all()
    assert world.cluster.jobs
    world.tick(61)
    world.turn()
    assert world.cluster.jobs == {}


def test_a_deleted_batch_ends_after_two_looks_a_minute_apart(world: World) -> None:
    uid = start(world, parameters=values(9))
    world.cluster.delete_batch(uid)
    world.turn()
    assert world.rows.batches[uid].finished_at is None
    world.tick(59)
    world.turn()
    assert world.rows.batches[uid].finished_at is None
    world.tick(2)
    world.turn()
    record = world.rows.batches[uid]
    assert (record.finish_reason, record.counters.cancelled) == ("Deleted", 9)
    assert set(world.rows.states(uid).values()) == {BacktestState.CANCELLED}


def test_a_batch_that_reappears_in_the_list_goes_on(world: World) -> None:
    uid = start(world)
    kept = world.cluster.batches.pop(uid)
    world.turn()
    world.cluster.batches[uid] = kept
    world.turn()
    assert world.rows.batches[uid].missing_since is None
    world.run_all()
    assert world.rows.states(uid) == dict.fromkeys(range(6), SUCCEEDED)


def test_constraints_are_counted_over_several_passes(new_world: NewWorld) -> None:
    world = new_world(limits=Limits(walk_budget=20))
    parameters = [
        {"name": "value", "type": "int", "range": {"start": 1, "end": 40, "step": 1}},
        {"name": "sleep_seconds", "type": "int", "range": {"start": 0, "end": 2, "step": 1}},
    ]
    uid = world.cluster.add_batch(batch_spec(parameters=parameters, constraints=["value > 38"]))
    world.turn()
    assert world.cluster.condition(uid, "Accepted")["status"] == "Unknown"
    world.run_all()
    assert status(world, uid)["total"] == 6
    assert world.rows.states(uid) == dict.fromkeys(range(114, 120), SUCCEEDED)


def test_a_space_of_a_million_is_accepted_at_once_and_costs_no_rows(world: World) -> None:
    axes = [
        {"name": name, "type": "int", "range": {"start": 1, "end": 100, "step": 1}}
        for name in ("value", "sleep_seconds", "trades")
    ]
    uid = world.cluster.add_batch(batch_spec(parameters=axes, suspend=True))
    world.turn()
    assert status(world, uid)["total"] == 1_000_000
    assert world.rows.attempts == {}


def test_a_space_that_counting_finds_empty_is_refused_until_it_is_edited(new_world: NewWorld) -> None:
    world = new_world(limits=Limits(walk_budget=2))
    uid = world.cluster.add_batch(batch_spec(constraints=["value > 100"]))
    world.turn(4)
    assert world.cluster.condition(uid, "Finished")["reason"] == "SpecInvalid"
    assert world.cluster.condition(uid, "Accepted")["status"] == "False"
    world.cluster.edit_batch(uid, constraints=["value > 4"])
    world.run_all()
    world.tick(3)
    world.turn()
    assert world.cluster.condition(uid, "Complete")["reason"] == "AllSucceeded"


def test_a_refused_batch_disturbs_no_other_and_is_validated_again_when_edited(world: World) -> None:
    bad = world.cluster.add_batch(batch_spec(strategy={"name": "Nope"}), name="bad")
    good = world.cluster.add_batch(batch_spec(), name="good")
    world.run_all()
    refused = world.cluster.condition(bad, "Finished")
    assert (refused["status"], refused["reason"]) == ("True", "SpecInvalid")
    assert "spec.strategy.name" in refused["message"]
    assert world.rows.states(good) == dict.fromkeys(range(6), SUCCEEDED)
    world.cluster.edit_batch(bad, strategy={"name": "Noop"})
    world.run_all()
    assert world.rows.states(bad) == dict.fromkeys(range(6), SUCCEEDED)


def test_an_edit_of_what_defines_the_work_is_ignored_and_shown(world: World) -> None:
    uid = start(world)
    world.cluster.edit_batch(uid, parameters=values(50))
    world.tick(3)
    world.turn()
    assert "spec.parameters" in world.cluster.condition(uid, "SpecDrift")["message"]
    world.run_all()
    assert len(world.rows.states(uid)) == 6


def test_controls_that_are_not_valid_leave_the_last_ones_in_force(world: World) -> None:
    uid = start(world, parameters=values(9), maxConcurrent=2)
    world.cluster.edit_batch(uid, maxConcurrent="many")
    world.tick(3)
    world.turn()
    assert "spec.maxConcurrent" in world.cluster.condition(uid, "SpecDrift")["message"]
    assert status(world, uid)["effectiveMaxConcurrent"] == 2


def test_raising_and_lowering_max_concurrent_takes_effect_as_slots_come_free(world: World) -> None:
    uid = start(world, parameters=values(30), maxConcurrent=1)
    assert len(world.cluster.active_jobs) == 1
    world.cluster.edit_batch(uid, maxConcurrent=3)
    world.turn()
    assert len(world.cluster.active_jobs) == 3
    world.cluster.edit_batch(uid, maxConcurrent=1)
    for job in world.cluster.active_jobs:
        world.record(job, result())
    world.turn()
    assert len(world.cluster.active_jobs) == 1


def test_status_is_written_at_most_once_per_interval_while_a_batch_runs(world: World) -> None:
    start(world, parameters=values(200))
    before = world.cluster.status_writes
    for _ in range(40):
        for job in world.cluster.active_jobs:
            world.record(job, result())
        world.tick(0.1)
        world.turn()
    assert world.cluster.status_writes - before <= 4


def test_an_idle_pass_does_nothing(world: World) -> None:
    start(world, parameters=values(30))
    world.tick(3)
    world.turn(3)
    assert world.turn().plan.batches == ()


def test_a_name_of_253_characters_works(world: World) -> None:
    uid = world.cluster.add_batch(batch_spec(), name=".".join(["a" * 62] * 4) + "x")
    world.run_all()
    assert world.rows.states(uid) == dict.fromkeys(range(6), SUCCEEDED)
    assert all(len(name) <= 63 for name in world.cluster.created)


def test_a_crash_between_row_and_job_is_repaired_with_the_same_attempt(world: World) -> None:
    uid = world.cluster.add_batch(batch_spec(parameters=values(1)))

    def crash_at_create(effect: object) -> None:
        if type(effect).__name__ == "CreateJob":
            raise SystemExit

    world.restart(crash_at_create)
    with pytest.raises(SystemExit):
        world.turn()
    assert world.cluster.created == []
    world.restart()
    world.run_all()
    assert world.rows.launches == [(uid, 0, 1)]
    assert len(world.cluster.created) == 1
