"""Batches with a past, for tests of reading. The real operator makes it over the real store, with a simulated clock."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from backfleet.core import wire
from backfleet.core.backtests import Failure, Finding, Outcome, Result
from backfleet.core.planning.observation import Limits
from backfleet.core.reasons import FailureReason
from backfleet.core.records import BatchRecord
from tests.support.clocked import ClockedDatabase
from tests.support.cluster import FakeCluster, Json
from tests.support.faults import engine_started_at
from tests.support.manifests.specs import SIX_COMBINATIONS
from tests.support.operator import World
from tests.support.postgres_rows import PostgresRows

INSTALLATION = "backfleet/backfleet"
NAMESPACE = "backfleet"
START = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
NOW = START + timedelta(minutes=61)
"""When the batches are asked for: an hour after the first engine started."""
MINUTE = 60.0
SPEC: dict[str, Any] = {**SIX_COMBINATIONS, "successCriteria": {"minTrades": 5}}
LEFT_EMPTY = ["rsi_period > 100"]


def uid_of(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def build_result(metrics: dict[str, float | int | None], provenance: dict[str, str]) -> Outcome:
    """Build what a recorder appends for a backtest that traded enough, in full."""
    ending = Result(
        metrics={"total_trades": 9} | metrics,
        statistics={"Total Orders": "224"},
        equity_curve=((date(2000, 3, 1), 1000.0), (date(2013, 3, 1), 1873.5)),
        blocks=((10, 0.1, 0.01),),
        warnings=("few trades",),
        provenance=provenance,
        analysis=(Finding(name="FlatEquityCurveAnalysis", issue="The equity is flat.", sample="[]", count=2),),
    )
    return Outcome(ending=ending, exit_code=0)


@dataclass
class History:
    """The batches of one installation. Each method returns the batch's row after it.

    Accepting a batch takes a minute, and so does a backtest. An operator is there only while a verb runs.
    """

    store: ClockedDatabase
    installation: str = INSTALLATION
    count: int = 0
    provenance: dict[str, str] = field(default_factory=lambda: {"engine": "bars"})

    def __post_init__(self) -> None:
        rows = PostgresRows(now=START, store=self.store, installation=self.installation, is_first=False)
        self.world = World(FakeCluster(now=START), rows, Limits(max_concurrent=1_000))
        self.world.restart(namespaces=[NAMESPACE, "elsewhere", "lab", "other", "team"])

    def accept(self, name: str = "rsi-small", *, minutes: float = 1, **given: Any) -> BatchRecord:
        """Add a new batch that the operator accepts; see `declare`."""
        uid = self.declare(name, **given)
        self.pass_time(minutes)
        return self.record_of(uid)

    def declare(
        self,
        name: str,
        *,
        spec: dict[str, Any] | None = None,
        uid: str | None = None,
        namespace: str = NAMESPACE,
        **metadata: Any,
    ) -> str:
        """Add a new custom resource that no operator has seen yet. Return its uid."""
        self.count += 1
        uid = self.world.cluster.add_batch(SPEC | (spec or {}), name, uid or uid_of(self.count), namespace)
        self.world.cluster.batches[uid]["metadata"] |= metadata
        return uid

    def run(self, batch: BatchRecord, index: int) -> str:
        """Make sure that the engine of a backtest runs. Return the name of its Job."""
        for _ in range(20):
            for job in self.jobs_of(batch):
                self.start(job)
                if self.index_of(job) == index:
                    self.world.turn()
                    return job
            self.world.turn()
        raise AssertionError(f"backtest {index} did not start")

    def succeed(self, batch: BatchRecord, index: int, **metrics: float | int | None) -> BatchRecord:
        return self.end(batch, index, build_result(metrics, self.provenance))

    def fail(
        self, batch: BatchRecord, index: int, reason: FailureReason = FailureReason.BACKTEST_TIMEOUT
    ) -> BatchRecord:
        """End an attempt without a result. The reason decides whether another one follows."""
        return self.end(batch, index, bad(reason))

    def end(self, batch: BatchRecord, index: int, outcome: Outcome) -> BatchRecord:
        """Run a backtest for a minute, until it ends like this."""
        job = self.run(batch, index)
        self.world.tick(MINUTE)
        now = self.world.cluster.now
        started = engine_started_at(self.world.cluster.pods[job])
        self.world.record(job, replace(outcome, engine_started_at=started, engine_finished_at=now))
        self.world.turn()
        return self.record_of(batch.uid)

    def edit(self, batch: BatchRecord, **spec: Any) -> BatchRecord:
        """Change fields of the spec in a way that one pass sees."""
        self.world.cluster.edit_batch(batch.uid, **spec)
        self.world.turn()
        return self.record_of(batch.uid)

    def finish(self, batch: BatchRecord, reason: str) -> BatchRecord:
        """Bring the batch to its end by what leads to that reason."""
        _ENDINGS[reason](self, batch)
        record = self.record_of(batch.uid)
        assert record.finish_reason == reason
        return record

    def judge(self, batch: BatchRecord) -> BatchRecord:
        """Run the passes that follow an edit of the criteria."""
        for _ in range(10):
            self.world.turn()
        return self.record_of(batch.uid)

    def pass_time(self, minutes: float) -> None:
        self.world.tick(minutes * MINUTE)
        self.world.turn()

    def record_of(self, uid: str) -> BatchRecord:
        record = self.world.rows.batches.get(uid)
        assert record is not None, self.world.cluster.condition(uid, "Accepted").get("message")
        return record

    def jobs_of(self, batch: BatchRecord) -> list[str]:
        return [job for job in self.world.cluster.active_jobs if self.labels_of(job)[wire.LABEL_BATCH_UID] == batch.uid]

    def labels_of(self, job: str) -> Json:
        labels: Json = self.world.cluster.jobs[job]["metadata"]["labels"]
        return labels

    def index_of(self, job: str) -> int:
        return int(self.labels_of(job)[wire.LABEL_INDEX])

    def start(self, job: str) -> None:
        if engine_started_at(self.world.cluster.pods[job]) is None:
            self.world.cluster.start_engine(job)

    def end_rest(self, batch: BatchRecord, outcome_of: Callable[[int], Outcome]) -> None:
        """Let what runs end, the lowest index first, until the batch has ended."""
        for _ in range(100):
            if self.record_of(batch.uid).finished_at is not None:
                return
            indexes = sorted(map(self.index_of, self.jobs_of(batch)))
            if indexes:
                self.end(batch, indexes[0], outcome_of(indexes[0]))
            else:
                self.world.turn()
        raise AssertionError("the batch did not end")

    def good(self, **metrics: float | int | None) -> Outcome:
        return build_result({"sharpe_ratio": 1.0, **metrics}, self.provenance)


def bad(reason: FailureReason = FailureReason.BACKTEST_TIMEOUT) -> Outcome:
    message = "out of memory" if reason is FailureReason.OOM_KILLED else "it failed"
    return Outcome(ending=Failure(reason=reason, message=message), exit_code=1)


def _cancel(history: History, batch: BatchRecord) -> None:
    history.edit(batch, cancel=True)


def _delete(history: History, batch: BatchRecord) -> None:
    """Delete the custom resource. It counts as deleted after two looks a minute apart."""
    history.world.cluster.delete_batch(batch.uid)
    history.world.turn()
    history.pass_time(2)


def _take_too_long(history: History, batch: BatchRecord) -> None:
    history.edit(batch, failurePolicy={"backtestTimeoutSeconds": 60, "batchTimeoutSeconds": 60})
    history.pass_time(2)


def _fail_too_often(history: History, batch: BatchRecord) -> None:
    history.edit(batch, failurePolicy={"maxFailed": 1})
    history.end_rest(batch, lambda index: bad() if index else history.good())


_ENDINGS: dict[str, Callable[[History, BatchRecord], None]] = {
    wire.REASON_ALL_SUCCEEDED: lambda history, batch: history.end_rest(batch, lambda _: history.good()),
    wire.REASON_COMPLETED_WITH_FAILURES: lambda history, batch: history.end_rest(
        batch, lambda index: bad() if index else history.good()
    ),
    wire.REASON_NONE_SUCCEEDED: lambda history, batch: history.end_rest(
        batch, lambda index: bad(FailureReason.ENGINE_ERROR if index else FailureReason.BACKTEST_TIMEOUT)
    ),
    wire.REASON_REPEATED_FAILURE: lambda history, batch: history.end_rest(
        batch, lambda _: bad(FailureReason.ENGINE_ERROR)
    ),
    wire.REASON_TOO_MANY_FAILURES: _fail_too_often,
    wire.REASON_BATCH_TIMEOUT: _take_too_long,
    wire.REASON_CANCELLED: _cancel,
    wire.REASON_DELETED: _delete,
}
