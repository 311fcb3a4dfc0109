"""The decision of a pass: what was observed in, ordered effects out. No clock, no I/O; the same sight gives the same plan."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from backfleet.core import wire
from backfleet.core.backtests import BacktestState
from backfleet.core.changes import BatchChanges
from backfleet.core.errors import SpecInvalid
from backfleet.core.planning.accept import (
    accept,
    acceptance_limits,
    cost_of_judging,
    count_on,
    is_refused,
    may_accept_again,
)
from backfleet.core.planning.draft import Draft
from backfleet.core.planning.effects import BatchPlan, Fault, Plan
from backfleet.core.planning.end import ending
from backfleet.core.planning.finish import close_draft, close_finished, refuse
from backfleet.core.planning.observation import AttemptKey, Observation, RefusedBatch, SeenBatch, SeenJob, SeenPod
from backfleet.core.planning.rejudge import judge_stale, review
from backfleet.core.planning.retire import bound_labels, expire_settled, ttl_after_end
from backfleet.core.planning.settle import Facts, settle
from backfleet.core.planning.slots import occupied_slots, overdue_jobs, share_slots, slots_out_of_sight, yield_slots
from backfleet.core.planning.walk_budget import allot_searches, count_batches
from backfleet.core.records import AttemptRecord, BatchRecord, BatchState
from backfleet.core.spec.snapshot import restore


@dataclass(slots=True)
class _Board:
    """All batches of one pass, sorted by what is to be done with them."""

    drafts: list[Draft] = field(default_factory=list)
    finished: list[tuple[SeenBatch, BatchRecord]] = field(default_factory=list)
    plans: list[BatchPlan] = field(default_factory=list)
    due: list[datetime] = field(default_factory=list)
    refused: dict[str, RefusedBatch] = field(default_factory=dict)
    quiet: dict[str, int] = field(default_factory=dict)
    judging: int = 0

    def may_judge(self, seen: Observation, batch: SeenBatch) -> bool:
        """Whether this pass judges another new batch; if not, the next one is due at once."""
        if self.judging >= seen.limits.judging_budget:
            self.due.append(seen.now)
            return False
        self.judging += cost_of_judging(batch)
        return True

    def rest(self, seen: Observation, batch: SeenBatch, record: BatchRecord | None, made: BatchPlan) -> BatchPlan:
        """The plan of a batch that is over; one without anything to do, now or at some time, is quiet."""
        if made.is_empty and made.due_at is None:
            self.quiet[batch.uid] = ttl_after_end(batch, record, seen.limits)
        return made

    def add(self, uid: str, make: Callable[[], BatchPlan | None]) -> None:
        """Add a batch's plan; when it cannot be made, its error in place of it."""
        try:
            made = make()
        except Exception as error:  # noqa: BLE001 - one batch's defect must not stop the others; the ring logs it
            made = BatchPlan(uid=uid, fault=Fault.of(error))
        if made is not None:
            self.plans.append(made)


def plan(seen: Observation, between: Callable[[], None] = lambda: None) -> Plan:
    """Plan every batch: settle what happened, end what is over, share the free slots, then say it in status and events.

    A batch whose plan cannot be made carries its fault in its own plan; the others go on. `between` is called between
    batches, and whatever it raises ends the planning: the caller has the clock.
    """
    facts = gather_facts(seen)
    records = {record.uid: record for record in seen.store.batches}
    attempts: dict[str, list[AttemptRecord]] = defaultdict(list)
    for attempt in sorted(seen.store.attempts, key=lambda each: (each.batch_uid, each.index, each.number)):
        attempts[attempt.batch_uid].append(attempt)
    board = _Board()
    for batch in _in_turn(seen, records):
        between()
        record = records.get(batch.uid)
        board.add(batch.uid, lambda b=batch, r=record: _enter(board, seen, b, r, (attempts[b.uid], facts)))  # type: ignore[misc]
    held = occupied_slots(seen, board.drafts) | slots_out_of_sight(seen) | _held_by_broken(board, attempts)
    for_counting = allot_searches(board.drafts, seen.limits.walk_budget)
    count_batches(board.drafts, for_counting, between)
    if seen.store.has_more_outcomes:
        board.due.append(seen.now)
    else:
        yield_slots(board.drafts, held, seen.limits)
        for draft in board.drafts:
            draft.guard(partial(_end_if_over, draft), None)
        share_slots(board.drafts, held, seen.limits)
    jobs = _jobs_by_batch(seen.jobs)
    for draft in board.drafts:
        between()
        board.add(draft.seen.uid, lambda each=draft: _close(seen, each, held, jobs))  # type: ignore[misc]
        board.due.extend(draft.due)
    for batch, record in board.finished:
        board.add(
            batch.uid,
            lambda b=batch, r=record: board.rest(seen, b, r, close_finished(seen, b, r, held, jobs[b.uid])),  # type: ignore[misc]
        )
    _sweep(seen, records.values(), board)
    return _conclude(seen, board)


