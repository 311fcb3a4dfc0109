"""Results of 0.2.0, which held their bodies twice: after the migration an answer shows of each what it showed before."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from backfleet.store.migration import revisions
from backfleet.store.migration.command import MigrationSettings, migrate
from backfleet.store.postgres.connection import Timeouts
from backfleet.store.postgres.session import open_engine
from backfleet.store.queries import reading
from tests.support.databases import ROLES, Database
from tests.support.filling import BIG_UID, RELEASED_ATTEMPTS, fill, migrate_to_released

pytestmark = pytest.mark.postgres

COUNT = 2_300
"""More than two of the pieces that the migration compares."""
INSTALLATION = "released"
FULL = """
UPDATE backtest_results SET statistics = '{"Net Profit": "12 %"}', equity_curve = '[["2000-03-01", 2500.5]]',
    blocks = '[[204, 0.125, 0.5]]', warnings = '["one bar was missing"]', provenance = '{"engine": "bars"}'
WHERE index IN (1, 2, 5, 6, 2200, 2201)
"""
DAMAGE = {
    1: "UPDATE backtest_outcomes SET body = '{}'",
    2: "DELETE FROM backtest_outcomes",
    5: "UPDATE backtest_outcomes SET kind = 'failed', reason = 'NoData', message = 'none', body = NULL",
    6: "UPDATE backtest_outcomes SET body = '[1]'",
    2200: "UPDATE backtest_outcomes SET body = body #- '{metrics}'",
    2201: "UPDATE backtest_outcomes SET body = jsonb_set(body, '{statistics}', '{\"Net Profit\": \"other\"}')",
}
"""What somebody did to the outcomes of these results, by index."""


@pytest.fixture
def released(empty_database: Database) -> Iterator[Engine]:
    """Yield a database of 0.2.0 with a finished batch, whose results and outcomes agree."""
    patient = Timeouts(statement_seconds=60)
    engine = open_engine(empty_database.operator_url, application_name="test-released", timeouts=patient)
    with engine.begin() as connection:
        migrate_to_released(connection)
    fill(engine, INSTALLATION, COUNT, attempts=RELEASED_ATTEMPTS)
    yield engine
    engine.dispose()


def upgrade(database: Database) -> None:
    migrate(MigrationSettings(url=database.operator_url, wait_seconds=10, roles=ROLES), lambda _: None)


def rows(engine: Engine, statement: str) -> list[Any]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(statement))]


def damage(engine: Engine) -> None:
    with engine.begin() as connection:
        for table in ("backtest_outcomes", "backtest_results"):
            connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        connection.execute(text(FULL))
        for index, statement in DAMAGE.items():
            connection.execute(text(f"{statement} WHERE attempt_id = '{BIG_UID}-{index}.1'"))
        for table in ("backtest_outcomes", "backtest_results"):
            connection.execute(text(f"ALTER TABLE {table} ENABLE TRIGGER USER"))


STANDING = "SELECT attempt_id, xmin::text, body::text FROM backtest_outcomes ORDER BY attempt_id"
SAID = (
    "SELECT statistics, equity_curve, blocks, warnings, provenance, metrics FROM backtest_results WHERE backtest_id = "
)


def test_outcomes_that_have_their_results_bodies_are_not_written(released: Engine, empty_database: Database) -> None:
    before = rows(released, STANDING)
    upgrade(empty_database)
    assert rows(released, STANDING) == before
    assert len(before) == COUNT


def test_what_a_result_said_is_what_its_answer_shows(released: Engine, empty_database: Database) -> None:
    damage(released)
    said = {index: rows(released, f"{SAID}'{BIG_UID}-{index}'")[0] for index in (*DAMAGE, 0)}
    untouched = {row for row in rows(released, STANDING) if int(row[0].split("-")[-1][:-2]) not in DAMAGE}
    upgrade(empty_database)
    for index, (statistics, curve, blocks, warnings, provenance, metrics) in said.items():
        shown = reading.get_backtest(released, INSTALLATION, f"{BIG_UID}-{index}").result
        assert shown is not None
        assert [[day.isoformat(), value] for day, value in shown.equity_curve] == curve
        assert [list(block) for block in shown.blocks] == blocks
        assert (shown.statistics, list(shown.warnings), shown.provenance) == (statistics, warnings, provenance)
        assert (shown.metrics, shown.analysis) == (metrics, ())
    assert untouched <= set(rows(released, STANDING))
    assert rows(released, "SELECT count(*) FROM outcome_inbox") == [(0,)]
    assert rows(released, "SELECT DISTINCT kind, reason, message FROM backtest_outcomes") == [("succeeded", None, None)]


def test_outcomes_are_as_fixed_after_the_migration_as_before(released: Engine, empty_database: Database) -> None:
    damage(released)
    upgrade(empty_database)
    with pytest.raises(DBAPIError, match="its rows never change"), released.begin() as connection:
        connection.execute(text("UPDATE backtest_outcomes SET exit_code = 7"))


def test_a_migration_that_was_cut_off_begins_again(released: Engine, empty_database: Database) -> None:
    damage(released)
    before = rows(released, STANDING)
    connection = released.connect()
    assert revisions.upgrade(connection)[0] == "0001"
    connection.rollback()
    connection.close()
    assert rows(released, STANDING) == before
    upgrade(empty_database)
    shown = reading.get_backtest(released, INSTALLATION, f"{BIG_UID}-2200").result
    assert shown is not None
    assert shown.statistics == {"Net Profit": "12 %"}
