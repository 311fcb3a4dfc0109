"""Ends batches whose custom resource is gone: after two complete lists without it that are far enough apart."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial

from backfleet.core import wire
from backfleet.core.changes import BatchChanges
from backfleet.core.planning.effects import BatchPlan, or_fault
from backfleet.core.planning.observation import Observation
from backfleet.core.planning.rejudge import judge_stale
from backfleet.core.records import BatchRecord, BatchState


def plan_missing(seen: Observation) -> Iterator[BatchPlan]:
    """Plan batches that have a row and no custom resource. Stale results of finished ones are still judged."""
    present = {batch.uid for batch in seen.batches} | seen.quiet.keys() | seen.resting
    for record in seen.store.batches:
        if record.uid in present:
            continue
        if record.state is BatchState.FINISHED:
            yield or_fault(record.uid, partial(_rejudge, seen, record))
        elif record.namespace in seen.namespaces:
            yield or_fault(record.uid, partial(_miss, seen, record))


def _rejudge(seen: Observation, record: BatchRecord) -> BatchPlan:
    after, verdicts = judge_stale(record, seen.store.stale.get(record.uid))
    rows = BatchChanges(before=record, after=after, verdicts=verdicts) if after != record else None
    return BatchPlan(uid=record.uid, rows=rows, look_again_at=seen.now if after.stale_verdicts else None)


def _miss(seen: Observation, record: BatchRecord) -> BatchPlan:
    patience = timedelta(seconds=seen.limits.missing_seconds)
    if record.missing_since is None:
        after = replace(record, missing_since=seen.now)
    elif seen.now < record.missing_since + patience:
        return BatchPlan(uid=record.uid, look_again_at=record.missing_since + patience)
    else:
        after = record.finished(seen.now, wire.REASON_DELETED, "the custom resource was deleted")
    return BatchPlan(uid=record.uid, rows=BatchChanges(before=record, after=after), look_again_at=seen.now + patience)
