"""Migrates a database's schema to this version's revision, one migrator at a time."""

import time
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection, Engine, text

from backfleet.core.errors import Conflict, Unavailable

LOCK_KEY = 0x6261636B666C6565
"""The advisory lock of migrations: the first eight bytes of `backfleet`."""
LOCK_POLL_SECONDS = 0.2


def script_config(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration for the migrations in this package."""
    config = Config()
    folder = Path(__file__).parent
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def newest_revision() -> str:
    """Return the revision that this version of the code needs."""
    head = ScriptDirectory.from_config(script_config()).get_current_head()
    assert head is not None
    return head


def current_revision(connection: Connection) -> str | None:
    """Return the database's revision, or None if it was never migrated."""
    return MigrationContext.configure(connection).get_current_revision()


def upgrade(connection: Connection) -> tuple[str | None, str]:
    """Migrate in the caller's transaction. Return the revisions before and after. Conflict if the database is newer."""
    before = current_revision(connection)
    try:
        command.upgrade(script_config(connection), "head")
    except CommandError as error:
        known = "a newer version of Backfleet made it. Install that version, or restore a backup."
        raise Conflict(f"the database is at revision {before}, which this version does not know: {known}") from error
    return before, newest_revision()


class MigrationLock:
    """The lock that one migrator holds while the others wait. A context on an engine with its own connection."""

    def __init__(self, engine: Engine, give_up_at: float) -> None:
        self._connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        self._give_up_at = give_up_at

    def __enter__(self) -> "MigrationLock":
        while not self._try():
            if time.monotonic() > self._give_up_at:
                self._connection.close()
                raise Unavailable("another migrator holds the lock and has not finished in time")
            time.sleep(LOCK_POLL_SECONDS)
        return self

    def __exit__(self, *_error: object) -> None:
        # Invalidated, not pooled: the lock goes with its session, whatever state that is in.
        self._connection.invalidate()
        self._connection.close()

    def _try(self) -> bool:
        return bool(self._connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": LOCK_KEY}).scalar_one())
