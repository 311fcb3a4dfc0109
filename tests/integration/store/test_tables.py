"""What the tables themselves refuse, whoever writes: outcomes are appended, results stay, succeeded is for ever."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace

import psycopg2
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from backfleet.core.warmth import RunKind
from backfleet.store.tables.schema import METADATA
from tests.support.changes import UID, Life, append_outcome, attempt, fail, launch, recorded, succeed
from tests.support.databases import Database

pytestmark = pytest.mark.postgres


@pytest.fixture
def settled(life: Life, database: Database) -> Engine:
    """Insert a succeeded backtest, a failed one and a running one, with the first one's outcome."""
    life.save(*(launch(attempt(index)) for index in range(3)))
    append_outcome(database.recorder_url, attempt(0).id, recorded())
    life.save(succeed(attempt(0)), fail(attempt(1)))
    return life.engine


def run(engine: Engine, statement: str) -> int:
    with engine.begin() as connection:
        return connection.execute(text(statement)).rowcount


@contextmanager
def _as(url: str) -> Iterator[Callable[[str], None]]:
    """Run statements as another role. Raise PermissionError if Postgres denies one."""

    def execute(statement: str) -> None:
        try:
            connection.rollback()
            cursor.execute(statement)
        except psycopg2.errors.InsufficientPrivilege as error:
            raise PermissionError(str(error)) from error

    with closing(psycopg2.connect(url, connect_timeout=5)) as connection, connection.cursor() as cursor:
        yield execute


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE backtest_outcomes SET exit_code = 7",
        "UPDATE backtest_outcomes SET recorded_at = now()",
        "DELETE FROM backtest_outcomes",
        "TRUNCATE backtest_outcomes CASCADE",
        "DELETE FROM backtest_results",
        "UPDATE backtest_results SET metrics = '{}'",
        "UPDATE backtest_results SET rank_key = -9",
        "UPDATE backtest_results SET run = 'warm'",
        "UPDATE backtest_jobs SET state = 'queued' WHERE index = 0",
        "UPDATE backtest_jobs SET message = 'x' WHERE state = 'succeeded'",
    ],
)
def test_what_is_recorded_never_changes(settled: Engine, statement: str) -> None:
    with pytest.raises(DBAPIError, match="is refused: its rows never change"):
        run(settled, statement)


def test_a_verdict_may_be_judged_again(settled: Engine) -> None:
    assert (
        run(settled, "UPDATE backtest_results SET passed = false, rejections = '{low_psr}', criteria_version = 2") == 1
    )


def test_a_warm_result_can_be_dropped_and_only_then_its_backtest_be_opened_again(
    life: Life, database: Database
) -> None:
    life.save(launch(attempt(0)))
    append_outcome(database.recorder_url, attempt(0).id, recorded())
    life.save(replace(succeed(attempt(0)), run=RunKind.WARM))
    again = "UPDATE backtest_jobs SET state = 'queued' WHERE index = 0"
    with pytest.raises(DBAPIError, match="is refused: its rows never change"):
        run(life.engine, again)
    assert run(life.engine, "DELETE FROM backtest_results") == 1
    assert run(life.engine, again) == 1


def test_a_failed_backtest_may_be_opened_again(settled: Engine) -> None:
    assert run(settled, "UPDATE backtest_jobs SET state = 'queued', retry_round = 1 WHERE index = 1") == 1


