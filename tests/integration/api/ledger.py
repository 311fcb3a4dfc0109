"""Rows as the operator writes them, and custom resources without a Kubernetes."""

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Engine

from backfleet.core.backtests import BacktestState, Finding, Outcome, Result
from backfleet.core.changes import AttemptChange, BatchChanges, LaunchAttempt, MarkAttempt, SettleFailure, SettleResult
from backfleet.core.planning.rejudge import judge_stale
from backfleet.core.reasons import FailureReason
from backfleet.core.records import AttemptRecord, BatchRecord, BatchState, Best
from backfleet.core.space.parameters import ParameterSpace, build_space
from backfleet.core.spec.model import parse_spec
from backfleet.store.passes.observe import observe
from backfleet.store.passes.save import save
from backfleet_api.cluster import ClusterBatch
from tests.integration.store.builders import record_results
from tests.support.rows import seen_outcome

INSTALLATION = "backfleet/backfleet"
START = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
NOW = START + timedelta(minutes=61)
"""When the batches are asked for: half an hour after the first engine started."""
SPEC: dict[str, Any] = {
    "strategy": {"name": "RSI_MeanReversion_ETF"},
    "engine": {"name": "bars"},
    "data": {"symbols": ["AAPL"], "startDate": "2000-03-01", "endDate": "2013-03-01"},
    "parameters": [
        {"name": "rsi_period", "type": "int", "range": {"start": 14, "end": 16, "step": 1}},
        {"name": "entry_threshold", "type": "float", "values": [0.005, "25"]},
    ],
}


def uid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


