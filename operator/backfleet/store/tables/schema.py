"""Creates the current schema at once. The migrations produce the same, and a test compares the two."""

from importlib.resources import files

from sqlalchemy import Connection, text

from backfleet.store.tables.backtests import BacktestJob
from backfleet.store.tables.base import Base
from backfleet.store.tables.batches import Batch

METADATA = Base.metadata
# Named so that both modules of tables are loaded before anybody looks at the metadata.
MODELS = (Batch, BacktestJob)
SQL_FILES = ("triggers_0003", "views_0001", "bodies_0003")
"""The files of the current triggers, views and functions, in order. A migration that changes one adds a new file."""


def create_schema(connection: Connection) -> None:
    """Create tables, triggers and views in an empty database."""
    METADATA.create_all(connection)
    for name in SQL_FILES:
        run_sql_file(connection, name)


def run_sql_file(connection: Connection, name: str) -> None:
    """Run one of the SQL files that ship with the migrations. `{schema}` in it is the schema of the tables."""
    body = files("backfleet.store").joinpath("migration", "sql", f"{name}.sql").read_text(encoding="utf-8")
    schema = connection.execute(text("SELECT quote_ident(current_schema())")).scalar_one()
    # The driver's own cursor: the text is not a SQLAlchemy template, a colon in it has no meaning.
    connection.exec_driver_sql(body.replace("{schema}", schema).replace("%", "%%"))
