"""Attempts that do not start: they wait without a slot, are tried again, and end when their time is over."""

from dataclasses import replace
from itertools import pairwise

import pytest

from backfleet.controller.cluster import Refused
from backfleet.core.backtests import BacktestState
from backfleet.core.errors import Busy, Unavailable
from backfleet.core.planning.observation import Limits
from tests.support.cluster import NAMESPACE
from tests.support.life import go_on, start, status
from tests.support.operator import World, batch_spec, result, values

QUOTA = Refused("jobs.batch is forbidden: exceeded quota: none", is_quota=True)
INVALID = Refused("spec.template: invalid", is_quota=False)


def work(world: World) -> None:
    """Let every Job of the batch `good` start its engine, and end with a result in the step after that."""
    for job in world.cluster.active_jobs:
        if not job.startswith("good"):
            continue
        if world.cluster.pods[job]["status"].get("initContainerStatuses"):
            world.record(job, result())
        else:
            world.cluster.start_engine(job)


@pytest.mark.long
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(QUOTA, id="a full quota"),
        pytest.param(INVALID, id="refused"),
        pytest.param(KeyError("x"), id="a bug"),
    ],
)
def test_refused_batches_keep_no_slot_from_others(world: World, fault: Exception) -> None:
    world.restart(namespaces=[NAMESPACE, "other"])
    for number in range(4):
        world.cluster.add_batch(batch_spec(parameters=values(9)), name=f"bad-{number}")
    world.cluster.job_faults[NAMESPACE] = fault
    go_on(world, 60)
    good = world.cluster.add_batch(batch_spec(parameters=values(20)), name="good", namespace="other")
    go_on(world, 120, lambda: work(world))
    assert world.rows.states(good) == dict.fromkeys(range(20), BacktestState.SUCCEEDED)


def test_a_refusal_is_kept_in_the_attempts_row_and_survives_a_restart(world: World) -> None:
    world.cluster.job_fault = QUOTA
    uid = world.cluster.add_batch(batch_spec(parameters=values(1)))
    go_on(world, 1)
    world.restart()
    go_on(world, 1)
    (pack,) = world.rows.packs.values()
    assert (pack.start_tries, pack.waiting_reason) == (
        1,
        "QuotaExceeded: jobs.batch is forbidden: exceeded quota: none",
    )
    assert "QuotaExceeded" in world.cluster.condition(uid, "Progressing")["message"]
    assert (status(world, uid)["active"], status(world, uid)["queued"]) == (0, 1)


def test_a_refused_attempt_is_tried_again_less_and_less_often_under_the_same_name(world: World) -> None:
    world.cluster.job_fault = INVALID
    world.cluster.add_batch(batch_spec(parameters=values(1)))
    go_on(world, 300)
    tries = [(at - world.cluster.tried[0][0]).total_seconds() for at, _ in world.cluster.tried]
    gaps = [round(after - before) for before, after in pairwise(tries)]
    assert gaps == [5, 10, 20, 40, 60, 60, 60]
    assert len({name for _, name in world.cluster.tried}) == 1


def test_a_refused_backtest_ends_at_its_start_deadline_with_the_refusal(world: World) -> None:
    world.cluster.job_fault = INVALID
    uid = world.cluster.add_batch(batch_spec(parameters=values(1)))
    go_on(world, 590)
    assert world.rows.reasons == {}
    go_on(world, 90)
    assert world.rows.reasons == {(uid, 0): "StartTimeout"}


def test_one_backtest_that_is_always_refused_does_not_stop_its_batch(world: World) -> None:
    good = start(world, parameters=values(12), failurePolicy={"startTimeoutSeconds": 60})
    world.cluster.job_fault_of = lambda name: INVALID if "-5-" in name else None
    world.run_all(turns=2000)
    states = world.rows.states(good)
    assert states.pop(5) is BacktestState.FAILED
    assert states == dict.fromkeys([index for index in range(12) if index != 5], BacktestState.SUCCEEDED)


def test_a_lowered_limit_holds_for_attempts_that_wait(world: World) -> None:
    uid = start(world, parameters=values(9))
    world.cluster.job_fault = QUOTA
    for job in world.cluster.active_jobs:
        world.record(job, result())
    go_on(world, 1)
    assert len([a for a in world.rows.attempts.values() if a.backtest_state is BacktestState.LAUNCHING]) == 4
    world.cluster.edit_batch(uid, maxConcurrent=1)
    world.cluster.job_fault = None
    go_on(world, 60)
    assert len(world.cluster.active_jobs) == 1


