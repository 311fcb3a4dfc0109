"""How many backtests the Jobs of a pass carry."""

from tests.scenarios.test_packs import carried, go_on, start
from tests.support.operator import World, result


def test_auto_gives_all_slots_of_a_pass_equal_packs(world: World) -> None:
    start(world, 1, 1)
    world.record(world.cluster.active_jobs[0], result())
    go_on(world)
    start(world, 19, "auto", maxConcurrent=3)
    assert sorted(len(each) for each in carried(world)) == [5, 7, 7]
