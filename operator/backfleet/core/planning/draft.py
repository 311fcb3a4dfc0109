"""One batch in the middle of a pass: its row, its live packs and what waits for another attempt, after all decisions so far."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never

from backfleet.core.backtests import BacktestState
from backfleet.core.changes import (
    CloseOutcome,
    DropWarm,
    EndPack,
    JudgeResult,
    LaunchPack,
    MarkPack,
    RowChange,
    SetAside,
    SettleFailure,
    SettleResult,
)
from backfleet.core.pace import note_times
from backfleet.core.packs import PackKey, PackRecord
from backfleet.core.planning.decision import NOTHING, Decision, Trial, join
from backfleet.core.planning.effects import BatchRef, Fault
from backfleet.core.planning.live import Live
from backfleet.core.planning.observation import Limits, SeenBatch
from backfleet.core.ranking import is_better
from backfleet.core.reasons import NEVER_STARTED, FailureReason
from backfleet.core.records import AttemptRecord, BatchRecord, BatchState, Best, Measured, OutcomeRecord
from backfleet.core.spec.choices import EngineName, WarmMode
from backfleet.core.spec.snapshot import AcceptedWork, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """`accepted` is the batch as accepted, with its present controls. Only `after` changes a draft; rules read it."""

    seen: SeenBatch
    before: BatchRecord | None
    record: BatchRecord
    accepted: AcceptedWork
    now: datetime
    limits: Limits
    missing_engine: str | None = None
    """The batch's engine if the installation does not have it, so that the batch launches nothing."""
    is_proven: bool = False
    """The same work has started in this installation lately."""
    work_key: str = ""
    """The digest of what decides whether its engine starts."""
    refused_version: str | None = None
    """The version of the batch's engine image whose warm runs are not trusted."""
    fault_of_criteria: str | None = None
    verdicts: tuple[JudgeResult, ...] = ()
    packs: Mapping[str, PackRecord] = field(default_factory=dict)
    """The packs with unsettled members, by id."""
    members: Mapping[str, Mapping[int, AttemptRecord]] = field(default_factory=dict)
    """The unsettled members of packs that something happened to, by the pack's id and their index."""
    queued: Mapping[int, AttemptRecord] = field(default_factory=dict)
    """The latest attempt of every backtest that waits for another one, by index."""
    decided: Decision = NOTHING

    @property
    def work(self) -> Work:
        return self.accepted.work

    @property
    def drift(self) -> str | None:
        """What of the present spec is not in force."""
        return "; ".join(each for each in (self.accepted.drift, self.fault_of_criteria) if each) or None

    @property
    def ref(self) -> BatchRef:
        return BatchRef.of(self.seen)

    @property
    def fault(self) -> Fault | None:
        """Why the batch could not be planned."""
        return self.decided.fault

    @property
    def active_keys(self) -> Iterable[PackKey]:
        """Return the live packs, with a Job or without."""
        return (each.key for each in self.packs.values())

    @property
    def held_keys(self) -> Iterable[PackKey]:
        """Return the packs that hold a slot by their row: a Job was seen, or may exist."""
        with_job = (each.key for each in self.packs.values() if each.has_job)
        return (*with_job, *self.decided.unanswered)

    @property
    def trials(self) -> tuple[Trial, ...]:
        """Return Jobs of live packs whose engine has not started."""
        live = {each.id for each in self.packs.values() if each.has_job}
        return tuple(trial for trial in self.decided.trials if trial.pack_id in live)

    @property
    def is_paused(self) -> bool:
        """Report whether nothing may start and no time to start runs: suspended, or without its engine."""
        return self.work.spec.suspend or self.missing_engine is not None

    @property
    def image(self) -> str | None:
        """Return the image that the batch's engine runs in."""
        engine = self.work.spec.engine
        return engine.image or self.limits.images.get(engine.name)

    @property
    def is_warm(self) -> bool:
        """Report whether the batch's packs of several run in one process of the engine."""
        engine = self.work.spec.engine
        is_wanted = engine.name is EngineName.LEAN and engine.warm is WarmMode.AUTO
        is_trusted = self.record.warmth.is_trusted and self.refused_version is None
        return is_wanted and is_trusted and self.limits.warm_check is not None

    @property
    def pack_seconds(self) -> int:
        """Return for how many seconds a Job begins further backtests."""
        return self.limits.pack_seconds_of.get(self.work.spec.engine.name, self.limits.pack_seconds)

    @property
    def start_timeout_seconds(self) -> int:
        return self.work.spec.failure_policy.start_timeout_seconds

    @property
    def allowed_packs(self) -> int:
        """Return how many Jobs the batch may have at once."""
        return min(self.work.spec.max_concurrent, self.limits.max_concurrent)

    def members_of(self, pack: PackRecord) -> tuple[AttemptRecord, ...]:
        """Return the unsettled members of a pack in order of their index. They were read if something happened to it."""
        found = self.members.get(pack.id, {})
        return tuple(found[index] for index in sorted(found))

    def _live(self) -> Live:
        members = {pack: dict(found) for pack, found in self.members.items()}
        return Live(packs=dict(self.packs), members=members, queued=dict(self.queued))

    def after(self, decision: Decision) -> "Draft":
        """Return the batch after this decision: its changes update counters, cursors, packs and what waits."""
        if decision is NOTHING:
            return self
        record, live = self.record, self._live()
        for change in decision.changes:
            record = _row_after(self, record, change)
            if live.note(change, self.now):
                record = record.after_pack(died=False)
        if decision.next_index is not None:
            record = replace(record, next_index=decision.next_index)
        if decision.launched_at is not None:
            record = replace(record, last_launched_at=decision.launched_at)
        if (count := decision.count) is not None:
            record = replace(record, count_cursor=count.cursor, count_found=count.found)
            if count.is_done:
                record = replace(record, state=BatchState.LIVE, total=count.found)
        if decision.end is not None:
            record = record.finished(self.now, decision.end.reason, decision.end.message)
            live = Live()
        return replace(
            self,
            record=record,
            packs=live.packs,
            members=live.members,
            queued=live.queued,
            decided=join((self.decided, decision)),
        )


