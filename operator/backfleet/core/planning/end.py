"""Decides when a batch is over, and how: one ordered table, the first match decides."""

from datetime import datetime, timedelta

from backfleet.core import wire
from backfleet.core.changes import EndPack
from backfleet.core.planning.decision import NOTHING, Decision, End
from backfleet.core.planning.draft import Draft, has_never_started
from backfleet.core.reasons import DETERMINISTIC
from backfleet.core.records import BatchState, Counters


def ending(draft: Draft) -> Decision:
    """Return how the batch ends now, or when it may run out of time."""
    if draft.record.state is BatchState.FINISHED:
        return NOTHING
    end = _end(draft)
    if end is not None:
        return Decision(end=end)
    times_out_at = _times_out_at(draft)
    return NOTHING if times_out_at is None else Decision(look_again_at=times_out_at)


def _end(draft: Draft) -> End | None:
    counters, record = draft.record.counters, draft.record
    policy, times_out_at = draft.work.spec.failure_policy, _times_out_at(draft)
    if draft.work.spec.cancel:
        return End(reason=wire.REASON_CANCELLED, message="cancelled by spec.cancel")
    if times_out_at is not None and draft.now >= times_out_at:
        message = f"the batch did not end within {policy.batch_timeout_seconds} s of its acceptance"
        return End(reason=wire.REASON_BATCH_TIMEOUT, message=message)
    if record.state is BatchState.COUNTING:
        return None
    if record.never_started >= draft.limits.never_started_attempts:
        return End(reason=wire.REASON_NEVER_STARTED, message=_never_started(draft))
    if _is_repeated(draft):
        times = f"the first {counters.failed} backtests all failed with {record.repeated_reason}"
        message = f"{times}. Fix the strategy or its data, and apply a new batch."
        return End(reason=wire.REASON_REPEATED_FAILURE, message=message)
    if policy.max_failed is not None and counters.failed > policy.max_failed:
        message = f"{counters.failed} backtests failed, more than maxFailed {policy.max_failed}"
        return End(reason=wire.REASON_TOO_MANY_FAILURES, message=message)
    if draft.packs or draft.queued or counters.succeeded + counters.failed < (record.total or 0):
        return None
    return _complete(counters)


def _complete(counters: Counters) -> End:
    """Return how a batch with nothing left to run ends."""
    if not counters.succeeded:
        return End(reason=wire.REASON_NONE_SUCCEEDED, message=f"all {counters.failed} backtests failed")
    if counters.failed:
        message = f"{counters.succeeded} succeeded, {counters.failed} failed"
        return End(reason=wire.REASON_COMPLETED_WITH_FAILURES, message=message)
    return End(reason=wire.REASON_ALL_SUCCEEDED, message=f"all {counters.succeeded} backtests succeeded")


def _times_out_at(draft: Draft) -> datetime | None:
    seconds = draft.work.spec.failure_policy.batch_timeout_seconds
    return None if seconds is None else draft.record.accepted_at + timedelta(seconds=seconds)


def _never_started(draft: Draft) -> str:
    failures = [each for each in draft.decided.changes if isinstance(each, EndPack) and has_never_started(each)]
    problem = failures[-1].message if failures else "see the failed backtests"
    attempts = f"{draft.record.never_started} attempts in a row never started"
    return f"{attempts}. The last one: {problem}. Fix that, and apply a new batch."


def _is_repeated(draft: Draft) -> bool:
    counters, reason = draft.record.counters, draft.record.repeated_reason
    is_first = not counters.succeeded and counters.failed >= draft.limits.repeated_failures
    return (
        is_first and reason in {known.value for known in DETERMINISTIC} and (draft.record.total or 0) > counters.failed
    )
