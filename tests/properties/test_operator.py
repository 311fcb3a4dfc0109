"""Safety and progress of the operator over generated worlds: crashes between effects, lost Jobs, late outcomes, edits."""

from contextlib import suppress
from dataclasses import replace

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from backfleet.core.backtests import BacktestState
from backfleet.core.criteria import SuccessCriteria, judge
from backfleet.core.errors import SpecInvalid
from backfleet.core.observation import Limits
from backfleet.core.plans import Effect
from backfleet.core.reasons import FailureReason
from backfleet.core.records import BatchState, Catalog
from backfleet.core.spec import parse_criteria
from tests.support.operator import World, batch_spec, failure, result, values

REASONS = st.sampled_from([FailureReason.ENGINE_ERROR, FailureReason.ENGINE_CRASH, FailureReason.BACKTEST_TIMEOUT])


CRITERIA = st.sampled_from(
    [
        {},
        {"minSharpe": 1.0},
        {"minSharpe": 2.0, "minTrades": 3},
        {"minSharpe": 2.0, "maxTrades": 4},
        {"maxDrawdown": 0.5},
        None,
        {"minTrades": 9, "maxTrades": 5},
        {"minSharpe": "high"},
    ]
)
"""What people write into a running batch; None takes the batch's own criteria away, the last two are not valid."""


class _CrashError(BaseException):
    """The process is gone between two effects."""


