"""The recorder's one verb: append an outcome. Imports no SQLAlchemy, since it runs in every pod."""

import json
import math
from collections.abc import Mapping
from typing import Any

from psycopg2.extras import Json

from backfleet.core.backtests import Failure, Recorded, Result, result_to_json
from backfleet.store.connecting import Timeouts, connect, parse_url
from backfleet.store.translation import driver_errors

MAX_MESSAGE_LENGTH = 2_000
_TIMEOUTS = Timeouts(connect_seconds=10, statement_seconds=30, lock_seconds=20)
# Without a conflict target it needs no right to read the table.
_APPEND = """
    INSERT INTO backtest_outcomes
        (attempt_id, kind, reason, message, body, exit_code, engine_started_at, engine_finished_at)
    VALUES (%(attempt_id)s, %(kind)s, %(reason)s, %(message)s, %(body)s, %(exit_code)s, %(started_at)s, %(finished_at)s)
    ON CONFLICT DO NOTHING
"""


def append_outcome(url: str, attempt_id: str, recorded: Recorded) -> bool:
    """Append the outcome of an attempt; False when it has one already, which counts as recorded.

    Raises Unavailable when Postgres does not answer in time (try again), NotFound when there is no such attempt (it was
    purged: do not), SpecInvalid when the URL is wrong.
    """
    arguments = parse_url(url).arguments(_TIMEOUTS, "backfleet-recorder")
    with driver_errors("recording the outcome"):
        connection = connect(arguments, _TIMEOUTS)
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(_APPEND, _row(attempt_id, recorded))
                return bool(cursor.rowcount)
        finally:
            connection.close()


def _row(attempt_id: str, recorded: Recorded) -> dict[str, Any]:
    outcome = recorded.outcome
    row = {
        "attempt_id": attempt_id,
        "exit_code": recorded.exit_code,
        "started_at": recorded.engine_started_at,
        "finished_at": recorded.engine_finished_at,
    }
    match outcome:
        case Result():
            body = Json(_storable(result_to_json(outcome)), dumps=_dump)
            return {**row, "kind": "succeeded", "reason": None, "message": None, "body": body}
        case Failure():
            message = _storable(outcome.message)[:MAX_MESSAGE_LENGTH]
            return {**row, "kind": "failed", "reason": outcome.reason.value, "message": message, "body": None}


def _storable(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """What Postgres can hold of JSON that a strategy made: no NUL, no half surrogate, and null for NaN and infinity."""
    match value:
        case str():
            return value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")
        case float() if not math.isfinite(value):
            return None
        case Mapping():
            return {_storable(key): _storable(item) for key, item in value.items()}
        case list() | tuple():
            return [_storable(item) for item in value]
        case _:
            return value


def _dump(value: Any) -> str:  # noqa: ANN401 - any JSON
    return json.dumps(value, allow_nan=False)
