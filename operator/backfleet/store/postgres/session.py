"""Engines: small pools of bounded connections, for the operator and the API."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.engine import URL

from backfleet.store.postgres.connection import BoundedConnection, Timeouts, build_arguments, connect
from backfleet.store.postgres.errors import driver_errors
from backfleet.store.postgres.urls import parse_url

DRIVER = "postgresql+psycopg2"
POOL_WAIT_SECONDS = 10


def open_engine(
    url: str,
    *,
    application_name: str,
    timeouts: Timeouts | None = None,
    pool_size: int = 3,
    is_read_only: bool = False,
) -> Engine:
    """Create an engine for a Postgres URL. It connects lazily. SpecInvalid if the URL is not usable; it never repeats it.

    Connections are checked before use, so that a restart of Postgres causes no error. Every wait on them is bounded.
    """
    limits = timeouts or Timeouts()
    settings = {"default_transaction_read_only": "on"} if is_read_only else {}
    target = parse_url(url)
    arguments = build_arguments(target, limits, application_name, settings)

    def make() -> BoundedConnection:
        return connect(arguments, limits)

    return create_engine(
        # Shown in messages and reprs: it has no password, and only `make` connects.
        URL.create(DRIVER, host=target.host, port=target.port, database=target.database),
        creator=make,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=POOL_WAIT_SECONDS,
        pool_pre_ping=True,
        pool_recycle=1800,
        executemany_mode="values_plus_batch",
        json_serializer=dump_json,
        hide_parameters=True,
    )


@contextmanager
def writing(engine: Engine, doing: str) -> Iterator[Connection]:
    """Yield one transaction that commits at the end of the block. Raise Unavailable if Postgres does not answer in time."""
    with driver_errors(doing), engine.begin() as connection:
        yield connection


@contextmanager
def looking(engine: Engine, doing: str) -> Iterator[Connection]:
    """Yield one read-only snapshot of the database. Raise Unavailable if Postgres does not answer in time."""
    with driver_errors(doing), engine.connect() as connection:
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
        yield connection


def check(engine: Engine) -> None:
    """Raise Unavailable unless Postgres answers."""
    with driver_errors("Postgres does not answer"), engine.connect() as connection:
        connection.execute(text("SELECT 1"))


def check_tables(engine: Engine) -> None:
    """Raise Unavailable unless Postgres answers, and NotMigrated unless our tables exist and are readable."""
    with driver_errors("reading the tables"), engine.connect() as connection:
        connection.execute(text("SELECT FROM optimization_batches LIMIT 0"))


def dump_json(value: Any) -> str:  # noqa: ANN401 - any JSON
    """Write JSON for JSONB. Raise ValueError for NaN and infinity, which Postgres refuses."""
    return json.dumps(value, allow_nan=False)
