"""Shows the state of a release's pods while Helm waits for them."""

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
    """The pods of one release, read with kubectl. Without `kubeconfig`, kubectl uses the user's default."""

    def __init__(self, kubeconfig: Path | None, context: str | None, namespace: str, release: str) -> None:
        flags = [f"--kubeconfig={kubeconfig}"] if kubeconfig else []
        flags += [f"--context={context}"] if context else []
        self._command = ["kubectl", *flags, "-n", namespace, f"--request-timeout={ANSWER_SECONDS}s"]
        self._selector = f"app.kubernetes.io/instance={release}"

    def states(self) -> dict[str, str]:
        """Return one phrase per pod, by name. The result is empty while the API does not answer."""
        return {pod["metadata"]["name"]: phrase(pod) for pod in self._list()}

    def wait_gone(self, deadline: float) -> list[str]:
        """Wait until no container runs. Return the pods whose containers still run at the deadline (a monotonic time)."""
        # An old kubelet may keep a pod's object up to a minute longer.
        while (left := [pod["metadata"]["name"] for pod in self._list() if runs(pod)]) and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
        return left

    def explain(self) -> Iterator[str]:
        """Return the state and the last log lines of every container that is not ready."""
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
        """Run kubectl and return its standard output, or an empty text. An error here must not end the command."""
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
    """Run `work` in a thread and show each change of a pod's state. An interrupt cancels it."""
    with ThreadPoolExecutor(1) as executor:
        future = executor.submit(work)
        try:
            _report_until_done(future, pods)
        except KeyboardInterrupt:
            cancel()
            raise
        return future.result()


def phrase(pod: dict[str, Any]) -> str:
    """Describe the state of a pod: first what blocks it, then its progress."""
    for status in _statuses(pod):
        waiting = status["state"].get("waiting")
        if waiting and waiting["reason"] not in {"PodInitializing", "ContainerCreating"}:
            return f"{status['name']} is waiting: {waiting['reason']} {waiting.get('message', '')}".rstrip()
    for status in pod["status"].get("initContainerStatuses", []):
        if "running" in status["state"]:
            return f"{status['name']} is running"
    conditions = pod["status"].get("conditions", [])
    if any(each["type"] == "Ready" and each["status"] == "True" for each in conditions):
        return "ready"
    unscheduled = [each.get("message", "") for each in conditions if each.get("reason") == "Unschedulable"]
    return unscheduled[0] if unscheduled else str(pod["status"].get("phase"))


def runs(pod: dict[str, Any]) -> bool:
    """Return whether a container of the pod runs or can still start."""
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
