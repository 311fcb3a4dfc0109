"""Takes a new batch in: snapshots what defines its work, and counts what its constraints leave."""

from dataclasses import replace
from datetime import timedelta

from backfleet.core.acceptance import AcceptanceLimits, check
from backfleet.core.constraints import count_satisfying, nothing_satisfies
from backfleet.core.drafts import Draft
from backfleet.core.observation import Observation, RefusedBatch, SeenBatch
from backfleet.core.records import BatchRecord, BatchState
from backfleet.core.snapshots import CRITERIA, Work, controls_of, declared_criteria, edits_of, with_project
from backfleet.core.spec import parse_spec
from backfleet.core.storable import check_storable
from backfleet.core.verdicts import effective_criteria
from backfleet.core.wire import REASON_SPEC_INVALID

ON_HOLD = "on_hold"


def accept(seen: Observation, batch: SeenBatch, before: BatchRecord | None) -> Draft:
    """A draft for a batch without a row (or with one that was refused); SpecInvalid when it cannot be taken in."""
    spec = parse_spec(batch.spec)
    check_storable(batch.labels, "metadata.labels")
    accepted = check(spec, seen.strategies, acceptance_limits(seen))
    declared = batch.spec.get(CRITERIA)
    criteria = effective_criteria(declared, accepted.spec.strategy.name, seen.catalog)
    declared_spec = with_project(batch.spec, accepted.lean_project_path)
    record = BatchRecord(
        uid=batch.uid,
        namespace=batch.namespace,
        name=batch.name,
        state=BatchState.COUNTING,
        spec=declared_spec,
        controls={**controls_of(batch.spec), CRITERIA: declared},
        axes=accepted.space.to_json(),
        criteria=criteria.to_json(),
        labels=dict(batch.labels),
        submitter=batch.submitter,
        accepted_at=seen.now,
    )
    if declared_spec != batch.spec:
        spec = parse_spec(declared_spec)
    work = Work(spec=spec, space=accepted.space, constraints=accepted.constraints, criteria=criteria)
    return Draft(seen=batch, before=before, record=record, work=work, now=seen.now, limits=seen.limits)


def count_on(draft: Draft) -> None:
    """Count one more chunk of the space; when done the batch is live, or over when nothing satisfies its constraints.

    Raises SpecInvalid for a batch that has no row yet, so that it never gets one.
    """
    record, work = draft.record, draft.work
    if record.state is not BatchState.COUNTING:
        return
    found, cursor = count_satisfying(work.space, work.constraints, record.count_cursor, draft.limits.count_chunk)
    record = replace(record, count_cursor=cursor, count_found=record.count_found + found)
    if cursor < work.space.total:
        draft.record = record
        draft.due.append(draft.now)
    elif record.count_found:
        draft.record = replace(record, state=BatchState.LIVE, total=record.count_found)
    else:
        error = nothing_satisfies(work.space, work.constraints)
        if draft.before is None:
            raise error
        draft.record = replace(record, total=0)
        draft.finish(REASON_SPEC_INVALID, str(error))


def still_refused(seen: Observation, batch: SeenBatch) -> RefusedBatch | None:
    """The refusal of a batch that is as it was when it was judged, not long ago; None when it is to be judged.

    What the installation allows changes with a restart, which forgets refusals; the catalog changes at any time.
    """
    refused = seen.refused.get(batch.uid)
    if refused is None or refused.generation != batch.generation:
        return None
    judge_again_at = refused.judged_at + timedelta(seconds=seen.limits.judge_again_seconds)
    return refused if seen.now < judge_again_at else None


def needs_catalog(batch: SeenBatch, record: BatchRecord | None) -> bool:
    """Whether planning the batch reads the catalog: to take it in, or when an edit took its own criteria away."""
    if record is None or may_accept_again(record, batch):
        return True
    return batch.spec.get(CRITERIA) is None and declared_criteria(record) is not None


def may_accept_again(record: BatchRecord, batch: SeenBatch) -> bool:
    """A batch that was refused after counting is judged anew once what defines its work was edited."""
    return record.finish_reason == REASON_SPEC_INVALID and bool(edits_of(record.spec, batch.spec))


def acceptance_limits(seen: Observation) -> AcceptanceLimits:
    """What this installation and its catalog allow."""
    limits, strategies = seen.limits, seen.catalog.strategies.values()
    return AcceptanceLimits(
        max_combinations=limits.max_combinations,
        image_prefixes=limits.image_prefixes,
        volume_claims=limits.volume_claims,
        cpu_ceiling=limits.cpu_ceiling,
        memory_ceiling=limits.memory_ceiling,
        ceilings=limits.ceilings,
        on_hold={each.name: "the catalog has it so" for each in strategies if each.status == ON_HOLD},
        project_paths={each.name: each.lean_project_path for each in strategies if each.lean_project_path},
        has_projects_volume=limits.has_projects_volume,
    )
