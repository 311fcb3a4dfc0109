"""The body of a result stands once, in its outcome's row: a pass does not read it, and one that cannot be read stops nothing."""

import json
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from backfleet.core.backtests import Failure, Result, result_from_json, result_to_json
from backfleet.core.reasons import FailureReason
from backfleet.store.tables.schema import METADATA
from tests.support.changes import UID, Life, append_outcome, attempt, launch, recorded, result, succeed
from tests.support.databases import Database
from tests.support.filling import sent_bytes

pytestmark = pytest.mark.postgres

POINTS = tuple((date(2000, 3, 1) + timedelta(days=day), 1000.125 + day) for day in range(200))
GOOD = result_to_json(result())


def large() -> Result:
    return replace(result(), equity_curve=POINTS, statistics={"Net Profit": "said by the engine"})


def insert(engine: Engine, body: object, index: int = 0) -> None:
    """Insert an outcome as a recorder that checks nothing."""
    statement = "INSERT INTO backtest_outcomes (attempt_id, kind, body) VALUES (:id, 'succeeded', CAST(:body AS jsonb))"
    written = body if isinstance(body, str) else json.dumps(body)
    with engine.begin() as connection:
        connection.execute(text(statement), {"id": attempt(index).id, "body": written})


def test_the_body_of_a_settled_result_stands_in_one_row(life: Life, database: Database) -> None:
    life.save(launch(attempt()))
    append_outcome(database.recorder_url, attempt().id, recorded())
    life.save(succeed(attempt()))
    holding = "SELECT count(*) AS n FROM {0} AS t WHERE t::text LIKE '%one bar was missing%'"
    found = {table: life.query(holding.format(table))[0]["n"] for table in METADATA.tables}
    assert {table: count for table, count in found.items() if count} == {"backtest_outcomes": 1}
    assert life.query("SELECT count(*) AS n FROM backtest_results") == [{"n": 1}]


def test_a_look_at_an_outcome_does_not_read_its_body(life: Life, database: Database) -> None:
    life.save(launch(attempt()))
    before = sent_bytes(life.engine, lambda: life.look(UID))
    append_outcome(database.recorder_url, attempt().id, recorded(large()))
    assert len(json.dumps(result_to_json(large()))) > 4_000
    assert sent_bytes(life.engine, lambda: life.look(UID)) - before < 1_000
    assert "said by the engine" not in repr(life.look(UID))


