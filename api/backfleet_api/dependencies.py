"""What routes are given: one set of services for the life of the app."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy import Engine

from backfleet.store.postgres.connection import Timeouts
from backfleet.store.postgres.session import open_engine
from backfleet_api.calls import Calls
from backfleet_api.cluster import Cluster
from backfleet_api.directory import Directory
from backfleet_api.settings import ApiSettings

CONNECT_SECONDS = 3
STATEMENT_SECONDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Postgres, Kubernetes, the threads in which both are asked, and the clock that estimates go by.

    `quick` reads what an index leads to. `slow` sorts or searches, with its own bound, so that it does not hold up quick reads.
    `writes` creates and cancels. `health` has a thread and a connection that nothing else uses.
    """

    settings: ApiSettings
    engine: Engine
    health_engine: Engine
    cluster: Cluster
    directory: Directory
    quick: Calls
    slow: Calls
    writes: Calls
    health: Calls
    now: Callable[[], datetime]

    def close(self) -> None:
        """Give back threads and connections."""
        for calls in (self.quick, self.slow, self.writes, self.health):
            calls.close()
        self.engine.dispose()
        self.health_engine.dispose()


def present() -> datetime:
    """The clock of this machine, in UTC."""
    return datetime.now(UTC)


def connect_services(settings: ApiSettings, cluster: Cluster, now: Callable[[], datetime]) -> Services:
    """Build the services; connections are made when they are needed, and again after Postgres was away."""
    threads, seconds = settings.threads, settings.answer_seconds
    return Services(
        settings=settings,
        # The pool may grow to twice this: one connection for every thread.
        engine=_open_engine(settings, pool_size=max(1, (threads.quick + threads.slow + threads.writes + 1) // 2)),
        health_engine=_open_engine(settings, pool_size=1),
        cluster=cluster,
        directory=Directory(cluster, settings.watched, settings.directory_seconds),
        quick=Calls(threads.quick, seconds),
        slow=Calls(threads.slow, seconds, waiting=threads.slow),
        writes=Calls(threads.writes, seconds),
        health=Calls(1, settings.health_seconds),
        now=now,
    )


def _open_engine(settings: ApiSettings, pool_size: int) -> Engine:
    return open_engine(
        settings.database_url,
        application_name="backfleet-api",
        timeouts=Timeouts(connect_seconds=CONNECT_SECONDS, statement_seconds=STATEMENT_SECONDS),
        pool_size=pool_size,
        is_read_only=True,
    )


def _services(request: Request) -> Services:
    services = request.app.state.services
    assert isinstance(services, Services)
    return services


Provided = Annotated[Services, Depends(_services)]
