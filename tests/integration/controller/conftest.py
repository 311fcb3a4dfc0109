"""A fake API server for every test, a client of it, and operators as processes of their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from backfleet.controller.cluster import Cluster
from tests.support.databases import Database
from tests.support.launcher import Launcher
from tests.world.api_server import ApiServer


@pytest.fixture
def api() -> Iterator[ApiServer]:
    with ApiServer.running() as server:
        yield server


@pytest.fixture
def cluster(api: ApiServer) -> Cluster:
    return Cluster(api.client())


@pytest.fixture
def launcher(api: ApiServer, database: Database, tmp_path: Path) -> Iterator[Launcher]:
    launcher = Launcher(api, database, tmp_path)
    yield launcher
    for operator in launcher.started:
        operator.kill()
