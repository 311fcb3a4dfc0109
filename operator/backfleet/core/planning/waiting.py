"""Attempts that wait to start without a slot, until they are tried again, or given up when their time is over."""

from dataclasses import replace
from datetime import datetime, timedelta

from backfleet.core.backtests import BacktestState
from backfleet.core.planning.attempt_changes import failed, marked
from backfleet.core.planning.decision import NOTHING, Decision, Trial, join
from backfleet.core.planning.draft import Draft
from backfleet.core.planning.effects import DeleteJob
from backfleet.core.planning.observation import AttemptKey, Refusal, RefusalKind, SeenJob
from backfleet.core.planning.start import Patience, StartProblem, is_given_up, postponed, without_wait
from backfleet.core.records import AttemptRecord

STILL_GOING = StartProblem(
    kind="JobDeleting", message="the Job of an earlier try is still being deleted. See its finalizers."
)


def waiting_attempts(draft: Draft) -> list[AttemptRecord]:
    """Return live attempts without a Job, lowest index first. They hold no slot."""
    live = (draft.attempts[index] for index in sorted(draft.attempts))
    unanswered = draft.decided.unanswered
    return [each for each in live if each.backtest_state is BacktestState.LAUNCHING and each.key not in unanswered]


def settle_without_job(
    draft: Draft, attempt: AttemptRecord, refusal: Refusal | None, *, is_deleting: bool = False
) -> Decision:
    """Settle a launching attempt without a Job: refused, not answered, never requested (after a crash), or being deleted."""
    is_news = refusal is not None and refusal.start_tries == attempt.start_tries
    if refusal is not None and is_news and draft.now < (until := _may_exist_until(draft, refusal)):
        waiting = str(StartProblem.of_refusal(refusal))
        return Decision(unanswered=(attempt.key,), waiting=(waiting,), look_again_at=until)
    if draft.is_paused:
        # A refusal is news once: after the pause the time that has passed must not count against it.
        seen = replace(without_wait(attempt), start_tries=attempt.start_tries + is_news)
        return Decision(changes=marked(attempt, seen))
    if refusal is not None and is_news:
        return postpone(draft, attempt, StartProblem.of_refusal(refusal), not_before=refusal.not_before)
    if is_deleting and attempt.retry_at is not None and attempt.retry_at <= draft.now:
        return postpone(draft, attempt, STILL_GOING)
    problem = StartProblem.of(attempt)
    return NOTHING if problem is None else _shown(draft, attempt, problem)


def postpone(
    draft: Draft,
    attempt: AttemptRecord,
    problem: StartProblem,
    *,
    job: SeenJob | None = None,
    not_before: datetime | None = None,
) -> Decision:
    """Let an attempt that did not start wait for its next try, or end it when its time is over. Delete its Job."""
    after = postponed(attempt, problem, draft.now, draft.limits, not_before)
    gone = NOTHING
    if job is not None:
        soon = draft.now + timedelta(seconds=draft.limits.first_look_seconds)
        gone = Decision(deletes=(DeleteJob(namespace=job.namespace, name=job.name, uid=job.uid),), look_again_at=soon)
    room_seconds = max(draft.limits.room_timeout_seconds, draft.start_timeout_seconds)
    if problem.patience is not Patience.ANSWER and is_given_up(after, draft.now, room_seconds):
        return join((gone, Decision(changes=(failed(draft, attempt, problem.failure, str(problem)),))))
    return join((gone, Decision(changes=marked(attempt, after)), _shown(draft, after, problem)))


def yield_for_others(draft: Draft, trial: Trial) -> Decision:
    """Give the slot of an attempt that does not start to another batch that was not tried yet, after some time.

    A reported problem is enough. Silence, as during the pull of an image, gets twice the time with every try.
    """
    attempt = draft.attempts[trial.index]
    patience = timedelta(seconds=draft.limits.silent_seconds * 2.0 ** min(attempt.start_tries, 20))
    over_at = trial.job.created_at + patience
    if trial.problem is None and draft.now < over_at:
        return Decision(look_again_at=over_at)
    return postpone(draft, attempt, trial.problem or trial.silence, job=trial.job)


def with_time_to_start(draft: Draft, attempt: AttemptRecord, deadline_seconds: int) -> AttemptRecord:
    """Return the attempt at the creation of its Job. The time that it waited for a slot is not charged, but only once."""
    retry_at = attempt.retry_at
    if retry_at is None:
        start = max(attempt.start_deadline_at, draft.now + timedelta(seconds=draft.start_timeout_seconds))
    else:
        start, retry_at = attempt.start_deadline_at + max(draft.now - retry_at, timedelta(0)), draft.now
    hard = draft.now + timedelta(seconds=deadline_seconds)
    return replace(attempt, start_deadline_at=start, hard_deadline_at=hard, retry_at=retry_at)


def is_due(attempt: AttemptRecord, now: datetime, held: set[AttemptKey]) -> bool:
    """Report whether its Job may be created now: its back-off is over, and nothing is left of an earlier try."""
    return (attempt.retry_at is None or attempt.retry_at <= now) and attempt.key not in held


def _may_exist_until(draft: Draft, refusal: Refusal) -> datetime:
    """Return until when the Job of an unanswered creation may still appear. Later, a list shows whether it did."""
    if refusal.kind is not RefusalKind.NO_ANSWER:
        return draft.now
    return refusal.at + timedelta(seconds=draft.limits.unanswered_seconds)


def _shown(draft: Draft, attempt: AttemptRecord, problem: StartProblem) -> Decision:
    """Show why an attempt waits, and look again when it is due."""
    is_ahead = attempt.retry_at is not None and attempt.retry_at > draft.now
    look_again_at = attempt.retry_at if is_ahead else None
    if problem.kind == RefusalKind.NAME_CONFLICT:
        return Decision(conflict=problem.message, look_again_at=look_again_at)
    return Decision(waiting=(str(problem),), look_again_at=look_again_at)
