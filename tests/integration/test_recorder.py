"""The recorder against a real Postgres, with the role that it has in production and no other right."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from backfleet.core.backtests import Failure, Outcome, result_from_json, result_to_json
from backfleet.core.reasons import FailureReason
from backfleet.core.records import Measured
from backfleet.engines.noop import run as run_noop
from backfleet.recorder.appending import Answer, append_outcome
from backfleet.recorder.main import MONOTONIC, run
from tests.support.changes import Life, attempt, failure, recorded, result
from tests.support.databases import Database
from tests.support.engines import make_request, write_exit, write_result
from tests.support.launched import launched
from tests.support.rows import seen_outcome

pytestmark = pytest.mark.postgres

REQUEST = make_request("Noop")


@pytest.fixture
def life(database: Database) -> Iterator[Life]:
    """Yield a batch with one launched attempt."""
    with launched(database) as life:
        yield life


def environment(folder: Path, url: str, **changes: str) -> dict[str, str]:
    given = {
        "BACKFLEET_ENGINE": "noop",
        "BACKFLEET_REQUEST": REQUEST.to_json(),
        "BACKFLEET_ATTEMPT_ID": attempt().id,
        "BACKFLEET_RECORDER_DATABASE_URL": url,
        "BACKFLEET_RECORDER_PATIENCE_SECONDS": "20",
        "BACKFLEET_RESULTS_PATH": str(folder),
        "BACKFLEET_TERMINATION_LOG": str(folder / "last-word"),
    }
    return given | changes


def succeeded(folder: Path) -> Path:
    write_exit(folder)
    write_result(folder, result_to_json(run_noop(REQUEST)))
    return folder


def test_a_result_arrives_as_the_engine_left_it(life: Life, database: Database, tmp_path: Path) -> None:
    assert run(environment(succeeded(tmp_path), database.recorder_url), append_outcome, MONOTONIC) == 0
    (outcome,) = life.look().outcomes
    assert isinstance(outcome.ending, Measured)
    assert outcome.ending.metrics == run_noop(REQUEST).metrics
    (row,) = life.query("SELECT body FROM backtest_outcomes")
    assert result_from_json(row["body"]) == run_noop(REQUEST)


def test_a_failure_arrives_with_its_reason(life: Life, database: Database, tmp_path: Path) -> None:
    write_exit(tmp_path, 10)
    (tmp_path / "error.json").write_text('{"message": "no data for XYZ"}')
    assert run(environment(tmp_path, database.recorder_url), append_outcome, MONOTONIC) == 3
    (outcome,) = life.look().outcomes
    message = "no data for XYZ (the engine exited with code 10)"
    assert outcome.ending == Failure(reason=FailureReason.NO_DATA, message=message)


def test_a_second_recorder_of_an_attempt_changes_nothing_and_counts_as_recorded(life: Life, database: Database) -> None:
    first = append_outcome(database.recorder_url, attempt().id, recorded())
    second = append_outcome(database.recorder_url, attempt().id, recorded(failure()))
    assert (first.answer, second.answer) == (Answer.APPENDED, Answer.DUPLICATE)
    (outcome,) = life.look().outcomes
    assert outcome == seen_outcome(attempt().id, outcome.recorded_at, recorded())


def test_recorders_at_once_append_one_outcome(life: Life, database: Database) -> None:
    answers: list[Answer] = []

    def append() -> None:
        answers.append(append_outcome(database.recorder_url, attempt().id, recorded()).answer)

    threads = [threading.Thread(target=append) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(answers) == [Answer.APPENDED, *[Answer.DUPLICATE] * 3]
    assert len(life.look().outcomes) == 1


def test_an_attempt_that_was_purged_is_unknown(life: Life, database: Database) -> None:
    with life.engine.begin() as connection:
        connection.execute(text("DELETE FROM optimization_batches"))
    assert append_outcome(database.recorder_url, attempt().id, recorded()).answer is Answer.UNKNOWN_ATTEMPT


@pytest.mark.parametrize(
    "said",
    [
        Outcome(ending=replace(result(), statistics={"Notes": "x" * 2_000_000})),
        Outcome(ending=result(), exit_code=2**40),
        Outcome(ending=result(sharpe_ratio=float("nan"))),
    ],
    ids=["too large", "no such exit code", "not a number"],
)
def test_content_that_the_tables_do_not_take_is_refused(life: Life, database: Database, said: Outcome) -> None:
    assert append_outcome(database.recorder_url, attempt().id, said).answer is Answer.REFUSED
    assert life.look().outcomes == ()


def test_the_time_of_recording_is_the_databases(life: Life, database: Database) -> None:
    said = replace(recorded(), engine_finished_at=datetime(1999, 1, 1, tzinfo=UTC))
    append_outcome(database.recorder_url, attempt().id, said)
    view = life.look()
    assert abs((view.now - view.outcomes[0].recorded_at).total_seconds()) < 60


def test_a_role_without_its_grant_is_away_not_lost(life: Life, database: Database) -> None:
    assert append_outcome(database.api_url, attempt().id, recorded()).answer is Answer.AWAY
    assert life.look().outcomes == ()


def test_an_outage_is_outlived(life: Life, database: Database, tmp_path: Path) -> None:
    with database.behind_proxy() as proxy:
        proxy.cut()
        threading.Timer(0.7, proxy.restore).start()
        given = environment(succeeded(tmp_path), proxy.url_of(database.recorder_url))
        assert run(given, append_outcome, MONOTONIC) == 0
    assert len(life.look().outcomes) == 1


def test_an_outage_longer_than_the_patience_ends_the_recorder(life: Life, database: Database, tmp_path: Path) -> None:
    with database.behind_proxy() as proxy:
        proxy.cut()
        url = proxy.url_of(database.recorder_url)
        given = environment(succeeded(tmp_path), url, BACKFLEET_RECORDER_PATIENCE_SECONDS="0.5")
        assert run(given, append_outcome, MONOTONIC) == 4
    word = json.loads((tmp_path / "last-word").read_text())
    assert word["recorded"] is False
    assert database.server.password not in json.dumps(word)
    assert life.look().outcomes == ()
