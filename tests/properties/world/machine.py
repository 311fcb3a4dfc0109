"""The operator in generated worlds over HTTP and Postgres: what always holds of them, and how every one of them must end."""

import sys
from collections.abc import Iterable
from typing import Any, Protocol

from hypothesis import strategies as st
from hypothesis.errors import HypothesisException
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from backfleet.core import wire
from backfleet.core.backtests import attempt_id
from tests.properties.world import facts
from tests.properties.world.process import Memory
from tests.properties.world.rules import BATCHES, FATES, trouble
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


def check_none(found: Iterable[str]) -> None:
    """Raise AssertionError with what was found."""
    sentences = [*found]
    assert not sentences, "; ".join(sentences)


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
        self.succeeded: dict[str, str] = {}

    @initialize(
        limit=st.integers(1, 3),
        seed=st.integers(0, 99),
        fates=st.sampled_from(FATES),
        places=st.integers(1, 2),
        turns=st.integers(0, 2),
    )
    def begin(self, limit: int, seed: int, fates: dict[Fate, float], places: int, turns: int) -> None:
        self.tally.begin()
        plan = Plan(seed, fates, start_seconds=(1.0, 4.0), run_seconds=(3.0, 60.0))
        self.world = World(self.stage, plan, limit, NAMESPACES[:places])
        self.added = 0
        self.add_batch({"count": 3, "limit": 2, "engine": "noop", "place": 0})
        self.work(turns)

    @precondition(lambda self: len(self.world.batches) < MOST_BATCHES)
    @trouble(batch=BATCHES)
    def a_batch_is_applied(self, batch: dict[str, Any]) -> None:
        self.add_batch(batch)

    @rule(turns=st.integers(1, 4))
    def the_operator_works(self, turns: int) -> None:
        self.work(turns)

    @rule()
    def the_operator_turns(self) -> None:
        self.world.turn()

    @rule(seconds=st.sampled_from([3, 20, 61, 240]))
    def time_passes(self, seconds: float) -> None:
        self.world.advance(seconds)

    @rule()
    def at_a_quiet_moment_nothing_is_left_to_do(self) -> None:
        """Check that the plan of an applied plan is empty: what is refused or waits is not tried again at the same moment."""
        self.world.advance(3)
        self.be_quiet()

    def check_invariants(self, *_: Any) -> None:
        """Check what always holds after every step; Hypothesis would print a line for each of them."""
        if hasattr(self, "world"):
            for check in ALWAYS:
                check(self)

    # what always holds

    def nothing_happens_that_must_not(self) -> None:
        check_none(self.world.problems)

    def never_above_a_limit_and_never_an_index_twice_at_once(self) -> None:
        check_none(self.world.monitor.violations)

    def every_job_has_its_row(self) -> None:
        names = {each["job_name"] for each in self.world.facts.attempts}
        jobs = {each["metadata"]["name"] for each in self.world.monitor.jobs.values()}
        check_none(f"{name} has no row" for name in sorted(jobs - names))

    def nothing_runs_after_its_outcome(self) -> None:
        starts = self.world.monitor.engines
        recorded = {each["attempt_id"]: each["recorded_at"] for each in self.world.facts.outcomes}
        for key, moments in starts.items():
            last = max(moments)
            assert last <= recorded.get(attempt_id(*key), last), f"{attempt_id(*key)} started again after its outcome"

    def succeeded_never_changes(self) -> None:
        now = self.world.facts.succeeded
        check_none(f"{each} had succeeded" for each, by in self.succeeded.items() if now.get(each) != by)
        self.succeeded = now

    def counters_add_up(self) -> None:
        check_none(facts.wrong_counters(self.world.facts))

    def attempts_follow_each_other(self) -> None:
        check_none(facts.repeated_attempts(self.world.facts))

    def nothing_runs_after_its_success(self) -> None:
        check_none(facts.runs_after_success(self.world.facts))

    def no_wait_outlives_its_deadline(self) -> None:
        check_none(facts.waits_without_end(self.world.facts, self.world.limits))

    def no_attempt_outlives_its_hard_deadline(self) -> None:
        report = self.world.report
        if report is not None and not report.failing:
            batches = self.world.batches.items()
            listed = {uid for uid, batch in batches if batch["metadata"]["namespace"] not in report.refused}
            check_none(facts.overdue_attempts(self.world.facts, self.world.limits, listed))

    def memory_is_bounded_by_what_lives(self) -> None:
        for process in self.world.processes:
            if process.passes is not None and process.report is not None:
                sizes = Memory.of(process.passes).sizes
                most = (
                    len(self.world.kube.objects.stored) + len(self.world.facts.attempts) + len(self.world.facts.batches)
                )
                assert max(sizes.values()) <= most, sizes

    # how it ends

    def teardown(self) -> None:
        error = sys.exception()
        if error is not None or not hasattr(self, "world"):
            # A rule has failed, or what always holds did not; or Hypothesis gave the world up, by an exception of its own.
            if isinstance(error, Exception) and not isinstance(error, HypothesisException):
                self.tally.note_failure()
            return
        try:
            self.end()
        except Exception:
            self.tally.note_failure()
            raise

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
        assert {name: size for name, size in sizes.items() if size > bounds.get(name, 0)} == {}

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
        return data.draw(st.sampled_from(sorted(self.world.batches)))


ALWAYS = (
    WorldMachine.nothing_happens_that_must_not,
    WorldMachine.never_above_a_limit_and_never_an_index_twice_at_once,
    WorldMachine.every_job_has_its_row,
    WorldMachine.nothing_runs_after_its_outcome,
    WorldMachine.succeeded_never_changes,
    WorldMachine.counters_add_up,
    WorldMachine.attempts_follow_each_other,
    WorldMachine.nothing_runs_after_its_success,
    WorldMachine.no_wait_outlives_its_deadline,
    WorldMachine.no_attempt_outlives_its_hard_deadline,
    WorldMachine.memory_is_bounded_by_what_lives,
)
