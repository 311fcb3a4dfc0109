"""What a release's pods are doing, told to a person while Helm waits for them."""

import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from kubernetes import client, config
from urllib3.exceptions import HTTPError

LOOK_SECONDS = 1.0
LOG_LINES = 15
NO_ANSWER = (client.ApiException, HTTPError, OSError)


class Pods:
    """Reads the pods of one release; `kubeconfig` None means the user's own way to a cluster."""

    def __init__(self, kubeconfig: Path | None, context: str | None, namespace: str, release: str) -> None:
        api_client = config.new_client_from_config(str(kubeconfig) if kubeconfig else None, context)
        self._api = client.CoreV1Api(api_client)
        self._namespace = namespace
        self._selector = f"app.kubernetes.io/instance={release}"

    def states(self) -> dict[str, str]:
        """Pod name → one phrase; empty while the API does not answer."""
        return {pod.metadata.name: _phrase(pod) for pod in self._list()}

    def wait_gone(self, deadline: float) -> list[str]:
        """Return when no container runs any more, or at the deadline (a monotonic time) with the pods where one does."""
        # A pod's object may stay up to a minute longer: the kubelet of old takes its time to let it go.
        while (left := sorted(pod.metadata.name for pod in self._list() if _runs(pod))) and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
        return left

    def explain(self) -> Iterator[str]:
        """State and last log lines of every container that is not ready, for a release that did not get ready."""
        for pod in self._list():
            for status in [*(pod.status.init_container_statuses or []), *(pod.status.container_statuses or [])]:
                if not status.ready:
                    yield f"{pod.metadata.name} / {status.name}: {_phrase(pod)}"
                    yield from (f"    {line}" for line in self._log_tail(pod.metadata.name, status.name))

    def _list(self) -> list[client.V1Pod]:
        try:
            found = self._api.list_namespaced_pod(self._namespace, label_selector=self._selector, _request_timeout=5)
        except NO_ANSWER:
            return []
        return list(found.items)

    def _log_tail(self, pod: str, container: str) -> list[str]:
        try:
            text = self._api.read_namespaced_pod_log(
                pod, self._namespace, container=container, tail_lines=LOG_LINES, _request_timeout=5
            )
        except NO_ANSWER:
            return []
        return str(text).splitlines()


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


def _report_until_done(future: "Future[Any]", pods: Pods) -> None:
    started = time.monotonic()
    known: dict[str, str] = {}
    while not wait([future], LOOK_SECONDS).done:
        states = pods.states()
        for name, state in states.items():
            if known.get(name) != state:
                print(f"   {time.monotonic() - started:5.1f} s  {name}: {state}", file=sys.stderr, flush=True)
        known = states


def _runs(pod: client.V1Pod) -> bool:
    statuses = [*(pod.status.init_container_statuses or []), *(pod.status.container_statuses or [])]
    return not pod.metadata.deletion_timestamp or any(each.state and each.state.running for each in statuses)


def _phrase(pod: client.V1Pod) -> str:
    statuses = [*(pod.status.init_container_statuses or []), *(pod.status.container_statuses or [])]
    for status in statuses:
        waiting = status.state.waiting if status.state else None
        if waiting and waiting.reason not in {"PodInitializing", "ContainerCreating"}:
            return f"{status.name} waits: {waiting.reason} {waiting.message or ''}".rstrip()
    for status in pod.status.init_container_statuses or []:
        if status.state and status.state.running:
            return f"{status.name} runs"
    if any(each.type == "Ready" and each.status == "True" for each in pod.status.conditions or []):
        return "ready"
    unscheduled = [each.message for each in pod.status.conditions or [] if each.reason == "Unschedulable"]
    return unscheduled[0] if unscheduled else str(pod.status.phase)
