"""The recorder when Postgres is silent, loses an answer, refuses, or the pod is deleted meanwhile."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import psycopg2
import pytest

from backfleet.core.backtests import Outcome, Result, attempt_id, result_to_json
from backfleet.engines.noop import run as run_noop
from backfleet.recorder.appending import Answer, append_rows, row
from backfleet.recorder.main import run
from backfleet.recorder.recording import Clock, Recording
from tests.support.changes import UID
from tests.support.databases import Database
from tests.support.engines import make_request, write_exit, write_result
from tests.support.launched import launched
from tests.support.packs import pack_of
from tests.support.proxy import Proxy
from tests.unit.recorder.test_orders import ORDERS

pytestmark = pytest.mark.postgres

ATTEMPT = attempt_id(UID, 0, 1)
REQUEST = make_request("Noop", {"value": "1.25"})
GOOD = run_noop(REQUEST)
ROWS = [row(ATTEMPT, Outcome(ending=GOOD))]
NEVER_SLEEPS = Clock(now=time.monotonic, sleep=lambda _: pytest.fail("it sleeps"))


@pytest.fixture
def url(database: Database) -> Iterator[str]:
    """Yield the recorder's own URL of a database in which one attempt was launched."""
    with launched(database):
        yield database.recorder_url


def rows(database: Database) -> list[tuple[str, str | None, str | None]]:
    """Return kind, reason and message of every outcome."""
    connection = psycopg2.connect(database.operator_url)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT kind, reason, message FROM backtest_outcomes")
            return cursor.fetchall()
    finally:
        connection.close()


def environment_of(folder: Path, url: str) -> dict[str, str]:
    return {
        "BACKFLEET_ENGINE": "noop",
        "BACKFLEET_PACK": pack_of(REQUEST, UID, 0, 1).to_json(),
        "BACKFLEET_RECORDER_DATABASE_URL": url,
        "BACKFLEET_RESULTS_PATH": str(folder),
        "BACKFLEET_TERMINATION_LOG": str(folder / "last-word"),
    }


def leave(folder: Path, code: int) -> None:
    """Leave what the shim writes of the only member."""
    (folder / "0").mkdir()
    write_exit(folder / "0", code)


def start(environment: Mapping[str, str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "backfleet.recorder.main"]
    path = {"PYTHONPATH": str(Path(__file__).parents[2] / "operator"), "PATH": os.environ["PATH"]}
    return subprocess.Popen(command, env={**environment, **path}, stderr=subprocess.PIPE, text=True)


def test_an_attempt_that_the_database_does_not_know_is_not_tried_again(
    database: Database, url: str, tmp_path: Path
) -> None:
    leave(tmp_path, 10)
    environment = environment_of(tmp_path, url) | {"BACKFLEET_PACK": pack_of(REQUEST, UID, 7, 1).to_json()}
    assert run(environment, append_rows, NEVER_SLEEPS) == 5
    word = json.loads((tmp_path / "last-word").read_text())
    assert (word["recorded"], word["notTaken"]) == (0, 1)
    assert "foreign key" in word["message"]
    assert rows(database) == []


@pytest.mark.parametrize(
    "outcome",
    [
        replace(GOOD, warnings=("nul \x00",)),
        replace(GOOD, warnings=("lone \ud800",)),
        replace(GOOD, statistics={str(number): os.urandom(4000).hex() for number in range(1500)}),
    ],
    ids=["nul", "surrogate", "too large"],
)
def test_what_postgres_refuses_is_recorded_as_a_recorder_error(database: Database, url: str, outcome: Result) -> None:
    orders = replace(ORDERS, database_url=url)
    recording = Recording(orders, append_rows, NEVER_SLEEPS, lambda *args, **fields: None)
    recording.record([(ATTEMPT, Outcome(ending=outcome, exit_code=0))])
    assert recording.tally.recorded == 1
    ((kind, reason, message),) = rows(database)
    assert (kind, reason) == ("failed", "RecorderError")
    assert message is not None
    assert message.startswith("the database refused the outcome: ")


def test_a_lost_answer_to_the_commit_is_recorded_once(database: Database, url: str) -> None:
    with Proxy.before(database.server.url) as proxy:

        def lose_commit(chunk: bytes) -> bytes:
            if b"COMMIT\x00" in chunk:
                proxy.cut()
            return chunk

        # The pumps take `rewrite` when a connection opens, so it is set before and the second goes direct.
        proxy.rewrite = lose_commit
        assert append_rows(proxy.url_of(url), ROWS).answer is Answer.AWAY
    assert append_rows(url, ROWS).answer is Answer.DUPLICATE
    assert len(rows(database)) == 1


def test_a_server_that_is_silent_is_given_up(database: Database, url: str) -> None:
    with database.behind_proxy() as proxy:
        proxy.freeze()
        started = time.monotonic()
        reply = append_rows(proxy.url_of(url), ROWS, call_seconds=0.5)
        assert (reply.answer, reply.message) == (Answer.AWAY, "the database did not answer within 0.5 s")
        assert time.monotonic() - started < 5
    assert rows(database) == []


def test_a_wrong_password_is_an_outage_that_does_not_show_it(database: Database, url: str) -> None:
    wrong = url.replace(database.server.password, "not-the-password")
    reply = append_rows(wrong, ROWS)
    assert reply.answer is Answer.AWAY
    assert "password authentication failed" in reply.message
    assert "not-the-password" not in reply.message


def test_the_program_records_from_its_environment_alone(database: Database, url: str, tmp_path: Path) -> None:
    leave(tmp_path, 0)
    write_result(tmp_path / "0", result_to_json(GOOD))
    process = start(environment_of(tmp_path, url.replace("postgresql://", "postgresql+psycopg2://")))
    _, written = process.communicate(timeout=60)
    assert process.returncode == 0, written
    assert [json.loads(line)["event"] for line in written.splitlines()] == ["outcome read", "recorded"]
    word = json.loads((tmp_path / "last-word").read_text())
    assert (word["recorded"], word["succeeded"], word["message"]) == (1, 1, "")
    assert database.server.password not in written
    assert rows(database) == [("succeeded", None, None)]


@pytest.mark.parametrize("is_silent", [True, False], ids=["while the server is silent", "between two tries"])
def test_sigterm_ends_the_program_at_once(database: Database, url: str, tmp_path: Path, is_silent: bool) -> None:
    leave(tmp_path, 10)
    with database.behind_proxy() as proxy:
        if is_silent:
            proxy.freeze()
        else:
            proxy.cut()
        process = start(environment_of(tmp_path, proxy.url_of(url)))
        assert process.stderr is not None
        expected = "outcome read" if is_silent else "database away"
        while json.loads(process.stderr.readline())["event"] != expected:
            pass
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 4
        process.stderr.close()
    word = json.loads((tmp_path / "last-word").read_text())
    message = "the recorder was terminated before it had recorded every outcome"
    assert (word["recorded"], word["message"]) == (0, message)
    assert rows(database) == []
