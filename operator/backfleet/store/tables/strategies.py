"""Reads the catalog from the tables, for the operator and the API, and adds strategies that a batch names."""

from sqlalchemy import Connection, Engine, RowMapping, select
from sqlalchemy.dialects.postgresql import insert

from backfleet.core.criteria import RULES, SuccessCriteria
from backfleet.core.records import StoredCatalog, StrategyRecord
from backfleet.store.postgres.session import looking
from backfleet.store.tables.batches import StrategyRow, SuccessCriteriaRow

_BOUNDS = tuple(SuccessCriteriaRow.__table__.c[rule.field] for rule in RULES)


def load_catalog(engine: Engine) -> StoredCatalog:
    """Read all strategies by name with their own criteria, and the default criteria for those that have none."""
    criteria = SuccessCriteriaRow.__table__
    with looking(engine, "reading the strategies") as connection:
        rows = connection.execute(
            select(
                StrategyRow.name,
                StrategyRow.status,
                StrategyRow.lean_project_path,
                criteria.c.id.label("criteria_id"),
                *_BOUNDS,
            ).outerjoin_from(StrategyRow.__table__, criteria, criteria.c.strategy_name == StrategyRow.name)
        ).all()
        default = connection.execute(select(*_BOUNDS).where(criteria.c.strategy_name.is_(None))).one_or_none()
    strategies = {
        row.name: StrategyRecord(
            name=row.name,
            status=row.status,
            lean_project_path=row.lean_project_path,
            criteria=None if row.criteria_id is None else _criteria(row._mapping),
        )
        for row in rows
    }
    return StoredCatalog(strategies=strategies, default_criteria={} if default is None else _criteria(default._mapping))


def ensure_strategy(connection: Connection, name: str) -> None:
    """Insert a row with status `testing` for a strategy that a batch names. Leave an existing row as it is.

    The row does not keep the project that the batch names: it applies to every namespace and installation of the
    database.
    """
    statement = insert(StrategyRow).values(name=name, status="testing")
    connection.execute(statement.on_conflict_do_nothing())


def _criteria(bounds: RowMapping) -> dict[str, int | float]:
    return SuccessCriteria(**{rule.field: bounds[rule.field] for rule in RULES}).to_json()
