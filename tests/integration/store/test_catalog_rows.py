"""The rows of the catalog: what seeding writes, and what it leaves as a user made it."""

import pytest
from sqlalchemy import Engine, text

from backfleet import catalog
from backfleet.core.criteria import SuccessCriteria
from backfleet.store.migration import seeding
from backfleet.store.tables.strategies import ensure_strategy, load_catalog

pytestmark = pytest.mark.postgres


def test_the_catalog_is_read_back_as_it_was_seeded(engine: Engine) -> None:
    shipped, stored = catalog.load(), load_catalog(engine)
    assert stored.default_criteria == shipped.default_criteria.to_json()
    assert {name: (each.status, each.lean_project_path, each.criteria) for name, each in stored.strategies.items()} == {
        each.name: (
            each.status.value,
            each.lean_project_path,
            None if each.criteria is None else each.criteria.to_json(),
        )
        for each in shipped.strategies
    }


def test_seeding_keeps_what_a_user_changed_and_updates_the_rest(engine: Engine) -> None:
    shipped = catalog.load()
    first, second, third, *_ = shipped.strategies
    with engine.begin() as connection:
        connection.execute(text("UPDATE strategies SET status = 'deployed' WHERE name = :name"), {"name": first.name})
        connection.execute(
            text("UPDATE success_criteria SET min_trades = 7 WHERE strategy_name = :name"), {"name": second.name}
        )
        newer = catalog.Catalog(
            strategies=tuple(
                _with(each, status=catalog.StrategyStatus.ON_HOLD, criteria=SuccessCriteria(min_trades=1))
                for each in (first, second, third)
            ),
            default_criteria=SuccessCriteria(min_sharpe=2.0),
        )
        seeding.seed(connection, newer)
    stored = load_catalog(engine)
    assert stored.strategies[first.name].status == "deployed"
    assert stored.strategies[third.name].status == "on_hold"
    kept = stored.strategies[second.name].criteria
    assert kept is not None
    assert kept["minTrades"] == 7
    assert stored.strategies[third.name].criteria == {"minTrades": 1}
    assert stored.default_criteria == {"minSharpe": 2.0}


def test_a_registered_strategy_stays_as_a_user_made_it(engine: Engine) -> None:
    with engine.begin() as connection:
        ensure_strategy(connection, "Mine")
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE strategies SET status = 'deployed', lean_project_path = 'a' WHERE name = 'Mine'")
        )
    with engine.begin() as connection:
        ensure_strategy(connection, "Mine")
    mine = load_catalog(engine).strategies["Mine"]
    assert (mine.status, mine.lean_project_path, mine.criteria) == ("deployed", "a", None)


def _with(strategy: catalog.CatalogStrategy, **changes: object) -> catalog.CatalogStrategy:
    values = {name: getattr(strategy, name) for name in strategy.__slots__}
    return catalog.CatalogStrategy(**(values | changes))
