"""Batches whose Jobs run several backtests in one process: some are compared with a fresh run, and a difference undoes all."""

from collections.abc import Callable
from typing import Any

import pytest

from backfleet.core.backtests import (
    PROVENANCE_ENGINE,
    PROVENANCE_FINGERPRINT,
    PROVENANCE_IMAGE,
    PROVENANCE_VERSION,
    Outcome,
    Result,
)
from backfleet.core.planning.observation import Limits
from backfleet.core.reasons import FailureReason
from backfleet.core.records import BatchState, Counters
from backfleet.core.warmth import RunKind, Warmth
from tests.scenarios.conftest import NewWorld
from tests.support.operator import World, batch_spec, failure, values

IMAGE = "quantconnect/lean:18022"
LIMITS = Limits(warm_check=4, images={"lean": IMAGE})
Say = Callable[[str], Outcome]


def begin(new_world: NewWorld, count: int = 8, **spec: Any) -> tuple[World, str]:
    world = new_world(limits=LIMITS)
    return world, add(world, count, **spec)


def add(world: World, count: int = 8, name: str = "demo", **spec: Any) -> str:
    lean: dict[str, Any] = {"engine": {"name": "lean"}, "strategy": {"name": "Mine", "leanProjectPath": "mine"}}
    given = lean | {"parameters": values(count), "backtestsPerJob": 3, "maxConcurrent": 2} | spec
    return world.cluster.add_batch(batch_spec(**given), name=name)


def measured(attempt: str, print_of: str = "same", version: str = "18022") -> Outcome:
    """Return a result of LEAN whose Sharpe ratio is the backtest's index."""
    index = float(attempt.rpartition("-")[2].partition(".")[0])
    said = {
        PROVENANCE_ENGINE: "lean",
        PROVENANCE_VERSION: version,
        PROVENANCE_IMAGE: IMAGE,
        PROVENANCE_FINGERPRINT: f"orders={index:g} statistics={print_of}",
    }
    return Outcome(ending=Result(metrics={"sharpe_ratio": index, "total_trades": 5}, provenance=said), exit_code=0)


def runs(world: World, uid: str) -> dict[int, RunKind]:
    return {index: each.run for (batch, index), each in sorted(world.rows.results.items()) if batch == uid}


def number_of(attempt: str) -> int:
    return int(attempt.rpartition(".")[2])


def test_the_first_two_warm_runs_and_one_in_so_many_are_checked(new_world: NewWorld) -> None:
    world, uid = begin(new_world)
    world.run_all(measured)
    record = world.rows.batches[uid]
    assert (record.finish_reason, record.counters) == ("AllSucceeded", Counters(succeeded=8, passed=8))
    kinds = runs(world, uid)
    assert kinds[0] is RunKind.CHECKED
    assert sorted(kinds.values()) == [RunKind.CHECKED] * 3 + [RunKind.WARM] * 5
    assert record.warmth == Warmth(settled=8, checked=3, unchecked=5)
    assert [number for _, _, number in sorted(world.rows.launches)].count(2) == 3
    condition = world.cluster.condition(uid, "Warm")
    assert (condition["status"], condition["reason"]) == ("True", "ChecksEqual")


def test_a_difference_drops_what_was_not_compared_and_all_runs_again_fresh(new_world: NewWorld) -> None:
    world, uid = begin(new_world)
    world.run_all(lambda attempt: measured(attempt, "same" if number_of(attempt) == 1 else "other"))
    record = world.rows.batches[uid]
    assert (record.finish_reason, record.counters) == ("AllSucceeded", Counters(succeeded=8, passed=8))
    assert runs(world, uid) == dict.fromkeys(range(8), RunKind.FRESH)
    assert (record.warmth.unchecked, record.warmth.checked) == (0, 0)
    assert record.best is not None
    assert record.best.index == 7
    condition = world.cluster.condition(uid, "Warm")
    assert (condition["status"], condition["reason"]) == ("False", "ResultsDiffer")
    assert "statistics differ" in condition["message"]
    assert "WarmRunsDiffer" in {each["reason"] for each in world.cluster.events.values()}


