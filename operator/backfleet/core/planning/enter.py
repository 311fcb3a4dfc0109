"""Sorts the batches of a pass by what each needs, and settles those that go on."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum, unique
from functools import partial

from backfleet.core.backtests import BacktestState
from backfleet.core.errors import SpecInvalid
from backfleet.core.packs import PackRecord
from backfleet.core.planning.accept import (
    accept,
    cost_of_validating,
    count_on,
    is_refused,
    may_accept_again,
)
from backfleet.core.planning.decision import NOTHING, Decision
from backfleet.core.planning.draft import Draft
from backfleet.core.planning.effects import BatchPlan, or_fault
from backfleet.core.planning.end import ending
from backfleet.core.planning.facts import Facts
from backfleet.core.planning.finish import refuse, rest
from backfleet.core.planning.observation import Observation, RefusedBatch, SeenBatch
from backfleet.core.planning.proven import work_key
from backfleet.core.planning.rejudge import review
from backfleet.core.planning.retire import ttl_after_end
from backfleet.core.planning.settle import look_for_first_start, mark_recorded, settle_outcomes, settle_packs
from backfleet.core.planning.warm import refused_version
from backfleet.core.records import AttemptRecord, BatchRecord, BatchState, StoreView
from backfleet.core.spec.snapshot import restore


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """The batches of a pass: drafts of those that go on, finished ones, and the plans of all others."""

    drafts: tuple[Draft, ...]
    finished: tuple[tuple[SeenBatch, BatchRecord], ...]
    plans: tuple[BatchPlan, ...]


@dataclass(slots=True)
class _Life:
    """The packs of a batch, and the attempts that were read, in order of index and number."""

    packs: dict[str, PackRecord] = field(default_factory=dict)
    attempts: list[AttemptRecord] = field(default_factory=list)


@unique
class _Kind(StrEnum):
    """What a batch needs in this pass."""

    FINISHED = "finished"
    REFUSED = "refused"
    """It was refused recently, and has not changed."""
    NEW = "new"
    """It has no row, or was edited after counting refused it, so it is validated."""
    LIVE = "live"


def enter(seen: Observation, facts: Facts, between: Callable[[], None]) -> Entered:
    """Sort the batches that do not rest. New ones are validated within a budget; the rest of them are due at once."""
    records = {record.uid: record for record in seen.store.batches}
    lives = _lives(seen)
    made: list[Draft | BatchPlan] = []
    finished, spent = [], 0
    for batch in _in_turn(seen, records):
        between()
        record = records.get(batch.uid)
        kind = or_fault(batch.uid, partial(_kind_of, seen, batch, record))
        if isinstance(kind, BatchPlan):
            made.append(kind)
        elif kind is _Kind.FINISHED and record is not None:
            finished.append((batch, record))
        elif kind is _Kind.NEW and spent >= seen.limits.validation_budget:
            made.append(BatchPlan(uid=batch.uid, look_again_at=seen.now))
        else:
            spent += cost_of_validating(batch) if kind is _Kind.NEW else 0
            begin = partial(_begin, seen, batch, record, kind)
            made.append(or_fault(batch.uid, partial(_begin_and_settle, begin, lives[batch.uid], facts, seen.store)))
    return Entered(
        drafts=tuple(each for each in made if isinstance(each, Draft)),
        finished=tuple(finished),
        plans=tuple(each for each in made if isinstance(each, BatchPlan)),
    )


def _lives(seen: Observation) -> dict[str, _Life]:
    """Group packs and attempts by their batch."""
    lives: dict[str, _Life] = defaultdict(_Life)
    for pack in seen.store.packs:
        lives[pack.batch_uid].packs[pack.id] = pack
    for attempt in sorted(seen.store.attempts, key=lambda each: (each.batch_uid, each.index, each.number)):
        lives[attempt.batch_uid].attempts.append(attempt)
    return lives


def _in_turn(seen: Observation, records: Mapping[str, BatchRecord]) -> list[SeenBatch]:
    """Order the batches that do not rest: first those with a row, then new ones, the smallest specs first."""
    awake = [batch for batch in seen.batches if batch.uid not in seen.resting]
    return sorted(
        awake,
        key=lambda each: (0 if each.uid in records else cost_of_validating(each), each.created_at, each.uid),
    )


def _kind_of(seen: Observation, batch: SeenBatch, record: BatchRecord | None) -> _Kind:
    if record is not None and record.state is not BatchState.FINISHED:
        return _Kind.LIVE
    if record is not None and not may_accept_again(record, batch):
        return _Kind.FINISHED
    refused = seen.refused.get(batch.uid)
    return _Kind.REFUSED if is_refused(refused, batch, seen.now, seen.limits.validate_again_seconds) else _Kind.NEW


def _begin_and_settle(
    begin: Callable[[], Draft | BatchPlan], life: _Life, facts: Facts, store: StoreView
) -> Draft | BatchPlan:
    begun = begin()
    return _settled(begun, life, facts, store) if isinstance(begun, Draft) else begun


def _begin(seen: Observation, batch: SeenBatch, record: BatchRecord | None, kind: _Kind) -> Draft | BatchPlan:
    """Return the draft of a batch that goes on, or the plan of a refused one."""
    if kind is _Kind.REFUSED:
        return rest(refuse(seen, batch, seen.refused[batch.uid].message), ttl_after_end(batch, record, seen.limits))
    if kind is _Kind.LIVE and record is not None:
        return _reopen(seen, batch, record)
    try:
        return accept(seen, batch, before=record)
    except SpecInvalid as error:
        message = str(error)
        refused = RefusedBatch(generation=batch.generation, message=message, validated_at=seen.now)
        return replace(refuse(seen, batch, message), refused=refused)


def _reopen(seen: Observation, batch: SeenBatch, record: BatchRecord) -> Draft:
    reviewed = review(record, batch.spec, seen.catalog, seen.store.stale.get(batch.uid))
    accepted = restore(reviewed.record, batch.spec, seen.limits.of_controls, seen.works.get(batch.uid))
    engine = accepted.work.spec.engine.name
    return Draft(
        seen=batch,
        before=record,
        record=replace(reviewed.record, controls=accepted.controls, missing_since=None),
        accepted=accepted,
        now=seen.now,
        limits=seen.limits,
        missing_engine=None if engine in seen.strategies else engine.value,
        verdicts=reviewed.verdicts,
        fault_of_criteria=reviewed.fault,
        decided=Decision(look_again_at=seen.now) if reviewed.record.stale_verdicts else NOTHING,
    )


def _settled(draft: Draft, life: _Life, facts: Facts, store: StoreView) -> Draft:
    """Return the draft after its outcomes and packs are settled. This alone may count it or end it."""
    members: dict[str, dict[int, AttemptRecord]] = defaultdict(dict)
    queued = {}
    for each in life.attempts:
        if each.is_deciding and each.backtest_state is BacktestState.QUEUED:
            queued[each.index] = each
        elif each.is_deciding and each.backtest_state.holds_slot:
            members[each.pack_id][each.index] = each
    key = work_key(draft.work.spec, draft.limits.images)
    draft = replace(
        draft,
        packs=life.packs,
        members=members,
        queued=queued,
        work_key=key,
        is_proven=key in store.proven,
        refused_version=refused_version(draft, store),
    )
    draft = draft.after(mark_recorded(draft, facts))
    draft = draft.after(settle_outcomes(draft, life.attempts, facts))
    draft = draft.after(settle_packs(draft, facts))
    draft = draft.after(look_for_first_start(draft))
    if draft.record.state is BatchState.COUNTING and not draft.work.has_constraints:
        draft = draft.after(count_on(draft, 0))  # costs nothing
    return draft.after(ending(draft))
