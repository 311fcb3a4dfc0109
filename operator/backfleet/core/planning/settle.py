"""Decides what became of every live attempt: outcome first, then its Job, then its pod, then its deadlines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from backfleet.core.backtests import BacktestState
from backfleet.core.planning.draft import Draft, Trial
from backfleet.core.planning.effects import DeleteJob
from backfleet.core.planning.job_failures import classify_failure
from backfleet.core.planning.observation import AttemptKey, JobState, Refusal, SeenJob, SeenPod
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
from backfleet.core.records import MESSAGE_LIMIT, AttemptRecord, OutcomeRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Jobs, pods, outcomes and refusals by the attempt that they belong to; the newest pod of an attempt comes last."""

    jobs: Mapping[AttemptKey, SeenJob] = field(default_factory=dict)
    pods: Mapping[AttemptKey, Sequence[SeenPod]] = field(default_factory=dict)
    outcomes: Mapping[str, OutcomeRecord] = field(default_factory=dict)
    refusals: Mapping[AttemptKey, Refusal] = field(default_factory=dict)
    has_more_outcomes: bool = False
    """Not all new outcomes are here, so that nothing may be read from the lack of one."""

    problems_since: Mapping[str, datetime] = field(default_factory=dict)
    blind: tuple[datetime, datetime] | None = None

    def pod(self, job: SeenJob) -> SeenPod | None:
        """The newest pod of this Job; one of an earlier Job of the same attempt does not speak for it."""
        pods = [pod for pod in self.pods.get(job.key, ()) if pod.owner_uid == job.uid] if job.key else []
        return pods[-1] if pods else None

    def blind_since(self, moment: datetime) -> timedelta:
        """How long nothing could be observed after that moment: nobody could start anything then, or say that he did."""
        if self.blind is None or moment >= self.blind[1]:
            return timedelta(0)
        return self.blind[1] - max(self.blind[0], moment)


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
    job = facts.jobs.get(attempt.key)
    if job is None or (job.is_deleting and attempt.job_seen_at is None):
        if attempt.job_seen_at is not None:
            draft.fail(attempt, FailureReason.JOB_VANISHED, "its Job is gone and no outcome was recorded")
        else:
            settle_without_job(draft, attempt, facts.refusals.get(attempt.key), is_deleting=job is not None)
        return
    pod = facts.pod(job)
    if job.state is JobState.FAILED:
        draft.fail(attempt, *classify_failure(job, pod, attempt))
    elif job.state is JobState.COMPLETE:
        grace = draft.remind(draft.limits.result_grace_seconds, job.finished_at)
        if grace <= draft.now:
            draft.fail(attempt, FailureReason.RESULT_MISSING, "the Job completed and no outcome was recorded")
    elif draft.now >= job.deadline_at + timedelta(seconds=draft.limits.overdue_seconds):
        _end(draft, attempt, job, FailureReason.NODE_LOST, "the Job is unfinished long after its hard deadline")
    else:
        _settle_active(draft, attempt, job, facts)


def _settle_active(draft: Draft, attempt: AttemptRecord, job: SeenJob, facts: Facts) -> None:
    pod = facts.pod(job)
    draft.remind(draft.limits.overdue_seconds, job.deadline_at)
    started_at = attempt.engine_started_at or (pod.engine.started_at if pod else None)
    seen = replace(
        attempt,
        backtest_state=BacktestState.RUNNING,
        job_seen_at=attempt.job_seen_at or draft.now,
        engine_started_at=started_at,
    )
    if started_at is not None:
        _settle_started(draft, attempt, seen, job, pod)
        return
    trial = Trial(job=job, problem=reported_problem(job, pod), silence=silence(pod))
    draft.trials[attempt.index] = trial
    if trial.problem is not None:
        since = facts.problems_since.get(job.uid, draft.now)
        if draft.now >= draft.remind(draft.limits.start_problem_seconds, since):
            postpone(draft, attempt, trial.problem, job=job)
            return
    elif draft.now >= draft.remind(0, _start_deadline(draft, attempt, job, pod) + facts.blind_since(job.created_at)):
        _end(draft, attempt, job, FailureReason.START_TIMEOUT, str(trial.silence))
        return
    draft.waiting.append(str(trial.problem or StartProblem.of(attempt) or trial.silence))
    draft.see(attempt, seen, pod.name if pod else None)
    if draft.record.first_engine_started_at is None:
        # No event reports an engine's start, and the batch's other slots wait for its first one.
        waited = (draft.now - job.created_at).total_seconds()
        draft.remind(min(max(draft.limits.first_look_seconds, waited / 4), draft.limits.last_look_seconds))


def _settle_started(
    draft: Draft, attempt: AttemptRecord, seen: AttemptRecord, job: SeenJob, pod: SeenPod | None
) -> None:
    """The engine has started; after its end a recorder that cannot start has a deadline of its own."""
    problem = recorder_problem(pod)
    if problem is None:
        is_open = is_recorder_doubtful(seen) and (pod is None or pod.recorder.started_at is None)
        draft.see(attempt, seen if is_open else without_wait(seen), pod.name if pod else None)
        return
    text = f"{FailureReason.RECORDER_NOT_STARTED}: {problem}"
    since = attempt.waiting_since if attempt.engine_started_at else None
    seen = replace(seen, waiting_since=since or draft.now, waiting_reason=text[:MESSAGE_LIMIT])
    draft.recorder_problem = text
    draft.waiting.append(text)
    if draft.now >= draft.remind(draft.limits.recorder_start_seconds, seen.waiting_since):
        _end(draft, seen, job, FailureReason.RECORDER_NOT_STARTED, str(problem))
    else:
        draft.see(attempt, seen, pod.name if pod else None)


def _start_deadline(draft: Draft, attempt: AttemptRecord, job: SeenJob, pod: SeenPod | None) -> datetime:
    """Counted from when its Job and its pod were made and the pod found a node: the wait for room is not charged."""
    placed_at = max(pod.created_at, pod.scheduled_at or pod.created_at) if pod else job.created_at
    whole = max(job.created_at, placed_at) + timedelta(seconds=draft.start_timeout_seconds)
    return max(attempt.start_deadline_at, whole)


def _end(draft: Draft, attempt: AttemptRecord, job: SeenJob, reason: FailureReason, message: str) -> None:
    draft.fail(attempt, reason, message)
    draft.deletes.append(DeleteJob(namespace=job.namespace, name=job.name, uid=job.uid))
