"""Builds the changes that a pass decides, with defaults, for tests of the functions that save and read them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, text

from backfleet.core.backtests import (
    BacktestState,
    Ending,
    Failure,
    Finding,
    Outcome,
    Result,
    attempt_id,
    result_to_json,
)
from backfleet.core.changes import (
    BatchChanges,
    Charge,
    CloseOutcome,
    Launch,
    LaunchPack,
    MarkPack,
    RowChange,
    SettleFailure,
    SettleResult,
    StartReport,
)
from backfleet.core.packs import PackRecord
from backfleet.core.reasons import FailureReason
from backfleet.core.records import AttemptRecord, BatchRecord, BatchState, OutcomeRecord, StoreView
from backfleet.recorder import appending
from backfleet.store.passes.observe import observe, read_members
from backfleet.store.passes.save import save
from tests.support.rows import seen_outcome

INSTALLATION = "backfleet/test"
UID = "0f1e2d3c-0000-4000-8000-000000000001"
START = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SPEC = {
    "strategy": {"name": "RSI_MeanReversion_ETF"},
    "engine": {"name": "bars"},
    "data": {"symbols": ["AAPL"], "startDate": "2000-03-01", "endDate": "2013-03-01", "initialCash": 2500},
    "parameters": [{"name": "rsi_period", "type": "int", "range": {"start": 14, "end": 16, "step": 1}}],
    "objective": {"metric": "sharpe_ratio", "direction": "maximize"},
}
METRICS = {"sharpe_ratio": 1.25, "drawdown": 0.026, "total_trades": 156.0, "win_rate": 0.5, "total_fees": 25.0}


def batch(**changes: Any) -> BatchRecord:
    """Return a live batch of three combinations."""
    record = BatchRecord(
        uid=UID,
        namespace="research",
        name="rsi-small",
        state=BatchState.LIVE,
        spec=SPEC,
        controls={"maxConcurrent": 4},
        axes={
            "axes": [
                {"name": "rsi_period", "type": "int", "range": {"start": "14", "step": "1", "count": 3}},
                {"name": "entry_threshold", "type": "float", "values": ["25.5"]},
            ]
        },
        criteria={"minTrades": 100},
        total=3,
        labels={"team": "alpha"},
        submitter="ada",
        accepted_at=START,
    )
    return replace(record, **changes)


def attempt(index: int = 0, number: int = 1, **changes: Any) -> AttemptRecord:
    """Return a launched attempt."""
    uid = changes.get("batch_uid", UID)
    record = AttemptRecord(
        batch_uid=uid,
        index=index,
        number=number,
        pack_id=attempt_id(uid, index, number),
        backtest_state=BacktestState.LAUNCHING,
        parameter_texts={"rsi_period": str(14 + index), "entry_threshold": "25.5"},
        launched_at=START,
    )
    return replace(record, **changes)


def pack(*members: AttemptRecord, **changes: Any) -> PackRecord:
    """Return the pack of these attempts as it is launched."""
    first = members[0]
    record = PackRecord(
        batch_uid=first.batch_uid,
        index=first.index,
        number=first.number,
        job_name=f"rsi-small-{first.batch_uid[:8]}-{first.index}-{first.number}",
        size=len(members),
        unsettled=len(members),
        launched_at=first.launched_at,
        start_deadline_at=START + timedelta(minutes=10),
        hard_deadline_at=START + timedelta(hours=1),
    )
    return replace(record, **changes)


def launch(*members: AttemptRecord) -> LaunchPack:
    """Launch attempts as one pack."""
    launches = (
        Launch(
            attempt=each,
            combination={"rsi_period": 14 + each.index, "entry_threshold": 25.5},
            combination_hash=f"hash-{each.index}",
        )
        for each in members
    )
    return LaunchPack(pack=pack(*members), members=tuple(launches))


def mark(each: AttemptRecord, **changes: Any) -> MarkPack:
    """Mark an attempt's pack, which it has for itself, as running."""
    pod_name = changes.pop("pod_name", "pod-1")
    fields = {"job_seen_at": START, "engine_started_at": START + timedelta(seconds=3)} | changes
    return MarkPack(pack=pack(each, **fields), pod_name=pod_name)


def running(each: AttemptRecord) -> AttemptRecord:
    """Return the attempt after its pack was marked."""
    return replace(each, backtest_state=BacktestState.RUNNING)


FINDING = Finding(name="FlatEquityCurveAnalysis", issue="The equity is flat.", sample="[]", count=2)


def result(**metrics: float | None) -> Result:
    return Result(
        metrics=METRICS | metrics,
        statistics={"Net Profit": "12 %"},
        equity_curve=((date(2000, 3, 1), 2500.0), (date(2013, 3, 1), 2812.5)),
        blocks=((204, 0.125, 0.5), (204, -0.25, 0.75)),
        warnings=("one bar was missing",),
        provenance={"engine": "bars", "engineVersion": "1"},
        analysis=(FINDING,),
    )