def test_rows_without_a_job_and_a_resume_never_pass_the_limit(world: World) -> None:
    first = start(world, parameters=values(20))
    world.cluster.job_fault = QUOTA
    for job in world.cluster.active_jobs:
        world.record(job, result())
    world.turn()
    world.cluster.edit_batch(first, suspend=True)
    go_on(world, 1)
    world.cluster.job_fault = None
    world.cluster.add_batch(batch_spec(parameters=values(20)), name="good")
    go_on(world, 2)
    for job in world.cluster.active_jobs:
        world.cluster.start_engine(job)
    go_on(world, 2)
    assert len(world.cluster.active_jobs) == 4
    world.cluster.edit_batch(first, suspend=False)
    go_on(world, 60)
    assert world.cluster.most_alive == 4


def test_suspended_time_is_not_charged_to_an_attempt_that_waits(world: World) -> None:
    world.cluster.job_fault = INVALID
    uid = world.cluster.add_batch(batch_spec(parameters=values(1), failurePolicy={"startTimeoutSeconds": 120}))
    go_on(world, 60)
    world.cluster.edit_batch(uid, suspend=True)
    go_on(world, 300)
    assert world.cluster.condition(uid, "Progressing")["reason"] == "Suspended"
    world.cluster.edit_batch(uid, suspend=False)
    go_on(world, 100)
    assert world.rows.reasons == {}
    go_on(world, 120)
    assert world.rows.reasons == {(uid, 0): "StartTimeout"}


@pytest.mark.long
@pytest.mark.parametrize(
    ("fault", "held"),
    [
        pytest.param(Unavailable("timed out"), 1, id="no answer"),
        pytest.param(Busy("too many requests", retry_after_seconds=17), 0, id="too many requests"),
    ],
)
def test_an_api_server_that_does_not_answer_costs_no_attempt_however_long(
    world: World, fault: Exception, held: int
) -> None:
    world.cluster.job_fault = fault
    uid = world.cluster.add_batch(batch_spec(parameters=values(2)))
    go_on(world, 3)
    assert status(world, uid)["active"] == held, "without an answer its Job may exist"
    go_on(world, 1000)
    assert world.rows.reasons == {}
    assert "NoAnswer" in world.cluster.condition(uid, "Progressing")["message"]
    world.cluster.job_fault = None
    go_on(world, 70)
    world.run_all()
    assert world.rows.states(uid) == dict.fromkeys(range(2), BacktestState.SUCCEEDED)
    assert [number for _, _, number in world.rows.launches] == [1, 1]


def test_a_pause_that_the_api_server_asks_for_is_kept(world: World) -> None:
    world.cluster.job_fault = Busy("too many requests", retry_after_seconds=47)
    world.cluster.add_batch(batch_spec(parameters=values(1)))
    go_on(world, 120)
    (first, _), (second, _) = world.cluster.tried[:2]
    assert 47 <= (second - first).total_seconds() <= 48


@pytest.mark.long
def test_attempts_that_no_look_could_see_for_long_have_that_time_again(world: World) -> None:
    uid = world.cluster.add_batch(batch_spec(parameters=values(1)))
    go_on(world, 10)
    world.tick(1500)  # the API server is away
    go_on(world, 580)
    assert world.rows.reasons == {}
    go_on(world, 20)
    assert world.rows.reasons == {(uid, 0): "StartTimeout"}


