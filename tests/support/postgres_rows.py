"""Rows in a real Postgres. The store's own functions write and read them under a real fence."""

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg2
from sqlalchemy import Engine, Row, Select, insert, select, update

from backfleet.core.backtests import BacktestState, Outcome
from backfleet.core.changes import BatchChanges
from backfleet.core.criteria import RULES
from backfleet.core.packs import PackRecord
from backfleet.core.records import AttemptRecord, BatchRecord, StoredCatalog, StoreView
from backfleet.core.warmth import RunKind
from backfleet.store.passes.observe import Bounds, job_names, observe, read_members
from backfleet.store.passes.rows import ATTEMPT_COLUMNS, PACK_COLUMNS, attempt_record, pack_record
from backfleet.store.passes.save import save
from backfleet.store.tables.backtests import BacktestAttempt, BacktestJob, BacktestPack, BacktestResult
from backfleet.store.tables.batches import Batch, SuccessCriteriaRow
from backfleet.store.tables.records import batch_columns, batch_record
from backfleet.store.tables.strategies import load_catalog
from tests.support.clocked import ClockedDatabase
from tests.support.rows import WorldRows

INSTALLATION = "research/backfleet"
_COPY = """
INSERT INTO optimization_batches
SELECT (jsonb_populate_record(batch, jsonb_build_object('uid', other, 'name', other))).*
FROM optimization_batches AS batch, unnest(%s::text[]) AS other WHERE uid = %s
"""


_STRATEGY = """
INSERT INTO strategies (name, status, lean_project_path) VALUES (%s, %s, %s)
ON CONFLICT (name) DO UPDATE SET status = excluded.status, lean_project_path = excluded.lean_project_path
"""
_OF_PACKS = (
    "size",
    "unsettled",
    "launched_at",
    "start_deadline_at",
    "hard_deadline_at",
    "job_seen_at",
    "start_tries",
    "waiting_since",
    "waiting_reason",
    "retry_at",
    "engine_started_at",
)


@dataclass(frozen=True)
class StoredVerdict:
    """A row of `backtest_results`, as far as a world's rows show it."""

    metrics: Mapping[str, float | int | None]
    passed: bool
    rejections: tuple[str, ...]
    criteria_version: int
    run: RunKind

    @classmethod
    def of(cls, row: Row[Any]) -> "StoredVerdict":
        return cls(row.metrics, row.passed, tuple(row.rejections), row.criteria_version, RunKind(row.run))


@dataclass
class PostgresRows(WorldRows):
    """The rows of one world in a database. The database has one world at a time: making another one empties it."""

    store: ClockedDatabase = field(kw_only=True)
    installation: str = INSTALLATION
    is_first: bool = True
    """False: another installation next to one that is there already."""

    def __post_init__(self) -> None:
        if self.is_first:
            self.store.begin()
        self.generation = self.store.generation
        self.fence = self.store.open_fence(self.installation)
        self.set_clock(self.now)

    def set_clock(self, now: datetime) -> None:
        self.now = now
        self.store.set_clock(now)

    @property
    def batches(self) -> Mapping[str, BatchRecord]:
        statement = select(Batch.__table__).where(Batch.installation_id == self.installation)
        statement = statement.order_by(Batch.accepted_at, Batch.uid)
        return {row.uid: batch_record(row) for row in self._select(statement)}

    @property
    def attempts(self) -> Mapping[str, AttemptRecord]:
        statement = select(*ATTEMPT_COLUMNS).join(BacktestJob, BacktestJob.id == BacktestAttempt.backtest_id)
        records = map(attempt_record, self._select(statement.order_by(BacktestAttempt.launched_at, BacktestJob.index)))
        return {each.id: each for each in records}

    @property
    def packs(self) -> Mapping[str, PackRecord]:
        records = map(pack_record, self._select(select(*PACK_COLUMNS).order_by(BacktestPack.launched_at)))
        return {each.id: each for each in records}

    @property
    def results(self) -> Mapping[tuple[str, int], StoredVerdict]:
        rows = self._select(select(BacktestResult.__table__))
        return {(row.batch_uid, row._mapping["index"]): StoredVerdict.of(row) for row in rows}

    def observe(self, uids: Collection[str]) -> StoreView:
        return observe(self._engine, self.installation, uids, Bounds(self.look, self.stale_look, self.stale_look))

    def catalog(self) -> StoredCatalog:
        return load_catalog(self._engine)

    def members(self, ids: Collection[str]) -> tuple[AttemptRecord, ...]:
        return read_members(self._engine, ids)

    def job_names(self, ids: Collection[str]) -> Mapping[str, str]:
        return job_names(self._engine, ids)

    def append_outcome(self, attempt_id: str, outcome: Outcome) -> None:
        assert self.generation == self.store.generation, "another world has begun in this database"
        with suppress(psycopg2.errors.UniqueViolation):
            self.store.record(attempt_id, outcome)

    def set_catalog(self, catalog: StoredCatalog) -> None:
        self.store.run("DELETE FROM success_criteria; DELETE FROM strategies")
        self.store.run("INSERT INTO strategies (name) SELECT DISTINCT strategy_name FROM optimization_batches")
        for strategy in catalog.strategies.values():
            self.store.run(_STRATEGY, (strategy.name, strategy.status, strategy.lean_project_path))
            if strategy.criteria is not None:
                self._insert_criteria(strategy.name, strategy.criteria)
        self._insert_criteria(None, catalog.default_criteria)

    def overwrite_batch(self, record: BatchRecord) -> None:
        with self._engine.begin() as connection:
            connection.execute(update(Batch).where(Batch.uid == record.uid).values(**batch_columns(record)))

    def overwrite_pack(self, pack: PackRecord) -> None:
        state = BacktestState.RUNNING if pack.has_job else BacktestState.LAUNCHING
        columns = {name: getattr(pack, name) for name in _OF_PACKS}
        members = select(BacktestAttempt.attempt_id).where(BacktestAttempt.pack_id == pack.id)
        with self._engine.begin() as connection:
            connection.execute(update(BacktestPack).where(BacktestPack.pack_id == pack.id).values(**columns))
            is_member = BacktestJob.deciding_attempt_id.in_(members.where(BacktestAttempt.ended_at.is_(None)))
            connection.execute(update(BacktestJob).where(is_member).values(state=state.value))

    def copy_finished(self, uid: str, copies: Collection[str]) -> None:
        self.store.run(_COPY, (list(copies), uid))

    def back_up(self) -> Callable[[], None]:
        return self.store.back_up()

    def _acquire(self) -> int:
        epoch = self.fence.acquire()
        assert epoch is not None
        return epoch

    def _commit(self, changes: BatchChanges, epoch: int) -> None:
        save(self._engine, self.installation, epoch, changes)

    @property
    def _engine(self) -> Engine:
        assert self.generation == self.store.generation, "another world has begun in this database"
        return self.store.engine

    def _select(self, statement: Select[*tuple[Any, ...]]) -> list[Row[Any]]:
        with self._engine.connect() as connection:
            return list(connection.execute(statement).all())

    def _insert_criteria(self, strategy: str | None, criteria: Mapping[str, Any]) -> None:
        bounds = {rule.field: criteria[rule.wire_name] for rule in RULES if rule.wire_name in criteria}
        with self._engine.begin() as connection:
            connection.execute(insert(SuccessCriteriaRow).values(strategy_name=strategy, **bounds))
