"""Fixtures of the store's tests: engines of each role, and a batch's life under a held fence."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from backfleet.store.postgres.connection import Timeouts
from backfleet.store.postgres.fence import Fence
from backfleet.store.postgres.session import open_engine
from tests.support.changes import INSTALLATION, Life, batch
from tests.support.databases import Database

QUICK = Timeouts(connect_seconds=2, statement_seconds=5, lock_seconds=2)


@pytest.fixture
def engine(database: Database) -> Iterator[Engine]:
    """Yield the operator's engine on a fresh database."""
    made = open_engine(database.operator_url, application_name="test-operator", timeouts=QUICK)
    yield made
    made.dispose()


@pytest.fixture
def api_engine(database: Database) -> Iterator[Engine]:
    """Yield the API's engine on the same database."""
    made = open_engine(database.api_url, application_name="test-api", timeouts=QUICK, is_read_only=True)
    yield made
    made.dispose()


@pytest.fixture
def fence(database: Database) -> Iterator[Fence]:
    """Yield the installation's fence, not acquired yet."""
    made = Fence(database.operator_url, INSTALLATION)
    yield made
    made.close()


@pytest.fixture
def life(engine: Engine, fence: Fence) -> Life:
    """Return a batch that is not saved yet, and the right to save it."""
    epoch = fence.acquire()
    assert epoch == 1
    return Life(engine, epoch, batch())
