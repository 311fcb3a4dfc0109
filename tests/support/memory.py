"""Rows in memory. They do what `store.passes` does in SQL, as far as the planner can see."""

import copy
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

from backfleet.core.backtests import BacktestState, Outcome, backtest_id
from backfleet.core.changes import (
    AttemptChange,
    BatchChanges,
    CloseOutcome,
    JudgeResult,
    LaunchAttempt,
    MarkAttempt,
    SettleFailure,
    SettleResult,
)
from backfleet.core.errors import Conflict, FenceLost
from backfleet.core.reasons import FailureReason
from backfleet.core.records import (
    AttemptRecord,
    BatchRecord,
    BatchState,
    OutcomeRecord,
    StaleLook,
    StaleResult,
    StoredCatalog,
    StoreView,
)
from tests.support.rows import WorldRows, seen_outcome


@dataclass
class MemoryRows(WorldRows):
    """Rows in memory. `history` keeps every state of a backtest, so that tests can assert what never happened."""

    history: dict[tuple[str, int], list[BacktestState]] = field(default_factory=dict)
    _batches: dict[str, BatchRecord] = field(default_factory=dict)
    _attempts: dict[str, AttemptRecord] = field(default_factory=dict)
    _outcomes: dict[str, OutcomeRecord] = field(default_factory=dict)
    _results: dict[tuple[str, int], SettleResult] = field(default_factory=dict)
    _catalog: StoredCatalog = field(default_factory=StoredCatalog)

    @property
    def batches(self) -> Mapping[str, BatchRecord]:
        return self._batches

    @property
    def attempts(self) -> Mapping[str, AttemptRecord]:
        return self._attempts

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
            and ((a.is_deciding and a.backtest_state.is_alive) or (a.is_open and a.id in self._outcomes))
        ]
        shown = {a.id for a in attempts if a.is_open}
        new = [outcome for key, outcome in self._outcomes.items() if key in shown]
        outcomes = [each for each in new if each.attempt_id.rpartition("-")[0] in uids][: self.look]
        apart = [each for each in new if each.attempt_id.rpartition("-")[0] not in uids][: self.look]
        return StoreView(
            now=self.now,
            batches=tuple(batches),
            attempts=tuple(attempts),
            outcomes=(*outcomes, *apart),
            has_more_outcomes=len(outcomes) == self.look,
            stale={
                b.uid: self._stale(b)
                for b in batches
                if b.stale_verdicts and (b.uid in uids or b.state is BatchState.FINISHED)
            },
        )

    def job_names(self, ids: Collection[str]) -> dict[str, str]:
        return {each: self._attempts[each].job_name for each in ids if each in self._attempts}

    def append_outcome(self, attempt_id: str, outcome: Outcome) -> None:
        """Append an outcome as a recorder does. The second one of an attempt changes nothing."""
        self._outcomes.setdefault(attempt_id, seen_outcome(attempt_id, self.now, outcome))

    def overwrite_batch(self, record: BatchRecord) -> None:
        self._batches[record.uid] = record

    def overwrite_attempt(self, attempt: AttemptRecord) -> None:
        self._attempts[attempt.id] = attempt

    def copy_finished(self, uid: str, copies: Collection[str]) -> None:
        self._batches |= {each: replace(self._batches[uid], uid=each, name=each) for each in copies}

    def back_up(self) -> Callable[[], None]:
        names = ("_batches", "_attempts", "_outcomes", "_results")
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
        self._batches[uid] = replace(changes.after, version=there + 1)
        if changes.after.state is BatchState.FINISHED:
            self._close(changes.after.uid)

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

    def _save(self, change: AttemptChange) -> None:
        attempt = change.attempt
        match change:
            case LaunchAttempt():
                for other in self._siblings(attempt):
                    self._attempts[other.id] = replace(other, is_deciding=False)
                self._put(attempt, BacktestState.LAUNCHING)
            case MarkAttempt():
                self._put(attempt, attempt.backtest_state)
            case SettleResult():
                self._results.setdefault((attempt.batch_uid, attempt.index), change)
                ended_at = self._attempts[attempt.id].ended_at or change.outcome.recorded_at
                ended = replace(self._attempts[attempt.id], is_open=False, ended_at=ended_at, reason=None, message=None)
                self._put(ended, BacktestState.SUCCEEDED)
            case SettleFailure():
                ended = replace(
                    self._attempts[attempt.id],
                    is_open=change.outcome is None,
                    ended_at=self.now,
                    charged=change.charged,
                    uncharged=change.uncharged,
                    reason=change.reason,
                    message=change.message,
                )
                self._put(ended, change.state)
            case CloseOutcome():
                self._attempts[attempt.id] = replace(self._attempts[attempt.id], is_open=False)

    def _put(self, attempt: AttemptRecord, state: BacktestState) -> None:
        self._attempts[attempt.id] = replace(attempt, backtest_state=state)
        states = self.history.setdefault((attempt.batch_uid, attempt.index), [])
        if not states or states[-1] is not state:
            states.append(state)

    def _siblings(self, attempt: AttemptRecord) -> list[AttemptRecord]:
        key = (attempt.batch_uid, attempt.index)
        return [a for a in self._attempts.values() if (a.batch_uid, a.index) == key and a.id != attempt.id]

    def _close(self, uid: str) -> None:
        for attempt in [a for a in self._attempts.values() if a.batch_uid == uid]:
            closed = replace(attempt, is_open=False)
            if attempt.ended_at is None:
                closed = replace(closed, ended_at=self.now, reason=FailureReason.CANCELLED)
            if attempt.is_deciding and attempt.backtest_state.is_alive:
                self._put(closed, BacktestState.CANCELLED)
            else:
                self._attempts[attempt.id] = closed
