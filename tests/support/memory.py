"""The rows in memory, for tests of decisions: what `store.passes.observe` does in SQL, as far as the planner sees it."""

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime

from backfleet.core.backtests import BacktestState, Recorded, Result, backtest_id, engine_version_of
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
from backfleet.core.errors import Conflict, Unavailable
from backfleet.core.records import (
    AttemptRecord,
    BatchRecord,
    BatchState,
    Catalog,
    Measured,
    OutcomeRecord,
    StaleLook,
    StaleResult,
    StoreView,
)


def seen_outcome(attempt_id: str, recorded_at: datetime, recorded: Recorded) -> OutcomeRecord:
    """What a pass sees of what a recorder appended."""
    ending = recorded.outcome
    if isinstance(ending, Result):
        ending = Measured(metrics=ending.metrics, engine_version=engine_version_of(ending.provenance))
    return OutcomeRecord(
        attempt_id=attempt_id,
        recorded_at=recorded_at,
        ending=ending,
        exit_code=recorded.exit_code,
        engine_started_at=recorded.engine_started_at,
        engine_finished_at=recorded.engine_finished_at,
    )


@dataclass
class MemoryRows:
    """`history` keeps every state a backtest was in, so that tests can say what never happened."""

    now: datetime
    batches: dict[str, BatchRecord] = field(default_factory=dict)
    attempts: dict[str, AttemptRecord] = field(default_factory=dict)
    outcomes: dict[str, OutcomeRecord] = field(default_factory=dict)
    results: dict[tuple[str, int], SettleResult] = field(default_factory=dict)
    reasons: dict[tuple[str, int], str] = field(default_factory=dict)
    launches: list[tuple[str, int, int]] = field(default_factory=list)
    history: dict[tuple[str, int], list[BacktestState]] = field(default_factory=dict)
    catalog_rows: Catalog = field(default_factory=Catalog)
    look: int = 200
    stale_look: int = 2
    is_slow: bool = False
    """The next commit is given up on by the client, and carried out when the one after it arrives."""
    late: BatchChanges | None = None
    faults: dict[str, Exception] = field(default_factory=dict)
    """What saving a batch raises, by uid."""

    def catalog(self) -> Catalog:
        return self.catalog_rows

    def observe(self, uids: Collection[str]) -> StoreView:
        batches = [
            b for b in self.batches.values() if b.state is not BatchState.FINISHED or b.uid in uids or b.stale_verdicts
        ]
        live = {b.uid for b in batches if b.state is not BatchState.FINISHED}
        attempts = [
            a
            for a in self.attempts.values()
            if a.batch_uid in live
            and ((a.is_deciding and a.backtest_state.is_alive) or (a.is_open and a.id in self.outcomes))
        ]
        shown = {a.id for a in attempts if a.is_open}
        new = [outcome for key, outcome in self.outcomes.items() if key in shown]
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
        return {each: self.attempts[each].job_name for each in ids if each in self.attempts}

    def append_outcome(self, attempt_id: str, recorded: Recorded) -> None:
        """What a recorder does; the second one of an attempt changes nothing."""
        self.outcomes.setdefault(attempt_id, seen_outcome(attempt_id, self.now, recorded))

    def save(self, changes: BatchChanges) -> None:
        if (fault := self.faults.get(changes.after.uid)) is not None:
            raise fault
        late, self.late = self.late, None
        if late is not None:
            with suppress(Conflict):
                self._commit(late)
        if self.is_slow:
            self.is_slow, self.late = False, changes
            raise Unavailable("the commit did not answer in time")
        self._commit(changes)

    def _commit(self, changes: BatchChanges) -> None:
        uid = changes.after.uid
        there = self.batches[uid].version if uid in self.batches else 0
        if there != (changes.before.version if changes.before else 0):
            raise Conflict("planned on another version")
        for verdict in changes.verdicts:
            self._judge(uid, verdict)
        for change in changes.changes:
            self._save(change)
        self.batches[uid] = replace(changes.after, version=there + 1)
        if changes.after.state is BatchState.FINISHED:
            self._close(changes.after.uid)

    def states(self, uid: str) -> dict[int, BacktestState]:
        deciding = (a for a in self.attempts.values() if a.batch_uid == uid and a.is_deciding)
        return {a.index: a.backtest_state for a in deciding}

    def _stale(self, batch: BatchRecord) -> StaleLook:
        stale = [
            StaleResult(backtest_id=backtest_id(*key), metrics=settled.metrics, passed=settled.passed)
            for key, settled in sorted(self.results.items())
            if key[0] == batch.uid and settled.criteria_version < batch.criteria_version
        ]
        return StaleLook(
            criteria_version=batch.criteria_version,
            results=tuple(stale[: self.stale_look]),
            has_more=len(stale) > self.stale_look,
        )

    def _judge(self, uid: str, verdict: JudgeResult) -> None:
        (key,) = (key for key in self.results if backtest_id(*key) == verdict.backtest_id)
        assert key[0] == uid
        self.results[key] = replace(
            self.results[key],
            passed=verdict.passed,
            rejections=verdict.rejections,
            criteria_version=verdict.criteria_version,
        )

    def _save(self, change: AttemptChange) -> None:
        attempt = change.attempt
        match change:
            case LaunchAttempt():
                for other in self._siblings(attempt):
                    self.attempts[other.id] = replace(other, is_deciding=False)
                if attempt.id not in self.attempts:
                    self.launches.append((attempt.batch_uid, attempt.index, attempt.number))
                self._put(attempt, BacktestState.LAUNCHING)
            case MarkAttempt():
                self._put(attempt, attempt.backtest_state)
            case SettleResult():
                self.results.setdefault((attempt.batch_uid, attempt.index), change)
                self._put(replace(self.attempts[attempt.id], is_open=False), BacktestState.SUCCEEDED)
            case SettleFailure():
                ended = replace(
                    self.attempts[attempt.id],
                    is_open=change.outcome is None,
                    ended_at=self.now,
                    charged=attempt.charged + change.is_charged,
                    uncharged=attempt.uncharged + (not change.is_charged),
                    reason=change.reason,
                )
                self.reasons[(attempt.batch_uid, attempt.index)] = change.reason.value
                self._put(ended, change.state)
            case CloseOutcome():
                self.attempts[attempt.id] = replace(self.attempts[attempt.id], is_open=False)

    def _put(self, attempt: AttemptRecord, state: BacktestState) -> None:
        self.attempts[attempt.id] = replace(attempt, backtest_state=state)
        states = self.history.setdefault((attempt.batch_uid, attempt.index), [])
        if not states or states[-1] is not state:
            states.append(state)

    def _siblings(self, attempt: AttemptRecord) -> list[AttemptRecord]:
        key = (attempt.batch_uid, attempt.index)
        return [a for a in self.attempts.values() if (a.batch_uid, a.index) == key and a.id != attempt.id]

    def _close(self, uid: str) -> None:
        for attempt in [a for a in self.attempts.values() if a.batch_uid == uid]:
            closed = replace(attempt, is_open=False)
            if attempt.is_deciding and attempt.backtest_state.is_alive:
                self._put(closed, BacktestState.CANCELLED)
            else:
                self.attempts[attempt.id] = closed