def _conclude(seen: Observation, board: _Board) -> Plan:
    """Put the batches' plans together: what they share, when the next look is due, and which Jobs are overdue."""
    made = bound_labels(expire_settled(seen, board.plans), seen.limits, seen.now)
    plans = sorted((each for each in made if not each.is_empty), key=lambda each: each.uid)
    due = [moment for moment in board.due if moment >= seen.now] + [each.due_at for each in made if each.due_at]
    late = overdue_jobs(seen.jobs, seen.now, seen.limits)
    overdue = tuple(f"{job.namespace}/{job.name}" for job in late)
    keys = [*(job.key for job in seen.jobs), *(pod.key for pod in seen.pods)]
    named = {key[0] for key in keys if key is not None}
    return Plan(
        batches=tuple(plans),
        look_again_at=min(due, default=None),
        overdue=overdue,
        refused=board.refused,
        quiet={uid: ttl for uid, ttl in board.quiet.items() if uid not in named},
    )


def gather_facts(seen: Observation) -> Facts:
    """Index Jobs, pods, outcomes and refusals by attempt; the order in which they were observed does not matter."""
    pods: dict[AttemptKey, list[SeenPod]] = defaultdict(list)
    for pod in sorted(seen.pods, key=lambda each: (each.created_at, each.name)):
        if pod.key is not None:
            pods[pod.key].append(pod)
    names = {attempt.key: attempt.job_name for attempt in seen.store.attempts}
    ours = [job for job in seen.jobs if job.key is not None and job.owner_uid == job.key[0]]
    return Facts(
        # Not a copy that somebody made of an attempt's Job, with all its labels under another name.
        jobs={job.key: job for job in ours if job.key and names.get(job.key, job.name) == job.name},
        pods=pods,
        outcomes={outcome.attempt_id: outcome for outcome in seen.store.outcomes},
        refusals=seen.refusals,
        problems_since=seen.problems_since,
        blind=seen.blind,
        has_more_outcomes=seen.store.has_more_outcomes,
    )


def _in_turn(seen: Observation, records: Mapping[str, BatchRecord]) -> list[SeenBatch]:
    """The batches that are not left alone: first those that have a row, then the new ones, the smallest specs first."""
    awake = [batch for batch in seen.batches if batch.uid not in seen.resting]
    return sorted(
        awake,
        key=lambda each: (0 if each.uid in records else cost_of_judging(each), each.created_at, each.uid),
    )


def _enter(
    board: _Board,
    seen: Observation,
    batch: SeenBatch,
    record: BatchRecord | None,
    known: tuple[Sequence[AttemptRecord], Facts],
) -> BatchPlan | None:
    attempts, facts = known
    if record is not None and record.state is BatchState.FINISHED and not may_accept_again(record, batch):
        board.finished.append((batch, record))
        return None
    is_new = record is None or record.state is BatchState.FINISHED
    refused = seen.refused.get(batch.uid)
    if is_new and refused is not None and is_refused(refused, batch, seen.now, seen.limits.judge_again_seconds):
        return board.rest(seen, batch, record, refuse(seen, batch, refused.message))
    if is_new and not board.may_judge(seen, batch):
        return None
    try:
        draft = accept(seen, batch, before=record) if is_new else _reopen(seen, batch, record)
    except SpecInvalid as error:
        if not is_new:
            raise  # it was valid once: our defect, and no reason to call the batch finished
        message = str(error)
        board.refused[batch.uid] = RefusedBatch(generation=batch.generation, message=message, judged_at=seen.now)
        return refuse(seen, batch, message)
    if draft.work.spec.engine.name not in seen.strategies:
        draft.missing_engine = draft.work.spec.engine.name.value
    live = [each for each in attempts if each.is_deciding and each.backtest_state.is_alive]
    draft.attempts = {each.index: each for each in live}
    settle(draft, attempts, facts)
    if draft.record.state is BatchState.COUNTING and not draft.work.has_constraints:
        count_on(draft, 0)  # costs nothing
    _end_if_over(draft)
    board.drafts.append(draft)
    return None


