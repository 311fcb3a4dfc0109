"""The operator's process dies before each single effect, or another one takes over: every batch ends as if nothing had been."""

from collections.abc import Callable
from functools import partial

import pytest

from backfleet.core.backtests import BacktestState, Outcome
from backfleet.core.errors import FenceLost
from backfleet.core.planning.effects import Effect
from tests.support.operator import World, batch_spec, failure, result, values

BACKTESTS = 5
STATES = dict.fromkeys(range(BACKTESTS), BacktestState.SUCCEEDED) | {2: BacktestState.FAILED}
ABOVE_TWO = {0: (False, 2), 1: (False, 2), 3: (True, 2), 4: (True, 2)}


class Crash(BaseException):
    """The process is gone between two effects."""


class CrashAt:
    """A checkpoint that kills the process before the effect of that number; `is_over` once it has."""

    def __init__(self, number: int) -> None:
        self.left = number

    def __call__(self, _: Effect) -> None:
        self.left -= 1
        if self.left == -1:
            raise Crash

    @property
    def is_over(self) -> bool:
        return self.left < 0


def value_of(attempt: str) -> Outcome:
    """Return a result that depends on the index alone; index 2 fails."""
    index = int(attempt.rpartition("-")[2].partition(".")[0])
    return failure() if index == 2 else result(float(index))


def judge_all(world: World, uid: str) -> None:
    """Run passes until every result is judged by the criteria that the custom resource declares."""
    generation = world.cluster.batches[uid]["metadata"]["generation"]
    for _ in range(10):
        world.turn()
        shown = world.cluster.condition(uid, "VerdictsCurrent")
        if (shown.get("status"), shown.get("observedGeneration")) == ("True", generation):
            return
        world.tick(3)
    raise AssertionError("the results were not judged")


def verdicts(world: World, uid: str) -> dict[int, tuple[bool, int]]:
    """Return whether each result passed and by which version of the criteria, after a check that the counters agree."""
    found = {index: each for (owner, index), each in world.rows.results.items() if owner == uid}
    record = world.rows.batches[uid]
    assert record.counters.passed == sum(each.passed for each in found.values())
    assert record.stale_verdicts == sum(each.criteria_version < record.criteria_version for each in found.values())
    return {index: (each.passed, each.criteria_version) for index, each in found.items()}


def sharpe_ratios(world: World, uid: str) -> dict[int, float | None]:
    return {index: each.metrics["sharpe_ratio"] for (owner, index), each in world.rows.results.items() if owner == uid}


def survive(world: World, crash: CrashAt, act: Callable[[], None]) -> bool:
    """Do something under an operator that may die, and once more under the next one; whether the first one died."""
    world.restart(crash)
    try:
        act()
    except Crash:
        world.restart()
        act()
        return True
    return False


def test_killed_before_any_single_effect_it_ends_the_same(world: World) -> None:
    crashes = 0
    for number in range(100):
        crash = CrashAt(number)
        uid = world.cluster.add_batch(batch_spec(parameters=values(BACKTESTS)), name=f"crash-at-{number}")
        crashes += survive(world, crash, lambda: world.run_all(value_of))
        assert world.rows.states(uid) == STATES, f"killed before effect {number}"
        assert sharpe_ratios(world, uid) == {0: 0, 1: 1, 3: 3, 4: 4}
        assert len(world.cluster.created) == len(set(world.cluster.created)) == BACKTESTS * (number + 1)
        assert world.cluster.most_alive <= 4
        if not crash.is_over:
            break
    assert crashes >= 10


def test_killed_before_any_single_effect_of_an_edit_every_verdict_is_new(world: World) -> None:
    """Results are judged in chunks of two."""
    crashes = 0
    for number in range(20):
        crash = CrashAt(number)
        uid = world.cluster.add_batch(batch_spec(parameters=values(BACKTESTS)), name=f"edit-at-{number}")
        world.restart()
        world.run_all(value_of)
        world.cluster.edit_batch(uid, successCriteria={"minSharpe": 2})
        crashes += survive(world, crash, partial(judge_all, world, uid))
        assert verdicts(world, uid) == ABOVE_TWO, f"killed before effect {number}"
        assert world.rows.states(uid) == STATES
        if not crash.is_over:
            break
    assert crashes >= 5


def test_an_older_operator_cannot_write_once_another_took_over(world: World) -> None:
    old = world.operator
    uid = world.cluster.add_batch(batch_spec())
    world.restart()
    with pytest.raises(FenceLost):
        old.turn()
    assert (world.cluster.created, world.rows.batches) == ([], {})
    world.run_all()
    assert len(world.rows.states(uid)) == 6
