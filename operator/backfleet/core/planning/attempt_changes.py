"""Decides the change of one attempt's row: settled by an outcome, failed without one, or marked as observed."""

from backfleet.core.backtests import BacktestState, Failure
from backfleet.core.changes import AttemptChange, CloseOutcome, MarkAttempt, SettleFailure, SettleResult
from backfleet.core.criteria import judge
from backfleet.core.planning.draft import Draft
from backfleet.core.reasons import POLICIES, FailureReason, Policy
from backfleet.core.records import MESSAGE_LIMIT, AttemptRecord, Measured, OutcomeRecord


def settled(draft: Draft, attempt: AttemptRecord, outcome: OutcomeRecord) -> AttemptChange:
    """Settle an outcome. It counts if it is the deciding attempt's and the backtest has not succeeded or been cancelled."""
    state = attempt.backtest_state
    is_open = attempt.is_deciding and (state.is_alive or state is BacktestState.FAILED)
    match outcome.ending:
        case Measured() as measured if is_open:
            return _succeeded(draft, attempt, outcome, measured)
        case Failure() as failure if is_open and state.holds_slot:
            return failed(draft, attempt, failure.reason, failure.message, outcome)
        case _:
            return CloseOutcome(attempt=attempt, outcome=outcome)


def failed(
    draft: Draft, attempt: AttemptRecord, reason: FailureReason, message: str, outcome: OutcomeRecord | None = None
) -> SettleFailure:
    """End the attempt without a result: its backtest is queued for another one, or failed."""
    state, is_charged = _after_failure(draft, attempt, reason)
    return SettleFailure(
        attempt=attempt,
        reason=reason,
        message=message[:MESSAGE_LIMIT],
        state=state,
        is_charged=is_charged,
        outcome=outcome,
    )


def marked(attempt: AttemptRecord, seen: AttemptRecord, pod_name: str | None = None) -> tuple[MarkAttempt, ...]:
    """Change a live attempt's row to `seen`. None if it is equal already."""
    return () if seen == attempt else (MarkAttempt(attempt=seen, pod_name=pod_name),)


def _succeeded(draft: Draft, attempt: AttemptRecord, outcome: OutcomeRecord, measured: Measured) -> SettleResult:
    value = measured.metrics.get(draft.work.objective.metric)
    verdict = judge(measured.metrics, draft.work.criteria)
    return SettleResult(
        attempt=attempt,
        outcome=outcome,
        metrics=measured.metrics,
        objective_value=None if value is None else float(value),
        passed=verdict.passed,
        rejections=verdict.rejections,
        criteria_version=draft.record.criteria_version,
    )


def _after_failure(draft: Draft, attempt: AttemptRecord, reason: FailureReason) -> tuple[BacktestState, bool]:
    """Return the backtest's state, and whether the attempt is charged to it."""
    policy = POLICIES[reason]
    if policy is Policy.NOT_TRIED:
        return BacktestState.QUEUED, False
    if policy in (Policy.UNCHARGED, Policy.WAIT):
        again = attempt.uncharged < draft.limits.uncharged_attempts
        return (BacktestState.QUEUED, False) if again else (BacktestState.FAILED, False)
    allowed = min(draft.work.spec.failure_policy.max_attempts, 2 if policy is Policy.ONCE_MORE else 1)
    again = attempt.charged + 1 < allowed
    return (BacktestState.QUEUED, True) if again else (BacktestState.FAILED, True)
