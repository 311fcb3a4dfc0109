"""The command backfleet-migrate: its exit codes, and what it says."""

import threading

import pytest

from backfleet.store.migration.command import main
from tests.support.databases import Database
from tests.support.postgres import API, RECORDER

pytestmark = pytest.mark.postgres


def environment(database: Database, **changes: str) -> dict[str, str]:
    given = {
        "BACKFLEET_DATABASE_URL": database.operator_url,
        "BACKFLEET_MIGRATE_WAIT_SECONDS": "10",
        "BACKFLEET_DB_ROLE_RECORDER": RECORDER,
        "BACKFLEET_DB_ROLE_API": API,
    }
    return given | changes


def test_the_command_migrates_and_then_says_that_it_is_current(
    empty_database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    given = environment(empty_database)
    assert main(["--check"], given) == 4
    assert "got none. Run backfleet-migrate" in capsys.readouterr().err
    assert main([], given) == 0
    assert main(["--check"], given) == 0
    assert "as this version needs" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ({"BACKFLEET_DATABASE_URL": ""}, 2, "BACKFLEET_DATABASE_URL: expected the Postgres URL"),
        ({"BACKFLEET_DATABASE_URL": "mysql://u:hunter2@h/d"}, 2, "expected a Postgres URL, got the scheme 'mysql'"),
        ({"BACKFLEET_MIGRATE_WAIT_SECONDS": "soon"}, 2, "expected seconds from 0 to 86400, got 'soon'"),
        ({"BACKFLEET_MIGRATE_WAIT_SECONDS": "-1"}, 2, "BACKFLEET_MIGRATE_WAIT_SECONDS"),
        ({"BACKFLEET_DB_ROLE_API": "nobody_such"}, 2, "BACKFLEET_DB_ROLE_API: the database has no role 'nobody_such'"),
        (
            {"BACKFLEET_DATABASE_URL": "postgresql://u:hunter2@127.0.0.1:1/d", "BACKFLEET_MIGRATE_WAIT_SECONDS": "0.1"},
            3,
            "Postgres does not answer",
        ),
    ],
    ids=["no url", "wrong scheme", "wrong wait", "negative wait", "missing role", "nobody listens"],
)
def test_what_is_wrong_is_named_with_its_exit_code(
    empty_database: Database, capsys: pytest.CaptureFixture[str], change: dict[str, str], code: int, message: str
) -> None:
    assert main([], environment(empty_database, **change)) == code
    said = capsys.readouterr()
    assert message in said.err
    assert "hunter2" not in said.err + said.out


def test_the_command_waits_for_a_postgres_that_comes(
    empty_database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    with empty_database.behind_proxy() as proxy:
        proxy.cut()
        threading.Timer(0.3, proxy.restore).start()
        url = proxy.url_of(empty_database.operator_url)
        assert main([], environment(empty_database, BACKFLEET_DATABASE_URL=url)) == 0
    assert "waiting for Postgres" in capsys.readouterr().out