def recorded(ending: Ending | None = None) -> Outcome:
    return Outcome(
        ending=ending or result(),
        exit_code=0,
        engine_started_at=START + timedelta(seconds=3),
        engine_finished_at=START + timedelta(seconds=9),
    )


def failure(reason: FailureReason = FailureReason.ENGINE_ERROR, message: str = "boom") -> Failure:
    return Failure(reason=reason, message=message)


def outcome_of(each: AttemptRecord, said: Outcome | None = None) -> OutcomeRecord:
    """Return what a pass saw of an attempt's outcome."""
    return seen_outcome(each.id, START + timedelta(seconds=10), said or recorded())


def succeed(
    each: AttemptRecord, value: float | None = 1.25, rejections: tuple[str, ...] = (), **metrics: float | None
) -> SettleResult:
    measured = result(sharpe_ratio=value, **metrics)
    return SettleResult(
        attempt=each,
        outcome=outcome_of(each, recorded(measured)),
        metrics=measured.metrics,
        objective_value=value,
        passed=not rejections,
        rejections=rejections,
        criteria_version=1,
    )


def fail(each: AttemptRecord, state: BacktestState = BacktestState.FAILED, **changes: Any) -> SettleFailure:
    said: dict[str, Any] = {"reason": FailureReason.OOM_KILLED, "message": "out of memory", "charge": Charge.CHARGED}
    return SettleFailure(attempt=each, state=state, **said | changes)


def append_outcome(url: str, attempt_id: str, said: Outcome) -> None:
    """Append an outcome as the recorder does, with its own code and role."""
    assert appending.append_rows(url, [appending.row(attempt_id, said)]).answer is appending.Answer.APPENDED


def close(each: AttemptRecord) -> CloseOutcome:
    return CloseOutcome(attempt=each, outcome=outcome_of(each))


def record_results(engine: Engine, changes: Sequence[RowChange], like: Result) -> None:
    """Append the outcomes that these changes settle as results, where no recorder did: as `like`, but for the metrics."""
    settled = [change for change in changes if isinstance(change, SettleResult)]
    values = [
        {
            "id": change.attempt.id,
            "body": json.dumps(result_to_json(replace(like, metrics=change.metrics))),
            "recorded_at": change.outcome.recorded_at,
        }
        for change in settled
    ]
    insert = """
        INSERT INTO backtest_outcomes (attempt_id, kind, body, recorded_at)
        VALUES (:id, 'succeeded', :body, :recorded_at) ON CONFLICT DO NOTHING
    """
    if values:
        with engine.begin() as connection:
            connection.execute(text(insert), values)


@dataclass
class Life:
    """A batch in a database. Each save follows the one before it."""

    engine: Engine
    epoch: int
    record: BatchRecord
    is_new: bool = True

    def save(self, *changes: RowChange, **fields: Any) -> BatchChanges:
        """Save the changes with new fields of the batch. Return what was saved."""
        return self._save(changes, replace(self.record, **fields))

    def report(self, start: StartReport) -> None:
        """Save that work has started, or failed to."""
        self._save((), self.record, start)

    def _save(self, changes: Sequence[RowChange], after: BatchRecord, start: StartReport | None = None) -> BatchChanges:
        before = None if self.is_new else self.record
        made = BatchChanges(before=before, after=after, changes=tuple(changes), start=start)
        record_results(self.engine, changes, result())
        save(self.engine, INSTALLATION, self.epoch, made)
        (row,) = self.query(f"SELECT version FROM optimization_batches WHERE uid = '{after.uid}'")
        self.record, self.is_new = replace(after, version=row["version"]), False
        return made

    def save_again(self, made: BatchChanges) -> None:
        """Save the same changes, as if they had been planned on what is stored now."""
        save(self.engine, INSTALLATION, self.epoch, replace(made, before=self.record))

    def finish(self, reason: str = "AllSucceeded", **fields: Any) -> BatchChanges:
        ended = {"finished_at": START + timedelta(hours=1), "finish_reason": reason, "finish_message": "the end"}
        return self.save(state=BatchState.FINISHED, **(ended | fields))

    def look(self, *uids: str) -> StoreView:
        return observe(self.engine, INSTALLATION, uids)

    def members(self, *packs: PackRecord) -> tuple[AttemptRecord, ...]:
        """Return what a pass reads of the members of these packs, in order."""
        found = read_members(self.engine, [each.id for each in packs])
        return tuple(sorted(found, key=lambda each: (each.index, each.number)))

    def query(self, statement: str) -> list[Any]:
        """Return the rows of a statement as mappings."""
        with self.engine.connect() as connection:
            return [dict(row._mapping) for row in connection.execute(text(statement))]

    def snapshot(self) -> dict[str, list[Any]]:
        """Return every row of every table that a pass writes."""
        tables = (
            "optimization_batches",
            "backtest_jobs",
            "backtest_packs",
            "backtest_attempts",
            "backtest_results",
            "outcome_inbox",
        )
        return {table: self.query(f"SELECT * FROM {table} ORDER BY 1") for table in tables}
