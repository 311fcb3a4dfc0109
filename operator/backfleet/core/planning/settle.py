"""Decides what became of every live attempt, by its outcome, then its Job, then its pod, then its deadlines."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from backfleet.core.backtests import BacktestState
from backfleet.core.planning.attempt_changes import failed, marked, settled
from backfleet.core.planning.decision import NOTHING, Decision, Trial, earliest, join
from backfleet.core.planning.draft import Draft
from backfleet.core.planning.effects import DeleteJob
from backfleet.core.planning.facts import Facts
from backfleet.core.planning.job_failures import classify_failure
from backfleet.core.planning.observation import JobState, SeenJob, SeenPod
from backfleet.core.planning.start import (
    StartProblem,
    is_recorder_doubtful,
    recorder_problem,
    reported_problem,
    silence,
    without_wait,
)
from backfleet.core.planning.waiting import postpone, settle_without_job
from backfleet.core.reasons import FailureReason
from backfleet.core.records import MESSAGE_LIMIT, AttemptRecord


def settle(draft: Draft, attempts: Sequence[AttemptRecord], facts: Facts) -> Decision:
    """Settle the attempts of a batch. Those that nothing happened to stay as they are."""
    return join(_settle_attempt(draft, attempt, facts) for attempt in attempts)


def look_for_first_start(draft: Draft) -> Decision:
    """Look again soon while no engine of the batch has started: no event reports that, and other slots wait for it."""
    if draft.record.first_engine_started_at is not None:
        return NOTHING
    limits, looks = draft.limits, []
    for trial in draft.trials:
        waited = (draft.now - trial.job.created_at).total_seconds()
        seconds = min(max(limits.first_look_seconds, waited / 4), limits.last_look_seconds)
        looks.append(draft.now + timedelta(seconds=seconds))
    return Decision(look_again_at=earliest(looks))


def _settle_attempt(draft: Draft, attempt: AttemptRecord, facts: Facts) -> Decision:
    outcome = facts.outcomes.get(attempt.id)
    if outcome is not None:
        return Decision(changes=(settled(draft, attempt, outcome),))
    if facts.has_more_outcomes or not (attempt.is_deciding and attempt.backtest_state.holds_slot):
        return NOTHING
    job = facts.jobs.get(attempt.key)
    if job is not None and not (job.is_deleting and attempt.job_seen_at is None):
        return _settle_job(draft, attempt, job, facts)
    if attempt.job_seen_at is not None:
        return _fail(draft, attempt, FailureReason.JOB_VANISHED, "its Job is gone and no outcome was recorded")
    return settle_without_job(draft, attempt, facts.refusals.get(attempt.key), is_deleting=job is not None)


def _settle_job(draft: Draft, attempt: AttemptRecord, job: SeenJob, facts: Facts) -> Decision:
    if job.state is JobState.FAILED:
        return _fail(draft, attempt, *classify_failure(job, facts.pod(job), attempt))
    if job.state is JobState.COMPLETE:
        grace_at = (job.finished_at or draft.now) + timedelta(seconds=draft.limits.result_grace_seconds)
        if draft.now < grace_at:
            return Decision(look_again_at=grace_at)
        return _fail(draft, attempt, FailureReason.RESULT_MISSING, "the Job completed and no outcome was recorded")
    overdue_at = job.deadline_at + timedelta(seconds=draft.limits.overdue_seconds)
    if draft.now >= overdue_at:
        message = "the Job is unfinished long after its hard deadline"
        return _end(draft, attempt, job, FailureReason.NODE_LOST, message)
    decision = _settle_active(draft, attempt, job, facts)
    if decision.deletes:
        return decision
    return replace(decision, look_again_at=earliest((overdue_at, decision.look_again_at)))


def _settle_active(draft: Draft, attempt: AttemptRecord, job: SeenJob, facts: Facts) -> Decision:
    pod = facts.pod(job)
    started_at = attempt.engine_started_at or (pod.engine.started_at if pod else None)
    seen = replace(
        attempt,
        backtest_state=BacktestState.RUNNING,
        job_seen_at=attempt.job_seen_at or draft.now,
        engine_started_at=started_at,
    )
    if started_at is not None:
        return _settle_started(draft, attempt, seen, job, pod)
    trial = Trial(index=attempt.index, job=job, problem=reported_problem(job, pod), silence=silence(pod))
    if trial.problem is not None:
        since = facts.problems_since.get(job.uid, draft.now)
        over_at = since + timedelta(seconds=draft.limits.start_problem_seconds)
        if draft.now >= over_at:
            return postpone(draft, attempt, trial.problem, job=job)
    else:
        over_at = _start_deadline(draft, attempt, job, pod) + facts.blind_since(job.created_at)
        if draft.now >= over_at:
            return _end(draft, attempt, job, FailureReason.START_TIMEOUT, str(trial.silence))
    return Decision(
        changes=marked(attempt, seen, pod.name if pod else None),
        trials=(trial,),
        waiting=(str(trial.problem or StartProblem.of(attempt) or trial.silence),),
        look_again_at=over_at,
    )


def _settle_started(
    draft: Draft, attempt: AttemptRecord, seen: AttemptRecord, job: SeenJob, pod: SeenPod | None
) -> Decision:
    """Settle an attempt whose engine has started. After its end, a recorder that cannot start has its own deadline."""
    problem = recorder_problem(pod)
    if problem is None:
        is_open = is_recorder_doubtful(seen) and (pod is None or pod.recorder.started_at is None)
        return Decision(changes=marked(attempt, seen if is_open else without_wait(seen), pod.name if pod else None))
    text = f"{FailureReason.RECORDER_NOT_STARTED}: {problem}"
    since = (attempt.waiting_since if attempt.engine_started_at else None) or draft.now
    seen = replace(seen, waiting_since=since, waiting_reason=text[:MESSAGE_LIMIT])
    shown = Decision(waiting=(text,), recorder_problem=text)
    over_at = since + timedelta(seconds=draft.limits.recorder_start_seconds)
    if draft.now >= over_at:
        return join((shown, _end(draft, seen, job, FailureReason.RECORDER_NOT_STARTED, str(problem))))
    return replace(shown, changes=marked(attempt, seen, pod.name if pod else None), look_again_at=over_at)


def _start_deadline(draft: Draft, attempt: AttemptRecord, job: SeenJob, pod: SeenPod | None) -> datetime:
    """Return the start deadline, counted from when the pod has its node. Waiting for room is not charged."""
    placed_at = max(pod.created_at, pod.scheduled_at or pod.created_at) if pod else job.created_at
    whole = max(job.created_at, placed_at) + timedelta(seconds=draft.start_timeout_seconds)
    return max(attempt.start_deadline_at, whole)


def _fail(draft: Draft, attempt: AttemptRecord, reason: FailureReason, message: str) -> Decision:
    return Decision(changes=(failed(draft, attempt, reason, message),))


def _end(draft: Draft, attempt: AttemptRecord, job: SeenJob, reason: FailureReason, message: str) -> Decision:
    delete = DeleteJob(namespace=job.namespace, name=job.name, uid=job.uid)
    return replace(_fail(draft, attempt, reason, message), deletes=(delete,))
