"""Accepts a new batch: snapshots what defines its work, and counts what its constraints leave, a part per pass."""

from datetime import datetime, timedelta

from backfleet.core.planning.decision import Count, Decision, End
from backfleet.core.planning.draft import Draft
from backfleet.core.planning.observation import Observation, RefusedBatch, SeenBatch
from backfleet.core.planning.rejudge import effective_criteria
from backfleet.core.records import BatchRecord, BatchState
from backfleet.core.space.constraints import count_satisfying, nothing_satisfies, work_between
from backfleet.core.spec.model import parse_spec
from backfleet.core.spec.snapshot import (
    CRITERIA,
    AcceptedWork,
    Work,
    WorkSource,
    controls_of,
    declared_criteria,
    edits_of,
    with_project,
)
from backfleet.core.spec.storable import check_storable
from backfleet.core.spec.validation import ON_HOLD, AcceptanceLimits, validate_spec
from backfleet.core.wire import REASON_SPEC_INVALID


def accept(seen: Observation, batch: SeenBatch, before: BatchRecord | None) -> Draft:
    """Return a draft of a batch without a row, or with a refused one. Raise SpecInvalid if it is not valid."""
    spec = parse_spec(batch.spec)
    check_storable(batch.labels, "metadata.labels")
    accepted = validate_spec(spec, seen.strategies, acceptance_limits(seen))
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
    known = AcceptedWork(
        source=WorkSource.of(record, batch.spec, seen.limits.of_controls),
        work=Work(spec=accepted.spec_with_project(), space=accepted.space, criteria=criteria),
        controls=record.controls,
    )
    return Draft(seen=batch, before=before, record=record, accepted=known, now=seen.now, limits=seen.limits)


def count_on(draft: Draft, limit: int) -> Decision:
    """Continue counting for at most that many units of work.

    When the count is done, the batch is live, or it is over because nothing satisfies its constraints. Its row then
    says so, and it is not counted again until it is edited.
    """
    record, work = draft.record, draft.work
    found, cursor = count_satisfying(work.space, work.constraints, record.count_cursor, limit)
    count = Count(cursor=cursor, found=record.count_found + found, is_done=cursor >= work.space.total)
    is_empty = count.is_done and not count.found
    message = str(nothing_satisfies(work.space, work.constraints)) if is_empty else ""
    return Decision(
        count=count,
        walked=work_between(work.space, work.constraints, record.count_cursor, cursor),
        end=End(reason=REASON_SPEC_INVALID, message=message) if is_empty else None,
    )


def cost_of_validating(batch: SeenBatch) -> int:
    """Return the units of work to validate a batch, by the size of its spec. Constraints cost most."""
    texts = batch.spec.get("constraints")
    constraints = sum(len(text) for text in texts if isinstance(text, str)) if isinstance(texts, list) else 0
    return 50 + constraints + len(str(batch.spec)) // 4


def is_refused(refused: RefusedBatch | None, batch: SeenBatch, now: datetime, validate_again_seconds: float) -> bool:
    """Report whether the batch was refused recently and has not changed, so that it need not be validated again.

    A restart forgets refusals, because it may change what the installation allows. The catalog can change at any time.
    """
    if refused is None or refused.generation != batch.generation:
        return False
    return now < refused.validated_at + timedelta(seconds=validate_again_seconds)


def needs_catalog(batch: SeenBatch, record: BatchRecord | None) -> bool:
    """Report whether planning the batch reads the catalog: to accept it, or because an edit removed its own criteria."""
    if record is None or may_accept_again(record, batch):
        return True
    return batch.spec.get(CRITERIA) is None and declared_criteria(record) is not None


def may_accept_again(record: BatchRecord, batch: SeenBatch) -> bool:
    """Return whether a batch that was refused after counting is validated again: its definition was edited."""
    return record.finish_reason == REASON_SPEC_INVALID and bool(edits_of(record.spec, batch.spec))


def acceptance_limits(seen: Observation) -> AcceptanceLimits:
    """Return what this installation and its catalog allow."""
    limits, strategies = seen.limits, seen.catalog.strategies.values()
    return AcceptanceLimits(
        max_combinations=limits.max_combinations,
        image_prefixes=limits.image_prefixes,
        volume_claims=limits.volume_claims,
        cpu_ceiling=limits.cpu_ceiling,
        memory_ceiling=limits.memory_ceiling,
        ceilings=limits.ceilings,
        on_hold={each.name: "the catalog says so" for each in strategies if each.status == ON_HOLD},
        project_paths={each.name: each.lean_project_path for each in strategies if each.lean_project_path},
        has_projects_volume=limits.has_projects_volume,
    )
