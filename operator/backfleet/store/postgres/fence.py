"""The fence: only one operator per installation writes, and a new holder blocks the writes of the last.

A Postgres advisory lock on its own direct connection identifies the holder. Acquiring it bumps an epoch that every
writing transaction checks, so a holder that lost its connection without noticing cannot write any more.
"""

import hashlib
import os
import select
import threading
import time
from contextlib import suppress

import psycopg2
from sqlalchemy import Connection, text

from backfleet.core.errors import FenceLost, SpecInvalid
from backfleet.store.postgres.connection import BoundedConnection, Timeouts, build_arguments, connect
from backfleet.store.postgres.errors import driver_errors
from backfleet.store.postgres.urls import parse_url
from backfleet.store.tables.base import OUTCOMES_CHANNEL

_TIMEOUTS = Timeouts(connect_seconds=5, statement_seconds=5, lock_seconds=3)
_ACQUIRE = """
    INSERT INTO installations (id, epoch, fenced_at) VALUES (%s, 1, now())
    ON CONFLICT (id) DO UPDATE SET epoch = installations.epoch + 1, fenced_at = now()
    RETURNING epoch
"""


class Fence:
    """The lock of one operator. Acquire it again after `close` or a broken connection. Safe to use from several threads."""

    def __init__(self, url: str, installation: str, timeouts: Timeouts = _TIMEOUTS) -> None:
        self.installation = installation
        self._timeouts = timeouts
        self._arguments = build_arguments(parse_url(url), timeouts, "backfleet-fence")
        self._connection: BoundedConnection | None = None
        self._lock = threading.RLock()
        # Written to whenever another thread's statement may have read notifications off the socket, or closed it.
        self._bell_out, self._bell_in = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def acquire(self) -> int | None:
        """Take the lock, bump the epoch and return it. Return None while another operator holds the lock.

        Raise Unavailable if Postgres does not answer, and SpecInvalid for a connection pooler, which would hold the
        lock itself.
        """
        with self._lock, driver_errors("acquiring the fence"):
            self.close()
            connection = connect(self._arguments, self._timeouts)
            try:
                epoch = self._take(connection)
            except BaseException:
                connection.close()
                raise
            if epoch is None:
                connection.close()
            else:
                self._connection = connection
            return epoch

    def is_held(self) -> bool:
        """Report whether the lock's connection answers: one short round trip, False if it is broken or was never open."""
        with self._lock:
            if self._connection is None:
                return False
            try:
                with self._connection.cursor() as cursor:
                    cursor.execute("SELECT 1")
            except psycopg2.Error:
                self._drop()
                return False
            finally:
                self._ring()
            return True

    def wait(self, timeout_seconds: float) -> bool:
        """Wait for outcomes: return True at once if some came since the last call, False at the timeout.

        A fence that is not held, or breaks meanwhile, only waits. See `is_held`.
        """
        give_up_at = time.monotonic() + timeout_seconds
        while True:
            if self._take_notifications():
                return True
            left = give_up_at - time.monotonic()
            if left <= 0:
                return False
            self._sleep(left)

    def close(self) -> None:
        """Release the lock. Safe to repeat."""
        with self._lock:
            self._release()
            self._drop()
            self._ring()

    def _take(self, connection: BoundedConnection) -> int | None:
        connection.autocommit = True
        with connection.cursor() as cursor:
            _refuse_pooler(connection, cursor)
            cursor.execute("SELECT pg_try_advisory_lock(%s)", (lock_key(self.installation),))
            if not cursor.fetchone()[0]:
                return None
            cursor.execute(f"LISTEN {OUTCOMES_CHANNEL}")
            cursor.execute(_ACQUIRE, (self.installation,))
            return int(cursor.fetchone()[0])

    def _take_notifications(self) -> bool:
        with self._lock:
            connection = self._connection
            if connection is None:
                return False
            try:
                connection.poll()
            except psycopg2.Error:
                self._drop()
                return False
            found = bool(connection.notifies)
            connection.notifies.clear()
            return found

    def _sleep(self, seconds: float) -> None:
        poller = select.poll()
        poller.register(self._bell_out, select.POLLIN)
        with self._lock:
            if self._connection is not None:
                poller.register(self._connection.fileno(), select.POLLIN)
        ready = poller.poll(seconds * 1000)
        if any(descriptor == self._bell_out for descriptor, _ in ready):
            os.read(self._bell_out, 4096)

    def _release(self) -> None:
        """Unlock explicitly. The server would notice a closed connection only later, and the next holder would wait."""
        if self._connection is not None:
            with suppress(psycopg2.Error), self._connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock_all()")

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ring(self) -> None:
        # A full pipe already wakes the waiting thread.
        with suppress(BlockingIOError):
            os.write(self._bell_in, b".")

    def __del__(self) -> None:
        for descriptor in (getattr(self, "_bell_out", None), getattr(self, "_bell_in", None)):
            if descriptor is not None:
                os.close(descriptor)


def lock_key(installation: str) -> int:
    """Return the advisory lock's key of an installation: 64 signed bits of its id's hash."""
    return int.from_bytes(hashlib.sha256(f"backfleet fence {installation}".encode()).digest()[:8], signed=True)


def check_epoch(connection: Connection, installation: str, epoch: int) -> None:
    """Raise FenceLost unless the epoch is still ours. Nobody can bump it until this transaction ends."""
    statement = text("SELECT epoch FROM installations WHERE id = :installation FOR SHARE")
    present = connection.execute(statement, {"installation": installation}).scalar()
    if present != epoch:
        raise FenceLost(
            f"installation {installation}: expected epoch {epoch}, got {present}. Another operator took over."
        )


def _refuse_pooler(connection: BoundedConnection, cursor: psycopg2.extensions.cursor) -> None:
    # A pooler answers the handshake itself, so the process that it names is not the one that executes.
    cursor.execute("SELECT pg_backend_pid()")
    if cursor.fetchone()[0] != connection.info.backend_pid:
        raise SpecInvalid(
            "the operator's database URL",
            "expected a direct connection to Postgres, got a connection pooler, whose sessions cannot hold the lock",
            "set a URL that leads to Postgres itself",
        )
