"""The app over a real Postgres whose rows were made by the operator's own verbs."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from fastapi.testclient import TestClient

from backfleet.store.fence import Fence
from backfleet.store.session import open_engine
from backfleet_api.app import create_app
from backfleet_api.cluster import Cluster, NoCluster
from backfleet_api.settings import ApiSettings
from tests.integration.api.ledger import INSTALLATION, FakeCluster, Ledger
from tests.support.databases import Database

Serve = Callable[..., TestClient]


@pytest.fixture
def ledger(database: Database) -> Iterator[Ledger]:
    """The operator's hand on the rows of a fresh database."""
    fence = Fence(database.operator_url, INSTALLATION)
    epoch = fence.acquire()
    assert epoch is not None
    engine = open_engine(database.operator_url, application_name="ledger")
    yield Ledger(engine, epoch)
    engine.dispose()
    fence.close()


@pytest.fixture
def cluster() -> FakeCluster:
    """A Kubernetes without batches."""
    return FakeCluster({})


@pytest.fixture
def serve(database: Database) -> Iterator[Serve]:
    """Start the app: `serve(cluster=..., database_url=..., answer_seconds=...)`."""
    with ExitStack() as stack:

        def start(cluster: Cluster | None = None, **settings: Any) -> TestClient:
            given = ApiSettings(**{"database_url": database.api_url, "namespace": "backfleet", **settings})
            app = create_app(given, cluster or NoCluster())
            return stack.enter_context(TestClient(app, raise_server_exceptions=False))

        yield start


@pytest.fixture
def api(serve: Serve) -> TestClient:
    """The app over the fresh database, without a cluster."""
    return serve()
