"""One batch in the middle of a pass: its row and its live attempts after all decisions so far."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never

from backfleet.core.backtests import BacktestState
from backfleet.core.changes import (
    AttemptChange,
    CloseOutcome,
    JudgeResult,
    LaunchAttempt,
    MarkAttempt,
    SettleFailure,
    SettleResult,
)
from backfleet.core.planning.decision import NOTHING, Decision, Trial, join
from backfleet.core.planning.effects import BatchRef, Fault
from backfleet.core.planning.observation import AttemptKey, Limits, SeenBatch
from backfleet.core.ranking import is_better
from backfleet.core.reasons import NEVER_STARTED
from backfleet.core.records import AttemptRecord, BatchRecord, BatchState, Best, Measured, OutcomeRecord
from backfleet.core.spec.snapshot import AcceptedWork, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """`accepted` is the batch as accepted, with its present controls. Only `after` changes a draft; rules read it."""

    seen: SeenBatch
    before: BatchRecord | None
    record: BatchRecord
    accepted: AcceptedWork
    now: datetime
    limits: Limits
    missing_engine: str | None = None
    """The batch's engine if the installation does not have it, so that the batch launches nothing."""
    fault_of_criteria: str | None = None
    verdicts: tuple[JudgeResult, ...] = ()
    attempts: Mapping[int, AttemptRecord] = field(default_factory=dict)
    """The latest attempt of every backtest that is queued, launching or running, by index."""
    decided: Decision = NOTHING

    @property
    def work(self) -> Work:
        return self.accepted.work

    @property
    def drift(self) -> str | None:
        """What of the present spec is not in force."""
        return "; ".join(each for each in (self.accepted.drift, self.fault_of_criteria) if each) or None

    @property
    def ref(self) -> BatchRef:
        return BatchRef.of(self.seen)

    @property
    def fault(self) -> Fault | None:
        """Why the batch could not be planned."""
        return self.decided.fault

    @property
    def active_keys(self) -> Iterable[AttemptKey]:
        """Return the attempts that are launching or running."""
        return (each.key for each in self.attempts.values() if each.backtest_state.holds_slot)

    @property
    def held_keys(self) -> Iterable[AttemptKey]:
        """Return the attempts that hold a slot by their row: a Job was seen, or may exist."""
        running = (each.key for each in self.attempts.values() if each.backtest_state is BacktestState.RUNNING)
        return (*running, *self.decided.unanswered)

    @property
    def trials(self) -> tuple[Trial, ...]:
        """Return Jobs of live attempts whose engine has not started."""
        live = {i for i, each in self.attempts.items() if each.backtest_state is BacktestState.RUNNING}
        return tuple(trial for trial in self.decided.trials if trial.index in live)

    @property
    def is_paused(self) -> bool:
        """Report whether nothing may start and no time to start runs: suspended, or without its engine."""
        return self.work.spec.suspend or self.missing_engine is not None

    @property
    def start_timeout_seconds(self) -> int:
        return self.work.spec.failure_policy.start_timeout_seconds

    def after(self, decision: Decision) -> "Draft":
        """Return the batch after this decision: its changes update counters, cursors and attempts."""
        if decision is NOTHING:
            return self
        record, attempts = self.record, dict(self.attempts)
        for change in decision.changes:
            record = _row_after(self, record, attempts.get(change.attempt.index), change)
            _move(attempts, change, self.now)
        if decision.next_index is not None:
            record = replace(record, next_index=decision.next_index)
        if decision.launched_at is not None:
            record = replace(record, last_launched_at=decision.launched_at)
        if (count := decision.count) is not None:
            record = replace(record, count_cursor=count.cursor, count_found=count.found)
            if count.is_done:
                record = replace(record, state=BatchState.LIVE, total=count.found)
        if decision.end is not None:
            record = record.finished(self.now, decision.end.reason, decision.end.message)
            attempts.clear()
        return replace(self, record=record, attempts=attempts, decided=join((self.decided, decision)))


def _move(attempts: dict[int, AttemptRecord], change: AttemptChange, now: datetime) -> None:
    """Update the live attempts by a change."""
    attempt = change.attempt
    match change:
        case SettleFailure(state=BacktestState.QUEUED):
            attempts[attempt.index] = replace(
                attempt,
                backtest_state=BacktestState.QUEUED,
                ended_at=now,
                reason=change.reason,
                charged=change.charged,
                uncharged=change.uncharged,
            )
        case SettleResult() | SettleFailure():
            attempts.pop(attempt.index, None)
        case MarkAttempt() | LaunchAttempt():
            attempts[attempt.index] = attempt
        case CloseOutcome():
            pass
        case _:
            assert_never(change)


def _row_after(draft: Draft, record: BatchRecord, known: AttemptRecord | None, change: AttemptChange) -> BatchRecord:
    """Return the batch's row after a change. `known` is the latest attempt of that backtest before it."""
    match change:
        case SettleResult():
            return _row_after_result(draft, record, change)
        case SettleFailure():
            return _row_after_failure(draft, record, change)
        case MarkAttempt(attempt=AttemptRecord(engine_started_at=datetime() as started_at)):
            if known is not None and known.engine_started_at is not None:
                return record
            first = record.first_engine_started_at or started_at
            return replace(record, first_engine_started_at=first, never_started=0)
        case MarkAttempt() | LaunchAttempt() | CloseOutcome():
            return record
        case _:
            assert_never(change)


def _row_after_result(draft: Draft, record: BatchRecord, change: SettleResult) -> BatchRecord:
    attempt, value, counters = change.attempt, change.objective_value, record.counters
    was_failed = attempt.backtest_state is BacktestState.FAILED
    counters = replace(
        counters,
        succeeded=counters.succeeded + 1,
        failed=counters.failed - was_failed,
        passed=counters.passed + change.passed,
    )
    record = _with_start(draft, replace(record, counters=counters), attempt, change.outcome)
    if isinstance(change.outcome.ending, Measured):
        record = record.with_engine_version(change.outcome.ending.engine_version)
    best = record.best
    if value is None or (
        best is not None and not is_better((value, attempt.index), (best.value, best.index), draft.work.objective)
    ):
        return record
    return replace(record, best=Best(index=attempt.index, value=value, parameter_texts=attempt.parameter_texts))


def _row_after_failure(draft: Draft, record: BatchRecord, change: SettleFailure) -> BatchRecord:
    if change.outcome is not None:
        record = _with_start(draft, record, change.attempt, change.outcome)
    elif has_never_started(change):
        record = replace(record, never_started=record.never_started + 1)
    if change.state is BacktestState.QUEUED:
        return record
    repeated, reason = record.repeated_reason, change.reason.value
    return replace(
        record,
        counters=replace(record.counters, failed=record.counters.failed + 1),
        repeated_reason=reason if repeated in (None, reason) else "",
    )


def has_never_started(change: SettleFailure) -> bool:
    """Return whether the attempt ended because its engine did not start in its time."""
    is_unheard_of = change.outcome is None and change.attempt.engine_started_at is None
    return is_unheard_of and change.reason in NEVER_STARTED


def _with_start(draft: Draft, record: BatchRecord, attempt: AttemptRecord, outcome: OutcomeRecord) -> BatchRecord:
    """Return the row after an outcome that shows that an engine has started."""
    record = replace(record, never_started=0)
    if record.first_engine_started_at is not None:
        return record
    # The shim's clock is the node's, and the strategy may have written its file: no moment outside what we know.
    moment = min(max(outcome.engine_started_at or draft.now, attempt.launched_at), draft.now)
    return replace(record, first_engine_started_at=moment)
