"""The recorder against a real Postgres, with the role that it has in production and no other right."""

import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psycopg2
import pytest
from sqlalchemy import text

from backfleet.core.backtests import Failure, Outcome, result_from_json, result_to_json
from backfleet.core.reasons import FailureReason
from backfleet.core.records import Measured
from backfleet.engines.noop import run as run_noop
from backfleet.engines.reports import PACK_REPORT
from backfleet.recorder.appending import Answer, OutcomeRow, Reply, append_rows, row
from backfleet.recorder.main import MONOTONIC, Terminated, run
from backfleet.store.tables.base import OUTCOMES_CHANNEL
from tests.support.changes import UID, Life, attempt, failure, launch, recorded, result
from tests.support.databases import Database
from tests.support.engines import make_request, write_exit, write_result
from tests.support.launched import launched
from tests.support.packs import pack_of, pack_of_all
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
        "BACKFLEET_PACK": pack_of(REQUEST, UID, 0, 1).to_json(),
        "BACKFLEET_RECORDER_DATABASE_URL": url,
        "BACKFLEET_RECORDER_PATIENCE_SECONDS": "20",
        "BACKFLEET_RESULTS_PATH": str(folder),
        "BACKFLEET_TERMINATION_LOG": str(folder / "last-word"),
    }
    return given | changes


def succeeded(folder: Path, position: int = 0) -> Path:
    (folder / str(position)).mkdir()
    write_exit(folder / str(position))
    write_result(folder / str(position), result_to_json(run_noop(REQUEST)))
    return folder


def append(url: str, attempt_id: str, said: Outcome) -> Answer:
    return append_rows(url, [row(attempt_id, said)]).answer


def test_a_result_arrives_as_the_engine_left_it(life: Life, database: Database, tmp_path: Path) -> None:
    assert run(environment(succeeded(tmp_path), database.recorder_url), append_rows, MONOTONIC) == 0
    (outcome,) = life.look().outcomes
    assert isinstance(outcome.ending, Measured)
    assert outcome.ending.metrics == run_noop(REQUEST).metrics
    (row,) = life.query("SELECT body FROM backtest_outcomes")
    assert result_from_json(row["body"]) == run_noop(REQUEST)


def test_a_failure_arrives_with_its_reason(life: Life, database: Database, tmp_path: Path) -> None:
    (tmp_path / "0").mkdir()
    write_exit(tmp_path / "0", 10)
    (tmp_path / "0/error.json").write_text('{"message": "no data for XYZ"}')
    assert run(environment(tmp_path, database.recorder_url), append_rows, MONOTONIC) == 3
    (outcome,) = life.look().outcomes
    message = "no data for XYZ (the engine exited with code 10)"
    assert outcome.ending == Failure(reason=FailureReason.NO_DATA, message=message)


def test_a_second_recorder_of_an_attempt_changes_nothing_and_counts_as_recorded(life: Life, database: Database) -> None:
    first = append(database.recorder_url, attempt().id, recorded())
    second = append(database.recorder_url, attempt().id, recorded(failure()))
    assert (first, second) == (Answer.APPENDED, Answer.DUPLICATE)
    (outcome,) = life.look().outcomes
    assert outcome == seen_outcome(attempt().id, outcome.recorded_at, recorded())


