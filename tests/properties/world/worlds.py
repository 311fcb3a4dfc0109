"""Runs the machine over a number of generated worlds that follow from a seed, and counts them."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.properties.world.machine import WorldMachine
from tests.properties.world.stage import Stage
from tests.properties.world.troubles import EveryTrouble

EXAMPLES = 250
"""Worlds from each seed of the tests in CI. Another number leads to other worlds."""
STEPS = 12
"""The most rules in a world, before it has to end."""


@dataclass
class Tally:
    """How many worlds there were, and the number of the first one that failed."""

    count: int = 0
    failed_at: int | None = None
    on_begin: Callable[["Tally"], None] = field(default=lambda _: None)

    def begin(self) -> None:
        self.count += 1
        self.on_begin(self)

    def note_failure(self) -> None:
        self.failed_at = self.failed_at or self.count


def run_worlds(stage: Stage, number: int, examples: int, tally: Tally | None = None, *, is_shrunk: bool = True) -> None:
    """Generate so many worlds from a seed. The first failure is raised with its history: the shortest if `is_shrunk`."""
    tally = tally or Tally()

    @seed(number)
    def make() -> WorldMachine:
        return EveryTrouble(stage, tally)

    phases = (Phase.generate, Phase.shrink) if is_shrunk else (Phase.generate,)
    given = settings(
        max_examples=examples,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        print_blob=False,
        report_multiple_bugs=False,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )
    logging.disable(logging.CRITICAL)  # what the operator logs of its troubles is more than anybody reads
    try:
        run_state_machine_as_test(make, settings=given)  # type: ignore[arg-type]  # a function is as good as a class
    finally:
        logging.disable(logging.NOTSET)
