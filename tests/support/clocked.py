"""A real Postgres whose `now()` is set by the test, in statements and in defaults of columns."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812
from sqlalchemy import Engine

from backfleet import catalog
from backfleet.core.backtests import Outcome
from backfleet.recorder.appending import insert_of, row
from backfleet.store.migration.command import MigrationSettings, migrate
from backfleet.store.migration.seeding import seed
from backfleet.store.postgres.fence import Fence
from backfleet.store.postgres.session import open_engine
from tests.support.databases import ROLES, Database
from tests.support.postgres import PostgresServer

# A name without a schema is looked up here before Postgres' own, and the tables are still made in `public`.
_CLOCK = """
CREATE SCHEMA clock;
CREATE TABLE clock.present (at timestamptz NOT NULL);
INSERT INTO clock.present VALUES (pg_catalog.now());
CREATE FUNCTION clock.now() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT at FROM clock.present';
GRANT USAGE ON SCHEMA clock TO PUBLIC;
GRANT SELECT ON clock.present TO PUBLIC;
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = public, clock, pg_catalog', current_database()); END $$;
"""
_RESTORE = "INSERT INTO {table} ({columns}) SELECT {columns} FROM jsonb_populate_recordset(NULL::{table}, %s)"
TABLES = (
    "installations",
    "started_work",
    "warm_refusals",
    "strategies",
    "success_criteria",
    "optimization_batches",
    "backtest_jobs",
    "backtest_packs",
    "backtest_attempts",
    "backtest_outcomes",
    "outcome_inbox",
    "backtest_results",
)
_EMPTY = ";".join(f"DELETE FROM {table}" for table in TABLES)


@dataclass
class ClockedDatabase:
    """A migrated database with connections that stay open, so that emptying the tables is cheap."""

    database: Database
    engine: Engine
    generation: int = 0
    """How often the tables were emptied."""
    fences: list[Fence] = field(default_factory=list)
    owner: Connection = field(init=False)
    recorder: Connection = field(init=False)

    @classmethod
    @contextmanager
    def running(cls, server: PostgresServer) -> Iterator["ClockedDatabase"]:
        with Database.create(server, None) as database:
            server.execute(_CLOCK, database.name)
            migrate(MigrationSettings(url=database.operator_url, wait_seconds=10, roles=ROLES), lambda _: None)
            engine = open_engine(database.operator_url, application_name="test-operator")
            running = cls(database, engine)
            yield running
            running.end()
            engine.dispose()

    def begin(self) -> None:
        """Empty every table; whoever used them before has no rows any more."""
        self.end()
        self.generation += 1
        self.connect()
        self.run(_EMPTY)

    def end(self) -> None:
        """Give up every fence."""
        while self.fences:
            self.fences.pop().close()

    def open_fence(self, installation: str) -> Fence:
        self.fences.append(Fence(self.database.operator_url, installation))
        return self.fences[-1]

    def connect(self) -> None:
        """Make the connections that stay open, unless they still answer: a test may have restarted the server."""
        with suppress(psycopg2.Error, AttributeError):
            self.owner.cursor().execute("SELECT 1")
            self.recorder.cursor().execute("SELECT 1")
            return
        self.owner = psycopg2.connect(self.database.server.superuser_url(self.database.name))
        self.recorder = psycopg2.connect(self.database.recorder_url)
        self.owner.autocommit = self.recorder.autocommit = True
        # Whatever triggers and foreign keys guard may be broken by this connection.
        self.owner.cursor().execute("SET session_replication_role = replica")

    def seed(self) -> None:
        """Put the shipped catalog into the tables, as a migration does."""
        with self.engine.begin() as connection:
            seed(connection, catalog.load())

    def set_clock(self, now: datetime) -> None:
        self.run("UPDATE clock.present SET at = %s", (now,))

    def run(self, statement: str, values: Any = None) -> None:
        with self.owner.cursor() as cursor:
            cursor.execute(statement, values)

    def read(self, statement: str, values: Any = None) -> list[tuple[Any, ...]]:
        with self.owner.cursor() as cursor:
            cursor.execute(statement, values)
            return list(cursor.fetchall())

    def back_up(self) -> Callable[[], None]:
        """Keep all rows; the call of what is returned restores them."""
        kept = {table: self.read(f"SELECT coalesce(jsonb_agg(t), '[]')::text FROM {table} AS t")[0] for table in TABLES}

        def restore() -> None:
            self.run(_EMPTY)
            for table, rows in kept.items():
                self.run(_RESTORE.format(table=table, columns=self._columns(table)), rows)

        return restore

    def _columns(self, table: str) -> str:
        """Return the names of those columns that are not computed."""
        statement = """
            SELECT string_agg(format('%%I', attname), ', ') FROM pg_attribute
            WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
        """
        return str(self.read(statement, (table,))[0][0])

    def record(self, attempt_id: str, outcome: Outcome) -> None:
        """Record as the recorder does, with its own statement and role."""
        with self.recorder.cursor() as cursor:
            cursor.execute(insert_of(cursor, [row(attempt_id, outcome)]))