class OperatorMachine(RuleBasedStateMachine):
    """A world in which anything may happen, and one operator that may die at any moment."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(limits=Limits(max_concurrent=3, walk_budget=10))
        self.world.rows.catalog_rows = Catalog(default_criteria={"minTrades": 6})
        self.first_states: dict[tuple[str, int], str] = {}

    @initialize()
    def begin(self) -> None:
        self.world.turn()

    @rule(count=st.integers(1, 7), limit=st.integers(1, 4), constrained=st.booleans())
    def add_batch(self, count: int, limit: int, constrained: bool) -> None:
        if len(self.world.cluster.batches) < 3:
            constraints = ["value != 2"] if constrained and count > 2 else []
            spec = batch_spec(parameters=values(count), maxConcurrent=limit, constraints=constraints)
            self.world.cluster.add_batch(spec, name=f"batch-{len(self.world.rows.batches)}")

    @rule(times=st.integers(1, 3))
    def turn(self, times: int) -> None:
        self.world.turn(times)

    @rule(after=st.integers(0, 8))
    def crash_between_effects(self, after: int) -> None:
        left = [after]

        def checkpoint(_: Effect) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise _CrashError

        self.world.restart(checkpoint)
        with suppress(_CrashError):
            self.world.turn()
        self.world.restart()

    @rule()
    def a_commit_arrives_late(self) -> None:
        self.world.rows.is_slow = True
        self.world.turn()

    @rule(seconds=st.sampled_from([0.5, 3, 20, 61]))
    def time_passes(self, seconds: float) -> None:
        self.world.tick(seconds)
        self.world.cluster.collect_expired()

    @precondition(lambda self: self.world.cluster.active_jobs)
    @rule(data=st.data(), ends=st.booleans(), sharpe=st.sampled_from([None, 0.5, 1.0, 2.5]))
    def a_backtest_succeeds(self, data: st.DataObject, ends: bool, sharpe: float | None) -> None:
        self.world.record(data.draw(st.sampled_from(self.world.cluster.active_jobs)), result(sharpe), ends=ends)

    @precondition(lambda self: self.world.cluster.active_jobs)
    @rule(data=st.data(), reason=REASONS)
    def a_backtest_fails(self, data: st.DataObject, reason: FailureReason) -> None:
        self.world.record(data.draw(st.sampled_from(self.world.cluster.active_jobs)), failure(reason))

    @precondition(lambda self: self.world.cluster.active_jobs)
    @rule(data=st.data(), how=st.sampled_from(["vanish", "oom", "silent", "deadline", "start"]))
    def something_happens_to_a_job(self, data: st.DataObject, how: str) -> None:
        cluster = self.world.cluster
        job = data.draw(st.sampled_from(cluster.active_jobs))
        match how:
            case "vanish":
                cluster.vanish(job)
            case "oom":
                cluster.end_job(job, failed=True, engine={"exitCode": 137, "reason": "OOMKilled"})
            case "silent":
                cluster.end_job(job, failed=False)
            case "deadline":
                cluster.exceed_deadline(job)
            case "start":
                cluster.start_engine(job)

    @precondition(lambda self: self.world.rows.attempts)
    @rule(data=st.data())
    def a_late_outcome_arrives(self, data: st.DataObject) -> None:
        attempt = data.draw(st.sampled_from(sorted(self.world.rows.attempts)))
        self.world.rows.append_outcome(attempt, result())

    @precondition(lambda self: self.world.cluster.batches)
    @rule(data=st.data(), edit=st.sampled_from([{"suspend": True}, {"suspend": False}, {"maxConcurrent": 1}]))
    def a_batch_is_edited(self, data: st.DataObject, edit: dict) -> None:
        self.world.cluster.edit_batch(data.draw(st.sampled_from(sorted(self.world.cluster.batches))), **edit)

    @precondition(lambda self: self.world.cluster.batches)
    @rule(data=st.data(), criteria=CRITERIA)
    def its_criteria_are_edited(self, data: st.DataObject, criteria: dict | None) -> None:
        uid = data.draw(st.sampled_from(sorted(self.world.cluster.batches)))
        self.world.cluster.edit_batch(uid, successCriteria=criteria)

    @precondition(lambda self: self.world.cluster.batches)
    @rule(data=st.data(), cancel=st.booleans())
    def a_batch_is_given_up(self, data: st.DataObject, cancel: bool) -> None:
        uid = data.draw(st.sampled_from(sorted(self.world.cluster.batches)))
        if cancel:
            self.world.cluster.edit_batch(uid, cancel=True)
        else:
            self.world.cluster.delete_batch(uid)

    @invariant()
    def never_above_the_limit(self) -> None:
        assert self.world.cluster.most_alive <= self.world.limits.max_concurrent

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
        """From any state, a fair world lets every batch end, with each combination in one final state, and leaves nothing."""
        for uid in list(self.world.cluster.batches):
            self.world.cluster.edit_batch(uid, suspend=False)
        self.world.tick(61)
        self.world.turn(2)
        self.world.tick(61)
        self.world.run_all()
        for uid, record in self.world.rows.batches.items():
            assert record.state is BatchState.FINISHED
            assert not any(state.is_alive for state in self.world.rows.states(uid).values())
        self.world.tick(700)
        self.world.turn(12)
        self.world.tick(10)
        self.every_verdict_is_by_the_criteria_in_force()
        assert self.world.cluster.active_jobs == []
        self.world.turn()
        assert self.world.turn().plan.batches == ()

    def every_verdict_is_by_the_criteria_in_force(self) -> None:
        for (uid, _), settled in self.world.rows.results.items():
            record = self.world.rows.batches[uid]
            verdict = judge(settled.result.metrics, SuccessCriteria.from_json(record.criteria))
            assert (settled.passed, settled.rejections) == (verdict.passed, verdict.rejections)
            assert settled.criteria_version == record.criteria_version
            assert record.stale_verdicts == 0
        for uid, batch in self.world.cluster.batches.items():
            declared = batch["spec"]["successCriteria"]
            if is_valid(declared):
                wanted = self.world.rows.catalog_rows.default_criteria if declared is None else declared
                assert self.world.rows.batches[uid].criteria == wanted


def is_valid(declared: dict | None) -> bool:
    try:
        parse_criteria(declared)
    except SpecInvalid:
        return False
    return True


OperatorMachine.TestCase.settings = settings(
    max_examples=100, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
test_any_world = OperatorMachine.TestCase


def test_the_order_of_what_is_observed_is_irrelevant() -> None:
    from backfleet.controller.listing import list_namespaces
    from backfleet.core.planning import plan

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
        store=replace(seen.store, batches=seen.store.batches[::-1], attempts=seen.store.attempts[::-1]),
    )
    assert plan(turned) == plan(seen)
