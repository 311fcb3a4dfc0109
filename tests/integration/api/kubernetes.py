"""The app over a real Postgres and a fake Kubernetes API over HTTP, for what writes."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient

from backfleet.core import wire
from backfleet_api.app import create_app
from backfleet_api.cluster import connect_cluster
from backfleet_api.settings import ApiSettings
from tests.support.manifests.specs import SIX_COMBINATIONS
from tests.world.api_server import ApiServer

TOKEN = "a-token-of-these-tests"
NAMESPACE = "backfleet"
RUN = "/api/optimization/run-parallel"
BATCHES = "/api/optimization/batches"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
SPEC: dict[str, Any] = SIX_COMBINATIONS


@dataclass(frozen=True)
class Written:
    """The app, and what it wrote to."""

    app: FastAPI
    client: TestClient
    kubernetes: ApiServer

    def run(self, batch: Any = None, /, *, headers: dict[str, str] | None = None, **request: Any) -> Any:
        """Post a batch, by default SPEC, with the token."""
        body = {"batch": SPEC if batch is None else batch, **request}
        return self.client.post(RUN, json=body, headers={**BEARER, **(headers or {})})

    def cancel(self, batch: str, **query: str) -> Any:
        return self.client.delete(f"{BATCHES}/{batch}", params=query, headers=BEARER)

    def edit(self, batch: str, body: Any, **query: str) -> Any:
        return self.client.patch(f"{BATCHES}/{batch}", json=body, params=query, headers=BEARER)

    def stored(self) -> list[dict[str, Any]]:
        """Return the custom resources of all namespaces."""
        return [item for key, item in self.kubernetes.objects.stored.items() if key[0] == wire.PLURAL]


@contextmanager
def writing_app(kubernetes: ApiServer, folder: Path, database_url: str, **settings: Any) -> Iterator[Written]:
    """Run the app as it runs in a cluster, with both a database and a Kubernetes."""
    path = str(kubernetes.write_kubeconfig(folder / "kubeconfig"))
    given = ApiSettings(**{"database_url": database_url, "namespace": NAMESPACE, "token": TOKEN, **settings})
    cluster = connect_cluster({"KUBECONFIG": path}, given.cluster_seconds, given.cluster_write_seconds)
    app = create_app(given, cluster)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield Written(app, client, kubernetes)
