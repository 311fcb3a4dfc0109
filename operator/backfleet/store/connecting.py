"""How a connection to Postgres is made: the URL, its time limits, and a client-side bound on every wait."""

import select
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import psycopg2
from psycopg2 import extensions

from backfleet.core.errors import SpecInvalid

DEFAULT_PORT = 5432
ANSWER_SLACK_SECONDS = 5.0
"""How long past its statement's limit a server may stay silent before the client gives the connection up."""

_SCHEMES = ("postgres", "postgresql", "postgresql+psycopg2", "postgresql+psycopg")
_MEND = "write postgresql://user:password@host:5432/database"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Time limits of a connection; a statement may take `statement_seconds`, waiting for a lock included (0: no limit)."""

    connect_seconds: int = 5
    statement_seconds: int = 15
    lock_seconds: int = 5
    idle_in_transaction_seconds: int = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseUrl:
    """The parts of a Postgres URL; the password never shows in a repr."""

    host: str | None
    port: int
    user: str | None
    password: str | None = field(repr=False)
    database: str
    options: Mapping[str, str] = field(default_factory=dict, repr=False)

    def arguments(
        self, timeouts: Timeouts, application_name: str, settings: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Keyword arguments of `psycopg2.connect`; `settings` are further server settings of the session."""
        session = {
            "statement_timeout": f"{timeouts.statement_seconds}s",
            "lock_timeout": f"{timeouts.lock_seconds}s",
            "idle_in_transaction_session_timeout": f"{timeouts.idle_in_transaction_seconds}s",
            "timezone": "UTC",
            **(settings or {}),
        }
        given = self.options.get("options", "")
        flags = " ".join(f"-c {name}={value}" for name, value in session.items())
        return {
            "connect_timeout": timeouts.connect_seconds,
            # A peer that vanished without a word: noticed while idle, and while it owes an acknowledgement.
            "keepalives_idle": 15,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 20_000,
            "application_name": application_name,
            **{key: value for key, value in self.options.items() if key != "options"},
            "host": self.host,
            "port": self.port,
            "user": self.user,
            "password": self.password,
            "dbname": self.database,
            "options": f"{given} {flags}".strip(),
        }


def parse_url(url: str, name: str = "database URL") -> DatabaseUrl:
    """Read a URL that a user or a Secret supplied; SpecInvalid names `name`, and never repeats the URL (its password)."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port or DEFAULT_PORT
    except ValueError:
        raise SpecInvalid(name, "cannot be read as a URL", f"{_MEND}; escape @ : / in the password") from None
    if parts.scheme not in _SCHEMES:
        shown = "no scheme" if "://" not in url else f"the scheme {parts.scheme[:20]!r}"
        raise SpecInvalid(name, f"it has {shown}, and only Postgres is supported", _MEND)
    database = unquote(parts.path.lstrip("/"))
    if not database:
        raise SpecInvalid(name, "it names no database", _MEND)
    options = dict(parse_qsl(parts.query))
    host = unquote(parts.hostname) if parts.hostname else options.pop("host", None)
    return DatabaseUrl(
        host=host,
        port=port,
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        database=database,
        options=options,
    )


class BoundedConnection(extensions.connection):  # type: ignore[misc] # the driver has no types
    """A connection on which no wait lasts longer than its statement's limit and some slack, whatever the server does."""

    connect_seconds: float = 5.0
    answer_seconds: float | None = None


def connect(arguments: Mapping[str, Any], timeouts: Timeouts) -> BoundedConnection:
    """Open a connection whose every wait has a deadline; psycopg2's own errors."""

    class _Bounded(BoundedConnection):
        connect_seconds = float(timeouts.connect_seconds)
        answer_seconds = timeouts.statement_seconds + ANSWER_SLACK_SECONDS if timeouts.statement_seconds else None

    _bound_waits()
    connection: BoundedConnection = psycopg2.connect(**arguments, connection_factory=_Bounded)
    return connection


def _bound_waits() -> None:
    """Have psycopg2 wait through our callback: it is one per process, and leaves foreign connections unbounded."""
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
