"""The pace and the estimate of a batch as passes make them: through a real suspend and resume."""

from datetime import datetime, timedelta

import pytest

from backfleet.core.pace import backtests_per_second
from tests.support.life import go_on, status
from tests.support.operator import World, batch_spec, result, values

pytestmark = pytest.mark.long

ENGINE_SECONDS = 300
HOUR = 3_600


class Bench:
    """A world of one batch, two at a time, whose engines run for five minutes each: 24 backtests per hour."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.uid = self.world.cluster.add_batch(batch_spec(parameters=values(200), maxConcurrent=2))
        self._started: dict[str, datetime] = {}

    def run(self, seconds: float) -> None:
        go_on(self.world, seconds, self._work)

    def edit(self, **spec: object) -> None:
        self.world.cluster.edit_batch(self.uid, **spec)

    @property
    def per_hour(self) -> float:
        pace = backtests_per_second(self.world.rows.batches[self.uid], self.world.cluster.now)
        assert pace is not None
        return pace * HOUR

    @property
    def estimate(self) -> timedelta | None:
        shown = status(self.world, self.uid).get("estimatedFinishAt")
        return datetime.fromisoformat(shown) - self.world.cluster.now if shown else None

    def _work(self) -> None:
        now = self.world.cluster.now
        for job in self.world.cluster.active_jobs:
            if job not in self._started:
                self.world.cluster.start_engine(job)
            if now - self._started.setdefault(job, now) >= timedelta(seconds=ENGINE_SECONDS):
                self.world.record(job, result())


def test_time_suspended_does_not_count(world: World) -> None:
    bench = Bench(world)
    bench.run(HOUR)
    ended = bench.world.rows.batches[bench.uid].counters.succeeded
    assert 20 <= bench.per_hour <= 24
    bench.edit(suspend=True)
    bench.run(3 * HOUR)
    assert bench.world.rows.batches[bench.uid].counters.succeeded == ended + 2, "what ran goes on to its end"
    assert bench.estimate is None
    assert 20 <= bench.per_hour <= 24
    bench.edit(suspend=False)
    bench.run(30)
    assert 20 <= bench.per_hour <= 24
    assert bench.estimate is not None
    assert bench.estimate <= timedelta(hours=9)
    bench.run(HOUR / 2)
    assert 20 <= bench.per_hour <= 24


def test_time_suspended_while_the_operator_was_away_for_a_part_of_it_does_not_count(world: World) -> None:
    bench = Bench(world)
    bench.run(HOUR)
    bench.edit(suspend=True)
    bench.run(HOUR / 4)
    bench.world.tick(24 * HOUR)
    bench.world.restart()
    bench.edit(suspend=False)
    bench.run(HOUR / 2)
    assert 20 <= bench.per_hour <= 24


def test_time_in_which_a_suspended_batch_still_runs_counts(world: World) -> None:
    bench = Bench(world)
    bench.run(HOUR)
    running = bench.world.cluster.active_jobs
    bench.edit(suspend=True)
    go_on(bench.world, HOUR / 2)  # its engines do not end
    assert bench.world.cluster.active_jobs == running
    assert bench.per_hour < 17