def _row_after(draft: Draft, record: BatchRecord, change: RowChange) -> BatchRecord:
    """Return the batch's row after a change."""
    match change:
        case SettleResult():
            return _row_after_result(draft, record, change)
        case SetAside():
            warmth = replace(record.warmth, settled=record.warmth.settled + 1)
            return _with_start(draft, replace(record, warmth=warmth), change.attempt, change.outcome)
        case DropWarm():
            return _row_after_drop(record, change)
        case SettleFailure():
            return _row_after_failure(draft, record, change)
        case EndPack():
            return _row_after_pack(record, change)
        case MarkPack(pack=PackRecord(engine_started_at=datetime() as started_at) as pack):
            known = draft.packs.get(pack.id)
            if known is not None and known.engine_started_at is not None:
                return record
            first = record.first_engine_started_at or started_at
            return replace(record, first_engine_started_at=first, never_started=0)
        case MarkPack() | LaunchPack() | CloseOutcome():
            return record
        case _:
            assert_never(change)


def _row_after_result(draft: Draft, record: BatchRecord, change: SettleResult) -> BatchRecord:
    attempt, value, counters = change.attempt, change.objective_value, record.counters
    was_failed = attempt.backtest_state is BacktestState.FAILED
    counters = replace(
        counters,
        succeeded=counters.succeeded + 1,
        failed=counters.failed - was_failed,
        passed=counters.passed + change.passed,
    )
    record = replace(record, counters=counters, warmth=record.warmth.after_result(change.run))
    record = _with_start(draft, record, attempt, change.outcome)
    if isinstance(change.outcome.ending, Measured):
        record = record.with_engine_version(change.outcome.ending.engine_version)
    best = record.best
    if value is None or (
        best is not None and not is_better((value, attempt.index), (best.value, best.index), draft.work.objective)
    ):
        return record
    return replace(record, best=Best(index=attempt.index, value=value, parameter_texts=attempt.parameter_texts))


def _row_after_failure(draft: Draft, record: BatchRecord, change: SettleFailure) -> BatchRecord:
    if change.outcome is not None:
        if change.attempt.is_warm and change.reason is not FailureReason.NOT_BEGUN:
            record = replace(record, warmth=replace(record.warmth, failed=record.warmth.failed + 1))
        record = _with_start(draft, record, change.attempt, change.outcome)
    if change.state is BacktestState.QUEUED:
        return record
    repeated, reason = record.repeated_reason, change.reason.value
    return replace(
        record,
        counters=replace(record.counters, failed=record.counters.failed + 1),
        repeated_reason=reason if repeated in (None, reason) else "",
    )


def _row_after_drop(record: BatchRecord, change: DropWarm) -> BatchRecord:
    """Return the row without the results of warm runs. The store counts the rest again, and finds the best of it."""
    warmth, counters = record.warmth, record.counters
    succeeded = counters.succeeded - warmth.unchecked
    return replace(
        record,
        counters=replace(counters, succeeded=succeeded, passed=min(counters.passed, succeeded)),
        stale_verdicts=min(record.stale_verdicts, succeeded),
        warmth=replace(warmth, unchecked=0, difference=change.difference),
        engine_seconds=None,
    )


def _row_after_pack(record: BatchRecord, change: EndPack) -> BatchRecord:
    if change.died:
        record = record.after_pack(died=True)
    return replace(record, never_started=record.never_started + 1) if has_never_started(change) else record


def has_never_started(change: EndPack) -> bool:
    """Return whether the pack ended because its engine did not start in its time."""
    return change.pack.engine_started_at is None and change.reason in NEVER_STARTED


def _with_start(draft: Draft, record: BatchRecord, attempt: AttemptRecord, outcome: OutcomeRecord) -> BatchRecord:
    """Return the row after an outcome, which shows that an engine has started and how long it took."""
    pack = draft.packs.get(attempt.pack_id)
    has_own_job = pack is not None and pack.size == 1 and not pack.start_tries
    job_seconds = (draft.now - attempt.launched_at).total_seconds() if has_own_job else None
    if attempt.is_warm == draft.is_warm:
        # A fresh run among warm ones says nothing about how many of them a Job can carry.
        record = note_times(record, outcome, job_seconds)
    record = replace(record, never_started=0)
    if record.first_engine_started_at is not None:
        return record
    # The shim's clock is the node's, and the strategy may have written its file: no moment outside what we know.
    moment = min(max(outcome.engine_started_at or draft.now, attempt.launched_at), draft.now)
    return replace(record, first_engine_started_at=moment)
