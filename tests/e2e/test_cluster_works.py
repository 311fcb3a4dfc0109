"""A cluster of our own does what the product and its tests stand on."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[2]
IMAGE = "localhost/backfleet-pause:1"
NAME = "probe-works"
PORT = 18231
API = "kubernetes.default.svc:443"

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(900),
    pytest.mark.skipif(os.geteuid() != 0, reason="the hermetic cluster needs root"),
]


def cluster(*arguments: str, timeout: float = 600) -> str:
    environment = {key: value for key, value in os.environ.items() if key != "BACKFLEET_CONTEXT"}
    command = [sys.executable, "hack/cluster", *arguments, "--name", NAME]
    done = subprocess.run(
        command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, text=True, timeout=timeout, check=True
    )
    return done.stdout


def wait_for(what: str, is_met: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not is_met():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.2)


class Kubectl:
    def __init__(self, kubeconfig: str) -> None:
        self._kubeconfig = kubeconfig

    def __call__(self, *arguments: str, manifest: object = None) -> str:
        command = ["kubectl", f"--kubeconfig={self._kubeconfig}", "--request-timeout=60s", *arguments]
        text = json.dumps(manifest) if manifest is not None else None
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, f"{arguments}: {done.stderr}"
        return done.stdout

    def get(self, *arguments: str) -> Any:
        return json.loads(self("get", *arguments, "-o", "json"))


@pytest.fixture(scope="module")
def kubectl() -> Iterator[Kubectl]:
    cluster("up")
    try:
        yield Kubectl(cluster("kubeconfig").strip())
    finally:
        cluster("down")


def container(name: str, *command: str, memory: str = "64Mi") -> dict[str, Any]:
    limits = {"cpu": "1", "memory": memory}
    resources = {"limits": limits, "requests": {"cpu": "10m", "memory": "16Mi"}}
    return {"name": name, "image": IMAGE, "command": ["/probe", *command], "resources": resources}


def job(name: str, first: dict[str, Any], ttl_seconds: int) -> dict[str, Any]:
    pod = {"restartPolicy": "Never", "initContainers": [first], "containers": [container("main", "dial", API)]}
    spec = {"backoffLimit": 0, "ttlSecondsAfterFinished": ttl_seconds, "template": {"spec": pod}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec}


def pod_of(kubectl: Kubectl, job_name: str) -> Any:
    pods = kubectl.get("pods", "-l", f"job-name={job_name}")["items"]
    return pods[0] if pods else {"status": {}}


def is_failed(kubectl: Kubectl, job_name: str) -> bool:
    return bool(kubectl.get("job", job_name)["status"].get("failed"))


def test_a_container_over_its_memory_limit_is_killed_and_says_so(kubectl: Kubectl) -> None:
    kubectl("create", "-f", "-", manifest=job("eater", container("engine", "eat"), ttl_seconds=600))
    wait_for("the Job fails", lambda: is_failed(kubectl, "eater"))
    status = pod_of(kubectl, "eater")["status"]
    ended = status["initContainerStatuses"][0]["state"]["terminated"]
    assert (status["phase"], ended["reason"], ended["exitCode"]) == ("Failed", "OOMKilled", 137)


def test_a_finished_job_goes_after_its_time_to_live(kubectl: Kubectl) -> None:
    kubectl("create", "-f", "-", manifest=job("brief", container("first", "dial", API), ttl_seconds=1))

    def is_gone() -> bool:
        jobs = kubectl.get("jobs")["items"]
        pods = kubectl.get("pods", "-l", "job-name=brief")["items"]
        return not pods and all(each["metadata"]["name"] != "brief" for each in jobs)

    wait_for("Job and pod go", is_gone)


def server_objects() -> dict[str, Any]:
    labels = {"app": "server"}
    pod = {"containers": [container("server", "serve", ":8080")]}
    template = {"metadata": {"labels": labels}, "spec": pod}
    stateful = {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "server"},
        "spec": {"serviceName": "each", "selector": {"matchLabels": labels}, "template": template},
    }
    services = [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name},
            "spec": {"selector": labels, "ports": [{"port": 8080}], **more},
        }
        for name, more in {"server": {}, "each": {"clusterIP": "None"}}.items()
    ]
    return {"apiVersion": "v1", "kind": "List", "items": [stateful, *services]}


@pytest.fixture(scope="module")
def server(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", manifest=server_objects())
    kubectl("rollout", "status", "statefulset/server", "--timeout=60s")


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("server:8080", id="short name"),
        pytest.param("server.default.svc.cluster.local:8080", id="long name"),
        pytest.param("each:8080", id="headless service"),
        pytest.param("server-0.each.default.svc.cluster.local:8080", id="pod of a headless service"),
        pytest.param("kubernetes.default.svc:443", id="the API"),
    ],
)
@pytest.mark.usefixtures("server")
def test_a_pod_reaches_services_by_name(kubectl: Kubectl, address: str) -> None:
    assert "reached" in kubectl("exec", "server-0", "--", "/probe", "dial", address)


@pytest.mark.usefixtures("server")
def test_a_name_that_is_not_there_is_refused_at_once(kubectl: Kubectl) -> None:
    started = time.monotonic()
    with pytest.raises(AssertionError, match=r"no such host|server misbehaving"):
        kubectl("exec", "server-0", "--", "/probe", "dial", "nowhere.example.org:80")
    assert time.monotonic() - started < 5


@pytest.mark.usefixtures("server")
def test_logs_can_be_read(kubectl: Kubectl) -> None:
    assert kubectl("logs", "server-0") == "serving :8080\n"


def fetched(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return str(answer.read().decode())
    except (urllib.error.URLError, ConnectionError):
        return ""


@pytest.mark.usefixtures("server")
def test_a_forwarded_service_answers_on_loopback_even_after_its_pod_was_replaced(kubectl: Kubectl) -> None:
    cluster("forward", "--service", "server", "--service-port", "8080", "--port", str(PORT))
    url = f"http://127.0.0.1:{PORT}/"
    wait_for("the Service answers", lambda: fetched(url) == "hello")
    kubectl("delete", "pod", "server-0", "--grace-period=0", "--force")
    wait_for("the Service answers again", lambda: fetched(url) == "hello")


def test_a_daemon_that_dies_is_started_again(kubectl: Kubectl) -> None:
    status = json.loads(cluster("status"))
    node = json.loads((Path(status["kubeconfig"]).parent / "node.json").read_text())["pid"]
    children = Path(f"/proc/{node}/task/{node}/children").read_text().split()
    commands = {pid: Path(f"/proc/{pid}/cmdline").read_text() for pid in children}
    manager = next(pid for pid, command in commands.items() if "kube-controller-manager" in command)
    os.kill(int(manager), signal.SIGKILL)
    kubectl("create", "-f", "-", manifest=job("after", container("first", "dial", API), ttl_seconds=600))
    wait_for("a Job completes", lambda: bool(kubectl.get("job", "after")["status"].get("succeeded")))


def test_up_twice_is_one_cluster(kubectl: Kubectl) -> None:
    uid = kubectl.get("namespace", "kube-system")["metadata"]["uid"]
    started = time.monotonic()
    cluster("up")
    assert time.monotonic() - started < 15
    assert kubectl.get("namespace", "kube-system")["metadata"]["uid"] == uid


def test_a_cluster_whose_first_process_was_killed_comes_back_with_its_objects(kubectl: Kubectl) -> None:
    kubectl("create", "configmap", "kept", "--from-literal=key=value")
    status = json.loads(cluster("status"))
    node = json.loads((Path(status["kubeconfig"]).parent / "node.json").read_text())["pid"]
    os.kill(node, signal.SIGKILL)
    wait_for("the node ends", lambda: not Path(f"/proc/{node}").exists())
    cluster("up")
    assert kubectl.get("configmap", "kept")["data"] == {"key": "value"}
