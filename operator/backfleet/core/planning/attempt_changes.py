"""Decides the changes of attempts and packs: settled by an outcome, failed without one, or marked as observed."""

import math

from backfleet.core.backtests import BacktestState, Failure
from backfleet.core.changes import (
    Charge,
    CloseOutcome,
    EndPack,
    MarkPack,
    RowChange,
    SettleFailure,
    SettleResult,
)
from backfleet.core.criteria import judge
from backfleet.core.packs import PackRecord
from backfleet.core.planning.draft import Draft
from backfleet.core.planning.warm import ALL_COUNT, Trust, failed_warm, run_kind, set_aside
from backfleet.core.reasons import OF_CONTAINER, POLICIES, FailureReason, Policy
from backfleet.core.records import MESSAGE_LIMIT, AttemptRecord, Measured, OutcomeRecord


def settled(draft: Draft, attempt: AttemptRecord, outcome: OutcomeRecord, trust: Trust = ALL_COUNT) -> RowChange:
    """Settle an outcome. It counts if it is the deciding attempt's and the backtest has not succeeded or been cancelled."""
    state = attempt.backtest_state
    is_open = attempt.is_deciding and (state.is_alive or state is BacktestState.FAILED)
    match outcome.ending:
        case Measured() as measured if is_open:
            if attempt.is_warm and (trust.is_lost or attempt.id in trust.compared):
                return set_aside(attempt, outcome, measured, is_compared=not trust.is_lost)
            return _succeeded(draft, attempt, outcome, measured)
        case Failure() as failure if is_open and state.holds_slot:
            if attempt.is_warm and failure.reason is not FailureReason.NOT_BEGUN:
                return failed_warm(attempt, failure, outcome)
            return _failed(draft, attempt, failure.reason, failure.message, outcome)
        case _:
            return CloseOutcome(attempt=attempt, outcome=outcome)


def failed_pack(
    draft: Draft, pack: PackRecord, reason: FailureReason, message: str, position: int | None = None
) -> tuple[RowChange, ...]:
    """End a pack whose Job is over, and every member of it that has no outcome.

    If a pack of several dies of what ran in it, the member that ran, at `position` among them, is tried again alone.
    So is a member whose pack died before. The others are tried again in packs of about the square root of the size.
    """
    members = draft.members_of(pack)
    if pack.size == 1:
        ends = (_failed(draft, each, reason, message) for each in members)
        return (EndPack(pack=pack, reason=reason, message=message[:MESSAGE_LIMIT]), *ends)
    if reason not in OF_CONTAINER:
        # It never started: no backtest has caused that, and such packs in a row end the batch.
        policy = Policy.UNCHARGED if reason is FailureReason.START_TIMEOUT else POLICIES[reason]
        ends = (_failed(draft, each, reason, message, policy=policy) for each in members)
        return (EndPack(pack=pack, reason=reason, message=message[:MESSAGE_LIMIT]), *ends)
    suspect = members[position].index if position is not None and position < len(members) == pack.size else None
    text = f"the pod of {pack.size} backtests ended as a whole{_while(suspect)}: {message}"[:MESSAGE_LIMIT]
    ends = (
        SettleFailure(
            attempt=each,
            reason=reason,
            message=text,
            state=BacktestState.QUEUED,
            charge=Charge.NOTHING,
            pack_limit=1 if each.index == suspect or each.pack_limit else _smaller(pack.size),
        )
        for each in members
    )
    return (EndPack(pack=pack, reason=reason, message=text, died=True), *ends)


def marked(pack: PackRecord, seen: PackRecord, pod_name: str | None = None) -> tuple[MarkPack, ...]:
    """Change a live pack's row to `seen`. None if it is equal already."""
    return () if seen == pack else (MarkPack(pack=seen, pod_name=pod_name),)


def _failed(
    draft: Draft,
    attempt: AttemptRecord,
    reason: FailureReason,
    message: str,
    outcome: OutcomeRecord | None = None,
    policy: Policy | None = None,
) -> SettleFailure:
    """End the attempt without a result: its backtest is queued for another one, or failed."""
    state, charge = _after_failure(draft, attempt, policy or POLICIES[reason])
    return SettleFailure(
        attempt=attempt,
        reason=reason,
        message=message[:MESSAGE_LIMIT],
        state=state,
        charge=charge,
        pack_limit=attempt.pack_limit,
        outcome=outcome,
    )


def _smaller(size: int) -> int:
    """Return the size after a death: about the square root, and less than before."""
    return min(math.isqrt(size - 1) + 1, size - 1)


def _while(suspect: int | None) -> str:
    return "" if suspect is None else f" while backtest {suspect} ran"


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
        run=run_kind(attempt, measured),
    )


def _after_failure(draft: Draft, attempt: AttemptRecord, policy: Policy) -> tuple[BacktestState, Charge]:
    """Return the backtest's state, and what the attempt counts against it."""
    if policy is Policy.NOT_TRIED:
        return BacktestState.QUEUED, Charge.NOTHING
    if policy in (Policy.UNCHARGED, Policy.WAIT):
        again = attempt.uncharged < draft.limits.uncharged_attempts
        return BacktestState.QUEUED if again else BacktestState.FAILED, Charge.UNCHARGED
    allowed = min(draft.work.spec.failure_policy.max_attempts, 2 if policy is Policy.ONCE_MORE else 1)
    again = attempt.charged + 1 < allowed
    return BacktestState.QUEUED if again else BacktestState.FAILED, Charge.CHARGED
