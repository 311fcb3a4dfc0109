"""What routes are given: one set of services for the life of the app."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy import Engine

from backfleet.store.connecting import Timeouts
from backfleet.store.session import open_engine
from backfleet_api.calls import Calls
from backfleet_api.cluster import Cluster
from backfleet_api.settings import ApiSettings

CONNECT_SECONDS = 3
STATEMENT_SECONDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Postgres, Kubernetes, the threads in which both are asked, and the clock that estimates go by."""

    settings: ApiSettings
    engine: Engine
    cluster: Cluster
    calls: Calls
    now: Callable[[], datetime]

    def close(self) -> None:
        """Give back threads and connections."""
        self.calls.close()
        self.engine.dispose()


def present() -> datetime:
    """The clock of this machine, in UTC."""
    return datetime.now(UTC)


def connect_services(settings: ApiSettings, cluster: Cluster, now: Callable[[], datetime]) -> Services:
    """Build the services; connections are made when they are needed, and again after Postgres was away."""
    engine = open_engine(
        settings.database_url,
        application_name="backfleet-api",
        timeouts=Timeouts(connect_seconds=CONNECT_SECONDS, statement_seconds=STATEMENT_SECONDS),
        # The pool may grow to twice this: one connection for every thread.
        pool_size=max(1, settings.threads // 2),
        is_read_only=True,
    )
    return Services(
        settings=settings,
        engine=engine,
        cluster=cluster,
        calls=Calls(settings.threads, settings.answer_seconds),
        now=now,
    )


def _services(request: Request) -> Services:
    services = request.app.state.services
    assert isinstance(services, Services)
    return services


Provided = Annotated[Services, Depends(_services)]
