"""How many backtests the Jobs of a pass carry, and what a batch says about it."""

from datetime import timedelta
from typing import Any

import pytest

from backfleet.core import wire
from backfleet.core.backtests import Outcome
from backfleet.core.pace import ADVISE_AFTER
from backfleet.core.planning.job_names import job_name
from backfleet.core.reasons import FailureReason
from tests.scenarios.test_packs import carried, counts, go_on, start
from tests.support.life import status
from tests.support.operator import World, batch_spec, failure, result, values


def test_auto_gives_all_slots_of_a_pass_equal_packs(world: World) -> None:
    start(world, 1, 1)
    world.record(world.cluster.active_jobs[0], result())
    go_on(world)
    start(world, 19, "auto", maxConcurrent=3)
    assert sorted(len(each) for each in carried(world)) == [5, 7, 7]


def test_a_number_that_does_not_fit_is_cut_and_the_status_shows_what_is_in_force(world: World) -> None:
    own = {"strategy": {"name": "Own", "leanProjectPath": "own"}, "engine": {"name": "lean"}, "maxConcurrent": 1}
    texts = [{"name": f"text_{n:02}", "type": "string", "values": ["x" * 200, "y" * 200]} for n in range(10)]
    uid = world.cluster.add_batch(batch_spec(parameters=texts, backtestsPerJob=1_000, **own))
    go_on(world)
    assert status(world, uid)["effectiveBacktestsPerJob"] == len(carried(world)[0]) == 5, "nothing has ended yet"
    world.record(world.cluster.active_jobs[0], result())
    go_on(world)
    (members,) = carried(world)
    assert 10 < len(members) < 100
    assert status(world, uid)["effectiveBacktestsPerJob"] == len(members)
    (job,) = world.cluster.active_jobs
    pod = world.cluster.jobs[job]["spec"]["template"]["spec"]
    sent = [each.get("value", "") for each in (*pod["initContainers"][0]["env"], *pod["containers"][0]["env"])]
    assert 32 * 1024 < max(map(len, sent)) <= 96 * 1024


def ran(world: World, seconds: float) -> Outcome:
    """Return an outcome whose engine took so long, and ended just now."""
    now = world.cluster.now
    began = now - timedelta(seconds=seconds)
    return Outcome(ending=result().ending, exit_code=0, engine_started_at=began, engine_finished_at=now)


def advice(world: World) -> list[str]:
    found = (each for each in world.cluster.events.values() if each["reason"] == wire.EVENT_PODS_COST_MOST)
    return [each["message"] for each in found]


def run(world: World, engine_seconds: float, later_seconds: float | None = None, **spec: Any) -> None:
    """Run a batch whose Jobs take 2 s each, of which the engine takes so much, and the last ones another time."""
    uid = world.cluster.add_batch(batch_spec(parameters=values(ADVISE_AFTER + 12), **spec))
    for _ in range(40):
        world.turn()
        world.tick(2)
        is_late = later_seconds is not None and world.rows.batches[uid].ended >= ADVISE_AFTER
        for job in world.cluster.active_jobs:
            world.record(job, ran(world, later_seconds if is_late and later_seconds else engine_seconds))


def test_a_batch_that_spends_most_of_its_time_on_pods_says_so_once(world: World) -> None:
    run(world, 0.5, later_seconds=0.25)
    assert advice(world) == [
        "a backtest took 2 s, of which the engine ran 0.5 s: 75% went into its pod. Set spec.backtestsPerJob to auto."
    ]


@pytest.mark.parametrize(
    ("engine_seconds", "per_job"),
    [pytest.param(1.5, 1, id="most of the time is the engine's"), pytest.param(0.5, 2, id="it has packs")],
)
def test_a_batch_with_nothing_to_gain_says_nothing(world: World, engine_seconds: float, per_job: int) -> None:
    run(world, engine_seconds, backtestsPerJob=per_job)
    assert advice(world) == []


