"""What goes wrong with attempts and batches, and what the passes make of it."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from backfleet.core.backtests import BacktestState
from backfleet.core.planning.observation import Limits
from backfleet.core.reasons import FailureReason
from tests.scenarios.conftest import NewWorld
from tests.support.life import start, status
from tests.support.operator import World, batch_spec, build_settings, failure, result, values

SUCCEEDED = BacktestState.SUCCEEDED


def test_a_job_deleted_by_hand_is_made_again_without_charge(world: World) -> None:
    uid = start(world)
    world.cluster.vanish(world.cluster.active_jobs[0])
    world.turn()
    assert (uid, 0, 2) in world.rows.launches
    world.run_all()
    assert world.rows.states(uid) == dict.fromkeys(range(6), SUCCEEDED)


def test_vanishing_jobs_are_bounded(world: World) -> None:
    uid = start(world, parameters=values(1))
    for _ in range(20):
        for job in world.cluster.active_jobs:
            world.cluster.vanish(job)
        world.turn(2)
    assert world.rows.states(uid) == {0: BacktestState.FAILED}
    assert world.rows.reasons[(uid, 0)] == "JobVanished"
    assert len(world.rows.launches) == 1 + world.limits.uncharged_attempts


@pytest.mark.parametrize(
    ("reason", "attempts"),
    [
        pytest.param(FailureReason.ENGINE_ERROR, 1, id="deterministic is final"),
        pytest.param(FailureReason.ENGINE_CRASH, 2, id="a crash gets one more"),
        pytest.param(FailureReason.RESULT_INVALID, 2, id="a broken file gets one more"),
        pytest.param(FailureReason.OOM_KILLED, 2, id="out of memory gets one more"),
        pytest.param(FailureReason.BACKTEST_TIMEOUT, 1, id="a timeout is final"),
    ],
)
def test_a_recorded_failure_gets_as_many_attempts_as_its_policy_says(
    world: World, reason: FailureReason, attempts: int
) -> None:
    uid = world.cluster.add_batch(batch_spec(parameters=values(2)))
    world.run_all(lambda attempt: failure(reason) if f"{uid}-0." in attempt else result())
    assert world.rows.states(uid) == {0: BacktestState.FAILED, 1: SUCCEEDED}
    assert [number for _, index, number in world.rows.launches if index == 0] == list(range(1, attempts + 1))
    assert world.cluster.condition(uid, "Complete")["reason"] == "CompletedWithFailures"


def test_max_attempts_one_forbids_a_retry(world: World) -> None:
    uid = world.cluster.add_batch(batch_spec(parameters=values(1), failurePolicy={"maxAttempts": 1}))
    world.run_all(lambda _: failure(FailureReason.ENGINE_CRASH))
    assert len(world.rows.launches) == 1
    assert world.cluster.condition(uid, "Failed")["reason"] == "NoneSucceeded"


def test_an_engine_killed_at_its_memory_limit_is_read_from_the_pod(world: World) -> None:
    uid = start(world, parameters=values(1))
    for _ in range(2):
        job = world.cluster.active_jobs[0]
        world.cluster.end_job(job, failed=True, engine={"exitCode": 137, "reason": "OOMKilled"})
        world.turn()
    assert world.rows.reasons[(uid, 0)] == "OOMKilled"
    assert len(world.rows.launches) == 2


def test_a_complete_job_without_an_outcome_is_given_its_grace_and_then_fails(world: World) -> None:
    uid = start(world, parameters=values(1), failurePolicy={"maxAttempts": 1})
    world.cluster.end_job(world.cluster.active_jobs[0], failed=False)
    world.tick(10)
    report = world.turn()
    assert world.rows.states(uid) == {0: BacktestState.RUNNING}
    assert report.plan.look_again_at is not None
    world.tick(world.limits.result_grace_seconds)
    world.turn()
    assert world.rows.reasons[(uid, 0)] == "ResultMissing"


def test_a_late_outcome_turns_failed_into_succeeded_while_the_batch_goes_on(world: World) -> None:
    uid = start(world, parameters=values(9), failurePolicy={"maxAttempts": 1})
    job = world.cluster.active_jobs[0]
    attempt = world.attempt_of(job)
    world.cluster.end_job(job, failed=True)
    world.turn()
    assert world.rows.states(uid)[0] is BacktestState.FAILED
    world.rows.append_outcome(attempt, result())
    world.turn()
    assert world.rows.states(uid)[0] is SUCCEEDED
    assert world.rows.batches[uid].counters == replace(world.rows.batches[uid].counters, succeeded=1, failed=0)


def test_an_attempt_that_never_starts_ends_with_what_its_pod_says(world: World) -> None:
    uid = world.cluster.add_batch(batch_spec(parameters=values(1)))
    world.turn()
    job = world.cluster.active_jobs[0]
    world.cluster.wait_engine(job, "ImagePullBackOff", "Back-off pulling image")
    world.tick(5)
    world.turn()
    assert "ImagePullBackOff" in world.cluster.condition(uid, "Progressing")["message"]
    world.tick(600)
    world.turn()
    assert world.rows.reasons[(uid, 0)] == "StartTimeout"
    assert world.cluster.active_jobs == []


def test_a_quota_is_waited_for_and_shown(world: World) -> None:
    world.cluster.quota = 0
    uid = world.cluster.add_batch(batch_spec(parameters=values(2)))
    world.turn(3)
    world.tick(5)
    world.turn()
    assert "exceeded quota" in world.cluster.condition(uid, "Progressing")["message"]
    world.cluster.quota = None
    world.run_all()
    assert world.rows.states(uid) == dict.fromkeys(range(2), SUCCEEDED)


def test_a_foreign_job_of_the_same_name_is_a_condition_and_not_a_retry_storm(new_world: NewWorld) -> None:
    probe = new_world()
    uid = probe.cluster.add_batch(batch_spec(parameters=values(1)), uid="11111111-2222-3333-4444-555555555555")
    probe.turn()
    foreign = probe.cluster.jobs[probe.cluster.active_jobs[0]]
    world = new_world()
    foreign["metadata"]["ownerReferences"][0]["uid"] = "somebody-else"
    foreign["metadata"]["labels"] = {}
    world.cluster.jobs[foreign["metadata"]["name"]] = foreign
    world.cluster.add_batch(batch_spec(parameters=values(1)), uid=uid)
    world.turn(2)
    world.tick(5)
    world.turn()
    assert world.cluster.condition(uid, "NameConflict")["status"] == "True"
    world.tick(700)
    world.turn()
    assert world.rows.reasons[(uid, 0)] == "StartTimeout"


def test_the_same_deterministic_failure_on_the_first_five_ends_the_batch(world: World) -> None:
    uid = world.cluster.add_batch(batch_spec(parameters=values(50)))
    world.run_all(lambda _: failure(FailureReason.NO_DATA))
    assert world.cluster.condition(uid, "Failed")["reason"] == "RepeatedFailure"
    assert len(world.rows.launches) < 12


def test_too_many_failures_end_the_batch(world: World) -> None:
    uid = world.cluster.add_batch(batch_spec(parameters=values(50), failurePolicy={"maxFailed": 2}))
    world.run_all(lambda attempt: result() if f"{uid}-0." in attempt else failure(FailureReason.BACKTEST_TIMEOUT))
    assert world.cluster.condition(uid, "Failed")["reason"] == "TooManyFailures"


def test_a_batch_that_takes_too_long_is_over(world: World) -> None:
    policy = {"backtestTimeoutSeconds": 50, "batchTimeoutSeconds": 100}
    uid = start(world, parameters=values(50), failurePolicy=policy)
    world.tick(101)
    world.turn()
    assert world.cluster.condition(uid, "Failed")["reason"] == "BatchTimeout"
    assert world.cluster.active_jobs == []


def test_a_job_on_a_lost_node_gives_its_slot_back_and_is_named(world: World) -> None:
    uid = start(world, parameters=values(1))
    world.tick(10_000)
    report = world.turn()
    assert len(report.plan.overdue) == 1
    assert status(world, uid)["overdue"] == [report.plan.overdue[0].partition("/")[2]]
    assert world.rows.reasons[(uid, 0)] == "NodeLost"
    assert (uid, 0, 2) in world.rows.launches


def test_a_batch_of_a_namespace_that_is_not_watched_any_more_is_left_alone(world: World) -> None:
    uid = start(world)
    del world.cluster.batches[uid]
    world.operator.passes.settings = build_settings(namespaces=["elsewhere"])
    for _ in range(3):
        world.tick(61)
        world.turn()
    record = world.rows.batches[uid]
    assert (record.missing_since, record.finished_at) == (None, None)


def test_a_deadline_that_passes_while_a_pod_waits_for_a_node_costs_no_attempt(world: World) -> None:
    uid = world.cluster.add_batch(batch_spec(parameters=values(1)))
    world.turn()
    world.cluster.exceed_deadline(world.cluster.active_jobs[0])
    world.turn()
    assert (uid, 0, 2) in world.rows.launches
    world.run_all()
    assert world.rows.states(uid) == {0: SUCCEEDED}


def test_a_suspended_batch_does_not_start_what_was_refused_before(world: World) -> None:
    world.cluster.quota = 0
    uid = world.cluster.add_batch(batch_spec(parameters=values(2)))
    world.turn(2)
    world.cluster.edit_batch(uid, suspend=True)
    world.cluster.quota = None
    other = world.cluster.add_batch(batch_spec(parameters=values(2)), name="other")
    world.turn(3)
    assert all(job.startswith("other-") for job in world.cluster.created)
    world.cluster.edit_batch(uid, suspend=False)
    world.run_all()
    assert world.rows.states(uid) == world.rows.states(other) == dict.fromkeys(range(2), SUCCEEDED)


def test_requests_above_the_ceiling_are_no_control_either(world: World) -> None:
    uid = start(world, parameters=values(9), maxConcurrent=2)
    world.cluster.edit_batch(uid, resources={"requests": {"cpu": "64"}})
    world.tick(3)
    world.turn()
    assert "spec.resources.requests.cpu" in world.cluster.condition(uid, "SpecDrift")["message"]
    world.record(world.cluster.active_jobs[0], result())
    world.turn()
    engine = world.cluster.jobs[world.cluster.created[-1]]["spec"]["template"]["spec"]["initContainers"][0]
    assert engine["resources"]["requests"]["cpu"] == "100m"


def test_a_clock_from_another_age_in_an_outcome_harms_nothing(world: World) -> None:
    uid = world.cluster.add_batch(batch_spec(parameters=values(400)))
    world.turn()
    job = world.cluster.active_jobs[0]
    world.record(job, replace(result(), engine_started_at=datetime(9999, 12, 31, tzinfo=UTC)))
    world.turn()
    started = world.rows.batches[uid].first_engine_started_at
    assert started is not None
    assert started <= world.cluster.now


def test_a_batch_whose_plan_cannot_be_made_leaves_the_others_alone(world: World) -> None:
    broken = start(world, parameters=values(30))
    world.rows.overwrite_batch(replace(world.rows.batches[broken], axes={"axes": [{"kind": "unheard of"}]}))
    good = world.cluster.add_batch(batch_spec(parameters=values(2)), name="good")
    for job in world.cluster.active_jobs:
        world.cluster.vanish(job)
    report = world.turn()
    assert set(report.errors) == {broken}
    assert any("PassFailed" in event["reason"] for event in world.cluster.events.values())
    assert world.cluster.condition(broken, "Finished").get("status") != "True"
    assert world.rows.batches[good].finished_at is None


def test_while_outcomes_are_left_out_nothing_is_read_from_their_lack(world: World) -> None:
    uid = start(world, parameters=values(4), failurePolicy={"maxAttempts": 1})
    for job in world.cluster.active_jobs:
        world.record(job, result())
    world.rows.look = 1
    world.tick(1000)
    for _ in range(8):
        world.turn()
    assert world.rows.states(uid) == dict.fromkeys(range(4), SUCCEEDED)
    assert len(world.rows.launches) == 4


def test_a_finished_batchs_time_to_live_may_be_changed(world: World) -> None:
    uid = world.cluster.add_batch(batch_spec(ttlSecondsAfterFinished=6000))
    world.run_all()
    world.cluster.edit_batch(uid, ttlSecondsAfterFinished=60)
    world.tick(61)
    world.turn()
    assert world.cluster.jobs == {}


def test_a_refused_batchs_status_settles(world: World) -> None:
    world.limits = Limits(walk_budget=2)
    world.restart()
    uid = world.cluster.add_batch(batch_spec(constraints=["value > 100"]))
    world.turn(4)
    world.cluster.edit_batch(uid, strategy={"name": "Nope"})
    world.tick(3)
    world.turn()
    assert "startedAt" not in status(world, uid)
    writes = world.cluster.status_writes
    world.tick(3)
    world.turn(2)
    assert world.cluster.status_writes == writes
