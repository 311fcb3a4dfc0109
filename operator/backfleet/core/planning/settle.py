"""Decides what became of every live pack and attempt, by its outcome, then its Job, then its pod, then its deadlines."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from backfleet.core.changes import RowChange
from backfleet.core.packs import PackRecord
from backfleet.core.planning.attempt_changes import failed_pack, marked, settled
from backfleet.core.planning.decision import NOTHING, Decision, Trial, earliest, join
from backfleet.core.planning.draft import Draft
from backfleet.core.planning.effects import DeleteJob
from backfleet.core.planning.facts import Facts
from backfleet.core.planning.job_failures import classify_failure, position_of
from backfleet.core.planning.observation import JobState, Limits, SeenJob, SeenPod
from backfleet.core.planning.start import (
    StartProblem,
    is_recorder_doubtful,
    recorder_problem,
    reported_problem,
    silence,
    without_wait,
)
from backfleet.core.planning.waiting import postpone, settle_without_job
from backfleet.core.planning.warm import trust_of
from backfleet.core.reasons import FailureReason
from backfleet.core.records import MESSAGE_LIMIT, AttemptRecord


def mark_recorded(draft: Draft, facts: Facts) -> Decision:
    """Mark packs that have outcomes before any pass saw that their engine runs: where it ran shows now or never."""
    recorded = {each.attempt_id for each in facts.outcomes.values()}
    by_pack = {each.pack_id for found in draft.members.values() for each in found.values() if each.id in recorded}
    changes: list[RowChange] = []
    for key in sorted(by_pack):
        pack = draft.packs.get(key)
        job = facts.jobs.get(pack.key) if pack is not None else None
        pod = facts.pod(job) if job is not None and not job.is_deleting else None
        if (
            pack is not None
            and pod is not None
            and pack.engine_started_at is None
            and pod.engine.started_at is not None
        ):
            changes += marked(pack, without_wait(_seen(draft, pack, pod)), pod.name)
    return Decision(changes=tuple(changes))


def settle_outcomes(draft: Draft, attempts: Sequence[AttemptRecord], facts: Facts) -> Decision:
    """Settle the attempts of a batch that have an outcome."""
    found = [(each, outcome) for each in attempts if (outcome := facts.outcomes.get(each.id)) is not None]
    trust = trust_of(draft, found)
    changes = (settled(draft, attempt, outcome, trust) for attempt, outcome in found)
    return Decision(changes=(*changes, *trust.changes), look_again_at=draft.now if trust.changes else None)


def settle_packs(draft: Draft, facts: Facts) -> Decision:
    """Settle the packs whose members have no outcome yet. Those that nothing happened to stay as they are."""
    if facts.has_more_outcomes:
        return NOTHING
    packs = sorted(draft.packs.values(), key=lambda each: (each.index, each.number))
    return join(_settle_pack(draft, pack, facts) for pack in packs)


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


def needs_members(pack: PackRecord, job: SeenJob | None, pod: SeenPod | None, now: datetime, limits: Limits) -> bool:
    """Report whether `settle_packs` may end this pack or create its Job, for which it needs the pack's members."""
    if job is None or job.state is not JobState.ACTIVE or job.is_deleting or now >= _overdue_at(job, limits):
        return True
    if pack.engine_started_at is not None or (pod is not None and pod.engine.started_at is not None):
        return recorder_problem(pod) is not None
    return reported_problem(job, pod) is not None or now >= pack.start_deadline_at


def _settle_pack(draft: Draft, pack: PackRecord, facts: Facts) -> Decision:
    job = facts.jobs.get(pack.key)
    if job is not None and not (job.is_deleting and not pack.has_job):
        return _settle_job(draft, pack, job, facts)
    if pack.has_job or pack.unsettled < pack.size:
        return _fail(draft, pack, FailureReason.JOB_VANISHED, "its Job is gone and no outcome was recorded")
    return settle_without_job(draft, pack, facts.refusals.get(pack.key), is_deleting=job is not None)


