"""A fake API server whose clock stands still, and a client of it."""

from collections.abc import Iterator

import pytest

from tests.world.api_server import ApiServer
from tests.world.clock import START, Clock
from tests.world.kube_client import KubeClient
from tests.world.objects import Objects


@pytest.fixture
def api() -> Iterator[ApiServer]:
    with ApiServer.running(Objects(clock=Clock(START))) as server:
        yield server


@pytest.fixture
def kube(api: ApiServer) -> KubeClient:
    return KubeClient(api.client(), timeouts=(5.0, 5.0))
