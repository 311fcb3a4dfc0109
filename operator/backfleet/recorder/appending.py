"""The recorder's only SQL: it appends one outcome to Postgres, with a bound on every wait.

The recorder's role may only insert outcomes. So it recognizes a duplicate by the error, not by ON CONFLICT on a column.
"""

import json
import select
import time
from collections.abc import Callable
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
BEGIN = "BEGIN; SET LOCAL statement_timeout = '10s'"
INSERT = """\
INSERT INTO backtest_outcomes (attempt_id, kind, reason, message, body, exit_code, engine_started_at, engine_finished_at)
VALUES (%(attempt_id)s, %(kind)s, %(reason)s, %(message)s, %(body)s::jsonb, %(exit_code)s, %(started)s, %(finished)s)"""


@unique
class Answer(StrEnum):
    """The result of one try."""

    APPENDED = "appended"
    DUPLICATE = "duplicate"
    """The attempt already has an outcome."""
    UNKNOWN_ATTEMPT = "unknown attempt"
    """The database has no such attempt, since its batch was deleted: there is nothing left to record."""
    REFUSED = "refused"
    """The database does not accept this content, however often it is offered."""
    AWAY = "away"
    """The database does not answer now; a later try may succeed."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer and the database's message, without secrets."""

    answer: Answer
    message: str = ""


Append = Callable[[str, str, Outcome], Reply]
"""Takes database URL, attempt id and outcome; never raises for a database's error."""


def append_outcome(database_url: str, attempt_id: str, outcome: Outcome, call_seconds: float = CALL_SECONDS) -> Reply:
    """Try once, on a new connection. Give up a call that the server does not answer in time."""
    try:
        values = row(attempt_id, outcome)
    except (ValueError, TypeError) as error:
        return Reply(Answer.REFUSED, f"the outcome cannot be written as JSON: {error}")
    try:
        # Asynchronous: the recorder bounds every wait itself, and SIGTERM can interrupt it.
        given = parse_url(database_url).keywords() | {"application_name": APPLICATION_NAME}
        with closing(psycopg2.connect(**given, async_=True)) as connection:
            _wait(connection, call_seconds)
            cursor = connection.cursor()
            for statement, arguments in ((BEGIN, None), (INSERT, values), ("COMMIT", None)):
                cursor.execute(statement, arguments)
                _wait(connection, call_seconds)
    except errors.UniqueViolation:
        return Reply(Answer.DUPLICATE)
    except errors.ForeignKeyViolation as error:
        return Reply(Answer.UNKNOWN_ATTEMPT, _words(error, database_url))
    except (psycopg2.IntegrityError, psycopg2.DataError) as error:
        return Reply(Answer.REFUSED, _words(error, database_url))
    except psycopg2.Error as error:
        return Reply(Answer.AWAY, _words(error, database_url))
    return Reply(Answer.APPENDED)


def row(attempt_id: str, outcome: Outcome) -> dict[str, Any]:
    """Return the row of an outcome by column; JSONB as text without NaN."""
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
        reading = [connection] if state == extensions.POLL_READ else []
        writing = [connection] if state == extensions.POLL_WRITE else []
        left = deadline - time.monotonic()
        if left <= 0 or not any(select.select(reading, writing, [], left)):
            raise psycopg2.OperationalError(f"the database did not answer within {seconds:g} s")


def _words(error: psycopg2.Error, database_url: str) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    password = parse_url(database_url).password
    return clean_text(text.replace(password, "***") if password else text, 500)
