"""An independent observer of the Kubernetes API: it watches pods and Jobs itself and trusts no counter of the operator."""

import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from kubernetes import client, watch

SELECTOR = "app.kubernetes.io/managed-by=backfleet,app.kubernetes.io/component=backtest"
Attempt = tuple[str, str, str]


def attempt_of(pod: Any) -> Attempt:
    labels = pod.metadata.labels
    return (labels["backfleet.io/batch-uid"], labels["backfleet.io/index"], labels["backfleet.io/attempt"])


@dataclass
class Observer:
    """A record of everything that happened to our pods while it ran. Use it as a context manager."""

    api: client.ApiClient
    namespace: str
    alive: dict[str, Attempt] = field(default_factory=dict)
    most_alive: int = 0
    most_alive_of: dict[str, int] = field(default_factory=dict)
    attempts: set[Attempt] = field(default_factory=set)
    limits: set[tuple[str, str]] = field(default_factory=set)
    error: BaseException | None = None
    _stop: threading.Event = field(default_factory=threading.Event)
    _ready: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> "Observer":
        self._thread = threading.Thread(target=self._run, name="observer", daemon=True)
        self._thread.start()
        assert self._ready.wait(30), "the observer did not start within 30 s"
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        assert self._thread is not None
        self._thread.join(15)
        assert not self._thread.is_alive(), "the observer did not end"
        assert self.error is None, f"the observer broke: {self.error!r}"

    def attempts_of(self, uid: str) -> set[Attempt]:
        return {attempt for attempt in self.attempts if attempt[0] == uid}

    def _run(self) -> None:
        try:
            core = client.CoreV1Api(self.api)
            version = self._list(core)
            self._ready.set()
            while not self._stop.is_set():
                version = self._follow(core, version)
        except BaseException as error:
            self.error = error
            self._ready.set()

    def _list(self, core: client.CoreV1Api) -> str:
        pods = core.list_namespaced_pod(self.namespace, label_selector=SELECTOR, _request_timeout=20)
        self.alive.clear()
        for pod in pods.items:
            self._note("ADDED", pod)
        assert pods.metadata is not None
        return str(pods.metadata.resource_version)

    def _follow(self, core: client.CoreV1Api, version: str) -> str:
        stream = watch.Watch().stream(
            core.list_namespaced_pod,
            self.namespace,
            label_selector=SELECTOR,
            resource_version=version,
            timeout_seconds=3,
            _request_timeout=20,
        )
        try:
            for event in stream:
                self._note(event["type"], event["object"])
                version = event["object"].metadata.resource_version
        except client.ApiException as error:
            if error.status != 410:
                raise
            version = self._list(core)
        return version

    def _note(self, kind: str, pod: Any) -> None:
        attempt = attempt_of(pod)
        self.attempts.add(attempt)
        for container in pod.spec.init_containers or []:
            if container.name == "engine":
                self.limits.add((container.resources.limits["cpu"], container.resources.limits["memory"]))
        if kind == "DELETED" or pod.status.phase in ("Succeeded", "Failed"):
            self.alive.pop(pod.metadata.uid, None)
        else:
            self.alive[pod.metadata.uid] = attempt
        living = set(self.alive.values())
        self.most_alive = max(self.most_alive, len(living))
        uid = attempt[0]
        own = sum(1 for each in living if each[0] == uid)
        self.most_alive_of[uid] = max(self.most_alive_of.get(uid, 0), own)


def wait_until(what: str, holds: Any, seconds: float, every: float = 0.5) -> Any:
    """Return the first true answer of `holds`. At the deadline, raise AssertionError with what was waited for."""
    give_up_at = time.monotonic() + seconds
    answer = holds()
    while not answer:
        assert time.monotonic() < give_up_at, f"not within {seconds:g} s: {what}; last answer: {answer!r}"
        time.sleep(every)
        answer = holds()
    return answer


def wait_until_gone(what: str, left: Callable[[], Collection[Any]], seconds: float, every: float = 0.5) -> None:
    """Return when `left` gives nothing any more. At the deadline, raise AssertionError with what is still there."""
    give_up_at = time.monotonic() + seconds
    while found := left():
        assert time.monotonic() < give_up_at, f"not gone within {seconds:g} s: {what}: {found!r}"
        time.sleep(every)
