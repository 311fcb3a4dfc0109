"""The operator in generated worlds over HTTP and Postgres: what always holds of them, and how every one of them must end."""

import sys
from typing import Any, Protocol

from hypothesis import strategies as st
from hypothesis.errors import HypothesisException
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition

from backfleet.core import wire
from tests.properties.world import facts
from tests.properties.world.always import Always, check_none
from tests.properties.world.process import Memory
from tests.properties.world.rules import BATCHES, FATES, PER_JOB, step, trouble
from tests.properties.world.stage import Stage
from tests.properties.world.world import World
from tests.world.fates import Fate, Plan

NAMESPACES = ("research", "trading")
MOST_BATCHES = 3
PROGRESS_SECONDS = 1_500.0
"""Within this time a batch that nothing stops ends a backtest, whatever the others do: some hard deadlines."""
GIVE_UP_SECONDS = 3_600.0
END_SECONDS = 2 * 3_600.0
QUIET_PASSES = 30
"""So many passes at one moment may have something to do."""


class Counts(Protocol):
    """What counts worlds."""

    def begin(self) -> None: ...
    def note_failure(self) -> None: ...


class WorldMachine(RuleBasedStateMachine):
    """A world with one operator at work. Kinds of trouble add their rules."""

    def __init__(self, stage: Stage, tally: Counts) -> None:
        super().__init__()
        self.stage = stage
        self.tally = tally

    @initialize(
        limit=st.integers(1, 3),
        seed=st.integers(0, 99),
        fates=st.sampled_from(FATES),
        places=st.integers(1, 2),
        per_job=PER_JOB,
        turns=st.integers(0, 2),
    )
    def begin(
        self, limit: int, seed: int, fates: dict[Fate, float], places: int, per_job: int | str, turns: int
    ) -> None:
        self.tally.begin()
        self.stage.trace.note("world", limit, seed, fates, places, per_job, turns)
        plan = Plan(seed, fates, start_seconds=(1.0, 4.0), run_seconds=(3.0, 60.0), is_by_member=True)
        self.world = World(self.stage, plan, limit, NAMESPACES[:places])
        self.always = Always(self.world)
        self.added = 0
        self.add_batch({"count": 4, "limit": 2, "engine": "noop", "per_job": per_job, "place": 0})
        self.work(turns)

    @precondition(lambda self: len(self.world.batches) < MOST_BATCHES)
    @trouble(batch=BATCHES)
    def a_batch_is_applied(self, batch: dict[str, Any]) -> None:
        self.add_batch(batch)

    @step(turns=st.integers(1, 4))
    def the_operator_works(self, turns: int) -> None:
        self.work(turns)

    @step()
    def the_operator_turns(self) -> None:
        self.world.turn()

    @step(seconds=st.sampled_from([3, 20, 61, 240]))
    def time_passes(self, seconds: float) -> None:
        self.world.advance(seconds)

    @step()
    def at_a_quiet_moment_nothing_is_left_to_do(self) -> None:
        """Check that the plan of an applied plan is empty: what is refused or waits is not tried again at the same moment."""
        self.world.advance(3)
        self.be_quiet()

    def check_invariants(self, *_: Any) -> None:
        """Check what always holds after every step; Hypothesis would print a line for each of them."""
        if hasattr(self, "world"):
            self.always.check()

    # how it ends

    def teardown(self) -> None:
        error = sys.exception()
        if error is not None or not hasattr(self, "world"):
            # A rule has failed, or what always holds did not; or Hypothesis gave the world up, by an exception of its own.
            if isinstance(error, Exception) and not isinstance(error, HypothesisException):
                self.note_failure(error)
            return
        try:
            self.end()
        except Exception as failure:
            self.note_failure(failure)
            raise

    def note_failure(self, error: Exception) -> None:
        self.tally.note_failure()
        self.stage.trace.note("failed", repr(error))

    def end(self) -> None:
        """Check, from any state: who can progress does, despite others' troubles; then all batches end, nothing is left."""
        self.stage.restore_postgres()
        if any(not self.world.can_progress(uid) for uid in self.world.batches):
            self.whoever_can_progress_does()
            self.whoever_cannot_start_is_given_up()
        self.world.heal()
        self.world.restart()
        self.every_batch_ends()
        self.nothing_is_left()

    def whoever_can_progress_does(self) -> None:
        self.world.add_good_batch()
        waiting = {uid: self.ended(uid) for uid in self.world.batches if self.world.can_progress(uid)}

        def is_over() -> bool:
            return all(self.ended(uid) > before or self.is_finished(uid) for uid, before in waiting.items())

        assert self.run(is_over, PROGRESS_SECONDS), (
            f"no progress: {[uid for uid, before in waiting.items() if self.ended(uid) <= before]}"
        )

    def whoever_cannot_start_is_given_up(self) -> None:
        """Check that a refusal that stays has an end, without any action by an author."""
        refused = [
            uid
            for uid, batch in self.world.batches.items()
            if batch["metadata"]["namespace"] in self.world.denied - self.world.forbidden
            and not batch["spec"].get("suspend")
            and batch["spec"]["engine"]["name"] in self.world.engines
        ]
        assert self.run(lambda: all(map(self.is_finished, refused)), GIVE_UP_SECONDS), (
            f"wait for ever: {[uid for uid in refused if not self.is_finished(uid)]}"
        )

    def every_batch_ends(self) -> None:
        for uid in self.world.batches:
            self.world.edit(uid, suspend=False)
        assert self.run(self.is_all_finished, END_SECONDS), "not every batch has ended"
        check_none(facts.lost_successes(self.world.facts))

    def nothing_is_left(self) -> None:
        """Check that Jobs and pods go when their time is over, and that no pass has anything to do then."""
        objects = self.world.kube.objects
        assert self.run(lambda: not objects.all("jobs") and not objects.all("pods"), 900), "Jobs or pods are left"
        self.be_quiet()
        process = self.world.operator()
        assert process.passes is not None
        sizes = Memory.of(process.passes).sizes
        present = len(self.world.batches)
        bounds = {"quiet": present, "statuses": present, "refused": present}
        check_none(f"remembers {size} {name}" for name, size in sizes.items() if size > bounds.get(name, 0))

    def be_quiet(self) -> None:
        for _ in range(QUIET_PASSES):
            report = self.world.turn()
            if report is None or not report.plan.batches:
                return
        raise AssertionError(
            f"still something to do after {QUIET_PASSES} passes at one moment: {report and report.plan}"
        )

    def run(self, until: Any, seconds: float) -> bool:
        """Let the operator work until something holds, while everything that always holds does."""

        def is_over() -> bool:
            self.check_invariants()
            return bool(until())

        return self.world.run(is_over, seconds)

    def is_finished(self, uid: str) -> bool:
        """Report whether its custom resource says that it is finished or refused, or is gone."""
        batch = self.world.batches.get(uid)
        if batch is None:
            return True
        conditions = {each["type"]: each["status"] for each in batch.get("status", {}).get("conditions", [])}
        return conditions.get(wire.CONDITION_FINISHED) == "True" or conditions.get(wire.CONDITION_ACCEPTED) == "False"

    def is_all_finished(self) -> bool:
        rows = all(each["state"] == "finished" for each in self.world.facts.batches)
        return rows and all(map(self.is_finished, self.world.batches))

    def ended(self, uid: str) -> int:
        row = self.world.facts.batch(uid)
        return row["succeeded"] + row["failed"] if row else 0

    def work(self, turns: int) -> None:
        """Let the operator work, and time pass after every turn."""
        for _ in range(turns):
            self.world.turn()
            self.check_invariants()
            self.world.step()

    def add_batch(self, batch: dict[str, Any]) -> str:
        batch = dict(batch)
        place = batch.pop("place")
        self.added += 1
        there = [each for each in self.world.namespaces if each not in self.world.kube.objects.gone_namespaces]
        namespace = there[place % len(there)]
        return self.world.add_batch(f"batch-{self.added}", namespace=namespace, **batch)

    def draw_batch(self, data: st.DataObject) -> str:
        uid = data.draw(st.sampled_from(sorted(self.world.batches)))
        self.stage.trace.note("drawn", uid)
        return uid
