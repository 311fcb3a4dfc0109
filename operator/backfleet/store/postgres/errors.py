"""Translates the errors of the driver and of its pool into ours, in one place."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2

from backfleet.core.errors import BackfleetError, DatabaseUnavailable, NotFound, NotMigrated, ValuesRefused

# Classes of SQLSTATE that the same call may survive later: connection, rollback (deadlock, serialization), resources,
# lock not available, operator intervention (shutdown, statement timeout), system error (disk).
_TEMPORARY_CLASSES = frozenset({"08", "40", "53", "55", "57", "58"})
_TEMPORARY_STATES = frozenset({"25006", "25P03"})
"""A standby after a failover, and a transaction that idled too long."""
_NOT_MIGRATED = frozenset({"42P01", "42703", "42501", "42883", "3F000"})
"""A table, column, right, function or schema is missing: the migration of this version has not run yet."""
_FOREIGN_KEY_VIOLATION = "23503"
_VALUE_CLASSES = frozenset({"22", "23", "54"})
"""Classes of SQLSTATE that the values cause: data exception, integrity constraint, and a limit (size) exceeded."""
SENTENCE_LIMIT = 300


@contextmanager
def driver_errors(doing: str) -> Iterator[None]:
    """Translate what the driver or the pool raises inside, chained. `doing` begins the message."""
    try:
        yield
    except Exception as error:
        translated = translate(error, doing)
        if translated is None:
            raise
        raise translated from error


def translate(error: Exception, doing: str) -> BackfleetError | None:
    """Return our error for a driver's error, or None if it is not the driver's or is a defect of ours."""
    # SQLAlchemy wraps the driver's error as `orig`; its pool and its closed connections have none.
    driver = getattr(error, "orig", None) or error
    if isinstance(driver, psycopg2.Error):
        return _translate_driver(driver, doing)
    if _is_no_value(error, driver):
        return ValuesRefused(f"{doing}: {driver}"[:SENTENCE_LIMIT])
    module = type(error).__module__
    is_pool = module == "sqlalchemy.exc" and type(error).__name__ in ("TimeoutError", "ResourceClosedError")
    return DatabaseUnavailable(f"{doing}: no database connection was free in time") if is_pool else None


def _is_no_value(error: Exception, driver: Exception) -> bool:
    """Report whether the driver cannot send a value: a NUL, a lone surrogate, or a number that is not JSON."""
    is_of_driver = error is not driver or "NUL" in str(error)
    return isinstance(driver, UnicodeError) or (isinstance(driver, ValueError) and is_of_driver)


def _translate_driver(error: psycopg2.Error, doing: str) -> BackfleetError | None:
    state = error.pgcode or ""
    text = " ".join(str(error).split()) or type(error).__name__
    if state in _NOT_MIGRATED:
        return NotMigrated(f"{doing}: {text}. The database is not migrated to this version. Run backfleet-migrate.")
    if state == _FOREIGN_KEY_VIOLATION:
        return NotFound(f"{doing}: {text}")
    if state[:2] in _VALUE_CLASSES:
        return ValuesRefused(f"{doing}: {_sentence(error)}")
    is_temporary = state[:2] in _TEMPORARY_CLASSES or state in _TEMPORARY_STATES
    if is_temporary or isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError):
        return DatabaseUnavailable(f"{doing}: {text}")
    return None


def _sentence(error: psycopg2.Error) -> str:
    """Return what Postgres says is wrong, without the row and the statement."""
    said = " ".join(filter(None, (error.diag.message_primary, error.diag.message_detail))) or str(error)
    is_row = (error.pgcode or "").startswith("23")  # its detail is the whole row
    return " ".join(((error.diag.message_primary or said) if is_row else said).split())[:SENTENCE_LIMIT]
