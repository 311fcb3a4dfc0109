"""The recorder's only SQL: it appends outcomes to Postgres, with a bound on every wait.

The recorder's role may only insert outcomes, so ON CONFLICT names no column: for that it would need the right to read.
"""

import json
import select
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Any

import psycopg2
from psycopg2 import errors, extensions

from backfleet.core.backtests import Failure, Outcome, Result, result_to_json
from backfleet.engines.files import clean_text
from backfleet.store.postgres.urls import parse_url

CALL_SECONDS = 15.0
APPLICATION_NAME = "backfleet-recorder"
BEGIN, COMMIT = b"BEGIN; SET LOCAL statement_timeout = '10s'", b"COMMIT"
INSERT = b"""\
INSERT INTO backtest_outcomes (attempt_id, kind, reason, message, body, exit_code, engine_started_at, engine_finished_at)
VALUES %b ON CONFLICT DO NOTHING"""
VALUES = (
    "(%(attempt_id)s, %(kind)s, %(reason)s, %(message)s, %(body)s::jsonb, %(exit_code)s, %(started)s, %(finished)s)"
)


@unique
class Answer(StrEnum):
    """The result of one try."""

    APPENDED = "appended"
    DUPLICATE = "duplicate"
    """The attempts already have their outcomes."""
    UNKNOWN_ATTEMPT = "unknown attempt"
    """The database has no such attempt, since its batch was deleted: there is nothing left to record."""
    REFUSED = "refused"
    """The database does not accept this content, however often it is offered. Of several rows one is enough."""
    AWAY = "away"
    """The database does not answer now; a later try may succeed."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer and the database's message, without secrets."""

    answer: Answer
    message: str = ""


OutcomeRow = Mapping[str, Any]
"""An outcome by column, see `row`."""
Append = Callable[[str, Sequence[OutcomeRow]], Reply]
"""Takes database URL and rows; never raises for a database's error."""


def append_rows(database_url: str, rows: Sequence[OutcomeRow], call_seconds: float = CALL_SECONDS) -> Reply:
    """Try once, on a new connection, to append all rows or none. Give up a call that the server does not answer in time."""
    try:
        # Asynchronous: the recorder bounds every wait itself, and SIGTERM can interrupt it.
        given = parse_url(database_url).keywords() | {"application_name": APPLICATION_NAME}
        with closing(psycopg2.connect(**given, async_=True)) as connection:
            _wait(connection, call_seconds)
            cursor = connection.cursor()
            appended = 0
            for statement in (BEGIN, insert_of(cursor, rows), COMMIT):
                cursor.execute(statement)
                _wait(connection, call_seconds)
                appended += max(0, cursor.rowcount)
    except errors.ForeignKeyViolation as error:
        return Reply(Answer.UNKNOWN_ATTEMPT, _words(error, database_url))
    except (psycopg2.IntegrityError, psycopg2.DataError) as error:
        return Reply(Answer.REFUSED, _words(error, database_url))
    except psycopg2.Error as error:
        return Reply(Answer.AWAY, _words(error, database_url))
    return Reply(Answer.APPENDED if appended else Answer.DUPLICATE)


def insert_of(cursor: Any, rows: Sequence[OutcomeRow]) -> bytes:  # noqa: ANN401 (psycopg2 has no types)
    """Return the statement that appends rows, and leaves those that are there as they are."""
    return INSERT % b", ".join(cursor.mogrify(VALUES, each) for each in rows)


def row(attempt_id: str, outcome: Outcome) -> dict[str, Any]:
    """Return the row of an outcome by column; JSONB as text. Raise ValueError for NaN in it."""
    ending = outcome.ending
    is_success = isinstance(ending, Result)
    return {
        "attempt_id": attempt_id,
        "kind": "succeeded" if is_success else "failed",
        "reason": ending.reason.value if isinstance(ending, Failure) else None,
        "message": clean_text(ending.message) if isinstance(ending, Failure) else None,
        "body": json.dumps(result_to_json(ending), allow_nan=False) if isinstance(ending, Result) else None,
        "exit_code": outcome.exit_code,
        "started": outcome.engine_started_at,
        "finished": outcome.engine_finished_at,
    }


def _wait(connection: Any, seconds: float) -> None:  # noqa: ANN401 (psycopg2 has no types)
    """Wait for the server's answer, and give up after `seconds`."""
    deadline = time.monotonic() + seconds
    while (state := connection.poll()) != extensions.POLL_OK:
        poller = select.poll()
        poller.register(connection.fileno(), select.POLLIN if state == extensions.POLL_READ else select.POLLOUT)
        left = deadline - time.monotonic()
        if left <= 0 or not poller.poll(left * 1_000):
            raise psycopg2.OperationalError(f"the database did not answer within {seconds:g} s")


def _words(error: psycopg2.Error, database_url: str) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    password = parse_url(database_url).password
    return clean_text(text.replace(password, "***") if password else text, 500)
