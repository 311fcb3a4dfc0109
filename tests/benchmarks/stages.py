"""When a backtest's Job and pod reach each stage, as a watch of its own sees it; moments are seconds of the machine's clock."""

import threading
import time
from collections.abc import Iterator
from typing import Any

from kubernetes import client, watch

from tests.support.observer import SELECTOR

WATCH_SECONDS = 2
Key = tuple[str, str]
"""Index and attempt number, as the labels have them."""

STAGES = (
    ("create", "launched", "job", "the row is committed, the Job appears"),
    ("pod", "job", "pod", "the Job controller makes the pod"),
    ("schedule", "pod", "scheduled", "the scheduler binds it"),
    ("start", "scheduled", "engine_started", "the kubelet makes the sandbox and starts the engine"),
    ("engine", "engine_started", "engine_ended", "shim and engine run"),
    ("recorder", "engine_ended", "recorded", "the recorder starts, reads and appends the outcome"),
    ("end", "recorded", "terminal", "the recorder exits, the pod is Succeeded or Failed"),
    ("job ended", "terminal", "job_ended", "the Job controller says so on the Job"),
)
"""Name, from, to, and what happens between; each from and to is a moment of `Timeline`."""


class Timeline(threading.Thread):
    """Follows the Jobs and pods of one namespace; `moments` holds the first time that each stage was seen."""

    def __init__(self, api: client.ApiClient, namespace: str) -> None:
        super().__init__(daemon=True)
        self.moments: dict[Key, dict[str, float]] = {}
        self._api, self._namespace = api, namespace
        self._stopping = threading.Event()
        self._lock = threading.Lock()

    def run(self) -> None:
        jobs = threading.Thread(target=self._follow_jobs, daemon=True)
        jobs.start()
        for pod in self._events(client.CoreV1Api(self._api).list_namespaced_pod):
            for name in _pod_stages(pod):
                self._note(pod, name)
        jobs.join(2 * WATCH_SECONDS)

    def stop(self) -> None:
        self._stopping.set()
        self.join(3 * WATCH_SECONDS)

    def refills(self, parallel: int) -> list[float]:
        """Return the seconds from each freed slot to the next new Job: the n-th slot takes Job n + parallel."""
        freed = sorted(each["terminal"] for each in self.moments.values() if "terminal" in each)
        made = sorted(each["job"] for each in self.moments.values() if "job" in each)[parallel:]
        return [max(0.0, after - before) for before, after in zip(freed, made, strict=False)]

    def _follow_jobs(self) -> None:
        for job in self._events(client.BatchV1Api(self._api).list_namespaced_job):
            self._note(job, "job")
            if any(each.status == "True" for each in job.status.conditions or []):
                self._note(job, "job_ended")

    def _note(self, item: Any, stage: str) -> None:
        labels = item.metadata.labels
        key = labels["backfleet.io/index"], labels["backfleet.io/attempt"]
        with self._lock:
            self.moments.setdefault(key, {}).setdefault(stage, time.time())

    def _events(self, listing: Any) -> Iterator[Any]:
        while not self._stopping.is_set():
            stream = watch.Watch().stream(
                listing, self._namespace, label_selector=SELECTOR, timeout_seconds=WATCH_SECONDS
            )
            for event in stream:
                if event["type"] != "DELETED":
                    yield event["object"]


def _pod_stages(pod: Any) -> Iterator[str]:
    status = pod.status
    yield "pod"
    if pod.spec.node_name:
        yield "scheduled"
    for container in status.init_container_statuses or []:
        if container.state.running or container.state.terminated:
            yield "engine_started"
        if container.state.terminated:
            yield "engine_ended"
    if status.phase in ("Succeeded", "Failed"):
        yield "terminal"
