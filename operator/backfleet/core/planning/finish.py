"""Ends a batch's plan: Jobs to delete, status and events."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from backfleet.core import wire
from backfleet.core.changes import BatchChanges
from backfleet.core.pace import note_ends
from backfleet.core.packs import PackKey
from backfleet.core.planning.decision import earliest
from backfleet.core.planning.draft import Draft
from backfleet.core.planning.effects import BatchPlan, BatchRef, WriteStatus
from backfleet.core.planning.events import condition, failure_events, pack_events, transition_events
from backfleet.core.planning.observation import Observation, SeenBatch, SeenJob
from backfleet.core.planning.proven import start_report
from backfleet.core.planning.rejudge import criteria_events, review
from backfleet.core.planning.retire import retire, ttl_after_end
from backfleet.core.planning.sizes import pack_size
from backfleet.core.planning.slots import overdue_jobs
from backfleet.core.planning.status import StatusInput, build_status, is_worth_writing, refused_status
from backfleet.core.planning.warm import refusal_of, warm_events
from backfleet.core.records import COMPLETE_REASONS, BatchRecord, BatchState


def close_draft(seen: Observation, draft: Draft, held: set[PackKey], jobs: Sequence[SeenJob]) -> BatchPlan:
    """Turn a draft into its plan."""
    decided, record = draft.decided, draft.record
    if decided.fault is not None:
        return BatchPlan(uid=record.uid, fault=decided.fault, look_again_at=decided.look_again_at)
    active = _active(held, record.uid)
    is_standing = draft.work.spec.suspend and not active
    record = note_ends(draft.before, record, draft.now, is_standing=is_standing)
    is_finished = record.state is BatchState.FINISHED
    is_stopped = is_finished and record.finish_reason not in COMPLETE_REASONS
    ttl = draft.work.spec.ttl_seconds_after_finished
    retired = retire(seen, draft.ref, jobs, set(draft.active_keys), ttl=ttl, is_stopped=is_stopped)
    deletes = {each.name: each for each in (*retired.deletes, *decided.deletes)}
    is_changed = decided.changes or record != draft.before
    start = start_report(draft, record, seen.store.packs)
    rows = BatchChanges(
        before=draft.before,
        after=record,
        changes=decided.changes,
        verdicts=draft.verdicts,
        start=start,
        warm_refusal=refusal_of(draft, decided.changes),
    )
    made = BatchPlan(
        uid=record.uid,
        rows=rows if is_changed else None,
        deletes=tuple(deletes.values()),
        creates=() if is_finished else decided.creates,
        events=(
            *failure_events(draft),
            *criteria_events(draft.ref, draft.before, record),
            *pack_events(draft),
            *warm_events(draft),
            *retired.events,
        ),
        labels=retired.labels,
        look_again_at=earliest((decided.look_again_at, retired.look_again_at)),
    )
    status = build_status(draft.seen, record, _sight(draft, held, active, jobs), draft.now)
    return _with_status(seen, draft.seen, status, made)


def close_finished(
    seen: Observation, batch: SeenBatch, record: BatchRecord, held: set[PackKey], jobs: Sequence[SeenJob]
) -> BatchPlan:
    """Plan a finished batch: delete its Jobs, update its status, and judge its results again after an edit of the criteria."""
    reviewed = review(record, batch.spec, seen.catalog, seen.store.stale.get(record.uid))
    before, record = record, reviewed.record
    ref, ttl = BatchRef.of(batch), ttl_after_end(batch, record, seen.limits)
    retired = retire(seen, ref, jobs, (), ttl=ttl, is_stopped=record.finish_reason not in COMPLETE_REASONS)
    present = StatusInput(
        active=_active(held, record.uid),
        max_concurrent=min(record.max_concurrent, seen.limits.max_concurrent),
        drift=reviewed.fault,
        overdue=[job.name for job in overdue_jobs(jobs, seen.now, seen.limits)],
    )
    made = BatchPlan(
        uid=record.uid,
        rows=BatchChanges(before=before, after=record, verdicts=reviewed.verdicts) if record != before else None,
        deletes=retired.deletes,
        events=(*criteria_events(ref, before, record), *retired.events),
        labels=retired.labels,
        look_again_at=seen.now if record.stale_verdicts else retired.look_again_at,
    )
    made = _with_status(seen, batch, build_status(batch, record, present, seen.now), made)
    return rest(made, ttl)


def refuse(seen: Observation, batch: SeenBatch, message: str) -> BatchPlan:
    """Plan a batch that is not valid."""
    return _with_status(seen, batch, refused_status(batch, message, seen.now), BatchPlan(uid=batch.uid))


def rest(made: BatchPlan, ttl: int) -> BatchPlan:
    """Plan a batch that is over. If nothing is left to do, now or later, it is quiet."""
    return replace(made, quiet_seconds=ttl) if made.is_empty and made.look_again_at is None else made


def _sight(draft: Draft, held: set[PackKey], active: int, jobs: Sequence[SeenJob]) -> StatusInput:
    return StatusInput(
        active=active,
        active_backtests=sum(each.unsettled for each in draft.packs.values() if each.key in held),
        pack_size=pack_size(draft) if draft.work.spec.backtests_per_job != 1 else None,
        max_concurrent=draft.allowed_packs,
        is_suspended=draft.work.spec.suspend,
        waiting=draft.decided.waiting,
        drift=draft.drift,
        conflict=draft.decided.conflict,
        missing_engine=draft.missing_engine,
        warm_refused=draft.refused_version if draft.work.spec.backtests_per_job != 1 else None,
        overdue=[job.name for job in overdue_jobs(jobs, draft.now, draft.limits)],
    )


def _active(held: set[PackKey], uid: str) -> int:
    return sum(1 for owner, _, _ in held if owner == uid)


def _with_status(seen: Observation, batch: SeenBatch, status: Mapping[str, Any], made: BatchPlan) -> BatchPlan:
    """Add the status if it changed: at once at acceptance and end, else at most once per interval."""
    if not is_worth_writing(batch.status, status):
        return made
    events = (*made.events, *transition_events(batch, status))
    written_at = seen.status_written_at.get(batch.uid)
    next_at = written_at + timedelta(seconds=seen.limits.status_interval_seconds) if written_at else None
    if next_at and seen.now < next_at and not _is_turning_point(batch.status, status):
        return replace(made, look_again_at=earliest((made.look_again_at, next_at)))
    removed = tuple(sorted(set(batch.status) - set(status)))
    write = WriteStatus(batch=BatchRef.of(batch), status=status, removed=removed)
    return replace(made, status=write, events=events)


def _is_turning_point(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    kinds = (wire.CONDITION_ACCEPTED, wire.CONDITION_FINISHED)
    return any(condition(old, kind).get("status") != condition(new, kind).get("status") for kind in kinds)
