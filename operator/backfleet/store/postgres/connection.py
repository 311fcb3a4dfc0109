"""Connects to Postgres with time limits, and a client-side bound on every wait."""

import select
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg2
from psycopg2 import extensions

from backfleet.store.postgres.urls import DatabaseUrl

ANSWER_SLACK_SECONDS = 5.0
"""How long the client waits for a silent server after the statement's limit before it drops the connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Time limits of a connection. `statement_seconds` includes waiting for locks; 0 means no limit."""

    connect_seconds: int = 5
    statement_seconds: int = 15
    lock_seconds: int = 5
    idle_in_transaction_seconds: int = 60


def build_arguments(
    url: DatabaseUrl, timeouts: Timeouts, application_name: str, settings: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Build the keyword arguments of `psycopg2.connect`. `settings` are further server settings of the session."""
    session = {
        "statement_timeout": f"{timeouts.statement_seconds}s",
        "lock_timeout": f"{timeouts.lock_seconds}s",
        "idle_in_transaction_session_timeout": f"{timeouts.idle_in_transaction_seconds}s",
        "timezone": "UTC",
        **(settings or {}),
    }
    given = url.options.get("options", "")
    flags = " ".join(f"-c {name}={value}" for name, value in session.items())
    return {
        "connect_timeout": timeouts.connect_seconds,
        # Detects a peer that is gone: while idle, and while it owes an acknowledgement.
        "keepalives_idle": 15,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 20_000,
        "application_name": application_name,
        **url.keywords(),
        "options": f"{given} {flags}".strip(),
    }


class BoundedConnection(extensions.connection):  # type: ignore[misc] # the driver has no types
    """A connection on which no wait lasts longer than its statement's limit plus ANSWER_SLACK_SECONDS."""

    connect_seconds: float = 5.0
    answer_seconds: float | None = None


def connect(arguments: Mapping[str, Any], timeouts: Timeouts) -> BoundedConnection:
    """Open a connection whose every wait has a deadline. Raise psycopg2's own errors."""

    class _Bounded(BoundedConnection):
        connect_seconds = float(timeouts.connect_seconds)
        answer_seconds = timeouts.statement_seconds + ANSWER_SLACK_SECONDS if timeouts.statement_seconds else None

    _bound_waits()
    connection: BoundedConnection = psycopg2.connect(**arguments, connection_factory=_Bounded)
    return connection


def _bound_waits() -> None:
    """Make psycopg2 wait in our callback. There is one per process; other connections stay unbounded."""
    if extensions.get_wait_callback() is not _wait:
        extensions.set_wait_callback(_wait)


def _wait(connection: Any) -> None:  # noqa: ANN401 - any connection of the process, ours or not
    is_connecting = connection.status == extensions.STATUS_SETUP
    limit = getattr(connection, "connect_seconds" if is_connecting else "answer_seconds", None)
    give_up_at = None if limit is None else time.monotonic() + limit
    while (state := connection.poll()) != extensions.POLL_OK:
        left = None if give_up_at is None else give_up_at - time.monotonic()
        # select() cannot watch descriptors past 1023, and a connecting socket may change between two rounds.
        poller = select.poll()
        poller.register(connection.fileno(), select.POLLIN if state == extensions.POLL_READ else select.POLLOUT)
        is_ready = poller.poll(None if left is None else max(0.0, left) * 1000)
        if not is_ready:
            raise psycopg2.OperationalError(f"the server did not answer within {limit:g} s")
