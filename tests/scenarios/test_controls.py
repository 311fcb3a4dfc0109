"""Controls that are edited together with others that are not valid."""

import pytest

from backfleet.core.backtests import BacktestState
from tests.support.life import start
from tests.support.operator import World, values

BELOW = {"batchTimeoutSeconds": 60, "backtestTimeoutSeconds": 600}


@pytest.mark.parametrize(("switch", "seen"), [("suspend", "Suspended"), ("cancel", "Failed")])
def test_a_batch_is_stopped_whatever_is_wrong_with_its_other_controls(world: World, switch: str, seen: str) -> None:
    uid = start(world, parameters=values(9))
    world.cluster.edit_batch(uid, failurePolicy=BELOW, **{switch: True})
    world.tick(3)
    world.turn()
    assert world.cluster.condition(uid, seen)["status"] == "True"


def test_a_suspended_batch_goes_on_whatever_is_wrong_with_its_other_controls(world: World) -> None:
    uid = start(world, parameters=values(9))
    world.cluster.edit_batch(uid, suspend=True)
    world.tick(3)
    world.turn()
    world.cluster.edit_batch(uid, failurePolicy=BELOW, suspend=False)
    world.tick(3)
    world.turn()
    assert "batchTimeoutSeconds" in world.cluster.condition(uid, "SpecDrift")["message"]
    world.run_all()
    assert world.rows.states(uid) == dict.fromkeys(range(9), BacktestState.SUCCEEDED)
