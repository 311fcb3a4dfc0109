"""Safety and progress of the operator over generated worlds, each kind of trouble alone and all of them together."""

import os
from dataclasses import replace

from hypothesis import HealthCheck, settings

from tests.properties import troubles
from tests.properties.machine import OperatorMachine
from tests.support.operator import World, batch_spec, values

TIMES = int(os.environ.get("BACKFLEET_WORLDS", "1"))
"""So many times the usual number of generated worlds."""


def worlds(machine: type[OperatorMachine], count: int) -> type:
    """Return the machine as a test over that many generated worlds."""
    machine.TestCase.settings = settings(
        max_examples=count * TIMES,
        stateful_step_count=30,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    return machine.TestCase


TestAnOrdinaryWorld = worlds(troubles.EverydayTroubles, 25)
TestWithEdits = worlds(troubles.EditTroubles, 25)
TestWithoutAnEngine = worlds(troubles.EngineTroubles, 15)
TestWithRefusals = worlds(troubles.RefusalTroubles, 15)
TestWithPodsThatDoNotStart = worlds(troubles.StartTroubles, 20)
TestWithoutAnswers = worlds(troubles.SilenceTroubles, 25)
TestWithAnotherClock = worlds(troubles.ClockTroubles, 20)
TestWithStrangers = worlds(troubles.StrangerTroubles, 10)
TestWithEveryTrouble = worlds(troubles.EveryTrouble, 25)


def test_the_order_of_what_is_observed_is_irrelevant() -> None:
    from backfleet.controller.observing import list_namespaces
    from backfleet.core.planning.plan import plan

    world = World()
    for name in ("one", "two"):
        world.cluster.add_batch(batch_spec(parameters=values(9)), name=name)
    world.turn()
    for job in world.cluster.active_jobs:
        world.cluster.start_engine(job)
    world.tick(1)
    seen = world.operator.passes.observe(list_namespaces(world.cluster, world.operator.settings.namespaces))
    turned = replace(
        seen,
        batches=seen.batches[::-1],
        jobs=seen.jobs[::-1],
        pods=seen.pods[::-1],
        store=replace(
            seen.store,
            batches=seen.store.batches[::-1],
            attempts=seen.store.attempts[::-1],
            packs=seen.store.packs[::-1],
        ),
    )
    assert plan(turned) == plan(seen)
