"""One real Kubernetes with one installed release for all end-to-end tests; it goes when they are done.

BACKFLEET_E2E_KEEP=1 leaves the cluster up for the next run; BACKFLEET_E2E_CLUSTER names another one,
and BACKFLEET_E2E_PORT the API's port on this machine, so that two runs can go side by side.
"""

import os
from collections.abc import Iterator

import pytest
from kubernetes import client, config

from hack.local import LocalBackfleet
from tests.support.live import Live

NAMESPACE = "e2e"
PORT = int(os.environ.get("BACKFLEET_E2E_PORT", "18230"))
VALUES = (
    "engines.noop.requests.cpu=50m",
    "engines.noop.requests.memory=64Mi",
    "operator.missingSeconds=30",
    "backtests.imagePrefixes[0]=localhost/backfleet",
    "engines.lean.requests.cpu=100m",
    "engines.lean.requests.memory=128Mi",
    # The projects of tests/e2e/test_lean.py, which makes the ConfigMap.
    "engines.lean.mounts[0].name=projects,engines.lean.mounts[0].mountPath=/projects,"
    "engines.lean.mounts[0].source.configMap.name=lean-projects,"
    "engines.lean.mounts[0].source.configMap.items[0].key=main.py,"
    "engines.lean.mounts[0].source.configMap.items[0].path=STR-001_RSI_MeanReversion_ETF/main.py",
)


TEST_SECONDS = 3000
"""The outermost bound: the first test also builds Kubernetes where the caches are empty. Every wait inside has its own."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "e2e" in item.path.parts:
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.timeout(TEST_SECONDS))


@pytest.fixture(scope="session")
def local() -> Iterator[LocalBackfleet]:
    """Yield the running cluster."""
    backfleet = LocalBackfleet(os.environ.get("BACKFLEET_E2E_CLUSTER", "test"), NAMESPACE)
    keep = bool(os.environ.get("BACKFLEET_E2E_KEEP"))
    if not keep:
        backfleet.down()  # what a session that was stopped has left
    try:
        backfleet.up()
        yield backfleet
    finally:
        if not keep:
            backfleet.down()


def install(local: LocalBackfleet, *values: str) -> None:
    """Install the release for the tests, with further values. LEAN's image is the stand-in."""
    images = local.images(for_tests=True)
    local.install(images, *VALUES, f"engines.lean.image={images['lean-stand-in']}", *values)


def connect(local: LocalBackfleet) -> Live:
    """Return the installed release."""
    url = local.forward(PORT)
    environment = local.environment()
    api = config.new_client_from_config(environment["KUBECONFIG"])
    assert isinstance(api, client.ApiClient)
    return Live(NAMESPACE, environment, url, api)


@pytest.fixture(scope="session")
def live(local: LocalBackfleet) -> Live:
    """Return the release, installed and answering."""
    install(local)
    return connect(local)