def _settle_job(draft: Draft, pack: PackRecord, job: SeenJob, facts: Facts) -> Decision:
    if job.state is JobState.FAILED:
        pod = facts.pod(job)
        reason, message = classify_failure(job, pod, pack)
        return Decision(changes=failed_pack(draft, pack, reason, message, position_of(pod)))
    if job.state is JobState.COMPLETE:
        grace_at = (job.finished_at or draft.now) + timedelta(seconds=draft.limits.result_grace_seconds)
        if draft.now < grace_at:
            return Decision(look_again_at=grace_at)
        return _fail(draft, pack, FailureReason.RESULT_MISSING, "the Job completed and no outcome was recorded")
    overdue_at = _overdue_at(job, draft.limits)
    if draft.now >= overdue_at:
        message = "the Job is unfinished long after its hard deadline"
        return _end(draft, pack, job, FailureReason.NODE_LOST, message)
    decision = _settle_active(draft, pack, job, facts)
    if decision.deletes:
        return decision
    return replace(decision, look_again_at=earliest((overdue_at, decision.look_again_at)))


def _settle_active(draft: Draft, pack: PackRecord, job: SeenJob, facts: Facts) -> Decision:
    pod = facts.pod(job)
    seen = _seen(draft, pack, pod)
    if seen.engine_started_at is not None:
        return _settle_started(draft, pack, seen, job, pod)
    trial = Trial(pack_id=pack.id, job=job, problem=reported_problem(job, pod), silence=silence(pod))
    if trial.problem is not None:
        since = facts.problems_since.get(job.uid, draft.now)
        over_at = since + timedelta(seconds=draft.limits.start_problem_seconds)
        if draft.now >= over_at:
            return postpone(draft, pack, trial.problem, job=job)
    else:
        over_at = _start_deadline(draft, pack, job, pod) + facts.blind_since(job.created_at)
        if draft.now >= over_at:
            return _end(draft, pack, job, FailureReason.START_TIMEOUT, str(trial.silence))
    return Decision(
        changes=marked(pack, seen, pod.name if pod else None),
        trials=(trial,),
        waiting=(str(trial.problem or StartProblem.of(pack) or trial.silence),),
        look_again_at=over_at,
    )


def _seen(draft: Draft, pack: PackRecord, pod: SeenPod | None) -> PackRecord:
    """Return a pack that has a Job as its pod shows it now."""
    seen = replace(pack, job_seen_at=pack.job_seen_at or draft.now)
    if pod is None or pod.engine.started_at is None:
        return seen
    return replace(
        seen,
        engine_started_at=pack.engine_started_at or pod.engine.started_at,
        node_name=pack.node_name or pod.node_name,
        image_digest=pack.image_digest or pod.engine.image_digest,
    )


def _settle_started(draft: Draft, pack: PackRecord, seen: PackRecord, job: SeenJob, pod: SeenPod | None) -> Decision:
    """Settle a pack whose engine has started. After its end, a recorder that cannot start has its own deadline."""
    problem = recorder_problem(pod)
    if problem is None:
        is_open = is_recorder_doubtful(seen) and (pod is None or pod.recorder.started_at is None)
        return Decision(changes=marked(pack, seen if is_open else without_wait(seen), pod.name if pod else None))
    text = f"{FailureReason.RECORDER_NOT_STARTED}: {problem}"
    since = (pack.waiting_since if pack.engine_started_at else None) or draft.now
    seen = replace(seen, waiting_since=since, waiting_reason=text[:MESSAGE_LIMIT])
    shown = Decision(waiting=(text,), recorder_problem=text)
    over_at = since + timedelta(seconds=draft.limits.recorder_start_seconds)
    if draft.now >= over_at:
        return join((shown, _end(draft, seen, job, FailureReason.RECORDER_NOT_STARTED, str(problem))))
    return replace(shown, changes=marked(pack, seen, pod.name if pod else None), look_again_at=over_at)


def _overdue_at(job: SeenJob, limits: Limits) -> datetime:
    return job.deadline_at + timedelta(seconds=limits.overdue_seconds)


def _start_deadline(draft: Draft, pack: PackRecord, job: SeenJob, pod: SeenPod | None) -> datetime:
    """Return the start deadline, counted from when the pod has its node. Waiting for room is not charged."""
    placed_at = max(pod.created_at, pod.scheduled_at or pod.created_at) if pod else job.created_at
    whole = max(job.created_at, placed_at) + timedelta(seconds=draft.start_timeout_seconds)
    return max(pack.start_deadline_at, whole)


def _fail(draft: Draft, pack: PackRecord, reason: FailureReason, message: str) -> Decision:
    return Decision(changes=failed_pack(draft, pack, reason, message))


def _end(draft: Draft, pack: PackRecord, job: SeenJob, reason: FailureReason, message: str) -> Decision:
    delete = DeleteJob(namespace=job.namespace, name=job.name, uid=job.uid)
    return replace(_fail(draft, pack, reason, message), deletes=(delete,))
