"""What a release's pods are doing, told to a person while Helm waits for them."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

LOOK_SECONDS = 1.0
ANSWER_SECONDS = 10
LOG_LINES = 15


class Pods:
    """Reads the pods of one release with kubectl; `kubeconfig` None means the user's own way to a cluster."""

    def __init__(self, kubeconfig: Path | None, context: str | None, namespace: str, release: str) -> None:
        flags = [f"--kubeconfig={kubeconfig}"] if kubeconfig else []
        flags += [f"--context={context}"] if context else []
        self._command = ["kubectl", *flags, "-n", namespace, f"--request-timeout={ANSWER_SECONDS}s"]
        self._selector = f"app.kubernetes.io/instance={release}"

    def states(self) -> dict[str, str]:
        """Pod name → one phrase; empty while the API does not answer."""
        return {pod["metadata"]["name"]: phrase(pod) for pod in self._list()}

    def wait_gone(self, deadline: float) -> list[str]:
        """Return when no container runs any more, or at the deadline (a monotonic time) with the pods where one does."""
        # A pod's object may stay up to a minute longer: the kubelet of old takes its time to let it go.
        while (left := [pod["metadata"]["name"] for pod in self._list() if runs(pod)]) and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
        return left

    def explain(self) -> Iterator[str]:
        """State and last log lines of every container that is not ready, for a release that did not get ready."""
        for pod in self._list():
            name = pod["metadata"]["name"]
            for status in _statuses(pod):
                if not status["ready"]:
                    yield f"{name} / {status['name']}: {phrase(pod)}"
                    log = self._run("logs", name, "-c", status["name"], f"--tail={LOG_LINES}")
                    yield from (f"    {line}" for line in log.splitlines())

    def _list(self) -> list[dict[str, Any]]:
        text = self._run("get", "pods", "-l", self._selector, "-o", "json")
        pods: list[dict[str, Any]] = json.loads(text)["items"] if text else []
        return pods

    def _run(self, *arguments: str) -> str:
        """Standard output; empty on any failure, since progress must never end what it reports on."""
        try:
            done = subprocess.run(
                [*self._command, *arguments],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=2 * ANSWER_SECONDS,
            )
        except (OSError, subprocess.TimeoutExpired):
            return ""
        return done.stdout if done.returncode == 0 else ""


def run_with_progress[T](work: Callable[[], T], pods: Pods, cancel: Callable[[], None]) -> T:
    """Run `work` in a thread and say each change of a pod's state; an interrupt cancels it."""
    with ThreadPoolExecutor(1) as executor:
        future = executor.submit(work)
        try:
            _report_until_done(future, pods)
        except KeyboardInterrupt:
            cancel()
            raise
        return future.result()


def phrase(pod: dict[str, Any]) -> str:
    """What a pod is doing: first what holds it up, then how far it is."""
    for status in _statuses(pod):
        waiting = status["state"].get("waiting")
        if waiting and waiting["reason"] not in {"PodInitializing", "ContainerCreating"}:
            return f"{status['name']} waits: {waiting['reason']} {waiting.get('message', '')}".rstrip()
    for status in pod["status"].get("initContainerStatuses", []):
        if "running" in status["state"]:
            return f"{status['name']} runs"
    conditions = pod["status"].get("conditions", [])
    if any(each["type"] == "Ready" and each["status"] == "True" for each in conditions):
        return "ready"
    unscheduled = [each.get("message", "") for each in conditions if each.get("reason") == "Unschedulable"]
    return unscheduled[0] if unscheduled else str(pod["status"].get("phase"))


def runs(pod: dict[str, Any]) -> bool:
    """Whether a container of it runs, or may yet start."""
    is_leaving = "deletionTimestamp" in pod["metadata"]
    return not is_leaving or any("running" in status["state"] for status in _statuses(pod))


def _report_until_done(future: "Future[Any]", pods: Pods) -> None:
    started = time.monotonic()
    known: dict[str, str] = {}
    while not wait([future], LOOK_SECONDS).done:
        states = pods.states()
        for name, state in states.items():
            if known.get(name) != state:
                print(f"   {time.monotonic() - started:5.1f} s  {name}: {state}", file=sys.stderr, flush=True)
        known = states


def _statuses(pod: dict[str, Any]) -> list[dict[str, Any]]:
    status = pod["status"]
    return [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]
