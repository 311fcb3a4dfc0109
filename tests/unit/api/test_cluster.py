"""Custom resources are read through the official client's signature, and every call carries its timeout."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from backfleet.core.errors import SpecInvalid, Unavailable
from backfleet_api.cluster import ClusterBatch, NoCluster, connect_cluster

ROOT = "/apis/backfleet.io/v1alpha1/namespaces/team/optimizationbatches"


def item(name: str, uid: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "team", "uid": uid, "labels": {"a": "b"}}, "spec": {"x": 1}}


FOUND = ClusterBatch(uid="uid-3", name="three", namespace="team", spec={"x": 1}, labels={"a": "b"})


class FakeApiServer(ThreadingHTTPServer):
    """Serves three batches in pages of two; `status` other than 200 is what it answers to everything."""

    status = 200
    daemon_threads = True
    silence = threading.Event()


class Handler(BaseHTTPRequestHandler):
    server: FakeApiServer

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if self.server.status == 0:
            self.server.silence.wait(20)
            return
        status = self.server.status
        body: dict[str, object] = {}
        batches = {name: item(name, uid) for name, uid in (("one", "uid-1"), ("two", "uid-2"), ("three", "uid-3"))}
        if status == 200 and url.path == ROOT:
            page = list(batches.values())
            second = "continue" in parse_qs(url.query)
            body = {"items": page[2:], "metadata": {}} if second else {"items": page[:2], "metadata": {"continue": "t"}}
        elif status == 200:
            body = batches.get(url.path.removeprefix(f"{ROOT}/"), {})
            status = 200 if body else 404
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *arguments: object) -> None:
        """Log nothing."""


@pytest.fixture
def server() -> Iterator[FakeApiServer]:
    server = FakeApiServer(("127.0.0.1", 0), Handler)
    server.silence = threading.Event()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.silence.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def environment(server: FakeApiServer, tmp_path: Path) -> dict[str, str]:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.server_address[1]}"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": {}}],
        "current-context": "c",
    }
    (tmp_path / "config").write_text(json.dumps(config))
    return {"KUBECONFIG": str(tmp_path / "config")}


def test_a_batch_is_read_by_name_and_listed_on_a_later_page(environment: dict[str, str]) -> None:
    cluster = connect_cluster(environment, 5)
    assert cluster.get_batch("team", "three") == FOUND
    assert FOUND in list(cluster.list_batches("team"))


def test_an_absent_batch_is_none(environment: dict[str, str]) -> None:
    cluster = connect_cluster(environment, 5)
    assert cluster.get_batch("team", "four") is None


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
def test_what_kubernetes_refuses_is_unavailable_and_names_the_status(
    server: FakeApiServer, environment: dict[str, str], status: int
) -> None:
    server.status = status
    cluster = connect_cluster(environment, 5)
    with pytest.raises(Unavailable, match=f"Kubernetes answered {status}"):
        cluster.get_batch("team", "one")


def test_a_missing_kind_is_no_batch(server: FakeApiServer, environment: dict[str, str]) -> None:
    server.status = 404
    assert list(connect_cluster(environment, 5).list_batches("team")) == []


def test_a_silent_kubernetes_is_unavailable_in_time(server: FakeApiServer, environment: dict[str, str]) -> None:
    server.status = 0
    started = time.monotonic()
    with pytest.raises(Unavailable, match="does not answer"):
        connect_cluster(environment, 0.1).get_batch("team", "one")
    assert time.monotonic() - started < 10


def test_a_refused_connection_is_unavailable(tmp_path: Path, environment: dict[str, str]) -> None:
    path = Path(environment["KUBECONFIG"])
    body = json.loads(path.read_text())
    body["clusters"][0]["cluster"]["server"] = "http://127.0.0.1:1"
    path.write_text(json.dumps(body))
    with pytest.raises(Unavailable, match="does not answer"):
        connect_cluster(environment, 1).get_batch("team", "one")


def test_without_a_cluster_there_are_no_batches() -> None:
    cluster = connect_cluster({"HOME": "/root"}, 1)
    assert isinstance(cluster, NoCluster)
    assert cluster.get_batch("team", "one") is None
    assert list(cluster.list_batches("team")) == []


def test_a_pod_without_a_token_has_no_cluster() -> None:
    cluster = connect_cluster({"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}, 1)
    assert isinstance(cluster, NoCluster)


def test_a_broken_kubeconfig_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecInvalid, match="KUBECONFIG"):
        connect_cluster({"KUBECONFIG": str(tmp_path / "none")}, 1)
