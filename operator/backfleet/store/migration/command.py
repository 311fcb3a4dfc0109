"""The command `backfleet-migrate`: waits for Postgres, migrates the schema, seeds the catalog and grants rights.

Exit codes: 0 done; 2 a setting is not valid; 3 Postgres did not answer in time; 4 the schema is not this version's.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Engine

from backfleet import catalog
from backfleet.core.errors import Conflict, SpecInvalid, Unavailable
from backfleet.store.migration.grants import ENV_ROLE_API, ENV_ROLE_RECORDER, Roles, apply_grants
from backfleet.store.migration.revisions import MigrationLock, current_revision, newest_revision, upgrade
from backfleet.store.migration.seeding import seed
from backfleet.store.postgres.connection import Timeouts
from backfleet.store.postgres.errors import driver_errors
from backfleet.store.postgres.session import check, open_engine, writing

ENV_DATABASE_URL = "BACKFLEET_DATABASE_URL"
ENV_WAIT_SECONDS = "BACKFLEET_MIGRATE_WAIT_SECONDS"
DEFAULT_WAIT_SECONDS = 300.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 10.0

EXIT_DONE, EXIT_SETTINGS, EXIT_UNAVAILABLE, EXIT_SCHEMA = 0, 2, 3, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationSettings:
    """The settings of the command. The repr hides the URL, which has a password."""

    url: str = field(repr=False)
    wait_seconds: float = DEFAULT_WAIT_SECONDS
    roles: Roles = field(default_factory=Roles)


def load_settings(environment: Mapping[str, str]) -> MigrationSettings:
    """Read the settings from environment variables. SpecInvalid names the variable that is not valid."""
    url = environment.get(ENV_DATABASE_URL)
    if not url:
        raise SpecInvalid(
            ENV_DATABASE_URL,
            "expected the Postgres URL of the database's owner, got nothing",
            "set it to postgresql://user:password@host:5432/database",
        )
    wait = environment.get(ENV_WAIT_SECONDS) or str(DEFAULT_WAIT_SECONDS)
    try:
        wait_seconds = float(wait)
    except ValueError:
        wait_seconds = -1.0
    if not 0 <= wait_seconds <= 86_400:
        raise SpecInvalid(
            ENV_WAIT_SECONDS,
            f"expected seconds from 0 to 86400, got {wait[:40]!r}",
            "use a number of seconds, such as 300",
        )
    roles = Roles(recorder=environment.get(ENV_ROLE_RECORDER) or None, api=environment.get(ENV_ROLE_API) or None)
    return MigrationSettings(url=url, wait_seconds=wait_seconds, roles=roles)


def migrate(settings: MigrationSettings, say: Callable[[str], None]) -> None:
    """Migrate, seed and grant. Safe to repeat, and to run twice at once: the second run waits for the first.

    Raise SpecInvalid, Unavailable, or Conflict if the database is newer than this version.
    """
    give_up_at = time.monotonic() + settings.wait_seconds
    engine = _open(settings)
    try:
        wait_for_postgres(engine, give_up_at, say)
        with driver_errors("migrating"), MigrationLock(engine, give_up_at):
            with writing(engine, "migrating") as connection:
                before, after = upgrade(connection)
                said = [seed(connection, catalog.load()), *apply_grants(connection, settings.roles)]
            schema = f"the schema is at revision {after}"
            say(schema if before == after else f"{schema}, after {before or 'an empty database'}")
            for line in said:
                say(line)
    finally:
        engine.dispose()


def wait_for_postgres(engine: Engine, give_up_at: float, say: Callable[[str], None]) -> None:
    """Wait until Postgres answers. Raise Unavailable at `give_up_at`, a monotonic time."""
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            check(engine)
            return
        except Unavailable as error:
            left = give_up_at - time.monotonic()
            if left <= 0:
                raise
            say(f"waiting for Postgres, {left:.0f} s left: {error}")
            time.sleep(min(pause, left))
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)


def check_schema(settings: MigrationSettings, say: Callable[[str], None]) -> None:
    """Report that the schema is of this version. Raise Conflict if it is not."""
    engine = _open(settings)
    try:
        wait_for_postgres(engine, time.monotonic() + settings.wait_seconds, say)
        with driver_errors("reading the schema's revision"), engine.connect() as connection:
            current, newest = current_revision(connection), newest_revision()
    finally:
        engine.dispose()
    if current != newest:
        raise Conflict(f"expected the schema at revision {newest}, got {current or 'none'}. Run backfleet-migrate.")
    say(f"the schema is at revision {current}, as this version needs")


def main(arguments: Sequence[str] | None = None, environment: Mapping[str, str] | None = None) -> int:
    """Run the command. Return its exit code."""
    parser = argparse.ArgumentParser(prog="backfleet-migrate", description="Migrate, seed and grant; safe to repeat.")
    parser.add_argument("--check", action="store_true", help="change nothing, report whether the schema is current")
    options = parser.parse_args(arguments)
    try:
        settings = load_settings(os.environ if environment is None else environment)
        (check_schema if options.check else migrate)(settings, _say)
    except SpecInvalid as error:
        return _fail(EXIT_SETTINGS, error)
    except Unavailable as error:
        return _fail(EXIT_UNAVAILABLE, error)
    except Conflict as error:
        return _fail(EXIT_SCHEMA, error)
    return EXIT_DONE


def _open(settings: MigrationSettings) -> Engine:
    # A migration may take long; waiting for another transaction's lock may not.
    timeouts = Timeouts(statement_seconds=600, lock_seconds=60, idle_in_transaction_seconds=0)
    return open_engine(settings.url, application_name="backfleet-migrate", timeouts=timeouts)


def _say(line: str) -> None:
    print(line, flush=True)


def _fail(code: int, error: Exception) -> int:
    print(f"error: {error}", file=sys.stderr, flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
