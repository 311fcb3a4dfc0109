"""Attempts that wait to start: without a slot, until they are tried again, or given up when their time is over."""

from dataclasses import replace
from datetime import datetime, timedelta

from backfleet.core.backtests import BacktestState
from backfleet.core.planning.draft import Draft, Trial
from backfleet.core.planning.effects import DeleteJob
from backfleet.core.planning.observation import AttemptKey, Limits, Refusal, RefusalKind, SeenJob
from backfleet.core.planning.start import Patience, StartProblem, is_given_up, postponed, without_wait
from backfleet.core.records import AttemptRecord

STILL_GOING = StartProblem(
    kind="JobDeleting", message="its Job of an earlier try is still being deleted: see its finalizers"
)


def waiting_attempts(draft: Draft) -> list[AttemptRecord]:
    """Live attempts without a Job, lowest index first: they hold no slot."""
    live = (draft.attempts[index] for index in sorted(draft.attempts))
    return [a for a in live if a.backtest_state is BacktestState.LAUNCHING and a.key not in draft.unanswered]


def settle_without_job(
    draft: Draft, attempt: AttemptRecord, refusal: Refusal | None, *, is_deleting: bool = False
) -> None:
    """A launching attempt whose Job is not there: refused, not answered, never asked for (after a crash), or still going."""
    is_news = refusal is not None and refusal.start_tries == attempt.start_tries
    if refusal is not None and is_news and _may_exist(draft, refusal):
        draft.unanswered.add(attempt.key)
        draft.waiting.append(str(StartProblem.of_refusal(refusal)))
    elif draft.is_paused:
        # A refusal is news once: after the pause it must not be judged by the time that has passed.
        draft.see(attempt, replace(without_wait(attempt), start_tries=attempt.start_tries + is_news))
    elif refusal is not None and is_news:
        postpone(draft, attempt, StartProblem.of_refusal(refusal), not_before=refusal.not_before)
    elif is_deleting and attempt.retry_at is not None and attempt.retry_at <= draft.now:
        postpone(draft, attempt, STILL_GOING)
    elif problem := StartProblem.of(attempt):
        _show(draft, attempt, problem)


def postpone(
    draft: Draft,
    attempt: AttemptRecord,
    problem: StartProblem,
    *,
    job: SeenJob | None = None,
    not_before: datetime | None = None,
) -> None:
    """Let an attempt that did not start wait for its next try, or end it when its time is over; its Job goes."""
    after = postponed(attempt, problem, draft.now, draft.limits, not_before)
    if job is not None:
        draft.deletes.append(DeleteJob(namespace=job.namespace, name=job.name, uid=job.uid))
        draft.trials.pop(attempt.index, None)
        draft.remind(draft.limits.first_look_seconds)
    room_seconds = max(draft.limits.room_timeout_seconds, draft.start_timeout_seconds)
    if problem.patience is not Patience.ANSWER and is_given_up(after, draft.now, room_seconds):
        draft.fail(attempt, problem.failure, str(problem))
        return
    draft.see(attempt, after)
    _show(draft, after, problem)


def yield_for_others(draft: Draft, trial: Trial, index: int) -> None:
    """Give the slot of an attempt that does not start to another batch that has not been tried."""
    postpone(draft, draft.attempts[index], trial.problem or trial.silence, job=trial.job)


def may_yield(trial: Trial, attempt: AttemptRecord, now: datetime, limits: Limits) -> bool:
    """A reported problem is enough; silence, as of an image that is being pulled, is waited for, twice as long each time."""
    patience = limits.silent_seconds * 2.0 ** min(attempt.start_tries, 20)
    return trial.problem is not None or now >= trial.job.created_at + timedelta(seconds=patience)


def with_time_to_start(draft: Draft, attempt: AttemptRecord, deadline_seconds: int) -> AttemptRecord:
    """The attempt as its Job is created (again): the time in which it waited for a slot is not charged, and only once."""
    retry_at = attempt.retry_at
    if retry_at is None:
        start = max(attempt.start_deadline_at, draft.now + timedelta(seconds=draft.start_timeout_seconds))
    else:
        start, retry_at = attempt.start_deadline_at + max(draft.now - retry_at, timedelta(0)), draft.now
    hard = draft.now + timedelta(seconds=deadline_seconds)
    return replace(attempt, start_deadline_at=start, hard_deadline_at=hard, retry_at=retry_at)


def is_due(attempt: AttemptRecord, now: datetime, held: set[AttemptKey]) -> bool:
    """Its Job may be created now: its back-off is over, and nothing of an earlier try is left."""
    return (attempt.retry_at is None or attempt.retry_at <= now) and attempt.key not in held


def _may_exist(draft: Draft, refusal: Refusal) -> bool:
    """For a while after a creation that was not answered its Job may still come; later, a look shows whether it did."""
    if refusal.kind is not RefusalKind.NO_ANSWER:
        return False
    return draft.now < draft.remind(draft.limits.unanswered_seconds, refusal.at)


def _show(draft: Draft, attempt: AttemptRecord, problem: StartProblem) -> None:
    if problem.kind == RefusalKind.NAME_CONFLICT:
        draft.conflict = problem.message
    else:
        draft.waiting.append(str(problem))
    if attempt.retry_at is not None:
        draft.remind(0, attempt.retry_at)
