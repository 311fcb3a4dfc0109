"""Migrating: the schema that results, what a second run changes, and which roles get which rights."""

import re
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from backfleet.core.errors import Conflict, SpecInvalid, Unavailable
from backfleet.store.migration import grants, revisions
from backfleet.store.migration.command import MigrationSettings, migrate
from backfleet.store.migration.grants import Roles
from backfleet.store.passes.observe import observe
from backfleet.store.postgres.session import open_engine
from backfleet.store.tables.backtests import BacktestResult
from backfleet.store.tables.base import OUTCOMES_CHANNEL
from backfleet.store.tables.strategies import load_catalog
from tests.integration.store.conftest import QUICK
from tests.support.databases import ROLES, Database
from tests.support.filling import BIG_UID, RELEASED_ATTEMPTS, fill, migrate_to_released
from tests.support.postgres import API, OPERATOR, RECORDER
from tests.support.schema import SQL_FILES, create_schema

pytestmark = pytest.mark.postgres

SCHEMA = {
    "columns": """
        SELECT table_name, column_name, data_type, is_nullable, column_default, is_generated, generation_expression,
            is_identity, udt_name
        FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'alembic_version' ORDER BY 1, 2
    """,
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), condeferrable, condeferred
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conrelid <> 0
            AND conrelid::regclass::text <> 'alembic_version' ORDER BY 1, 2
    """,
    "indexes": """
        SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version' ORDER BY 1
    """,
    "triggers": "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1, 2",
    "functions": """
        SELECT proname, pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1
    """,
    "views": "SELECT viewname, definition FROM pg_views WHERE schemaname = 'public' ORDER BY 1",
}


@pytest.fixture
def settings(empty_database: Database) -> MigrationSettings:
    return MigrationSettings(url=empty_database.operator_url, wait_seconds=10, roles=ROLES)


def described(engine: Engine) -> dict[str, list[tuple[object, ...]]]:
    with engine.connect() as connection:
        return {name: [tuple(row) for row in connection.execute(text(query))] for name, query in SCHEMA.items()}


def test_a_fresh_schema_equals_the_migrated_one(engine: Engine, empty_database: Database) -> None:
    fresh = open_engine(empty_database.operator_url, application_name="test-fresh", timeouts=QUICK)
    with fresh.begin() as connection:
        create_schema(connection)
    left, right = described(fresh), described(engine)
    fresh.dispose()
    assert len(right["columns"]) > 100
    for name in SCHEMA:
        assert left[name] == right[name], name


def test_every_sql_file_of_today_is_run_by_a_migration() -> None:
    versions = Path(revisions.__file__).parent / "versions"
    bodies = "".join(path.read_text() for path in versions.glob("*.py"))
    assert all(re.search(rf"""['"]{name}['"]""", bodies) for name in SQL_FILES)


def test_the_trigger_and_the_listener_name_the_same_channel() -> None:
    folder = Path(revisions.__file__).parent / "sql"
    assert f"pg_notify('{OUTCOMES_CHANNEL}'" in (folder / "triggers_0006.sql").read_text()


def test_only_the_verdict_of_a_result_may_change() -> None:
    folder = Path(revisions.__file__).parent / "sql"
    (listed,) = re.findall(
        r"BEFORE UPDATE OF(.*?)ON backtest_results", (folder / "triggers_0006.sql").read_text(), re.S
    )
    fixed = {name.strip() for name in listed.split(",")}
    columns = BacktestResult.__table__.columns
    free = {"passed", "rejections", "criteria_version", "created_at"}
    assert fixed == {column.name for column in columns if column.computed is None} - free


def test_migrating_again_changes_nothing(settings: MigrationSettings) -> None:
    said: list[str] = []
    migrate(settings, said.append)
    assert said[0] == f"the schema is at revision {revisions.newest_revision()}, after an empty database"
    engine = open_engine(settings.url, application_name="test", timeouts=QUICK)
    before = described(engine)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT * FROM strategies ORDER BY name")).all()
    said.clear()
    migrate(settings, said.append)
    assert said == [
        f"the schema is at revision {revisions.newest_revision()}",
        "15 strategies and their success criteria are in place",
        f"{RECORDER} may append outcomes",
        f"{API} may read",
    ]
    with engine.connect() as connection:
        assert connection.execute(text("SELECT * FROM strategies ORDER BY name")).all() == rows
    assert described(engine) == before
    engine.dispose()


