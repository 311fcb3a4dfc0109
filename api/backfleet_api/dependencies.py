"""What routes depend on: one set of services for the life of the app, and the threads that run blocking calls."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Depends, Request
from sqlalchemy import Engine

from backfleet.core.errors import Unavailable
from backfleet.store.postgres.connection import Timeouts
from backfleet.store.postgres.session import open_engine
from backfleet_api.cluster import BatchCluster
from backfleet_api.directory import Directory
from backfleet_api.settings import ApiSettings

CONNECT_SECONDS = 3
STATEMENT_SECONDS = 5


class Calls:
    """Runs blocking calls in at most `threads` threads. A request waits at most `seconds`, including the wait for a thread.

    With `waiting`, at most that many requests wait for a thread. Further ones are Unavailable at once.
    """

    def __init__(self, threads: int, seconds: float, waiting: int | None = None) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="call")
        self._seconds = seconds
        self._most = None if waiting is None else threads + waiting
        self._running: set[Future[Any]] = set()

    async def run[Answer](self, call: Callable[[], Answer]) -> Answer:
        """Return the answer of `call`. Raise Unavailable at the deadline.

        A late call's answer is dropped: the call leaves the queue, or ends by its own timeouts and frees its thread.
        """
        if self._most is not None and len(self._running) >= self._most:
            raise Unavailable("too many requests of this kind at once")
        running = self._pool.submit(call)
        self._running.add(running)
        running.add_done_callback(self._running.discard)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(running), self._seconds)
        except TimeoutError as error:
            raise Unavailable("no answer in time") from error

    def close(self) -> None:
        """Start no more calls. Running ones end by their own timeouts."""
        self._pool.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Postgres, Kubernetes, the threads that call both, and the clock for estimates.

    `quick` runs reads by an index. `slow` runs sorts and searches, in its own threads, so that they do not delay quick reads.
    `streams` reads the pieces of long answers, of which few go out at once. `writes` creates and cancels batches.
    `health` has its own thread and connection.
    """

    settings: ApiSettings
    engine: Engine
    health_engine: Engine
    cluster: BatchCluster
    directory: Directory
    quick: Calls
    slow: Calls
    streams: Calls
    open_streams: asyncio.Semaphore
    writes: Calls
    health: Calls
    now: Callable[[], datetime]

    def close(self) -> None:
        """Release threads and connections."""
        for calls in (self.quick, self.slow, self.streams, self.writes, self.health):
            calls.close()
        self.engine.dispose()
        self.health_engine.dispose()


def present() -> datetime:
    """Return the time of this machine's clock, in UTC."""
    return datetime.now(UTC)


def connect_services(settings: ApiSettings, cluster: BatchCluster, now: Callable[[], datetime]) -> Services:
    """Build the services. They connect when a request needs them, and again after an outage of Postgres."""
    threads, seconds = settings.threads, settings.answer_seconds
    return Services(
        settings=settings,
        # The pool may grow to twice this: one connection for every thread.
        engine=_open_engine(
            settings, pool_size=max(1, (threads.quick + threads.slow + threads.streams + threads.writes + 1) // 2)
        ),
        health_engine=_open_engine(settings, pool_size=1),
        cluster=cluster,
        directory=Directory(cluster, settings.watched, settings.directory_seconds),
        quick=Calls(threads.quick, seconds),
        slow=Calls(threads.slow, seconds, waiting=threads.slow),
        streams=Calls(threads.streams, seconds),
        open_streams=asyncio.Semaphore(settings.max_streams),
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
