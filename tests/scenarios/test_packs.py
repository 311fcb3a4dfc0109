"""Jobs that carry several backtests: each backtest is settled once, by its own outcome, whatever becomes of its Job."""

import copy
from collections.abc import Sequence

import pytest

from backfleet.core.backtests import BacktestState, Outcome
from backfleet.core.planning.effects import CreateJob, Effect
from backfleet.core.planning.job_names import job_name
from backfleet.core.reasons import FailureReason
from backfleet.core.records import BatchState, Counters
from tests.support.operator import World, batch_spec, failure, result, values

NOT_BEGUN = failure(FailureReason.NOT_BEGUN, "its pack's time was over")
SUCCEEDED, FAILED = BacktestState.SUCCEEDED, BacktestState.FAILED


class Killed(BaseException):
    """The operator's process is gone between two effects."""


def start(world: World, count: int, per_job: int | str, **spec: object) -> str:
    uid = world.cluster.add_batch(batch_spec(parameters=values(count), backtestsPerJob=per_job, **spec))
    world.turn()
    return uid


def go_on(world: World, times: int = 3) -> None:
    """Run passes until nothing more follows from what happened."""
    for _ in range(times):
        world.tick(3)
        world.turn()


def carried(world: World) -> list[list[str]]:
    """Return the indexes and numbers of the attempts that each unfinished Job carries."""
    return [places(world.members_of(job)) for job in world.cluster.active_jobs]


def places(attempts: Sequence[str]) -> list[str]:
    return [each.rpartition("-")[2] for each in attempts]


def kill(world: World, job: str, position: int | None = None) -> None:
    """Let the kernel kill a pod's engine as a whole, whose last word is the position that ran."""
    word = {} if position is None else {"message": str(position)}
    world.cluster.end_job(job, failed=True, engine={"exitCode": 137, "reason": "OOMKilled", **word})


def counts(world: World, uid: str) -> dict[int, tuple[int, int]]:
    """Return what counts against each backtest: its charged and its uncharged attempts."""
    deciding = (each for each in world.rows.attempts.values() if each.batch_uid == uid and each.is_deciding)
    return {each.index: (each.charged, each.uncharged) for each in deciding}


def test_a_batch_runs_in_jobs_of_several_with_each_backtest_once(world: World) -> None:
    uid = start(world, 8, 3)
    assert carried(world) == [["0.1", "1.1", "2.1"]]
    go_on(world, 1)
    status = world.cluster.batches[uid]["status"]
    assert (status["active"], status["activeBacktests"], status["effectiveBacktestsPerJob"]) == (1, 3, 3)
    world.run_all(lambda attempt: result(float(places([attempt])[0].partition(".")[0])))
    assert world.cluster.created == [job_name("demo", uid, index, 1) for index in (0, 3, 6)]
    assert sorted(world.rows.launches) == [(uid, index, 1) for index in range(8)]
    record = world.rows.batches[uid]
    assert (record.finish_reason, record.counters) == ("AllSucceeded", Counters(succeeded=8, passed=8))
    assert record.best is not None
    assert record.best.index == 7
    assert {each.unsettled for each in world.rows.packs.values()} == {0}


def test_the_members_of_a_job_are_settled_while_it_goes_on(world: World) -> None:
    uid = start(world, 6, 3)
    (job,) = world.cluster.active_jobs
    world.cluster.start_engine(job)
    world.append(job, result(), failure())
    go_on(world)
    states = world.rows.states(uid)
    assert (states[0], states[1], states[2].is_alive) == (SUCCEEDED, FAILED, True)
    (pack,) = (each for each in world.rows.packs.values() if each.job_name == job)
    assert (pack.size, pack.unsettled) == (3, 1)


def test_more_outcomes_than_a_pass_looks_at_are_all_settled(world: World) -> None:
    world.rows.look = 2
    uid = start(world, 5, 5)
    (job,) = world.cluster.active_jobs
    world.record(job, result())
    go_on(world)
    assert world.rows.states(uid) == dict.fromkeys(range(5), SUCCEEDED)
    assert world.rows.launches == [(uid, index, 1) for index in range(5)]


def test_what_a_job_had_no_time_for_is_in_the_next_one_and_counts_against_nothing(world: World) -> None:
    uid = start(world, 5, 5)
    (job,) = world.cluster.active_jobs
    world.append(job, result(), result(), NOT_BEGUN, NOT_BEGUN, NOT_BEGUN)
    world.cluster.end_job(job, failed=False)
    go_on(world)
    assert carried(world) == [["2.2", "3.2", "4.2"]]
    assert set(counts(world, uid).values()) == {(0, 0)}
    world.run_all()
    assert world.rows.batches[uid].counters == Counters(succeeded=5, passed=5)


