"""Creates the current schema at once. The migrations must produce the same."""

from sqlalchemy import Connection

from backfleet.store.tables.schema import METADATA, run_sql_file

SQL_FILES = ("triggers_0006", "views_0001", "bodies_0003")
"""The files of the current triggers, views and functions, in order. A migration that changes one adds a new file."""


def create_schema(connection: Connection) -> None:
    """Create tables, triggers and views in an empty database."""
    METADATA.create_all(connection)
    for name in SQL_FILES:
        run_sql_file(connection, name)