def test_a_batch_without_its_engine_launches_nothing_says_so_and_goes_on_when_it_is_back(world: World) -> None:
    uid = start(world, parameters=values(9))
    running = world.cluster.active_jobs
    for job in running:
        world.cluster.start_engine(job)
    images = {name: {"image": "localhost/backfleet:test"} for name in ("bars", "lean")}
    world.restart(engines=images)
    fast = [{"name": "fast_sma", "type": "int", "range": {"start": 10, "end": 30, "step": 10}}]
    other = batch_spec(engine={"name": "bars"}, strategy={"name": "SMA_Crossover_ETF"}, parameters=fast)
    good = world.cluster.add_batch(other, name="good")
    world.record(running[0], result())
    go_on(world, 1000, lambda: work(world))
    missing = world.cluster.condition(uid, "EngineUnavailable")
    assert (missing["status"], missing["reason"]) == ("True", "NotConfigured")
    assert "engines.noop" in missing["message"]
    assert world.rows.batches[uid].counters.succeeded == 1
    assert not [a for a in world.rows.attempts.values() if a.batch_uid == uid and a.index >= 4]
    assert [event["reason"] for event in world.cluster.events.values()].count("EngineUnavailable") == 1
    world.restart()
    world.run_all()
    assert world.cluster.condition(uid, "EngineUnavailable") == {}
    assert world.rows.states(uid) == dict.fromkeys(range(9), BacktestState.SUCCEEDED)
    assert world.rows.batches[good].finish_reason == "AllSucceeded"


def test_a_launching_row_of_an_engine_that_is_gone_holds_no_slot_and_has_its_time_when_it_is_back(world: World) -> None:
    uid = world.cluster.add_batch(batch_spec(parameters=values(1)))
    world.turn()
    world.cluster.vanish(world.cluster.active_jobs[0])
    world.restart(engines={"bars": {"image": "x"}})
    go_on(world, 1000)
    assert status(world, uid)["active"] == 0
    assert world.rows.states(uid) == {0: BacktestState.LAUNCHING}
    world.restart()
    world.run_all()
    assert world.rows.states(uid) == {0: BacktestState.SUCCEEDED}
    assert len(world.rows.launches) == 1


def test_rows_of_an_earlier_version_go_on(world: World) -> None:
    uid = start(world, parameters=values(6))
    gone = world.cluster.active_jobs[0]
    world.cluster.vanish(gone)
    (pack,) = (each for each in world.rows.packs.values() if each.job_name == gone)
    world.rows.overwrite_pack(replace(pack, job_seen_at=None))
    world.restart()
    world.run_all()
    assert world.rows.states(uid) == dict.fromkeys(range(6), BacktestState.SUCCEEDED)
    assert {number for _, _, number in world.rows.launches} == {1}


def test_three_attempts_in_a_row_that_never_start_end_the_batch(world: World) -> None:
    world.cluster.job_fault = INVALID
    uid = world.cluster.add_batch(batch_spec(parameters=values(486), failurePolicy={"startTimeoutSeconds": 60}))
    go_on(world, 3 * 120)
    failed = world.cluster.condition(uid, "Failed")
    assert (failed["status"], failed["reason"]) == ("True", "NeverStarted")
    assert "3 attempts in a row never started" in failed["message"]
    assert "spec.template: invalid" in failed["message"]
    assert len(world.rows.launches) == 3


def test_how_many_attempts_may_never_start_is_a_limit(world: World) -> None:
    world.limits = Limits(never_started_attempts=1)
    world.restart()
    world.cluster.job_fault = INVALID
    uid = world.cluster.add_batch(batch_spec(parameters=values(486), failurePolicy={"startTimeoutSeconds": 60}))
    go_on(world, 120)
    assert world.cluster.condition(uid, "Failed")["reason"] == "NeverStarted"


def test_an_engine_that_starts_forgives_those_that_did_not(world: World) -> None:
    uid = start(world, parameters=values(20))
    world.rows.overwrite_batch(replace(world.rows.batches[uid], never_started=2))
    world.cluster.start_engine(world.cluster.active_jobs[1])
    go_on(world, 1)
    assert world.rows.batches[uid].never_started == 0


@pytest.mark.long
def test_lack_of_room_has_its_own_longer_time(world: World) -> None:
    world.limits = Limits(room_timeout_seconds=300)
    world.restart()
    world.cluster.job_fault = QUOTA
    uid = world.cluster.add_batch(batch_spec(parameters=values(486), failurePolicy={"startTimeoutSeconds": 60}))
    go_on(world, 290)
    assert world.rows.reasons == {}
    go_on(world, 30)
    assert world.rows.reasons == {(uid, 0): "QuotaExceeded"}
    go_on(world, 2 * 320)
    assert world.cluster.condition(uid, "Failed")["reason"] == "NeverStarted"
    assert "exceeded quota" in world.cluster.condition(uid, "Failed")["message"]
