"""When a batch is over, and how: one ordered table, first match wins."""

from datetime import timedelta

from backfleet.core import wire
from backfleet.core.planning.draft import Draft
from backfleet.core.reasons import DETERMINISTIC
from backfleet.core.records import BatchState


def ending(draft: Draft) -> tuple[str, str] | None:
    """The reason and message with which the batch ends now; None while it goes on."""
    spec, counters, record = draft.work.spec, draft.record.counters, draft.record
    policy = spec.failure_policy
    if spec.cancel:
        return wire.REASON_CANCELLED, "cancelled by spec.cancel"
    if policy.batch_timeout_seconds is not None:
        limit = timedelta(seconds=policy.batch_timeout_seconds)
        if draft.now >= draft.remind(limit.total_seconds(), record.accepted_at):
            return wire.REASON_BATCH_TIMEOUT, f"not done {policy.batch_timeout_seconds} s after it was accepted"
    if record.state is BatchState.COUNTING:
        return None
    if record.never_started >= draft.limits.never_started_attempts:
        return wire.REASON_NEVER_STARTED, _never_started(draft)
    if _is_repeated(draft):
        times = f"the first {counters.failed} backtests all failed with {record.repeated_reason}"
        return wire.REASON_REPEATED_FAILURE, f"{times}; fix the strategy or its data and apply a new batch"
    if policy.max_failed is not None and counters.failed > policy.max_failed:
        return (
            wire.REASON_TOO_MANY_FAILURES,
            f"{counters.failed} backtests failed, more than maxFailed {policy.max_failed}",
        )
    if draft.attempts or counters.succeeded + counters.failed < (record.total or 0):
        return None
    if not counters.succeeded:
        return wire.REASON_NONE_SUCCEEDED, f"all {counters.failed} backtests failed"
    if counters.failed:
        return wire.REASON_COMPLETED_WITH_FAILURES, f"{counters.succeeded} succeeded, {counters.failed} failed"
    return wire.REASON_ALL_SUCCEEDED, f"all {counters.succeeded} backtests succeeded"


def _never_started(draft: Draft) -> str:
    problem = draft.last_problem or "see the failed backtests"
    attempts = f"{draft.record.never_started} attempts in a row never started"
    return f"{attempts}; the last one: {problem}. Fix that and apply a new batch"


def _is_repeated(draft: Draft) -> bool:
    counters, reason = draft.record.counters, draft.record.repeated_reason
    is_first = not counters.succeeded and counters.failed >= draft.limits.repeated_failures
    return (
        is_first and reason in {known.value for known in DETERMINISTIC} and (draft.record.total or 0) > counters.failed
    )
