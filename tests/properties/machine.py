"""The operator in generated worlds: what people and clusters do every day, what always holds, and how every world must end."""

from contextlib import suppress
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from backfleet.core.backtests import BacktestState
from backfleet.core.changes import BatchChanges
from backfleet.core.criteria import SuccessCriteria, judge
from backfleet.core.errors import SpecInvalid, Unavailable
from backfleet.core.planning.effects import CreateJob, DeleteJob, Effect, PostEvent, WriteStatus
from backfleet.core.planning.observation import Limits
from backfleet.core.reasons import FailureReason
from backfleet.core.records import BatchState, StoredCatalog
from backfleet.core.spec.model import parse_criteria
from tests.properties.packs import PackMachine
from tests.support.faults import NAMESPACES, FaultyWorld
from tests.support.operator import batch_spec, values

BATCHES = st.fixed_dictionaries(
    {
        "count": st.integers(1, 9),
        "limit": st.integers(1, 4),
        "is_constrained": st.booleans(),
        "engine": st.sampled_from(["noop", "lean"]),
        "namespace": st.sampled_from(NAMESPACES),
        "timeout": st.sampled_from([60, 60, 600, 3600]),
        "per_job": st.sampled_from([1, 1, 2, 3, 5, "auto"]),
    }
)
EFFECTS = st.sampled_from([CreateJob, CreateJob, BatchChanges, DeleteJob, WriteStatus, PostEvent])
MEANWHILE = st.sampled_from([None, {"suspend": True}, {"maxConcurrent": 1}])
PATIENCE = (15,) * 40 + (60,) * 30
"""Steps of seconds, 40 minutes in all: within them a batch of three quick backtests ends, whatever the others do."""
QUIET_PASSES = 60
"""So many passes at one moment may have something to do."""
LAST_PATIENCE = (600,) * 96
"""16 hours: within them an attempt that is refused, or whose pod does not start, has no time left; and so each after it."""


class _CrashError(BaseException):
    """The process is gone between two effects."""


