"""The metadata of all tables, and the SQL files that ship with the migrations."""

from importlib.resources import files

from sqlalchemy import Connection, text

from backfleet.store.tables.backtests import BacktestJob
from backfleet.store.tables.base import Base
from backfleet.store.tables.batches import Batch

METADATA = Base.metadata
# Named so that both modules of tables are loaded before anybody looks at the metadata.
MODELS = (Batch, BacktestJob)


def run_sql_file(connection: Connection, name: str) -> None:
    """Run one of the SQL files that ship with the migrations. `{schema}` in it is the schema of the tables."""
    body = files("backfleet.store").joinpath("migration", "sql", f"{name}.sql").read_text(encoding="utf-8")
    schema = connection.execute(text("SELECT quote_ident(current_schema())")).scalar_one()
    # The driver's own cursor: the text is not a SQLAlchemy template, a colon in it has no meaning.
    connection.exec_driver_sql(body.replace("{schema}", schema).replace("%", "%%"))
