"""Fixtures that several kinds of tests share."""

from collections.abc import Iterator

import pytest

from tests.support.clocked import ClockedDatabase
from tests.support.databases import Database, migrated_template
from tests.support.postgres import PostgresServer, running_server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Yield a real Postgres server for this session (or xdist worker)."""
    with running_server() as server:
        yield server


@pytest.fixture(scope="session")
def database_template(postgres_server: PostgresServer) -> Iterator[str]:
    """Yield the name of a migrated, seeded database that fresh ones are copied from."""
    with migrated_template(postgres_server) as name:
        yield name


@pytest.fixture
def database(postgres_server: PostgresServer, database_template: str) -> Iterator[Database]:
    """Yield a fresh migrated, seeded database with the three roles of production."""
    with Database.create(postgres_server, database_template) as created:
        yield created


@pytest.fixture(scope="session")
def clocked_database(postgres_server: PostgresServer) -> Iterator[ClockedDatabase]:
    """Yield a migrated database whose clock is the test's, for one world of rows after the other."""
    with ClockedDatabase.running(postgres_server) as running:
        yield running


@pytest.fixture
def empty_database(postgres_server: PostgresServer) -> Iterator[Database]:
    """Yield a fresh database without a schema."""
    with Database.create(postgres_server, None) as created:
        yield created
