"""One batch's plan while it is being made: the row as it will be, its live attempts, and the effects so far."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from backfleet.core.backtests import BacktestState, Failure
from backfleet.core.changes import AttemptChange, CloseOutcome, JudgeResult, MarkAttempt, SettleFailure, SettleResult
from backfleet.core.criteria import judge
from backfleet.core.planning.effects import BatchRef, CreateJob, DeleteJob, Fault
from backfleet.core.planning.observation import AttemptKey, Limits, SeenBatch, SeenJob
from backfleet.core.planning.start import StartProblem
from backfleet.core.ranking import is_better
from backfleet.core.reasons import NEVER_STARTED, POLICIES, FailureReason, Policy
from backfleet.core.records import MESSAGE_LIMIT, AttemptRecord, BatchRecord, Best, Measured, OutcomeRecord
from backfleet.core.spec.snapshot import Work


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A Job whose engine has not started, and what was reported of it."""

    job: SeenJob
    problem: StartProblem | None
    silence: StartProblem


@dataclass(slots=True, kw_only=True)
class Draft:
    """Mutable only while one plan is made. `work` is the batch as accepted with its present controls."""

    seen: SeenBatch
    before: BatchRecord | None
    record: BatchRecord
    work: Work
    now: datetime
    limits: Limits
    attempts: dict[int, AttemptRecord] = field(default_factory=dict)
    """The latest attempt of every backtest that is queued, launching or running, by index."""
    changes: list[AttemptChange] = field(default_factory=list)
    verdicts: tuple[JudgeResult, ...] = ()
    deletes: list[DeleteJob] = field(default_factory=list)
    creates: list[CreateJob] = field(default_factory=list)
    due: list[datetime] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    """Why live attempts wait to start, for the Progressing condition."""
    recording: set[AttemptKey] = field(default_factory=set)
    """Attempts whose recorder was seen to start: such a Job is left to end by itself."""
    walk_limit: int = 0
    """The work that finding combinations to launch may still cost in this pass."""
    trials: dict[int, Trial] = field(default_factory=dict)
    """Jobs of live attempts whose engine has not started, by index."""
    unanswered: set[AttemptKey] = field(default_factory=set)
    """Attempts whose Job may exist: the API server did not answer its creation."""
    recorder_problem: str | None = None
    """Why recorders of this batch do not start: it launches nothing more."""
    missing_engine: str | None = None
    """The batch's engine, when the installation does not have it: it launches nothing."""
    last_problem: str | None = None
    """What the last attempt that never started ended with."""
    fault: Fault | None = None
    """Why it could not be planned."""
    drift: str | None = None
    conflict: str | None = None

    @property
    def ref(self) -> BatchRef:
        return BatchRef.of(self.seen)

    @property
    def active_keys(self) -> Iterable[AttemptKey]:
        """The attempts that are launching or running."""
        return (each.key for each in self.attempts.values() if each.backtest_state.holds_slot)

    @property
    def held_keys(self) -> Iterable[AttemptKey]:
        """The attempts that hold a slot by their row: a Job was seen, or may exist."""
        running = (each.key for each in self.attempts.values() if each.backtest_state is BacktestState.RUNNING)
        return (*running, *self.unanswered)

    @property
    def is_paused(self) -> bool:
        """Nothing may start, and no time to start runs: suspended, or without its engine."""
        return self.work.spec.suspend or self.missing_engine is not None

    @property
    def start_timeout_seconds(self) -> int:
        return self.work.spec.failure_policy.start_timeout_seconds

    def guard[Answer](self, step: Callable[[], Answer], otherwise: Answer) -> Answer:
        """The step's answer; what it raises is this batch's fault alone, and stands on its plan."""
        try:
            return step()
        except Exception as error:  # noqa: BLE001 - one batch's defect must not stop the others
            self.fault = Fault.of(error)
            return otherwise

    def remind(self, seconds: float, since: datetime | None = None) -> datetime:
        """Have the loop look again that long after `since` (default: now), and return that moment."""
        moment = (since or self.now) + timedelta(seconds=seconds)
        if moment > self.now:
            self.due.append(moment)
        return moment

    def succeed(self, attempt: AttemptRecord, outcome: OutcomeRecord, measured: Measured) -> None:
        """The attempt's outcome is a result: count it, judge it, and see whether it is the best."""
        value = measured.metrics.get(self.work.objective.metric)
        verdict = judge(measured.metrics, self.work.criteria)
        self.changes.append(
            SettleResult(
                attempt=attempt,
                outcome=outcome,
                metrics=measured.metrics,
                objective_value=None if value is None else float(value),
                passed=verdict.passed,
                rejections=verdict.rejections,
                criteria_version=self.record.criteria_version,
            )
        )
        counters = self.record.counters
        was_failed = attempt.backtest_state is BacktestState.FAILED
        self.record = replace(
            self.record.with_engine_version(measured.engine_version),
            counters=replace(
                counters,
                succeeded=counters.succeeded + 1,
                failed=counters.failed - was_failed,
                passed=counters.passed + verdict.passed,
            ),
        )
        self._note_start(attempt, outcome)
        if value is not None:
            self._note_best(Best(index=attempt.index, value=float(value), parameter_texts=attempt.parameter_texts))
        self.attempts.pop(attempt.index, None)

    def fail(
        self, attempt: AttemptRecord, reason: FailureReason, message: str, outcome: OutcomeRecord | None = None
    ) -> None:
        """The attempt ended without a result: queue the backtest for another one, or count it as failed."""
        state, is_charged = self._after_failure(attempt, reason)
        self.trials.pop(attempt.index, None)
        self.changes.append(
            SettleFailure(
                attempt=attempt,
                reason=reason,
                message=message[:MESSAGE_LIMIT],
                state=state,
                is_charged=is_charged,
                outcome=outcome,
            )
        )
        if outcome is not None:
            self._note_start(attempt, outcome)
        elif attempt.engine_started_at is None and reason in NEVER_STARTED:
            self.record = replace(self.record, never_started=self.record.never_started + 1)
            self.last_problem = message
        if state is BacktestState.QUEUED:
            self.attempts[attempt.index] = replace(
                attempt,
                backtest_state=state,
                ended_at=self.now,
                reason=reason,
                charged=attempt.charged + is_charged,
                uncharged=attempt.uncharged + (not is_charged),
            )
            return
        self.attempts.pop(attempt.index, None)
        repeated = self.record.repeated_reason
        self.record = replace(
            self.record,
            counters=replace(self.record.counters, failed=self.record.counters.failed + 1),
            repeated_reason=reason.value if repeated in (None, reason.value) else "",
        )

    def see(self, attempt: AttemptRecord, seen: AttemptRecord, pod_name: str | None = None) -> None:
        """A live attempt's row becomes `seen`; an engine's start is the batch's too."""
        started_at = seen.engine_started_at
        if seen == attempt:
            return
        self.attempts[attempt.index] = seen
        self.changes.append(MarkAttempt(attempt=seen, pod_name=pod_name))
        if started_at is not None and attempt.engine_started_at is None:
            first = self.record.first_engine_started_at or started_at
            self.record = replace(self.record, first_engine_started_at=first, never_started=0)

    def settle_outcome(self, attempt: AttemptRecord, outcome: OutcomeRecord) -> None:
        """An outcome decides if it is the deciding attempt's, and nothing that succeeded or was cancelled is touched."""
        state = attempt.backtest_state
        is_open = attempt.is_deciding and (state.is_alive or state is BacktestState.FAILED)
        match outcome.ending:
            case Measured() as measured if is_open:
                self.succeed(attempt, outcome, measured)
            case Failure() as failure if is_open and state.holds_slot:
                self.fail(attempt, failure.reason, failure.message, outcome)
            case _:
                self.changes.append(CloseOutcome(attempt=attempt, outcome=outcome))

    def finish(self, reason: str, message: str) -> None:
        """End the batch: what has not ended is cancelled."""
        self.record = self.record.finished(self.now, reason, message)
        self.attempts.clear()
        self.trials.clear()

    def _after_failure(self, attempt: AttemptRecord, reason: FailureReason) -> tuple[BacktestState, bool]:
        policy = POLICIES[reason]
        if policy in (Policy.UNCHARGED, Policy.WAIT):
            again = attempt.uncharged < self.limits.uncharged_attempts
            return (BacktestState.QUEUED, False) if again else (BacktestState.FAILED, False)
        allowed = min(self.work.spec.failure_policy.max_attempts, 2 if policy is Policy.ONCE_MORE else 1)
        again = attempt.charged + 1 < allowed
        return (BacktestState.QUEUED, True) if again else (BacktestState.FAILED, True)

    def _note_start(self, attempt: AttemptRecord, outcome: OutcomeRecord) -> None:
        self.record = replace(self.record, never_started=0)
        if self.record.first_engine_started_at is None:
            # The shim's clock is the node's, and the strategy may have written its file: no moment outside what we know.
            moment = min(max(outcome.engine_started_at or self.now, attempt.launched_at), self.now)
            self.record = replace(self.record, first_engine_started_at=moment)

    def _note_best(self, found: Best) -> None:
        best = self.record.best
        if best is None or is_better((found.value, found.index), (best.value, best.index), self.work.objective):
            self.record = replace(self.record, best=found)
