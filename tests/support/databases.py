"""A separate database for every test, with the roles of production and ways to make it unavailable."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from backfleet.store.migration.command import MigrationSettings, migrate
from backfleet.store.migration.grants import Roles
from tests.support.postgres import API, OPERATOR, RECORDER, PostgresServer
from tests.support.proxy import Proxy

ROLES = Roles(recorder=RECORDER, api=API)
_lock = threading.Lock()


@dataclass(frozen=True)
class Database:
    """One database: a URL for each role of production, and its server."""

    server: PostgresServer
    name: str

    @classmethod
    @contextmanager
    def create(cls, server: PostgresServer, template: str | None) -> Iterator["Database"]:
        """Create a new database, dropped at the end even if somebody is still connected."""
        with _lock:
            name = server.create_database(template)
        try:
            yield cls(server, name)
        finally:
            server.drop_database(name)

    @property
    def operator_url(self) -> str:
        return self.server.url_of(OPERATOR, self.name)

    @property
    def recorder_url(self) -> str:
        return self.server.url_of(RECORDER, self.name)

    @property
    def api_url(self) -> str:
        return self.server.url_of(API, self.name)

    @contextmanager
    def behind_proxy(self) -> Iterator[Proxy]:
        """Yield a TCP proxy before the server, to cut, freeze and restore; `proxy.url_of(url)` leads through it."""
        with Proxy.before(self.server.url) as proxy:
            yield proxy

    def terminate_connections(self, application_name: str = "%") -> None:
        """Have the server end sessions on this database, as a restart or a failover does; returns when they are gone."""
        self.server.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            f"WHERE datname = '{self.name}' AND application_name LIKE '{application_name}'"
        )


@contextmanager
def migrated_template(server: PostgresServer) -> Iterator[str]:
    """Yield a migrated, seeded database to copy. No connection to it stays open."""
    with Database.create(server, None) as template:
        migrate(MigrationSettings(url=template.operator_url, wait_seconds=10, roles=ROLES), lambda _: None)
        yield template.name
