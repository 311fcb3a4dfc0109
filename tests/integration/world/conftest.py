"""A fake API server whose clock stands still, and a client of it."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tests.world.api_server import ApiServer
from tests.world.clock import START, Clock
from tests.world.control_plane import ControlPlane
from tests.world.kube_client import KubeClient
from tests.world.node_objects import build_lease, build_node
from tests.world.nodes import LEASES
from tests.world.objects import Objects

MUCH_LATER = datetime(2099, 1, 1, tzinfo=UTC)


@pytest.fixture
def api() -> Iterator[ApiServer]:
    with ApiServer.running(Objects(clock=Clock(START))) as server:
        yield server


@pytest.fixture
def kube(api: ApiServer) -> KubeClient:
    return KubeClient(api.client(), timeouts=(5.0, 5.0))


@pytest.fixture
def control_plane(api: ApiServer) -> ControlPlane:
    """Build the controllers, and a node that is never lost and takes no pod by itself."""
    api.objects.create("nodes", "", build_node("node-1", START))
    api.objects.create("leases", LEASES, build_lease("node-1", MUCH_LATER))
    return ControlPlane(api.objects)
