"""Writes the shipped catalog into the tables at every start. Changes that a user made stay."""

from typing import Any

from sqlalchemy import Connection, case, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from backfleet.catalog import Catalog, CatalogStrategy
from backfleet.core.criteria import RULES, SuccessCriteria
from backfleet.store.tables.batches import StrategyRow, SuccessCriteriaRow

_BOUNDS = tuple(rule.field for rule in RULES)


def seed(connection: Connection, catalog: Catalog) -> str:
    """Insert or update the catalog's rows. Return a line with their number. Keep a status or criteria that a user changed."""
    for strategy in catalog.strategies:
        _seed_strategy(connection, strategy)
        if strategy.criteria is not None:
            _seed_criteria(connection, strategy.name, strategy.criteria)
    _seed_criteria(connection, None, catalog.default_criteria)
    return f"{len(catalog.strategies)} strategies and their success criteria are in place"


def _seed_strategy(connection: Connection, strategy: CatalogStrategy) -> None:
    described = {
        "catalog_id": strategy.id,
        "category": strategy.category,
        "asset_class": strategy.asset_class,
        "lean_project_path": strategy.lean_project_path,
        "description": strategy.description,
        "symbols": list(strategy.symbols),
        "parameters": [{"name": p.name, "type": p.type.value, "default": p.default} for p in strategy.parameters],
    }
    status = strategy.status.value
    statement = insert(StrategyRow).values(name=strategy.name, status=status, seeded_status=status, **described)
    new = statement.excluded
    # A strategy that a batch brought before the catalog knew it has no seeded status: that one is taken over too.
    compared = [*described, "seeded_status"]
    is_untouched = StrategyRow.status == func.coalesce(StrategyRow.seeded_status, StrategyRow.status)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["name"],
            set_={
                **{column: new[column] for column in described},
                "status": case((is_untouched, new.status), else_=StrategyRow.status),
                "seeded_status": new.seeded_status,
                "updated_at": func.now(),
            },
            where=or_(*(getattr(StrategyRow, column).is_distinct_from(new[column]) for column in compared)),
        )
    )


def _seed_criteria(connection: Connection, strategy_name: str | None, criteria: SuccessCriteria) -> None:
    bounds = {field: getattr(criteria, field) for field in _BOUNDS}
    table = SuccessCriteriaRow
    found = connection.execute(
        select(table).where(table.strategy_name.is_not_distinct_from(strategy_name)).with_for_update()
    ).one_or_none()
    seeded = criteria.to_json()
    if found is None:
        connection.execute(insert(table).values(strategy_name=strategy_name, seeded=seeded, **bounds))
        return
    present = SuccessCriteria(**{field: getattr(found, field) for field in _BOUNDS}).to_json()
    if found.seeded == seeded:
        return
    changes: dict[str, Any] = {"seeded": seeded}
    if present == found.seeded:
        changes |= {**bounds, "version": found.version + 1, "updated_at": func.now()}
    connection.execute(update(table).where(table.id == found.id).values(**changes))
