"""A pod that is evicted for what it wrote itself, and one that is evicted because its node is full."""

import pytest

from backfleet.controller.job_manifest import build_job
from backfleet.core.backtests import BacktestState
from backfleet.core.reasons import FailureReason
from backfleet.engines.noop import NoopEngine
from tests.support.jobs import build_create
from tests.support.life import start
from tests.support.operator import World, build_settings, result, values

TOO_LARGE = 'Usage of EmptyDir volume "results" exceeds the limit "256Mi". '
NODE_IS_FULL = "The node was low on resource: ephemeral-storage. "


def evict_all(world: World, message: str, rounds: int = 40) -> None:
    for _ in range(rounds):
        for job in world.cluster.active_jobs:
            world.cluster.evict(job, message)
        world.tick(3)
        world.turn()


def test_a_strategy_that_overfills_its_results_runs_once_per_combination_and_ends_the_batch(world: World) -> None:
    uid = start(world, parameters=values(20), failurePolicy={"maxAttempts": 3})
    evict_all(world, TOO_LARGE)
    assert max(number for _, _, number in world.rows.launches) == 1
    reasons = {each.reason for each in world.rows.attempts.values() if each.reason is not None}
    assert reasons == {FailureReason.STORAGE_LIMIT_EXCEEDED}
    failed = world.cluster.condition(uid, "Failed")
    assert failed["reason"] == "RepeatedFailure"
    assert "StorageLimitExceeded" in failed["message"]


def test_one_combination_that_writes_too_much_is_charged_and_the_others_go_on(world: World) -> None:
    uid = start(world, parameters=values(3))
    world.cluster.evict(world.cluster.active_jobs[0], TOO_LARGE)
    world.turn()
    world.run_all(lambda _: result())
    assert sorted(world.rows.states(uid).values()) == sorted([BacktestState.FAILED, *[BacktestState.SUCCEEDED] * 2])
    (attempt,) = (each for each in world.rows.attempts.values() if each.reason is not None)
    assert (attempt.charged, attempt.uncharged) == (1, 0)
    (event,) = (each for each in world.cluster.events.values() if each["reason"] == "BacktestFailed")
    assert 'StorageLimitExceeded: Usage of EmptyDir volume "results" exceeds the limit "256Mi"' in event["message"]


def test_an_eviction_by_a_node_that_is_full_is_not_charged(world: World) -> None:
    uid = start(world, parameters=values(1), failurePolicy={"maxAttempts": 1})
    world.cluster.evict(world.cluster.active_jobs[0], NODE_IS_FULL)
    world.turn(2)
    assert [number for _, _, number in world.rows.launches] == [1, 2]
    world.run_all(lambda _: result())
    assert set(world.rows.states(uid).values()) == {BacktestState.SUCCEEDED}


@pytest.mark.parametrize(
    ("engine", "pods", "limit"),
    [
        pytest.param({}, {}, "1536Mi", id="results and scratch, and 1Gi"),
        pytest.param({"writablePaths": ["/a", "/b"]}, {"resultsSizeLimit": "2Gi"}, "9216Mi", id="four large volumes"),
        pytest.param({}, {"resultsSizeLimit": "1M"}, "1026Mi", id="not a whole number of mebibytes"),
        pytest.param({}, {"limits": {"cpu": "1", "memory": "2Gi", "ephemeral-storage": "4Gi"}}, "4Gi", id="set"),
    ],
)
def test_a_volumes_own_limit_is_met_before_that_of_all_that_is_written(engine: dict, pods: dict, limit: str) -> None:
    settings = build_settings(engines={"noop": {"image": "test", **engine}}, pods=pods)
    job = build_job(build_create(), NoopEngine(), settings)
    (container,) = job["spec"]["template"]["spec"]["initContainers"]
    assert container["resources"]["limits"]["ephemeral-storage"] == limit
    assert container["resources"]["requests"]["ephemeral-storage"] == "0"