UNREADABLE: dict[str, Any] = {
    "no object": ("metrics", [GOOD]),
    "a number": ("metrics", 5),
    "null": ("metrics", "null"),
    "no metrics": ("metrics", {name: part for name, part in GOOD.items() if name != "metrics"}),
    "metrics that are a list": ("metrics", GOOD | {"metrics": []}),
    "a metric that is a text": ("metrics", GOOD | {"metrics": {"sharpe_ratio": "1.5"}}),
    "a metric that is true": ("metrics", GOOD | {"metrics": {"sharpe_ratio": True}}),
    "a metric beyond every float": ("metrics", json.dumps(GOOD).replace("1.25", "1e999", 1)),
    "statistics that are a number": ("statistics", GOOD | {"statistics": 5}),
    "a statistic that is a number": ("statistics", GOOD | {"statistics": {"Net Profit": 5}}),
    "no curve": ("equityCurve", {name: part for name, part in GOOD.items() if name != "equityCurve"}),
    "a curve that is an object": ("equityCurve", GOOD | {"equityCurve": {}}),
    "a point that is no pair": ("equityCurve", GOOD | {"equityCurve": [["2000-03-01"]]}),
    "a day that is none": ("equityCurve", GOOD | {"equityCurve": [["2001-02-29", 1.0]]}),
    "a day before the calendar": ("equityCurve", GOOD | {"equityCurve": [["0000-03-01", 1.0]]}),
    "a day that is a number": ("equityCurve", GOOD | {"equityCurve": [[20000301, 1.0]]}),
    "an equity that is a text": ("equityCurve", GOOD | {"equityCurve": [["2000-03-01", "1.0"]]}),
    "an equity beyond every float": ("equityCurve", json.dumps(GOOD).replace("2500.0", "1e999")),
    "a curve of too many points": ("equityCurve", GOOD | {"equityCurve": [["2000-03-01", 1.0]] * 1_001}),
    "a block of two": ("blocks", GOOD | {"blocks": [[1, 0.5]]}),
    "a block with a text": ("blocks", GOOD | {"blocks": [[1, 0.5, "x"]]}),
    "a block that is a number": ("blocks", GOOD | {"blocks": [5]}),
    "warnings that are a text": ("warnings", GOOD | {"warnings": "one"}),
    "a warning that is a number": ("warnings", GOOD | {"warnings": [1]}),
    "no provenance": ("provenance", GOOD | {"provenance": None}),
    "provenance of numbers": ("provenance", GOOD | {"provenance": {"engine": 1}}),
    "analysis that is null": ("analysis", GOOD | {"analysis": None}),
    "a finding without an issue": ("analysis", GOOD | {"analysis": [{"name": "a"}]}),
    "a finding with more than is known": ("analysis", GOOD | {"analysis": [{"name": "a", "issue": "b", "more": 1}]}),
    "half a finding": ("analysis", GOOD | {"analysis": [{"name": "a", "issue": "b", "count": 1.5}]}),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_body_that_cannot_be_read_is_a_failure_and_the_others_are_seen(
    life: Life, database: Database, name: str
) -> None:
    field, body = UNREADABLE[name]
    life.save(launch(attempt()), launch(attempt(1)))
    insert(life.engine, body)
    append_outcome(database.recorder_url, attempt(1).id, recorded())
    bad, good = life.look(UID).outcomes
    message = f"the recorded body cannot be read: its field {field!r} is not what this version expects"
    assert bad.ending == Failure(reason=FailureReason.RESULT_INVALID, message=message)
    assert good.ending == succeed(attempt(1)).outcome.ending


READABLE: dict[str, dict[str, Any]] = {
    "nothing but metrics": {"metrics": {}, "statistics": {}, "equityCurve": [], "blocks": [], "warnings": []}
    | {"provenance": {}},
    "absent and whole numbers": GOOD | {"metrics": {"sharpe_ratio": None, "total_trades": 3}},
    "negative and tiny numbers": GOOD
    | {"equityCurve": [["2000-02-29", -1e-17], ["9999-12-31", 1e17], ["0001-01-01", 0]]},
    "a finding with nulls": GOOD | {"analysis": [{"name": "a", "issue": "b", "sample": None, "count": None}]},
    "keys of a newer recorder": GOOD | {"more": {"than": "known"}},
}


@pytest.mark.parametrize("name", READABLE)
def test_what_postgres_finds_readable_can_be_read(life: Life, name: str) -> None:
    body = READABLE[name]
    life.save(launch(attempt()))
    insert(life.engine, body)
    (outcome,) = life.look(UID).outcomes
    assert getattr(outcome.ending, "metrics", outcome.ending) == body["metrics"]
    (row,) = life.query("SELECT body FROM backtest_outcomes")
    assert result_from_json(row["body"]) == result_from_json(body)


def test_the_largest_body_that_a_recorder_may_write_is_readable(life: Life) -> None:
    findings = [{"name": "n" * 50, "issue": "i" * 500, "sample": "s", "count": 1}] * 50
    full = {"warnings": ["w" * 1_000] * 500, "analysis": findings, "blocks": [[1, 0.5, 0.25]] * 16}
    life.save(launch(attempt()))
    insert(life.engine, GOOD | full | {"equityCurve": [[day.isoformat(), value] for day, value in POINTS]})
    (outcome,) = life.look(UID).outcomes
    assert not isinstance(outcome.ending, Failure)