def test_recorders_at_once_append_one_outcome(life: Life, database: Database) -> None:
    answers: list[Answer] = []

    def append_one() -> None:
        answers.append(append(database.recorder_url, attempt().id, recorded()))

    threads = [threading.Thread(target=append_one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(answers) == [Answer.APPENDED, *[Answer.DUPLICATE] * 3]
    assert len(life.look().outcomes) == 1


def test_an_attempt_that_was_purged_is_unknown(life: Life, database: Database) -> None:
    with life.engine.begin() as connection:
        connection.execute(text("DELETE FROM optimization_batches"))
    assert append(database.recorder_url, attempt().id, recorded()) is Answer.UNKNOWN_ATTEMPT


@pytest.mark.parametrize(
    "said",
    [
        Outcome(ending=replace(result(), statistics={"Notes": "x" * 2_000_000})),
        Outcome(ending=result(), exit_code=2**40),
    ],
    ids=["too large", "no such exit code"],
)
def test_content_that_the_tables_do_not_take_is_refused(life: Life, database: Database, said: Outcome) -> None:
    assert append(database.recorder_url, attempt().id, said) is Answer.REFUSED
    assert life.look().outcomes == ()


def test_the_time_of_recording_is_the_databases(life: Life, database: Database) -> None:
    said = replace(recorded(), engine_finished_at=datetime(1999, 1, 1, tzinfo=UTC))
    append(database.recorder_url, attempt().id, said)
    view = life.look()
    assert abs((view.now - view.outcomes[0].recorded_at).total_seconds()) < 60


def test_a_role_without_its_grant_is_away_not_lost(life: Life, database: Database) -> None:
    assert append(database.api_url, attempt().id, recorded()) is Answer.AWAY
    assert life.look().outcomes == ()


def test_a_pack_is_recorded_whole_and_an_outcome_that_is_refused_is_an_error_alone(
    life: Life, database: Database, tmp_path: Path
) -> None:
    life.save(*(launch(attempt(index)) for index in range(1, 5)))
    for position in range(3):
        succeeded(tmp_path, position)
    write_exit(tmp_path / "1", 2**40)  # no integer of Postgres, but a number that a shell could write
    (tmp_path / "backfleet-pack").write_text(PACK_REPORT % 4)
    pack = pack_of_all(REQUEST, *({"value": str(value)} for value in range(5)), uid=UID)
    given = environment(tmp_path, database.recorder_url, BACKFLEET_PACK=pack.to_json())
    assert run(given, append_rows, MONOTONIC) == 0
    found = life.query("SELECT attempt_id, kind, reason FROM backtest_outcomes ORDER BY attempt_id")
    assert [(each["kind"], each["reason"]) for each in found] == [
        ("succeeded", None), ("failed", "ResultMissing"), ("succeeded", None), ("failed", "ResultMissing"),
        ("failed", "NotBegun"),
    ]  # fmt: skip
    assert [each["attempt_id"] for each in found] == pack.attempt_ids


def test_one_transaction_has_one_wake_up(life: Life, database: Database) -> None:
    life.save(*(launch(attempt(index)) for index in range(1, 40)))
    listener = psycopg2.connect(database.operator_url)
    try:
        listener.autocommit = True
        with listener.cursor() as cursor:
            cursor.execute(f"LISTEN {OUTCOMES_CHANNEL}")
            rows = [row(attempt(index).id, recorded()) for index in range(40)]
            assert append_rows(database.recorder_url, rows).answer is Answer.APPENDED
            cursor.execute("SELECT 1")
        listener.poll()
        assert [each.payload for each in listener.notifies] == [UID]
    finally:
        listener.close()


def test_rows_of_which_one_is_there_already_append_the_others(life: Life, database: Database) -> None:
    life.save(*(launch(attempt(index)) for index in range(1, 3)))
    append(database.recorder_url, attempt(1).id, recorded(failure()))
    rows = [row(attempt(index).id, recorded()) for index in range(3)]
    assert append_rows(database.recorder_url, rows).answer is Answer.APPENDED
    found = life.query("SELECT kind FROM backtest_outcomes ORDER BY attempt_id")
    assert [each["kind"] for each in found] == ["succeeded", "failed", "succeeded"]


def test_a_recorder_that_dies_between_two_transactions_leaves_the_rest_to_the_next_one(
    life: Life, database: Database, tmp_path: Path
) -> None:
    size = 250
    life.save(*(launch(attempt(index)) for index in range(1, size)))
    for position in range(size):
        succeeded(tmp_path, position)
    pack = pack_of_all(REQUEST, *({"value": str(value)} for value in range(size)), uid=UID)
    given = environment(tmp_path, database.recorder_url, BACKFLEET_PACK=pack.to_json())
    calls: list[int] = []

    def dies_second(url: str, rows: Sequence[OutcomeRow]) -> Reply:
        calls.append(len(rows))
        if len(calls) == 2:
            raise Terminated
        return append_rows(url, rows)

    assert run(given, dies_second, MONOTONIC) == 4
    word = json.loads((tmp_path / "last-word").read_text())
    assert (word["recorded"], word["succeeded"], word["message"]) == (
        100, 100, "the recorder was terminated before it had recorded every outcome",
    )  # fmt: skip
    (count,) = life.query("SELECT count(*) AS n FROM backtest_outcomes")
    assert count["n"] == 100
    assert run(given, append_rows, MONOTONIC) == 0
    found = life.query("SELECT attempt_id FROM backtest_outcomes")
    assert sorted(each["attempt_id"] for each in found) == sorted(pack.attempt_ids)


def test_an_outage_is_outlived(life: Life, database: Database, tmp_path: Path) -> None:
    with database.behind_proxy() as proxy:
        proxy.cut()
        threading.Timer(0.7, proxy.restore).start()
        given = environment(succeeded(tmp_path), proxy.url_of(database.recorder_url))
        assert run(given, append_rows, MONOTONIC) == 0
    assert len(life.look().outcomes) == 1


def test_an_outage_longer_than_the_patience_ends_the_recorder(life: Life, database: Database, tmp_path: Path) -> None:
    with database.behind_proxy() as proxy:
        proxy.cut()
        url = proxy.url_of(database.recorder_url)
        given = environment(succeeded(tmp_path), url, BACKFLEET_RECORDER_PATIENCE_SECONDS="0.5")
        assert run(given, append_rows, MONOTONIC) == 4
    word = json.loads((tmp_path / "last-word").read_text())
    assert word["recorded"] == 0
    assert database.server.password not in json.dumps(word)
    assert life.look().outcomes == ()