def test_the_released_schema_with_its_rows_is_migrated_and_nothing_of_it_is_stale(
    settings: MigrationSettings, engine: Engine
) -> None:
    old = open_engine(settings.url, application_name="test", timeouts=QUICK)
    with old.begin() as connection:
        migrate_to_released(connection)
    fill(old, "released", 300, attempts=RELEASED_ATTEMPTS)
    with old.begin() as connection:
        connection.execute(
            text(
                "UPDATE backtest_attempts SET engine_version = '2' WHERE ctid IN (SELECT min(ctid) FROM backtest_attempts)"
            )
        )
    migrate(settings, lambda _: None)
    assert described(old) == described(engine)
    with old.connect() as connection:
        rows = connection.execute(text("SELECT criteria_version, stale_verdicts FROM optimization_batches")).all()
        versions = connection.execute(text("SELECT DISTINCT criteria_version FROM backtest_results")).scalars().all()
    view = observe(old, "released", [BIG_UID])
    old.dispose()
    assert (rows, versions) == ([(1, 0)], [1])
    assert ([each.criteria_version for each in view.batches], view.stale) == ([1], {})
    assert [each.engine_versions for each in view.batches] == [("2",)]


def test_a_project_that_a_batch_of_the_released_version_brought_is_nobody_elses(settings: MigrationSettings) -> None:
    old = open_engine(settings.url, application_name="test", timeouts=QUICK)
    bring = """
        INSERT INTO optimization_batches (uid, installation_id, namespace, name, state, strategy_name, engine,
            initial_cash, objective_metric, objective_direction, spec, controls, axes, criteria, accepted_at)
        VALUES (:name, 'released', 'research', :name, 'live', :name, 'lean', 1000, 'sharpe_ratio', 'maximize',
            '{"strategy": {"leanProjectPath": "mine"}}', '{}', '{}', '{}', now())
    """
    insert = "INSERT INTO strategies (name, lean_project_path) VALUES (:name, 'mine')"
    with old.begin() as connection:
        migrate_to_released(connection)
    with old.begin() as connection:
        connection.execute(text(insert), {"name": "By_A_User"})
    with old.begin() as connection:
        connection.execute(text(insert), {"name": "By_A_Batch"})
        for name in ("By_A_User", "By_A_Batch"):
            connection.execute(text(bring), {"name": name})
    migrate(settings, lambda _: None)
    stored = load_catalog(old).strategies
    old.dispose()
    assert (stored["By_A_User"].lean_project_path, stored["By_A_Batch"].lean_project_path) == ("mine", None)


def test_two_migrators_at_once_both_end_well(settings: MigrationSettings) -> None:
    said: list[str] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            migrate(settings, said.append)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert sum("after an empty database" in line for line in said) == 1
    assert len(said) == 12


def test_a_migrator_gives_up_on_a_lock_that_is_never_freed(settings: MigrationSettings) -> None:
    engine = open_engine(settings.url, application_name="test", timeouts=QUICK)
    with (
        revisions.MigrationLock(engine, time.monotonic() + 5),
        pytest.raises(Unavailable, match="another migrator"),
        revisions.MigrationLock(engine, time.monotonic() + 0.1),
    ):
        pass
    with revisions.MigrationLock(engine, time.monotonic() + 5):
        pass
    engine.dispose()


def test_a_newer_database_is_left_alone(database: Database, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Conflict, match="revision 9999"):
        migrate(MigrationSettings(url=database.operator_url, wait_seconds=5), lambda _: None)


def test_a_missing_role_leaves_the_database_as_it_was(settings: MigrationSettings) -> None:
    with pytest.raises(SpecInvalid):
        migrate(MigrationSettings(url=settings.url, wait_seconds=5, roles=Roles(api="nobody_such")), lambda _: None)
    engine = open_engine(settings.url, application_name="test", timeouts=QUICK)
    assert described(engine)["columns"] == []
    engine.dispose()


def test_roles_that_are_not_named_get_a_warning(settings: MigrationSettings) -> None:
    said: list[str] = []
    migrate(MigrationSettings(url=settings.url, wait_seconds=5, roles=Roles(recorder=OPERATOR)), said.append)
    assert [line for line in said if line.startswith("warning")] == [
        f"warning: {grants.ENV_ROLE_RECORDER} names {OPERATOR}, the owner of the tables, which may do everything",
        f"warning: {grants.ENV_ROLE_API} is not set, so no role is granted these rights",
    ]


def test_rights_that_a_role_had_before_are_taken(database: Database, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {RECORDER}"))
    migrate(MigrationSettings(url=database.operator_url, wait_seconds=5, roles=ROLES), lambda _: None)
    with engine.connect() as connection:
        rights = connection.execute(
            text("SELECT DISTINCT privilege_type FROM information_schema.table_privileges WHERE grantee = :role"),
            {"role": RECORDER},
        ).all()
    assert rights == []
