"""A fake API server for every test."""

from collections.abc import Iterator

import pytest

from backfleet.controller.cluster import Cluster
from tests.world.api_server import ApiServer


@pytest.fixture
def api() -> Iterator[ApiServer]:
    with ApiServer.running() as server:
        yield server


@pytest.fixture
def cluster(api: ApiServer) -> Cluster:
    return Cluster(api.client())