class OperatorMachine(PackMachine):
    """A world in which anything may happen, and one operator that may die at any moment."""

    @initialize(limit=st.integers(1, 3), batch=BATCHES)
    def begin(self, limit: int, batch: dict[str, Any]) -> None:
        self.world = FaultyWorld(limits=Limits(max_concurrent=limit, walk_budget=10))
        self.world.rows.set_catalog(StoredCatalog(default_criteria={"minTrades": 6}))
        self.add(**batch)

    @property
    def has_room(self) -> bool:
        """More batches than three would need more patience."""
        return len(self.world.cluster.batches) < 3

    @precondition(lambda self: self.has_room)
    @rule(batch=BATCHES)
    def add_batch(self, batch: dict[str, Any]) -> None:
        self.add(**batch)

    @rule(times=st.integers(1, 3))
    def turn(self, times: int) -> None:
        for _ in range(times):
            self.world.try_turn()

    @rule(data=st.data(), before=EFFECTS, count=st.integers(0, 2), meanwhile=MEANWHILE)
    def crash_between_effects(
        self, data: st.DataObject, before: type[Effect], count: int, meanwhile: dict | None
    ) -> None:
        """Let the operator die before the effect of that kind that follows `count` others; edits do not wait."""
        left = [count]

        def checkpoint(effect: Effect) -> None:
            left[0] -= isinstance(effect, before)
            if left[0] < 0:
                raise _CrashError

        self.world.restart(checkpoint)
        with suppress(_CrashError, Unavailable):
            self.world.turn()
        self.world.restart()
        self.edit_some_batch(data, meanwhile)

    @rule(seconds=st.sampled_from([0.5, 3, 20, 61, 200, 700]))
    def time_passes(self, seconds: float) -> None:
        self.world.pass_time(seconds)

    @rule()
    def at_a_quiet_moment_nothing_is_left_to_do(self) -> None:
        """Check that the plan of an applied plan is empty: what is refused or waits is not tried again at the same moment."""
        self.world.pass_time(3)
        self.world.rows.is_slow = False
        for _ in range(QUIET_PASSES):
            report = self.world.try_turn()
            if report is None or self.world.cluster.silence is not None or not report.plan.batches:
                return
        raise AssertionError(
            f"still something to do after {QUIET_PASSES} passes at one moment: {report and report.plan}"
        )

    @precondition(lambda self: self.world.cluster.batches)
    @rule(data=st.data())
    def a_batch_is_suspended_or_resumed(self, data: st.DataObject) -> None:
        self.suspend_or_resume(self.draw_batch(data))

    @precondition(lambda self: self.world.cluster.batches)
    @rule(data=st.data(), limit=st.integers(1, 4))
    def max_concurrent_is_edited(self, data: st.DataObject, limit: int) -> None:
        self.world.cluster.edit_batch(self.draw_batch(data), maxConcurrent=limit)

    @invariant()
    def never_above_a_limit(self) -> None:
        assert self.world.cluster.violations == []

    @invariant()
    def silence_is_nobodys_failure(self) -> None:
        """Check that a start timeout has a refusal, or a pod that reported a problem: no answer is neither."""
        for attempt in self.world.rows.attempts.values():
            if attempt.reason is FailureReason.START_TIMEOUT:
                pack = self.world.rows.packs[attempt.pack_id]
                key = (pack.batch_uid, str(pack.index), str(pack.number))
                assert key in self.world.cluster.excused, f"{attempt.id} had no reason to be a StartTimeout"

    @invariant()
    def never_two_live_attempts_of_one_backtest(self) -> None:
        live = [
            (a.batch_uid, a.index)
            for a in self.world.rows.attempts.values()
            if a.backtest_state.holds_slot and a.is_deciding
        ]
        assert len(live) == len(set(live))

    @invariant()
    def an_attempt_is_launched_once(self) -> None:
        launches = self.world.rows.launches
        assert len(launches) == len(set(launches))

    @invariant()
    def succeeded_and_cancelled_never_change(self) -> None:
        final = (BacktestState.SUCCEEDED, BacktestState.CANCELLED)
        for states in self.world.rows.history.values():
            assert not any(state in final for state in states[:-1])

    @invariant()
    def counters_are_what_the_rows_say(self) -> None:
        for uid, record in self.world.rows.batches.items():
            states = list(self.world.rows.states(uid).values())
            assert record.counters.succeeded == states.count(BacktestState.SUCCEEDED)
            assert record.counters.failed == states.count(BacktestState.FAILED)
            if record.state is BatchState.FINISHED:
                ended = record.counters.succeeded + record.counters.failed + record.counters.cancelled
                assert ended == (record.total or 0)

    @invariant()
    def what_passed_is_what_the_verdicts_say(self) -> None:
        for uid, record in self.world.rows.batches.items():
            settled = [each for key, each in self.world.rows.results.items() if key[0] == uid]
            assert record.counters.passed == sum(each.passed for each in settled)
            stale = [each for each in settled if each.criteria_version < record.criteria_version]
            assert record.stale_verdicts == len(stale)

    def teardown(self) -> None:
        """Check, from any state: who can progress does, despite others' faults; without these all ends, nothing is left."""
        self.world.cluster.be_silent(None)
        self.world.rows.is_slow = False
        self.whoever_can_progress_does()
        self.whoever_cannot_start_is_given_up()
        self.world.heal()
        self.every_batch_ends()
        self.world.tick(700)
        self.world.cluster.collect_expired()
        for _ in range(12):
            self.world.turn()
        self.world.tick(10)
        self.every_verdict_is_by_the_criteria_in_force()
        assert self.world.cluster.active_jobs == []
        self.world.turn()
        assert self.world.turn().plan.batches == ()

    def whoever_can_progress_does(self) -> None:
        good = self.add_good_batch()
        waiting = {uid: self.ended(uid) for uid in self.world.cluster.batches if self.world.can_progress(uid)}
        waiting[good] = 2
        for seconds in PATIENCE:
            self.world.turn()
            waiting = {uid: before for uid, before in waiting.items() if not self.has_progressed(uid, before)}
            if not waiting:
                return
            self.world.pass_time(seconds)
        names = [self.world.cluster.batches[uid]["metadata"]["name"] for uid in waiting]
        raise AssertionError(f"no progress within {sum(PATIENCE)} s: {names}")

    def whoever_cannot_start_is_given_up(self) -> None:
        """Check that a refusal or a problem that stays has an end, without any action by an author."""
        batches = self.world.cluster.batches
        refused = {uid for uid in batches if self.world.cannot_start(uid)}
        for seconds in LAST_PATIENCE:
            self.world.turn()
            refused = {uid for uid in refused if self.world.cluster.condition(uid, "Finished").get("status") != "True"}
            if not refused:
                return
            self.world.pass_time(seconds)
        raise AssertionError(f"waits for ever: {[batches[uid]['metadata']['name'] for uid in refused]}")

    def add_good_batch(self, count: int = 3) -> str:
        """Add a batch that nothing is wrong with, where nothing is refused."""
        engine = min(self.world.engines)
        for namespace in NAMESPACES:
            uid = self.world.cluster.add_batch(self.spec_of(engine, count), "good", namespace=namespace)
            if self.world.can_progress(uid):
                return uid
            self.world.cluster.delete_batch(uid)
        self.world.cluster.admit_all(NAMESPACES[0])
        return self.world.cluster.add_batch(self.spec_of(engine, count), "good", namespace=NAMESPACES[0])

    def every_batch_ends(self) -> None:
        for uid in list(self.world.cluster.batches):
            self.world.cluster.edit_batch(uid, suspend=False)
        self.world.pass_time(61)
        for seconds in 2 * PATIENCE:
            self.world.turn()
            is_quiet = not self.world.cluster.active_jobs
            if is_quiet and all(each.state is BatchState.FINISHED for each in self.world.rows.batches.values()):
                break
            self.world.pass_time(seconds)
        for uid, record in self.world.rows.batches.items():
            assert record.state is BatchState.FINISHED
            assert not any(state.is_alive for state in self.world.rows.states(uid).values())

    def every_verdict_is_by_the_criteria_in_force(self) -> None:
        for (uid, _), settled in self.world.rows.results.items():
            record = self.world.rows.batches[uid]
            verdict = judge(settled.metrics, SuccessCriteria.from_json(record.criteria))
            assert (settled.passed, settled.rejections) == (verdict.passed, verdict.rejections)
            assert settled.criteria_version == record.criteria_version
            assert record.stale_verdicts == 0
        for uid, batch in self.world.cluster.batches.items():
            declared = batch["spec"]["successCriteria"]
            if uid in self.world.rows.batches and is_valid(declared):
                wanted = self.world.rows.catalog().default_criteria if declared is None else declared
                assert self.world.rows.batches[uid].criteria == wanted

    def has_progressed(self, uid: str, before: int) -> bool:
        return self.ended(uid) > before or self.world.cluster.condition(uid, "Finished").get("status") == "True"

    def ended(self, uid: str) -> int:
        record = self.world.rows.batches.get(uid)
        return record.counters.succeeded + record.counters.failed if record else 0

    def edit_some_batch(self, data: st.DataObject, edit: dict | None) -> None:
        if edit and self.world.cluster.batches:
            self.world.cluster.edit_batch(self.draw_batch(data), **edit)

    def suspend_or_resume(self, uid: str) -> None:
        self.world.cluster.edit_batch(uid, suspend=not self.world.cluster.batches[uid]["spec"].get("suspend", False))

    def draw_batch(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(sorted(self.world.cluster.batches)))

    def add(
        self,
        *,
        count: int,
        limit: int,
        is_constrained: bool,
        engine: str,
        namespace: str,
        timeout: int,
        per_job: int | str,
    ) -> str:
        constraints = ["value != 2"] if is_constrained and count > 2 else []
        spec = self.spec_of(engine, count, maxConcurrent=limit, constraints=constraints, backtestsPerJob=per_job)
        spec["failurePolicy"] = {"startTimeoutSeconds": timeout}
        return self.world.cluster.add_batch(spec, f"batch-{self.world.cluster.uids}", namespace=namespace)

    def spec_of(self, engine: str, count: int, **changes: Any) -> dict[str, Any]:
        strategy = {"name": "Noop"} | ({"leanProjectPath": "noop"} if engine == "lean" else {})
        return batch_spec(engine={"name": engine}, strategy=strategy, parameters=values(count), **changes)


def is_valid(declared: dict | None) -> bool:
    try:
        parse_criteria(declared)
    except SpecInvalid:
        return False
    return True
