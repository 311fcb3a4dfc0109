"""What becomes of Jobs that no live attempt needs any more: left, labelled as settled, or deleted."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from backfleet.core import wire
from backfleet.core.planning.effects import BatchPlan, BatchRef, DeleteJob, LabelJob, PostEvent
from backfleet.core.planning.observation import AttemptKey, Limits, Observation, SeenBatch, SeenJob
from backfleet.core.records import BatchRecord

MIN_TTL_SECONDS = 60
DEFAULT_TTL_SECONDS = 600
MORE_LABELS = timedelta(seconds=2)
"""When the next pass goes on with labels that were too many for one."""


@dataclass(slots=True, kw_only=True)
class Retired:
    """The effects on one batch's Jobs, and when the next of them becomes due."""

    deletes: list[DeleteJob] = field(default_factory=list)
    labels: list[LabelJob] = field(default_factory=list)
    events: list[PostEvent] = field(default_factory=list)
    due: list[datetime] = field(default_factory=list)


def retire(
    seen: Observation,
    ref: BatchRef,
    jobs: Iterable[SeenJob],
    alive: Collection[AttemptKey],
    *,
    ttl: int,
    is_stopped: bool,
) -> Retired:
    """What to do with a batch's Jobs whose attempts are not among the live ones, after this pass's rows are written.

    A finished one is labelled, or deleted once its time is over. An unfinished one of a batch that was stopped is deleted. So is
    one that appeared after the end of its attempt: a request of an operator that lost its fence, arrived late. Any other
    unfinished one is left to its recorder, and deleted when none has started some time after the end of its attempt.
    """
    retired = Retired()
    recording = {pod.key for pod in seen.pods if pod.recorder.started_at}
    for job in jobs:
        if job.key in alive:
            continue
        if job.finished_at is not None:
            _retire_finished(retired, seen, job, job.finished_at + timedelta(seconds=ttl))
        elif is_stopped:
            retired.deletes.append(delete(job))
        elif job.uid not in seen.last_lived:
            retired.deletes.append(delete(job))
            retired.events.append(_late(ref, job))
        elif job.key not in recording or seen.now >= job.deadline_at + timedelta(seconds=seen.limits.overdue_seconds):
            leftover_at = seen.last_lived[job.uid] + timedelta(seconds=seen.limits.leftover_seconds)
            if seen.now >= leftover_at:
                retired.deletes.append(delete(job))
            else:
                retired.due.append(leftover_at)
    return retired


def ttl_after_end(batch: SeenBatch, record: BatchRecord | None, limits: Limits) -> int:
    """The present time to live where it is valid (the schema's bound), else the last valid one; at most the ceiling."""
    ttl = batch.spec.get("ttlSecondsAfterFinished")
    if not isinstance(ttl, int) or isinstance(ttl, bool) or ttl < MIN_TTL_SECONDS:
        ttl = int((record.controls if record else {}).get("ttlSecondsAfterFinished", DEFAULT_TTL_SECONDS))
    return min(ttl, limits.ceilings.ttl_seconds_after_finished)


def expire_settled(seen: Observation, plans: Iterable[BatchPlan]) -> list[BatchPlan]:
    """The plans with the settled Jobs past their time; Jobs of a batch that is gone are the garbage collector's."""
    records = {record.uid: record for record in seen.store.batches}
    batches = {batch.uid: batch for batch in seen.batches}
    alive = {each.key for each in seen.store.attempts if each.is_deciding and each.backtest_state.is_alive}
    expired: dict[str, list[DeleteJob]] = defaultdict(list)
    for job in sorted(seen.settled, key=lambda each: (each.namespace, each.name)):
        uid = job.owner_uid or ""
        batch, ttl = batches.get(uid), seen.quiet.get(uid)
        if batch is not None:
            ttl = ttl_after_end(batch, records.get(uid), seen.limits)
        if ttl is not None and job.key not in alive and seen.now >= job.finished_at + timedelta(seconds=ttl):
            expired[uid].append(DeleteJob(namespace=job.namespace, name=job.name, uid=job.uid))
    made = [replace(each, expired=tuple(expired.pop(each.uid, ()))) for each in plans]
    return [*made, *(BatchPlan(uid=uid, expired=tuple(deletes)) for uid, deletes in expired.items())]


def bound_labels(plans: Sequence[BatchPlan], limits: Limits, now: datetime) -> list[BatchPlan]:
    """The plans with no more labels than a pass writes; a batch that has to wait for others is due again soon."""
    left, bounded = limits.labels_per_pass, []
    for each in plans:
        kept = each.labels[:left]
        left -= len(kept)
        if len(kept) < len(each.labels):
            due = [now + MORE_LABELS, *([each.due_at] if each.due_at else [])]
            bounded.append(replace(each, labels=kept, due_at=min(due)))
        else:
            bounded.append(each)
    return bounded


def delete(job: SeenJob) -> DeleteJob:
    """The effect that deletes a Job."""
    return DeleteJob(namespace=job.namespace, name=job.name, uid=job.uid)


def _retire_finished(retired: Retired, seen: Observation, job: SeenJob, expires_at: datetime) -> None:
    assert job.finished_at is not None
    if seen.now >= expires_at:
        retired.deletes.append(delete(job))
    elif job.namespace not in seen.unlabelled:
        label = LabelJob(namespace=job.namespace, name=job.name, uid=job.uid, finished_at=job.finished_at)
        retired.labels.append(label)
    else:
        retired.due.append(expires_at)


def _late(ref: BatchRef, job: SeenJob) -> PostEvent:
    message = (
        f"the Job {job.name} appeared after its attempt had ended and is deleted: a request to create it arrived late, "
        "from an operator that has been replaced"
    )
    return PostEvent(batch=ref, reason=wire.EVENT_LATE_JOB, message=message, is_warning=True)