def test_purging_a_batch_takes_all_its_rows_along(settled: Engine) -> None:
    assert run(settled, "DELETE FROM optimization_batches") == 1
    with settled.connect() as connection:
        for table in (
            "backtest_jobs",
            "backtest_packs",
            "backtest_attempts",
            "backtest_outcomes",
            "backtest_results",
            "outcome_inbox",
        ):
            assert connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() == 0, table


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("UPDATE optimization_batches SET state = 'paused'", "ck_optimization_batches_state"),
        ("UPDATE optimization_batches SET state = 'finished'", "ck_optimization_batches_finished"),
        ("UPDATE optimization_batches SET failed = -1", "ck_optimization_batches_counters"),
        ("UPDATE optimization_batches SET passed = 9", "ck_optimization_batches_counters"),
        ("UPDATE optimization_batches SET strategy_name = 'none'", "fk_optimization_batches_strategy_name"),
        ("UPDATE optimization_batches SET installation_id = 'none'", "fk_optimization_batches_installation_id"),
        ("UPDATE backtest_jobs SET state = 'lost' WHERE index = 1", "ck_backtest_jobs_state"),
        ("UPDATE backtest_jobs SET reason = 'Bored' WHERE index = 1", "ck_backtest_jobs_reason"),
        ("UPDATE backtest_jobs SET index = 2 WHERE index = 1", "uq_backtest_jobs_batch_uid_window_no_index"),
        (
            "UPDATE backtest_jobs SET deciding_attempt_id = 'none' WHERE index = 1",
            "fk_backtest_jobs_deciding_attempt_id",
        ),
        ("UPDATE backtest_attempts SET is_open = false WHERE ended_at IS NULL", "ck_backtest_attempts_closed"),
        ("UPDATE backtest_attempts SET pack_id = 'none'", "fk_backtest_attempts_pack_id"),
        ("UPDATE backtest_packs SET unsettled = -1", "ck_backtest_packs_size"),
        ("UPDATE backtest_packs SET unsettled = size + 1", "ck_backtest_packs_size"),
        ("UPDATE backtest_packs SET batch_uid = 'none'", "fk_backtest_packs_batch_uid"),
        ("UPDATE backtest_results SET passed = false", "ck_backtest_results_verdict"),
        (
            f"INSERT INTO backtest_outcomes (attempt_id, kind) VALUES ('{UID}-1.1', 'succeeded')",
            "ck_backtest_outcomes_body",
        ),
        (
            f"INSERT INTO backtest_outcomes (attempt_id, kind, reason) VALUES ('{UID}-1.1', 'failed', 'NoData')",
            "ck_backtest_outcomes_failure",
        ),
        (
            "INSERT INTO backtest_outcomes (attempt_id, kind, reason, message) "
            f"VALUES ('{UID}-1.1', 'failed', 'NoData', repeat('x', 2001))",
            "ck_backtest_outcomes_size",
        ),
        (
            "INSERT INTO backtest_outcomes (attempt_id, kind, reason, message) VALUES ('none', 'failed', 'NoData', 'x')",
            "fk_backtest_outcomes_attempt_id",
        ),
        (
            "INSERT INTO backtest_results (backtest_id, batch_uid, attempt_id, index, rank_key, passed, criteria_version, "
            f"metrics, recorded_at) VALUES ('{UID}-1', '{UID}', '{UID}-1.1', 1, 0, true, 1, '{{}}', now())",
            "fk_backtest_results_attempt_id",
        ),
        ("UPDATE strategies SET status = 'great'", "ck_strategies_status"),
        ("INSERT INTO success_criteria (min_trades) VALUES (1)", "ix_success_criteria_default"),
    ],
)
def test_rows_that_make_no_sense_are_refused(settled: Engine, statement: str, constraint: str) -> None:
    with pytest.raises(DBAPIError, match=constraint):
        run(settled, statement)


def test_the_recorders_role_may_neither_read_nor_delete(database: Database) -> None:
    with _as(database.recorder_url) as execute:
        for table in METADATA.tables:
            for verb in ("SELECT * FROM", "DELETE FROM", "TRUNCATE"):
                with pytest.raises(PermissionError):
                    execute(f"{verb} {table}")
        with pytest.raises(PermissionError):
            execute("SELECT * FROM strategy_leaderboard")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE backtest_outcomes SET exit_code = 0",
        "UPDATE backtest_jobs SET state = 'succeeded'",
        "INSERT INTO installations (id) VALUES ('mine')",
        "INSERT INTO outcome_inbox (attempt_id) VALUES ('x')",
        "INSERT INTO backtest_outcomes (attempt_id, kind, recorded_at) VALUES ('x', 'failed', now() - interval '1 year')",
        "CREATE TABLE mine (id int)",
    ],
)
def test_the_recorders_role_may_write_nothing_but_outcomes(database: Database, statement: str) -> None:
    with pytest.raises(PermissionError), _as(database.recorder_url) as execute:
        execute(statement)
