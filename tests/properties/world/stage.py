"""What all worlds of one test share: an API server, and a Postgres behind a proxy; every world begins with them empty."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from kubernetes.client import ApiClient
from sqlalchemy import Engine

from backfleet.store.postgres.connection import Timeouts
from backfleet.store.postgres.session import open_engine
from tests.properties.world.trace import Trace
from tests.support.clocked import ClockedDatabase
from tests.support.proxy import Proxy
from tests.world.api_server import ApiServer
from tests.world.clock import START

NAME = "backfleet-operator"
PATIENT_SECONDS = 120
PATIENT = Timeouts(connect_seconds=PATIENT_SECONDS, statement_seconds=PATIENT_SECONDS, lock_seconds=PATIENT_SECONDS)
"""No answer takes so long: a machine that is busy with other things changes nothing in a world."""
_END_SESSIONS = """
SELECT pg_terminate_backend(pid, 120000) FROM pg_stat_activity
WHERE datname = current_database() AND usename = 'backfleet_operator'
"""
_READ_ONLY = "ALTER DATABASE {} SET default_transaction_read_only = on"
_WRITABLE = "ALTER DATABASE {} RESET default_transaction_read_only"


@dataclass
class Cutter:
    """Cuts the proxy when the server reports that it has done such a statement, before the client hears of it."""

    tag: bytes = b""
    left: int = 0
    proxy: Proxy | None = None

    def __call__(self, chunk: bytes) -> bytes:
        if not self.tag or self.tag not in chunk:
            return chunk
        self.left -= 1
        if self.left > 0 or self.proxy is None:
            return chunk
        self.tag = b""
        self.proxy.cut()
        return b""


@dataclass
class Stage:
    """The servers, and the connections to them that outlive a world."""

    api: ApiServer
    database: ClockedDatabase
    proxy: Proxy
    cutter: Cutter
    direct: Engine
    proxied: Engine
    clients: dict[str, ApiClient] = field(default_factory=dict)
    trace: Trace = field(default_factory=Trace)
    is_troubled: bool = False
    """Postgres is away, read-only, or was cut off."""

    @classmethod
    @contextmanager
    def running(cls, database: ClockedDatabase, trace: Trace | None = None) -> Iterator["Stage"]:
        cutter, trace = Cutter(), trace or Trace()
        with ApiServer.running() as api, Proxy.before(database.database.server.url, cutter) as proxy:
            cutter.proxy = proxy
            url = database.database.operator_url
            urls = (url, proxy.url_of(url))
            direct, proxied = (open_engine(each, application_name=NAME, timeouts=PATIENT) for each in urls)
            trace.follow(direct, "direct")
            trace.follow(proxied, "proxied")
            stage = cls(api, database, proxy, cutter, direct, proxied, trace=trace)
            gc.freeze()  # what is here stays: to look through it again for every world takes a tenth of its time
            try:
                yield stage
            finally:
                gc.unfreeze()
                stage.restore_postgres()
                direct.dispose()
                proxied.dispose()

    @property
    def engine(self) -> Engine:
        """Where the operator's statements go: through the proxy only while that is wanted, since it costs time."""
        return self.proxied if self.is_troubled else self.direct

    @property
    def fence_url(self) -> str:
        return self.proxy.url_of(self.database.database.operator_url)

    @property
    def recorder_url(self) -> str:
        url = self.database.database.recorder_url
        return self.proxy.url_of(url) if self.is_troubled else url

    def begin(self) -> None:
        """Leave nothing of the last world: its processes hold connections until they are collected."""
        gc.collect()
        self.restore_postgres()
        self.database.begin()
        self.database.set_clock(START)

    def client(self, token: str) -> ApiClient:
        """Return the one client for each token, so that worlds use the connections of those before."""
        if token not in self.clients:
            self.clients[token] = self.api.client(token)
        return self.clients[token]

    def cut_postgres(self) -> None:
        """Take Postgres away: break every connection, and allow no new one."""
        self.is_troubled = True
        self.proxy.cut()
        self._end_sessions()

    def make_read_only(self) -> None:
        """Let a standby answer in place of Postgres, as after a failover."""
        self.is_troubled = True
        self.database.run(_READ_ONLY.format(self.database.database.name))
        self._end_sessions()

    def cut_after(self, tag: bytes, times: int) -> None:
        """Break every connection when Postgres has done the n-th statement of a kind, and has not said so."""
        self.is_troubled = True
        self.cutter.left, self.cutter.tag = times, tag

    def restore_postgres(self) -> None:
        """Restore Postgres, and end every session, so that no lost connection holds the fence."""
        if not self.is_troubled:
            return
        self.is_troubled, self.cutter.tag = False, b""
        self.database.run(_WRITABLE.format(self.database.database.name))
        self._end_sessions()
        self.proxy.restore()

    def _end_sessions(self) -> None:
        """End the operators' sessions and wait until they are gone: whoever asks next finds the fence free."""
        self.database.run(_END_SESSIONS)
