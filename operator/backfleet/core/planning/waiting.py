"""Packs that wait to start without a slot, until they are tried again, or given up when their time is over."""

from dataclasses import replace
from datetime import datetime, timedelta

from backfleet.core.packs import PackKey, PackRecord
from backfleet.core.planning.attempt_changes import failed_pack, marked
from backfleet.core.planning.decision import NOTHING, Decision, Trial, join
from backfleet.core.planning.draft import Draft
from backfleet.core.planning.effects import DeleteJob
from backfleet.core.planning.observation import Refusal, RefusalKind, SeenJob
from backfleet.core.planning.start import JOB_DELETING, Patience, StartProblem, is_given_up, postponed, without_wait

STILL_GOING = StartProblem(
    kind=JOB_DELETING, message="the Job of an earlier try is still being deleted. See its finalizers."
)


def waiting_packs(draft: Draft) -> list[PackRecord]:
    """Return live packs without a Job, lowest index first. They hold no slot."""
    unanswered = draft.decided.unanswered
    without_job = (each for each in draft.packs.values() if not each.has_job and each.key not in unanswered)
    return sorted(without_job, key=lambda each: each.index)


def settle_without_job(
    draft: Draft, pack: PackRecord, refusal: Refusal | None, *, is_deleting: bool = False
) -> Decision:
    """Settle a launching pack without a Job: refused, not answered, never requested (after a crash), or being deleted."""
    is_news = refusal is not None and refusal.start_tries == pack.start_tries
    if refusal is not None and is_news and draft.now < (until := _may_exist_until(draft, refusal)):
        waiting = str(StartProblem.of_refusal(refusal))
        return Decision(unanswered=(pack.key,), waiting=(waiting,), look_again_at=until)
    if draft.is_paused:
        # A refusal is news once: after the pause the time that has passed must not count against it.
        seen = replace(without_wait(pack), start_tries=pack.start_tries + is_news)
        return Decision(changes=marked(pack, seen))
    if refusal is not None and is_news:
        return postpone(draft, pack, StartProblem.of_refusal(refusal), not_before=refusal.not_before)
    if is_deleting and pack.retry_at is not None and pack.retry_at <= draft.now:
        return postpone(draft, pack, STILL_GOING)
    problem = StartProblem.of(pack)
    return NOTHING if problem is None else _shown(draft, pack, problem)


def postpone(
    draft: Draft,
    pack: PackRecord,
    problem: StartProblem,
    *,
    job: SeenJob | None = None,
    not_before: datetime | None = None,
) -> Decision:
    """Let a pack that did not start wait for its next try, or end it when its time is over. Delete its Job."""
    after = postponed(pack, problem, draft.now, draft.limits, not_before)
    gone = NOTHING
    if job is not None:
        soon = draft.now + timedelta(seconds=draft.limits.first_look_seconds)
        gone = Decision(deletes=(DeleteJob(namespace=job.namespace, name=job.name, uid=job.uid),), look_again_at=soon)
    room_seconds = max(draft.limits.room_timeout_seconds, draft.start_timeout_seconds)
    if problem.patience is not Patience.ANSWER and is_given_up(after, draft.now, room_seconds):
        return join((gone, Decision(changes=failed_pack(draft, pack, problem.failure, str(problem)))))
    return join((gone, Decision(changes=marked(pack, after)), _shown(draft, after, problem)))


def yield_for_others(draft: Draft, trial: Trial) -> Decision:
    """Give the slot of a pack that does not start to another batch that was not tried yet, after some time.

    A reported problem is enough. Silence, as during the pull of an image, gets twice the time with every try.
    """
    pack = draft.packs[trial.pack_id]
    patience = timedelta(seconds=draft.limits.silent_seconds * 2.0 ** min(pack.start_tries, 20))
    over_at = trial.job.created_at + patience
    if trial.problem is None and draft.now < over_at:
        return Decision(look_again_at=over_at)
    return postpone(draft, pack, trial.problem or trial.silence, job=trial.job)


def with_time_to_start(draft: Draft, pack: PackRecord, deadline_seconds: int) -> PackRecord:
    """Return the pack at the creation of its Job. The time that it waited for a slot is not charged, but only once."""
    retry_at = pack.retry_at
    if retry_at is None:
        start = max(pack.start_deadline_at, draft.now + timedelta(seconds=draft.start_timeout_seconds))
    else:
        start, retry_at = pack.start_deadline_at + max(draft.now - retry_at, timedelta(0)), draft.now
    hard = draft.now + timedelta(seconds=deadline_seconds)
    return replace(pack, start_deadline_at=start, hard_deadline_at=hard, retry_at=retry_at)


def is_due(pack: PackRecord, now: datetime, held: set[PackKey]) -> bool:
    """Report whether its Job may be created now: its back-off is over, and nothing is left of an earlier try."""
    return (pack.retry_at is None or pack.retry_at <= now) and pack.key not in held


def _may_exist_until(draft: Draft, refusal: Refusal) -> datetime:
    """Return until when the Job of an unanswered creation may still appear. Later, a list shows whether it did."""
    if refusal.kind is not RefusalKind.NO_ANSWER:
        return draft.now
    return refusal.at + timedelta(seconds=draft.limits.unanswered_seconds)


def _shown(draft: Draft, pack: PackRecord, problem: StartProblem) -> Decision:
    """Show why a pack waits, and look again when it is due."""
    is_ahead = pack.retry_at is not None and pack.retry_at > draft.now
    look_again_at = pack.retry_at if is_ahead else None
    if problem.kind == RefusalKind.NAME_CONFLICT:
        return Decision(conflict=problem.message, look_again_at=look_again_at)
    return Decision(waiting=(str(problem),), look_again_at=look_again_at)