def test_the_backtest_that_kills_its_job_is_tried_alone_and_the_others_go_on_uncharged(world: World) -> None:
    uid = start(world, 5, 5, maxConcurrent=4)
    (job,) = world.cluster.active_jobs
    world.cluster.start_engine(job)
    go_on(world, 1)
    kill(world, job, position=1)
    go_on(world)
    assert carried(world) == [["0.2", "2.2", "3.2"], ["1.2"], ["4.2"]]
    assert set(counts(world, uid).values()) == {(0, 0)}

    for _ in range(20):
        for each in world.cluster.active_jobs:
            if places(world.members_of(each))[0].startswith("1."):
                kill(world, each)
            else:
                world.record(each, result())
        go_on(world, 1)
    record = world.rows.batches[uid]
    assert (record.state, record.counters) == (BatchState.FINISHED, Counters(succeeded=4, failed=1, passed=4))
    assert world.rows.reasons[uid, 1] == "OOMKilled"
    assert counts(world, uid)[1] == (2, 0)
    assert {key: each for key, each in counts(world, uid).items() if key != 1} == dict.fromkeys((0, 2, 3, 4), (0, 0))


def test_after_a_second_death_every_backtest_has_its_own_job(world: World) -> None:
    uid = start(world, 5, 5, maxConcurrent=4)
    for _ in range(2):
        for job in world.cluster.active_jobs:
            world.cluster.start_engine(job)
        go_on(world, 1)
        for job in world.cluster.active_jobs:
            kill(world, job)
        go_on(world)
    assert {len(members) for members in carried(world)} == {1}
    world.run_all()
    assert world.rows.batches[uid].counters == Counters(succeeded=5, passed=5)
    assert set(counts(world, uid).values()) == {(0, 0)}


def test_a_batch_whose_jobs_die_gets_one_backtest_per_job_and_says_so(world: World) -> None:
    uid = start(world, 40, 4, maxConcurrent=4)
    (job,) = world.cluster.active_jobs
    world.record(job, result())
    go_on(world)
    dying = world.cluster.active_jobs[:3]
    for job in dying:
        kill(world, job)
    go_on(world, 4)
    assert world.rows.batches[uid].packs_died == (False, True, True, True)
    assert [event["reason"] for event in world.cluster.events.values()].count("OneBacktestPerJob") == 1
    assert world.cluster.batches[uid]["status"]["effectiveBacktestsPerJob"] == 1
    world.run_all()
    assert world.rows.batches[uid].counters == Counters(succeeded=40, passed=40)
    later = [each for each in world.rows.packs.values() if each.index > 20]
    assert {each.size for each in later} == {1}


@pytest.mark.parametrize("how", ["evicted", "vanished"])
def test_what_the_node_took_is_tried_again_uncharged(world: World, how: str) -> None:
    uid = start(world, 3, 3)
    (job,) = world.cluster.active_jobs
    world.cluster.start_engine(job)
    world.append(job, result())
    go_on(world, 1)
    if how == "evicted":
        world.cluster.evict(job, "The node was low on resource: memory. ")
    else:
        world.cluster.vanish(job)
    go_on(world)
    assert carried(world) == [["1.2", "2.2"]]
    assert counts(world, uid) == {0: (0, 0), 1: (0, 1), 2: (0, 1)}


def test_a_late_outcome_of_a_member_saves_its_next_attempt(world: World) -> None:
    uid = start(world, 4, 2, maxConcurrent=1)
    (job,) = world.cluster.active_jobs
    first, second = world.members_of(job)
    world.cluster.quota = 0
    kill(world, job)
    world.turn()
    world.rows.append_outcome(second, result())
    world.cluster.quota = None
    world.tick(61)
    world.run_all()
    assert world.rows.states(uid) == dict.fromkeys(range(4), SUCCEEDED)
    assert first in world.rows.attempts


def test_a_batch_that_is_cancelled_keeps_what_is_recorded_and_drops_the_rest_of_its_jobs(world: World) -> None:
    uid = start(world, 6, 3)
    (job,) = world.cluster.active_jobs
    world.append(job, result())
    go_on(world)
    world.cluster.edit_batch(uid, cancel=True)
    go_on(world)
    assert world.rows.batches[uid].counters == Counters(succeeded=1, passed=1, cancelled=5)
    assert world.rows.states(uid) == dict.fromkeys(range(6), BacktestState.CANCELLED) | {0: SUCCEEDED}
    assert world.cluster.active_jobs == []
    world.rows.append_outcome(f"{uid}-1.1", result())
    go_on(world)
    assert world.rows.batches[uid].counters == Counters(succeeded=1, passed=1, cancelled=5)