def test_a_batch_of_work_that_started_lately_takes_all_its_slots_with_whole_packs_at_once(world: World) -> None:
    start(world, 1, 1)
    world.cluster.start_engine(world.cluster.active_jobs[0])
    go_on(world, 1)
    world.record(world.cluster.active_jobs[0], result())
    go_on(world)
    start(world, 90, 30, maxConcurrent=3)
    assert [len(each) for each in carried(world)] == [30, 30, 30]


def test_after_a_failed_start_or_a_day_the_next_batch_of_the_work_begins_with_one_slot(world: World) -> None:
    start(world, 1, 1)
    world.record(world.cluster.active_jobs[0], result())
    go_on(world)
    world.cluster.job_fault_of = lambda _: None
    failing = start(world, 1, 1)
    world.cluster.wait_engine(world.cluster.active_jobs[0], "ErrImagePull", "no such image")
    world.turn()
    world.tick(40)
    world.turn()
    world.cluster.edit_batch(failing, cancel=True)
    go_on(world)
    start(world, 90, 30, maxConcurrent=3)
    assert [len(each) for each in carried(world)] == [5]
    world.record(world.cluster.active_jobs[0], result())
    go_on(world)
    assert len(carried(world)) == 3, "its first engine has started"
    world.run_all()
    world.tick(24 * 3600)
    start(world, 90, 30, maxConcurrent=3)
    assert [len(each) for each in carried(world)] == [5]


def test_a_job_whose_name_is_taken_makes_no_other_batch_of_the_work_wait(world: World) -> None:
    start(world, 1, 1)
    world.record(world.cluster.active_jobs[0], result())
    go_on(world)
    uid = world.cluster.next_uid()
    name = job_name("taken", uid, 0, 1)
    world.cluster.jobs[name] = {
        "metadata": {"name": name, "namespace": "elsewhere", "uid": "x", "labels": {}, "ownerReferences": []},
        "status": {},
    }
    world.cluster.add_batch(batch_spec(parameters=values(1)), name="taken", uid=uid)
    go_on(world)
    assert world.cluster.condition(uid, "NameConflict")["status"] == "True"
    start(world, 90, 30, maxConcurrent=2)
    assert [len(each) for each in carried(world)] == [30, 30]


TOO_LARGE = 'Usage of EmptyDir volume "results" exceeds the limit "256Mi". '


def test_a_member_that_fills_the_volume_of_its_pack_is_charged_alone(world: World) -> None:
    uid = start(world, 5, 5, maxConcurrent=4)
    (job,) = world.cluster.active_jobs
    world.cluster.start_engine(job)
    go_on(world, 1)
    world.cluster.evict(job, TOO_LARGE, position=2)
    go_on(world)
    assert carried(world) == [["0.2", "1.2", "3.2"], ["2.2"], ["4.2"]]
    alone = world.cluster.active_jobs[1]
    world.cluster.evict(alone, TOO_LARGE, position=0)
    world.run_all()
    assert {index: each for index, each in counts(world, uid).items() if each != (0, 0)} == {2: (1, 0)}
    assert world.rows.reasons[uid, 2] == FailureReason.STORAGE_LIMIT_EXCEEDED
    assert world.rows.batches[uid].counters.succeeded == 4


def test_what_runs_may_fail_above_the_number_that_ends_the_batch_and_nothing_starts_after_it(world: World) -> None:
    uid = start(world, 40, 5, failurePolicy={"maxFailed": 2})
    (job,) = world.cluster.active_jobs
    world.append(job, result(), *[failure()] * 4)
    world.cluster.end_job(job, failed=False)
    go_on(world)
    record = world.rows.batches[uid]
    assert (record.finish_reason, record.counters.failed, record.counters.cancelled) == ("TooManyFailures", 4, 35)
    assert world.cluster.active_jobs == []
    assert len(world.rows.launches) == 5