def test_results_are_dropped_and_counted_again_in_the_pass_that_finds_the_difference(new_world: NewWorld) -> None:
    world, uid = begin(new_world, 6, successCriteria={"minSharpe": 2})
    world.turn()
    (job,) = world.cluster.active_jobs
    world.append(job, *map(measured, world.members_of(job)))
    world.cluster.end_job(job, failed=False)
    world.tick(3)
    world.turn()
    assert world.rows.batches[uid].counters == Counters(succeeded=1, passed=1)
    alone = next(each for each in world.cluster.active_jobs if world.members_of(each) == [f"{uid}-0.2"])
    world.append(alone, measured(f"{uid}-0.2", "other"))
    world.cluster.end_job(alone, failed=False)
    world.tick(3)
    world.turn()
    record = world.rows.batches[uid]
    assert (record.counters, runs(world, uid)) == (Counters(succeeded=1, passed=0), {0: RunKind.FRESH})
    assert record.best is not None
    assert record.best.index == 0
    assert record.state is BatchState.LIVE
    world.run_all(measured)
    record = world.rows.batches[uid]
    assert (record.finish_reason, record.counters) == ("AllSucceeded", Counters(succeeded=6, passed=4))
    assert RunKind.WARM not in runs(world, uid).values()


def test_a_version_that_differed_is_not_trusted_in_later_batches_until_the_image_has_another(
    new_world: NewWorld,
) -> None:
    world, _ = begin(new_world)
    world.run_all(lambda attempt: measured(attempt, "same" if number_of(attempt) == 1 else "other"))
    second = add(world, name="second")
    world.run_all(measured)
    assert set(runs(world, second).values()) == {RunKind.FRESH}
    assert world.cluster.condition(second, "Warm")["reason"] == "VersionRefused"
    third = add(world, name="third")
    world.run_all(lambda attempt: measured(attempt, version="18100"))
    fourth = add(world, name="fourth")
    world.run_all(lambda attempt: measured(attempt, version="18100"))
    assert RunKind.WARM not in runs(world, third).values() or RunKind.CHECKED in runs(world, third).values()
    assert RunKind.WARM in runs(world, fourth).values()


def test_a_failure_in_a_warm_process_counts_only_if_the_backtest_fails_alone(new_world: NewWorld) -> None:
    world, uid = begin(new_world, 6, failurePolicy={"maxAttempts": 1})

    def say(attempt: str) -> Outcome:
        index, number = map(int, attempt.rpartition("-")[2].split("."))
        if index == 2 and number == 1:
            return failure(FailureReason.RUNTIME_ERROR, "in company")
        if index == 3:
            return failure(FailureReason.RUNTIME_ERROR, "alone too")
        return measured(attempt)

    world.run_all(say)
    record = world.rows.batches[uid]
    assert (record.finish_reason, record.counters.succeeded, record.counters.failed) == (
        "CompletedWithFailures",
        5,
        1,
    )
    kinds = runs(world, uid)
    assert kinds[2] is RunKind.FRESH
    assert 3 not in kinds
    again = {index: number for _, index, number in world.rows.launches if index in (2, 3)}
    assert again == {2: 2, 3: 2}
    charged = {each.index: each.charged for each in world.rows.attempts.values() if each.is_deciding}
    assert (charged[2], charged[3]) == (0, 1)


@pytest.mark.parametrize("spec", [{"backtestsPerJob": 1}, {"engine": {"name": "lean", "warm": "never"}}])
def test_one_per_job_and_never_are_fresh(new_world: NewWorld, spec: dict[str, Any]) -> None:
    world, uid = begin(new_world, 4, **spec)
    world.run_all(measured)
    assert set(runs(world, uid).values()) == {RunKind.FRESH}
    assert world.rows.batches[uid].warmth == Warmth()
    assert world.cluster.condition(uid, "Warm") == {}


def test_a_batch_that_is_cancelled_while_results_are_dropped_adds_up(new_world: NewWorld) -> None:
    world, uid = begin(new_world, 6)
    world.turn()
    (job,) = world.cluster.active_jobs
    world.append(job, *map(measured, world.members_of(job)))
    world.cluster.end_job(job, failed=False)
    world.tick(3)
    world.turn()
    alone = next(each for each in world.cluster.active_jobs if world.members_of(each) == [f"{uid}-0.2"])
    world.append(alone, measured(f"{uid}-0.2", "other"))
    world.cluster.end_job(alone, failed=False)
    world.cluster.batches[uid]["spec"]["cancel"] = True
    world.tick(3)
    world.turn(2)
    record = world.rows.batches[uid]
    assert (record.finish_reason, record.counters) == ("Cancelled", Counters(succeeded=1, cancelled=5, passed=1))
    assert runs(world, uid) == {0: RunKind.FRESH}