def test_an_operator_that_dies_before_the_job_is_there_creates_it_with_the_same_members(world: World) -> None:
    uid = world.cluster.add_batch(batch_spec(parameters=values(3), backtestsPerJob=3))

    def crash(effect: Effect) -> None:
        if isinstance(effect, CreateJob):
            raise Killed

    world.restart(crash)
    with pytest.raises(Killed):
        world.turn()
    assert (world.rows.states(uid), world.cluster.active_jobs) == (
        dict.fromkeys(range(3), BacktestState.LAUNCHING),
        [],
    )
    world.restart()
    go_on(world, 1)
    assert carried(world) == [["0.1", "1.1", "2.1"]]
    assert world.rows.launches == [(uid, index, 1) for index in range(3)]
    world.run_all()
    assert world.rows.batches[uid].counters == Counters(succeeded=3, passed=3)


def test_jobs_whose_pods_never_start_end_the_batch_and_fail_no_backtest_of_it(world: World) -> None:
    uid = start(world, 9, 3, failurePolicy={"startTimeoutSeconds": 60})
    for _ in range(200):
        for job in world.cluster.active_jobs:
            world.cluster.wait_engine(job, "ErrImagePull", "no such image")
        world.tick(10)
        world.turn()
    record = world.rows.batches[uid]
    assert (record.state, record.finish_reason) == (BatchState.FINISHED, "NeverStarted")
    assert record.counters == Counters(cancelled=9)


def test_the_number_of_backtests_per_job_may_be_edited_while_a_batch_runs(world: World) -> None:
    uid = start(world, 12, 1)
    assert carried(world) == [["0.1"]]
    world.cluster.edit_batch(uid, backtestsPerJob=4)
    (job,) = world.cluster.active_jobs
    world.record(job, result())
    go_on(world)
    assert sorted(len(members) for members in carried(world)) == [3, 4, 4]
    world.run_all()
    assert world.rows.batches[uid].counters == Counters(succeeded=12, passed=12)


def test_auto_begins_with_few_and_then_carries_what_its_time_holds(world: World) -> None:
    def quick(_: str) -> Outcome:
        began = world.cluster.now
        return Outcome(ending=result().ending, exit_code=0, engine_started_at=began, engine_finished_at=began)

    uid = start(world, 300, "auto", maxConcurrent=2)
    assert [len(members) for members in carried(world)] == [5]
    world.run_all(quick)
    record = world.rows.batches[uid]
    assert record.counters == Counters(succeeded=300, passed=300)
    assert len(world.cluster.created) < 30
    assert max(each.size for each in world.rows.packs.values()) > 100


@pytest.mark.parametrize("per_job", [1, 2])
def test_a_copy_of_a_job_that_goes_on_does_not_hide_how_the_job_ended(world: World, per_job: int) -> None:
    uid = start(world, 2, per_job, maxConcurrent=1)
    (job,) = world.cluster.active_jobs
    copied = copy.deepcopy(world.cluster.jobs[job])
    copied["metadata"] |= {"name": "zz-copied", "uid": world.cluster.next_uid()}
    world.cluster.jobs["zz-copied"] = copied
    world.turn()
    kill(world, job)
    world.turn()
    ended = [each for each in world.rows.attempts.values() if each.ended_at is not None]
    assert [(each.batch_uid, each.index) for each in ended] == [(uid, index) for index in range(per_job)]


@pytest.mark.long
def test_a_pack_whose_pod_never_has_room_is_given_up_with_all_its_members(world: World) -> None:
    """Its time to start grows with each wait for a slot, and may be longer than the time for room."""
    world.cluster.pod_fault = "exceeded quota: pods"
    start(world, 2, 2, failurePolicy={"startTimeoutSeconds": 3_600})
    for _ in range(450):
        world.tick(10)
        world.turn()
        if any(each.ended_at for each in world.rows.attempts.values()):
            break
    ended = [(each.index, each.reason) for each in world.rows.attempts.values() if each.ended_at]
    assert ended == [(0, FailureReason.QUOTA_EXCEEDED), (1, FailureReason.QUOTA_EXCEEDED)]