def _end_if_over(draft: Draft) -> None:
    end = ending(draft) if draft.record.state is not BatchState.FINISHED else None
    if end is not None:
        draft.finish(*end)


def _close(seen: Observation, draft: Draft, held: set[AttemptKey], jobs: Mapping[str, Sequence[SeenJob]]) -> BatchPlan:
    if draft.fault is not None:
        return BatchPlan(uid=draft.seen.uid, fault=draft.fault)
    return close_draft(seen, draft, held, jobs[draft.seen.uid])


def _reopen(seen: Observation, batch: SeenBatch, record: BatchRecord | None) -> Draft:
    assert record is not None
    reviewed = review(record, batch.spec, seen.catalog, seen.store.stale.get(batch.uid))
    work, controls, drift = restore(reviewed.record, batch.spec, acceptance_limits(seen))
    return Draft(
        seen=batch,
        before=record,
        record=replace(reviewed.record, controls=controls, missing_since=None),
        work=work,
        now=seen.now,
        limits=seen.limits,
        verdicts=reviewed.verdicts,
        due=[seen.now] if reviewed.record.stale_verdicts else [],
        drift="; ".join(each for each in (drift.message if drift else None, reviewed.fault) if each) or None,
    )


def _held_by_broken(board: _Board, attempts: dict[str, list[AttemptRecord]]) -> set[AttemptKey]:
    """The slots of batches whose plan could not be made: their attempts count as they stand."""
    broken = [each.uid for each in board.plans if each.fault]
    return {
        (each.batch_uid, each.index, each.number)
        for uid in broken
        for each in attempts[uid]
        if each.is_deciding and each.backtest_state is BacktestState.RUNNING
    }


def _jobs_by_batch(jobs: Iterable[SeenJob]) -> dict[str, list[SeenJob]]:
    grouped: dict[str, list[SeenJob]] = defaultdict(list)
    for job in sorted(jobs, key=lambda each: (each.namespace, each.name)):
        if job.key is not None and job.owner_uid == job.key[0]:
            grouped[job.key[0]].append(job)
    return grouped


def _sweep(seen: Observation, records: Iterable[BatchRecord], board: _Board) -> None:
    present = {batch.uid for batch in seen.batches} | seen.quiet.keys() | seen.resting
    for record in records:
        if record.uid not in present:
            board.add(record.uid, partial(_plan_missing, seen, record, board.due))


def _plan_missing(seen: Observation, record: BatchRecord, due: list[datetime]) -> BatchPlan | None:
    """A batch whose custom resource is gone in two complete looks, far enough apart, is over; what is stale is still judged."""
    if record.state is BatchState.FINISHED:
        after, verdicts = judge_stale(record, seen.store.stale.get(record.uid))
        rows = BatchChanges(before=record, after=after, verdicts=verdicts) if after != record else None
        return BatchPlan(uid=record.uid, rows=rows, due_at=seen.now if after.stale_verdicts else None)
    if record.namespace not in seen.namespaces:
        return None
    if record.missing_since is None:
        after = replace(record, missing_since=seen.now)
    elif seen.now < record.missing_since + timedelta(seconds=seen.limits.missing_seconds):
        due.append(record.missing_since + timedelta(seconds=seen.limits.missing_seconds))
        return None
    else:
        after = record.finished(seen.now, wire.REASON_DELETED, "the custom resource was deleted")
    due.append(seen.now + timedelta(seconds=seen.limits.missing_seconds))
    return BatchPlan(uid=record.uid, rows=BatchChanges(before=record, after=after))
