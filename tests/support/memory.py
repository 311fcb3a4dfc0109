"""Rows in memory. They do what `store.passes` does in SQL, as far as the planner can see."""

import copy
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from backfleet.core.backtests import BacktestState, Outcome, backtest_id
from backfleet.core.changes import (
    AttemptChange,
    BatchChanges,
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
from backfleet.core.errors import Conflict, FenceLost
from backfleet.core.packs import PackRecord
from backfleet.core.ranking import is_better
from backfleet.core.reasons import FailureReason
from backfleet.core.records import (
    AttemptRecord,
    BatchRecord,
    BatchState,
    Best,
    OutcomeRecord,
    StoredCatalog,
    StoreView,
)
from backfleet.core.stale import StaleLook, StaleResult
from backfleet.core.warmth import RunKind
from backfleet.store.passes.observe import PROVEN_FOR
from tests.support.rows import WorldRows, seen_outcome


@dataclass
class MemoryRows(WorldRows):
    """Rows in memory. `history` keeps every state of a backtest, so that tests can assert what never happened."""

    history: dict[tuple[str, int], list[BacktestState]] = field(default_factory=dict)
    _batches: dict[str, BatchRecord] = field(default_factory=dict)
    _attempts: dict[str, AttemptRecord] = field(default_factory=dict)
    _packs: dict[str, PackRecord] = field(default_factory=dict)
    _starts: dict[str, tuple[datetime | None, datetime | None]] = field(default_factory=dict)
    """When which work started and failed to."""
    _outcomes: dict[str, OutcomeRecord] = field(default_factory=dict)
    _results: dict[tuple[str, int], SettleResult] = field(default_factory=dict)
    _warm_refusals: dict[str, str | None] = field(default_factory=dict)
    _catalog: StoredCatalog = field(default_factory=StoredCatalog)

    @property
    def batches(self) -> Mapping[str, BatchRecord]:
        return self._batches

    @property
    def attempts(self) -> Mapping[str, AttemptRecord]:
        return self._attempts

    @property
    def packs(self) -> Mapping[str, PackRecord]:
        return self._packs

    @property
    def results(self) -> Mapping[tuple[str, int], SettleResult]:
        return self._results

    def catalog(self) -> StoredCatalog:
        return self._catalog

    def set_catalog(self, catalog: StoredCatalog) -> None:
        self._catalog = catalog

    def observe(self, uids: Collection[str]) -> StoreView:
        batches = [
            b for b in self._batches.values() if b.state is not BatchState.FINISHED or b.uid in uids or b.stale_verdicts
        ]
        live = {b.uid for b in batches if b.state is not BatchState.FINISHED}
        attempts = [
            a
            for a in self._attempts.values()
            if a.batch_uid in live
            and ((a.is_deciding and a.backtest_state is BacktestState.QUEUED) or (a.is_open and a.id in self._outcomes))
        ]
        shown = {a.id for a in attempts if a.is_open}
        new = [outcome for key, outcome in self._outcomes.items() if key in shown]
        outcomes = [each for each in new if each.attempt_id.rpartition("-")[0] in uids][: self.look]
        apart = [each for each in new if each.attempt_id.rpartition("-")[0] not in uids][: self.look]
        return StoreView(
            now=self.now,
            batches=tuple(batches),
            packs=tuple(pack for pack in self._packs.values() if pack.batch_uid in live and pack.unsettled),
            attempts=tuple(attempts),
            outcomes=(*outcomes, *apart),
            has_more_outcomes=len(outcomes) == self.look,
            warm_refusals=dict(self._warm_refusals),
            proven=frozenset(key for key, starts in self._starts.items() if self._is_proven(*starts)),
            stale={
                b.uid: self._stale(b)
                for b in batches
                if b.stale_verdicts and (b.uid in uids or b.state is BatchState.FINISHED)
            },
        )

    def job_names(self, ids: Collection[str]) -> dict[str, str]:
        return {each: self._packs[each].job_name for each in ids if each in self._packs}

    def members(self, ids: Collection[str]) -> tuple[AttemptRecord, ...]:
        return tuple(each for each in self._attempts.values() if each.pack_id in ids and each.ended_at is None)

    def append_outcome(self, attempt_id: str, outcome: Outcome) -> None:
        """Append an outcome as a recorder does. The second one of an attempt changes nothing."""
        self._outcomes.setdefault(attempt_id, seen_outcome(attempt_id, self.now, outcome))

    def overwrite_batch(self, record: BatchRecord) -> None:
        self._batches[record.uid] = record

    def overwrite_pack(self, pack: PackRecord) -> None:
        self._packs[pack.id] = pack
        self._set_state(pack)

    def copy_finished(self, uid: str, copies: Collection[str]) -> None:
        self._batches |= {each: replace(self._batches[uid], uid=each, name=each) for each in copies}

    def back_up(self) -> Callable[[], None]:
        names = ("_batches", "_attempts", "_packs", "_starts", "_outcomes", "_results", "_warm_refusals")
        kept = {name: copy.copy(getattr(self, name)) for name in names}

        def restore() -> None:
            for name, rows in kept.items():
                setattr(self, name, copy.copy(rows))

        return restore

    def _acquire(self) -> int:
        return self.epoch + 1

    def _commit(self, changes: BatchChanges, epoch: int) -> None:
        uid = changes.after.uid
        if epoch != self.epoch:
            raise FenceLost(f"expected epoch {epoch}, got {self.epoch}. Another operator took over.")
        there = self._batches[uid].version if uid in self._batches else 0
        planned_on = changes.before.version if changes.before else 0
        if there != planned_on:
            raise Conflict(f"batch {uid}: expected version {planned_on}, got version {there}")
        for verdict in changes.verdicts:
            self._judge(uid, verdict)
        for change in changes.changes:
            self._save(change)
        if (start := changes.start) is not None:
            started_at, failed_at = self._starts.get(start.key, (None, None))
            self._starts[start.key] = (self.now, failed_at) if start.has_started else (started_at, self.now)
        ended = {each.attempt.pack_id for each in changes.changes if isinstance(each, AttemptChange)}
        for key in ended | {each.pack.id for each in changes.changes if isinstance(each, EndPack)}:
            self._packs[key] = replace(self._packs[key], unsettled=len(self.members([key])))
        self._batches[uid] = replace(changes.after, version=there + 1)
        if (refusal := changes.warm_refusal) is not None:
            self._warm_refusals.pop(refusal.image, None)
            if not refusal.is_over:
                self._warm_refusals[refusal.image] = refusal.engine_version
        if any(isinstance(each, DropWarm) for each in changes.changes):
            self._drop_warm(uid)
        if changes.after.state is BatchState.FINISHED:
            self._close(changes.after.uid)

    def _is_proven(self, started_at: datetime | None, failed_at: datetime | None) -> bool:
        if started_at is None or self.now - started_at >= PROVEN_FOR:
            return False
        return failed_at is None or failed_at < started_at

    def _stale(self, batch: BatchRecord) -> StaleLook:
        stale = [
            StaleResult(backtest_id=backtest_id(*key), metrics=settled.metrics, passed=settled.passed)
            for key, settled in sorted(self._results.items())
            if key[0] == batch.uid and settled.criteria_version < batch.criteria_version
        ]
        return StaleLook(
            criteria_version=batch.criteria_version,
            results=tuple(stale[: self.stale_look]),
            has_more=len(stale) > self.stale_look,
        )

    def _judge(self, uid: str, verdict: JudgeResult) -> None:
        (key,) = (key for key in self._results if backtest_id(*key) == verdict.backtest_id)
        assert key[0] == uid
        self._results[key] = replace(
            self._results[key],
            passed=verdict.passed,
            rejections=verdict.rejections,
            criteria_version=verdict.criteria_version,
        )

    def _save(self, change: RowChange) -> None:
        match change:
            case LaunchPack(pack=pack):
                self._packs[pack.id] = pack
                for attempt in (each.attempt for each in change.members):
                    for other in self._siblings(attempt):
                        self._attempts[other.id] = replace(other, is_deciding=False)
                    self._put(attempt, BacktestState.LAUNCHING)
            case MarkPack(pack=pack):
                self._packs[pack.id] = pack
                self._set_state(pack)
            case EndPack() | DropWarm():
                pass
            case SettleResult() | SettleFailure() | SetAside() | CloseOutcome():
                self._settle(change)

    def _set_state(self, pack: PackRecord) -> None:
        state = BacktestState.RUNNING if pack.has_job else BacktestState.LAUNCHING
        for member in self.members([pack.id]):
            self._put(member, state)

    def _drop_warm(self, uid: str) -> None:
        """Drop the results of warm runs, and count the rest as the store does."""
        for key in [key for key, each in self._results.items() if key[0] == uid and each.run is RunKind.WARM]:
            attempt = self._results.pop(key).attempt
            self._put(self._attempts[attempt.id], BacktestState.QUEUED)
        left = {key[1]: each for key, each in self._results.items() if key[0] == uid}
        counters = replace(
            self._batches[uid].counters, succeeded=len(left), passed=sum(each.passed for each in left.values())
        )
        objective, best = self._batches[uid].objective, None
        for index, each in sorted(left.items()):
            value = each.objective_value
            if value is not None and (best is None or is_better((value, index), (best.value, best.index), objective)):
                best = Best(index=index, value=value, parameter_texts=each.attempt.parameter_texts)
        self._batches[uid] = replace(self._batches[uid], counters=counters, best=best)

    def _settle(self, change: SettleResult | SettleFailure | SetAside | CloseOutcome) -> None:
        known = self._attempts[change.attempt.id]
        match change:
            case SettleResult():
                self._results.setdefault((known.batch_uid, known.index), change)
                ended_at = known.ended_at or change.outcome.recorded_at
                ended = replace(known, is_open=False, ended_at=ended_at, reason=None, message=None)
                self._put(ended, BacktestState.SUCCEEDED)
            case SettleFailure():
                ended = replace(
                    known,
                    is_open=change.outcome is None,
                    ended_at=self.now,
                    charged=change.charged,
                    uncharged=change.uncharged,
                    pack_limit=change.pack_limit,
                    reason=change.reason,
                    message=change.message,
                )
                self._put(ended, change.state)
            case SetAside():
                aside = replace(known, is_open=False, ended_at=known.ended_at or self.now, message=change.message)
                waits = replace(aside, pack_limit=change.pack_limit, warm_fingerprint=change.fingerprint)
                self._put(waits, BacktestState.QUEUED)
            case CloseOutcome():
                self._attempts[known.id] = replace(known, is_open=False, ended_at=known.ended_at or self.now)

    def _put(self, attempt: AttemptRecord, state: BacktestState) -> None:
        self._attempts[attempt.id] = replace(attempt, backtest_state=state)
        states = self.history.setdefault((attempt.batch_uid, attempt.index), [])
        if not states or states[-1] is not state:
            states.append(state)

    def _siblings(self, attempt: AttemptRecord) -> list[AttemptRecord]:
        key = (attempt.batch_uid, attempt.index)
        return [a for a in self._attempts.values() if (a.batch_uid, a.index) == key and a.id != attempt.id]

    def _close(self, uid: str) -> None:
        self._packs |= {key: replace(each, unsettled=0) for key, each in self._packs.items() if each.batch_uid == uid}
        for attempt in [a for a in self._attempts.values() if a.batch_uid == uid]:
            closed = replace(attempt, is_open=False)
            if attempt.ended_at is None:
                closed = replace(closed, ended_at=self.now, reason=FailureReason.CANCELLED)
            if attempt.is_deciding and attempt.backtest_state.is_alive:
                self._put(closed, BacktestState.CANCELLED)
            else:
                self._attempts[attempt.id] = closed
