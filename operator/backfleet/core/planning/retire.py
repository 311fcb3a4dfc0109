"""Decides about Jobs that no live pack needs any more: leave them, label them as settled, or delete them."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from backfleet.core import wire
from backfleet.core.packs import PackKey
from backfleet.core.planning.decision import Decision, earliest, join
from backfleet.core.planning.effects import BatchPlan, BatchRef, DeleteJob, LabelJob, PostEvent
from backfleet.core.planning.observation import Limits, Observation, SeenBatch, SeenJob
from backfleet.core.records import BatchRecord
from backfleet.core.spec import defaults

MORE_LABELS = timedelta(seconds=2)
"""When the next pass writes the labels that were too many for this one."""


def retire(
    seen: Observation,
    ref: BatchRef,
    jobs: Iterable[SeenJob],
    alive: Collection[PackKey],
    *,
    ttl: int,
    is_stopped: bool,
) -> Decision:
    """Decide about a batch's Jobs whose packs are not live, after this pass's rows are written.

    A finished Job is labelled, or deleted when its time is over. Unfinished Jobs of a stopped batch are deleted. So is
    a Job that appeared after the end of its pack: a late request of an operator that lost its fence. Any other
    unfinished Job is left to its recorder, and deleted if none has started some time after the end of its pack.
    """
    recording = {pod.key for pod in seen.pods if pod.recorder.started_at}
    decisions = []
    for job in jobs:
        if job.key in alive:
            continue
        if job.finished_at is not None:
            expires_at = job.finished_at + timedelta(seconds=ttl)
            decisions.append(_retire_finished(seen, job, job.finished_at, expires_at))
        elif is_stopped:
            decisions.append(Decision(deletes=(delete(job),)))
        elif job.uid not in seen.last_lived:
            decisions.append(Decision(deletes=(delete(job),), events=(_late(ref, job),)))
        elif job.key not in recording or seen.now >= job.deadline_at + timedelta(seconds=seen.limits.overdue_seconds):
            leftover_at = seen.last_lived[job.uid] + timedelta(seconds=seen.limits.leftover_seconds)
            is_leftover = seen.now >= leftover_at
            decisions.append(Decision(deletes=(delete(job),)) if is_leftover else Decision(look_again_at=leftover_at))
    return join(decisions)


def ttl_after_end(batch: SeenBatch, record: BatchRecord | None, limits: Limits) -> int:
    """Return the time to live: the present one if valid (the schema's bound), else the last valid one; at most the ceiling."""
    ttl = batch.spec.get("ttlSecondsAfterFinished")
    if not isinstance(ttl, int) or isinstance(ttl, bool) or ttl < defaults.MIN_TTL_SECONDS_AFTER_FINISHED:
        ttl = record.ttl_seconds_after_finished if record else defaults.TTL_SECONDS_AFTER_FINISHED
    return min(ttl, limits.ceilings.ttl_seconds_after_finished)


def expire_settled(seen: Observation, plans: Iterable[BatchPlan]) -> list[BatchPlan]:
    """Add the settled Jobs past their time to the plans. Kubernetes collects Jobs of a deleted batch."""
    records = {record.uid: record for record in seen.store.batches}
    batches = {batch.uid: batch for batch in seen.batches}
    alive = {each.key for each in seen.store.packs}
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
    """Limit the labels to what one pass writes. A batch that has to wait is due again soon."""
    left, bounded = limits.labels_per_pass, []
    for each in plans:
        kept = each.labels[:left]
        left -= len(kept)
        if len(kept) < len(each.labels):
            look_again_at = earliest((now + MORE_LABELS, each.look_again_at))
            bounded.append(replace(each, labels=kept, look_again_at=look_again_at))
        else:
            bounded.append(each)
    return bounded


def delete(job: SeenJob) -> DeleteJob:
    """Build the effect that deletes a Job."""
    return DeleteJob(namespace=job.namespace, name=job.name, uid=job.uid)


def _retire_finished(seen: Observation, job: SeenJob, finished_at: datetime, expires_at: datetime) -> Decision:
    if seen.now >= expires_at:
        return Decision(deletes=(delete(job),))
    if job.namespace in seen.unlabelled:
        return Decision(look_again_at=expires_at)
    return Decision(labels=(LabelJob(namespace=job.namespace, name=job.name, uid=job.uid, finished_at=finished_at),))


def _late(ref: BatchRef, job: SeenJob) -> PostEvent:
    message = (
        f"the Job {job.name} appeared after its attempt had ended and is deleted: a request to create it arrived late, "
        "from an operator that has been replaced"
    )
    return PostEvent(batch=ref, reason=wire.EVENT_LATE_JOB, message=message, is_warning=True)
