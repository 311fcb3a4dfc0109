"""Decides what became of every live attempt: outcome first, then its Job, then its pod, then its deadlines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from backfleet.core.backtests import BacktestState
from backfleet.core.classifying import classify_failure, start_problem, waits_without_charge
from backfleet.core.drafts import Draft
from backfleet.core.launching import recreate
from backfleet.core.observation import AttemptKey, JobState, Refusal, RefusalKind, SeenJob, SeenPod
from backfleet.core.plans import DeleteJob
from backfleet.core.reasons import FailureReason
from backfleet.core.records import AttemptRecord, MarkAttempt, OutcomeRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Jobs, pods, outcomes and refusals by the attempt that they belong to; the newest pod of an attempt comes last."""

    jobs: Mapping[AttemptKey, SeenJob] = field(default_factory=dict)
    pods: Mapping[AttemptKey, Sequence[SeenPod]] = field(default_factory=dict)
    outcomes: Mapping[str, OutcomeRecord] = field(default_factory=dict)
    refusals: Mapping[AttemptKey, Refusal] = field(default_factory=dict)
    has_more_outcomes: bool = False
    """Not all new outcomes are here, so that nothing may be read from the lack of one."""

    def pod(self, key: AttemptKey) -> SeenPod | None:
        pods = self.pods.get(key)
        return pods[-1] if pods else None


def settle(draft: Draft, attempts: Sequence[AttemptRecord], facts: Facts) -> None:
    """Bring the draft's rows up to what was observed; attempts that nothing happened to are left as they are."""
    draft.recording = {
        key for key, pods in facts.pods.items() if key[0] == draft.seen.uid and any(p.recorder.started_at for p in pods)
    }
    for attempt in attempts:
        outcome = facts.outcomes.get(attempt.id)
        if outcome is not None:
            draft.settle_outcome(attempt, outcome)
        elif attempt.is_deciding and attempt.backtest_state.holds_slot and not facts.has_more_outcomes:
            _settle_live(draft, attempt, facts)


def _settle_live(draft: Draft, attempt: AttemptRecord, facts: Facts) -> None:
    key = (attempt.batch_uid, attempt.index, attempt.number)
    job, pod = facts.jobs.get(key), facts.pod(key)
    if job is None:
        _settle_without_job(draft, attempt, facts.refusals.get(key))
    elif job.state is JobState.FAILED:
        draft.fail(attempt, *classify_failure(job, pod, attempt))
    elif job.state is JobState.COMPLETE:
        grace = draft.remind(draft.limits.result_grace_seconds, job.finished_at)
        if grace <= draft.now:
            draft.fail(attempt, FailureReason.RESULT_MISSING, "the Job completed and no outcome was recorded")
    elif draft.now >= job.deadline_at + timedelta(seconds=draft.limits.overdue_seconds):
        _end(draft, attempt, job, FailureReason.NODE_LOST, "the Job is unfinished long after its hard deadline")
    else:
        _settle_active(draft, attempt, job, pod)


def _settle_without_job(draft: Draft, attempt: AttemptRecord, refusal: Refusal | None) -> None:
    if attempt.job_seen_at is not None:
        draft.fail(attempt, FailureReason.JOB_VANISHED, "its Job is gone and no outcome was recorded")
        return
    if draft.work.spec.suspend:
        draft.held_back.add(attempt.index)
        return
    if refusal is not None and refusal.kind is RefusalKind.NAME_CONFLICT:
        draft.conflict = refusal.message
    elif refusal is not None:
        draft.waiting.append(f"{refusal.kind.value}: {refusal.message}")
    is_late = draft.now >= draft.remind(0, attempt.start_deadline_at)
    if is_late and refusal is not None and refusal.kind is not RefusalKind.QUOTA:
        draft.fail(attempt, FailureReason.START_TIMEOUT, f"its Job could not be created: {refusal.message}")
    else:
        recreate(draft, attempt)


def _settle_active(draft: Draft, attempt: AttemptRecord, job: SeenJob, pod: SeenPod | None) -> None:
    started_at = attempt.engine_started_at or (pod.engine.started_at if pod else None)
    if started_at is None:
        draft.waiting.append(start_problem(job, pod))
        if draft.record.first_engine_started_at is None:
            # No event tells of an engine's start, and the batch's other slots wait for its first one.
            waited = (draft.now - attempt.launched_at).total_seconds()
            draft.remind(min(max(draft.limits.first_look_seconds, waited / 4), draft.limits.last_look_seconds))
        is_late = draft.now >= draft.remind(0, _start_deadline(attempt, pod))
        if is_late and not waits_without_charge(job, pod):
            _end(draft, attempt, job, FailureReason.START_TIMEOUT, start_problem(job, pod))
            return
    draft.remind(draft.limits.overdue_seconds, job.deadline_at)
    seen = replace(
        attempt,
        backtest_state=BacktestState.RUNNING,
        job_seen_at=attempt.job_seen_at or draft.now,
        engine_started_at=started_at,
    )
    if seen == attempt:
        return
    draft.attempts[attempt.index] = seen
    if started_at is not None and draft.record.first_engine_started_at is None:
        draft.record = replace(draft.record, first_engine_started_at=started_at)
    draft.changes.append(
        MarkAttempt(
            attempt=attempt,
            state=BacktestState.RUNNING,
            job_seen_at=seen.job_seen_at,
            engine_started_at=started_at,
            pod_name=pod.name if pod else None,
        )
    )


def _start_deadline(attempt: AttemptRecord, pod: SeenPod | None) -> datetime:
    """Counted anew from when its pod was made and found a node: the wait for room, for either, is not charged."""
    if pod is None:
        return attempt.start_deadline_at
    placed_at = max(pod.created_at, pod.scheduled_at or pod.created_at)
    return max(attempt.start_deadline_at, placed_at + (attempt.start_deadline_at - attempt.launched_at))


def _end(draft: Draft, attempt: AttemptRecord, job: SeenJob, reason: FailureReason, message: str) -> None:
    draft.fail(attempt, reason, message)
    draft.deletes.append(DeleteJob(namespace=job.namespace, name=job.name, uid=job.uid))
