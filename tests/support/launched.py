"""A batch with one launched attempt, in a database: what a recorder finds when it appends an outcome."""

from collections.abc import Iterator
from contextlib import contextmanager

from backfleet.store.postgres.fence import Fence
from backfleet.store.postgres.session import open_engine
from tests.support.changes import INSTALLATION, Life, attempt, batch, launch
from tests.support.databases import Database


@contextmanager
def launched(database: Database) -> Iterator[Life]:
    """Yield the batch, while its operator holds the fence."""
    engine = open_engine(database.operator_url, application_name="test-operator")
    fence = Fence(database.operator_url, INSTALLATION)
    try:
        epoch = fence.acquire()
        assert epoch is not None
        life = Life(engine, epoch, batch())
        life.save(launch(attempt()))
        yield life
    finally:
        fence.close()
        engine.dispose()