@dataclass
class Ledger:
    """Writes rows as the operator does: one batch at a time, each call one transaction."""

    engine: Engine
    epoch: int
    count: int = 0
    installation: str = INSTALLATION
    provenance: dict[str, str] = field(default_factory=lambda: {"engine": "bars"})

    def accept(self, name: str = "rsi-small", *, spec: dict[str, Any] | None = None, **changes: Any) -> BatchRecord:
        """A live batch; later ones are newer."""
        self.count += 1
        spec = SPEC | (spec or {})
        space = build_space(parse_spec(spec).declarations())
        record = BatchRecord(
            uid=uid(self.count),
            namespace="backfleet",
            name=name,
            state=BatchState.LIVE,
            spec=spec,
            controls={"maxConcurrent": 4},
            axes=space.to_json(),
            criteria={"minTrades": 100},
            total=space.total,
            accepted_at=START + timedelta(minutes=self.count),
        )
        after = replace(record, **changes)
        self.save(None, after)
        return after

    def save(self, before: BatchRecord | None, after: BatchRecord, *changes: AttemptChange) -> BatchRecord:
        if before is not None:
            (seen,) = (
                each for each in observe(self.engine, self.installation, [before.uid]).batches if each.uid == before.uid
            )
            before = replace(before, version=seen.version)
        save(self.engine, self.installation, self.epoch, BatchChanges(before=before, after=after, changes=changes))
        return after

    def change(self, batch: BatchRecord, **changes: Any) -> BatchRecord:
        return self.save(batch, replace(batch, **changes))

    def launch(self, batch: BatchRecord, index: int, number: int = 1, **changes: Any) -> AttemptRecord:
        """A new attempt, launching."""
        combination = ParameterSpace.from_json(batch.axes).combination(index)
        attempt = AttemptRecord(
            batch_uid=batch.uid,
            index=index,
            number=number,
            job_name=f"{batch.name}-{index}-{number}",
            backtest_state=BacktestState.LAUNCHING,
            parameter_texts=combination.texts,
            launched_at=START + timedelta(minutes=30),
            start_deadline_at=START + timedelta(minutes=40),
            hard_deadline_at=START + timedelta(minutes=50),
            **changes,
        )
        launched = LaunchAttempt(
            attempt=attempt, combination=combination.to_json(), combination_hash=combination.digest
        )
        self.save(batch, batch, launched)
        return attempt

    def run(self, batch: BatchRecord, index: int) -> AttemptRecord:
        """An attempt whose engine was seen."""
        attempt = self.launch(batch, index)
        seen_at = START + timedelta(minutes=31)
        mark = MarkAttempt(
            attempt=replace(
                attempt, backtest_state=BacktestState.RUNNING, job_seen_at=seen_at, engine_started_at=seen_at
            ),
            pod_name=f"{attempt.job_name}-pod",
        )
        self.save(batch, batch, mark)
        return attempt

    def succeed(self, batch: BatchRecord, index: int, *rejections: str, **metrics: float | int | None) -> BatchRecord:
        """An attempt that ended with a result; the batch as it is after it."""
        attempt = self.run(batch, index)
        objective = batch.objective
        value = metrics.get(objective.metric)
        counters = batch.counters
        after = replace(
            batch,
            counters=replace(counters, succeeded=counters.succeeded + 1, passed=counters.passed + (not rejections)),
            best=batch.best
            or (None if value is None else Best(index=index, value=value, parameter_texts=attempt.parameter_texts)),
            first_engine_started_at=batch.first_engine_started_at or START + timedelta(minutes=31),
            recent_ends=batch.recent_ends or ((START + timedelta(minutes=31), 0),),
        )
        result = build_result(metrics, self.provenance)
        settled = SettleResult(
            attempt=attempt,
            outcome=seen_outcome(attempt.id, START + timedelta(minutes=32), Outcome(ending=result, exit_code=0)),
            metrics=metrics,
            objective_value=value,
            passed=not rejections,
            rejections=rejections,
            criteria_version=1,
        )
        record_results(self.engine, [settled], result)
        return self.save(batch, after, settled)

    def fail(self, batch: BatchRecord, index: int, state: BacktestState = BacktestState.FAILED) -> BatchRecord:
        """An attempt that ended without one."""
        attempt = self.run(batch, index)
        failed = batch.counters.failed + (state is BacktestState.FAILED)
        after = replace(batch, counters=replace(batch.counters, failed=failed))
        failure = SettleFailure(
            attempt=attempt, reason=FailureReason.OOM_KILLED, message="out of memory", state=state, is_charged=True
        )
        return self.save(batch, after, failure)

    def edit_criteria(self, batch: BatchRecord, criteria: dict[str, float]) -> BatchRecord:
        """The first pass after an edit."""
        version, stale = batch.criteria_version + 1, batch.counters.succeeded
        return self.change(batch, criteria=criteria, criteria_version=version, stale_verdicts=stale)

    def judge(self, batch: BatchRecord) -> BatchRecord:
        """The passes that follow it."""
        look = observe(self.engine, self.installation, [batch.uid]).stale[batch.uid]
        after, verdicts = judge_stale(batch, look)
        (seen,) = (
            each for each in observe(self.engine, self.installation, [batch.uid]).batches if each.uid == batch.uid
        )
        save(self.engine, self.installation, self.epoch, BatchChanges(before=seen, after=after, verdicts=verdicts))
        return after

    def finish(self, batch: BatchRecord, reason: str, message: str = "it is over") -> BatchRecord:
        counters = batch.counters
        rest = (batch.total or 0) - counters.succeeded - counters.failed
        return self.change(
            batch,
            state=BatchState.FINISHED,
            finished_at=START + timedelta(hours=1),
            finish_reason=reason,
            finish_message=message,
            counters=replace(counters, cancelled=rest),
        )


def build_result(metrics: dict[str, float | int | None], provenance: dict[str, str]) -> Result:
    return Result(
        metrics=metrics,
        statistics={"Total Orders": "224"},
        equity_curve=((date(2000, 3, 1), 1000.0), (date(2013, 3, 1), 1873.5)),
        blocks=((10, 0.1, 0.01),),
        warnings=("few trades",),
        provenance=provenance,
        analysis=(Finding(name="FlatEquityCurveAnalysis", issue="The equity is flat.", sample="[]", count=2),),
    )


@dataclass
class FakeCluster:
    """Custom resources by (namespace, name); `error` is raised by every call while it is set."""

    batches: dict[tuple[str, str], ClusterBatch]
    error: Exception | None = None
    calls: int = 0

    def get_batch(self, namespace: str, name: str) -> ClusterBatch | None:
        self._call()
        return self.batches.get((namespace, name))

    def list_batches(self, namespace: str) -> list[ClusterBatch]:
        self._call()
        return [batch for key, batch in self.batches.items() if key[0] == namespace]

    def add(self, number: int, name: str, **changes: Any) -> ClusterBatch:
        batch = ClusterBatch(uid=uid(number), name=name, namespace="backfleet", spec=SPEC, **changes)
        self.batches[batch.namespace, batch.name] = batch
        return batch

    def _call(self) -> None:
        self.calls += 1
        if self.error:
            raise self.error
