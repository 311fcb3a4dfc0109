"""The app over a real Postgres whose rows were made by the operator's own verbs."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient

from backfleet_api.app import create_app
from backfleet_api.cluster import BatchCluster, NoCluster
from backfleet_api.settings import ApiSettings
from tests.integration.api.kubernetes import Written, writing_app
from tests.support.clocked import ClockedDatabase
from tests.support.custom_resources import CustomResources
from tests.support.databases import Database
from tests.support.history import NOW, History
from tests.world.api_server import ApiServer

Serve = Callable[..., TestClient]


@pytest.fixture
def database(clocked_database: ClockedDatabase) -> Database:
    """Return a migrated, seeded database without batches, whose clock is that of the history."""
    clocked_database.begin()
    clocked_database.seed()
    return clocked_database.database


@pytest.fixture
def history(database: Database, clocked_database: ClockedDatabase) -> History:
    """Return the operator over the rows of that database."""
    return History(clocked_database)


@pytest.fixture
def cluster() -> CustomResources:
    """Return a Kubernetes without batches."""
    return CustomResources({})


@pytest.fixture
def serve(database: Database) -> Iterator[Serve]:
    """Start the app at the hour of the history: `serve(cluster=..., now=..., database_url=..., answer_seconds=...)`."""
    defaults: dict[str, Any] = {"database_url": database.api_url, "namespace": "backfleet", "directory_seconds": 0.0}
    with ExitStack() as stack:

        def start(
            cluster: BatchCluster | None = None, now: Callable[[], datetime] = lambda: NOW, **settings: Any
        ) -> TestClient:
            given = ApiSettings(**defaults | settings)
            app = create_app(given, cluster or NoCluster(), now)
            return stack.enter_context(TestClient(app, raise_server_exceptions=False))

        yield start


@pytest.fixture
def api_url(database: Database, cluster: CustomResources) -> Iterator[str]:
    """Yield the app over the fresh database behind real HTTP, on a port of this machine."""
    settings = ApiSettings(database_url=database.api_url, namespace="backfleet")
    app = create_app(settings, cast(BatchCluster, cluster), lambda: NOW)
    with serving(app) as url:
        yield url


@contextmanager
def serving(app: FastAPI, port: int = 0) -> Iterator[str]:
    """Serve in a thread, and yield the URL."""
    config = uvicorn.Config(app, host="127.0.0.1", port=port, access_log=False, log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        give_up_at = time.monotonic() + 30
        while not server.started:
            assert thread.is_alive()
            assert time.monotonic() < give_up_at
            time.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(30)


@pytest.fixture
def api(serve: Serve) -> TestClient:
    """Return the app over the fresh database, without a cluster."""
    return serve()


@pytest.fixture
def kubernetes() -> Iterator[ApiServer]:
    """Yield a Kubernetes API over HTTP, with faults on demand."""
    with ApiServer.running() as server:
        yield server


@pytest.fixture
def writing(kubernetes: ApiServer, tmp_path: Path, database: Database) -> Iterator[Written]:
    """Yield the app over the fresh database and that Kubernetes, with a token."""
    with writing_app(kubernetes, tmp_path, database.api_url) as written:
        yield written
