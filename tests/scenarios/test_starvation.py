"""On the simulated clock: batches whose engines do not start, with a good one that is new or that runs."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import pytest

from backfleet.controller.cluster import Refused
from backfleet.core.planning.observation import Limits
from tests.scenarios.conftest import NewWorld
from tests.support.life import go_on
from tests.support.operator import World, batch_spec, result, values

pytestmark = pytest.mark.long

BACKTEST_SECONDS = 30
QUOTA = Refused("exceeded quota: jobs", is_quota=True)


def no_image(world: World, job: str) -> None:
    world.cluster.wait_engine(job, "ImagePullBackOff", "no such image")


def no_node(world: World, job: str) -> None:
    waiting = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes: cpu"}
    world.cluster.pods[job]["status"]["conditions"] = [waiting]


def silent(world: World, job: str) -> None:
    """Do nothing, as with a volume that cannot be mounted."""


Stuck = Callable[[World, str], None]


@dataclass
class Fair:
    """A cluster in which Jobs of batches named good run for 30 s, and all others are stuck as their name says."""

    world: World
    stuck: dict[str, Stuck] = field(default_factory=dict)
    started: dict[str, datetime] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.world.cluster.job_fault_of = lambda name: QUOTA if name.startswith("refused") else None

    def add_bad(self, kinds: dict[str, Stuck | None], start_timeout: int = 600) -> list[str]:
        added = []
        for name, stuck in kinds.items():
            spec = batch_spec(parameters=values(486), failurePolicy={"startTimeoutSeconds": start_timeout})
            added.append(self.world.cluster.add_batch(spec, name=name))
            if stuck is not None:
                self.stuck[name] = stuck
        return added

    def act(self) -> None:
        cluster = self.world.cluster
        for job in cluster.active_jobs:
            for name, stuck in self.stuck.items():
                if job.startswith(name):
                    stuck(self.world, job)
            if not job.startswith("good"):
                continue
            if job not in self.started:
                cluster.start_engine(job)
                self.started[job] = cluster.now
            elif (cluster.now - self.started[job]).total_seconds() >= BACKTEST_SECONDS:
                self.world.record(job, result())

    def seconds_until(self, holds: Callable[[], bool], most: float) -> float:
        began = self.world.cluster.now
        while not holds() and (self.world.cluster.now - began).total_seconds() < most:
            go_on(self.world, 5, self.act)
        return (self.world.cluster.now - began).total_seconds()

    def has_started(self) -> bool:
        return bool(self.started)

    def is_over(self, uid: str) -> bool:
        record = self.world.rows.batches.get(uid)
        return record is not None and record.finished_at is not None


def four(stuck: Stuck) -> dict[str, Stuck | None]:
    return {f"bad{number}": stuck for number in range(4)}


KINDS = [
    pytest.param(four(no_image), 600, id="no image"),
    pytest.param(four(no_image), 86_400, id="no image and a day to start"),
    pytest.param(four(no_node), 600, id="no node"),
    pytest.param({f"bad{number}": no_image for number in range(6)}, 600, id="six without an image"),
    pytest.param({f"refused{number}": None for number in range(4)}, 600, id="refused"),
    pytest.param(
        {"bad0": no_image, "refused0": None, "bad1": no_node, "refused1": None, "bad2": silent, "bad3": no_image},
        86_400,
        id="a mixture",
    ),
]


@pytest.mark.parametrize(("kinds", "start_timeout"), KINDS)
@pytest.mark.parametrize("after", [5, 100])
def test_a_new_batch_starts_its_first_engine_within_three_minutes(
    world: World, kinds: dict[str, Stuck | None], start_timeout: int, after: int
) -> None:
    fair = Fair(world)
    fair.add_bad(kinds, start_timeout)
    go_on(fair.world, after, fair.act)
    fair.world.cluster.add_batch(batch_spec(parameters=values(20)), name="good")
    assert fair.seconds_until(fair.has_started, 7200) <= 180


def pace(world: World, kinds: dict[str, Stuck | None], start_timeout: int) -> float:
    """Return the seconds of a good batch that ran before the bad ones came."""
    fair = Fair(world)
    good = fair.world.cluster.add_batch(batch_spec(parameters=values(32)), name="good")
    fair.seconds_until(fair.has_started, 60)
    fair.add_bad(kinds, start_timeout)
    return fair.seconds_until(lambda: fair.is_over(good), 20_000)


@pytest.mark.parametrize(("kinds", "start_timeout"), KINDS)
def test_a_batch_that_runs_loses_at_most_a_quarter_of_its_pace(
    world: World, kinds: dict[str, Stuck | None], start_timeout: int
) -> None:
    alone = 32 / 4 * (BACKTEST_SECONDS + 5)
    assert pace(world, kinds, start_timeout) <= alone / 0.75 + BACKTEST_SECONDS


def test_a_batch_whose_image_goes_away_while_it_runs_takes_no_more_than_a_broken_one(world: World) -> None:
    fair = Fair(world)
    broken = fair.world.cluster.add_batch(batch_spec(parameters=values(486)), name="good-once")
    fair.seconds_until(fair.has_started, 60)
    go_on(fair.world, 120, fair.act)
    fair.world.cluster.edit_batch(broken, suspend=True)
    go_on(fair.world, 60, fair.act)
    fair.world.cluster.edit_batch(broken, suspend=False)
    fair.stuck["good-once"] = no_image
    starts = fair.world.cluster.start_engine
    fair.world.cluster.start_engine = lambda name: None if "once" in name else starts(name)  # type: ignore[method-assign]
    record = fair.world.record
    fair.world.record = lambda job, *rest, **more: None if "once" in job else record(job, *rest, **more)  # type: ignore[method-assign]
    go_on(fair.world, 60, fair.act)
    good = fair.world.cluster.add_batch(batch_spec(parameters=values(20)), name="good")
    assert fair.seconds_until(lambda: fair.is_over(good), 20_000) <= 20 * BACKTEST_SECONDS / 3 + 180
    go_on(fair.world, 2000, fair.act)
    assert fair.world.cluster.condition(broken, "Failed")["reason"] == "NeverStarted"


def test_broken_batches_end_by_themselves(world: World) -> None:
    fair = Fair(world)
    bad = fair.add_bad(four(no_image), start_timeout=60)
    go_on(fair.world, 1200, fair.act)
    assert {fair.world.cluster.condition(uid, "Failed")["reason"] for uid in bad} == {"NeverStarted"}
    assert all("ImagePullBackOff" in fair.world.cluster.condition(uid, "Failed")["message"] for uid in bad)


def test_a_slow_image_beside_broken_batches_is_waited_for_longer_each_time(world: World) -> None:
    fair = Fair(world)
    fair.add_bad(four(no_image))
    slow = fair.world.cluster.add_batch(batch_spec(parameters=values(2)), name="slow")
    cluster = fair.world.cluster

    def act() -> None:
        fair.act()
        for job in cluster.active_jobs:
            made = datetime.fromisoformat(cluster.jobs[job]["metadata"]["creationTimestamp"])
            if job.startswith("slow") and (cluster.now - made).total_seconds() >= 280:
                cluster.start_engine(job)

    go_on(fair.world, 1500, act)
    assert fair.world.rows.batches[slow].first_engine_started_at is not None


def test_a_batch_that_is_cancelled_before_its_engine_starts_lets_the_next_one_start(new_world: NewWorld) -> None:
    world = new_world(limits=Limits(max_concurrent=1))
    first = world.cluster.add_batch(batch_spec(), name="first")
    world.turn(2)
    second = world.cluster.add_batch(batch_spec(), name="second")
    world.turn(2)
    world.cluster.edit_batch(first, cancel=True)
    world.tick(3)
    world.turn(3)
    assert world.cluster.condition(first, "Failed")["reason"] == "Cancelled"
    assert [world.attempt_of(job) for job in world.cluster.active_jobs] == [f"{second}-0.1"]


def test_an_engine_that_is_silent_until_its_start_deadline_stops_no_pass_while_another_batch_waits(
    new_world: NewWorld,
) -> None:
    world = new_world(limits=Limits(max_concurrent=1))
    silent = world.cluster.add_batch(batch_spec(failurePolicy={"startTimeoutSeconds": 60}), name="silent")
    world.turn()
    second = world.cluster.add_batch(batch_spec(), name="second")
    go_on(world, 65)
    assert world.rows.reasons == {(silent, 0): "StartTimeout"}
    assert [world.attempt_of(job) for job in world.cluster.active_jobs] == [f"{second}-0.1"]
