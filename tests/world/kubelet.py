"""A kubelet without containers: it has nodes, renews their leases, and lets their pods live as a plan says.

It works against the fake API server, and against a real one.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

import urllib3.exceptions

from tests.world.fates import Plan
from tests.world.kinds import Json
from tests.world.kube_client import Calls, Refusal
from tests.world.node_objects import LEASES, build_lease, build_node, renewal
from tests.world.pod_life import PodLife, Records

NODES = "/api/v1/nodes"
PODS = "/api/v1/pods"
BOUND: dict[str, Any] = {"fieldSelector": "spec.nodeName!="}
WATCH_SECONDS = 5.0
AGAIN_SECONDS = 0.1
NO_ANSWER = (Refusal, urllib3.exceptions.HTTPError, OSError)


@dataclass
class Kubelet:
    """The kubelets of several nodes; `workers` of them write at the same time."""

    kube: Calls
    records: Records
    plan: Plan = field(default_factory=Plan)
    nodes: Sequence[str] = ("fake-0",)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    workers: int = 1
    pods: dict[str, Json] = field(default_factory=dict)
    """What is bound to its nodes, by uid."""
    lives: dict[str, PodLife] = field(default_factory=dict)
    cut_off: set[str] = field(default_factory=set)
    """Nodes that do not reach the API server: their pods live on, and nobody sees it."""
    unreported: list[tuple[Json, Json]] = field(default_factory=list)
    _seen: Sequence[Json] | None = None
    """What the watch has of all nodes' pods."""

    def register(self) -> None:
        """Make its nodes and their leases, or take over those of their names."""
        for name in self.nodes:
            for path, body in ((NODES, build_node(name, self.now())), (LEASES, build_lease(name, self.now()))):
                try:
                    self.kube.create(path, body)
                except Refusal as refusal:
                    if refusal.status != 409:
                        raise
            self._be_ready(name)

    def renew(self) -> None:
        """Say that its nodes live, but for those that are cut off."""
        for name in self.nodes:
            if name not in self.cut_off:
                self.kube.patch(f"{LEASES}/{name}", renewal(self.now()))

    def leave(self) -> None:
        """Delete its nodes."""
        for name in self.nodes:
            for path in (f"{NODES}/{name}", f"{LEASES}/{name}"):
                with suppress(Refusal):
                    self.kube.delete(path)

    def lose(self, node: str) -> None:
        """Lose the machine with all that ran on it; its node stays until somebody deletes it."""
        self.cut_off.add(node)
        for uid, pod in self.pods.items():
            if pod["spec"]["nodeName"] == node and uid in self.lives:
                self.lives[uid].step = None

    def reconnect(self, node: str) -> None:
        """Let a node that was cut off report what has happened meanwhile."""
        self.cut_off.discard(node)
        self.renew()
        self._be_ready(node)

    def sync(self) -> None:
        """Look at its pods once, and let them live up to now."""
        self.take(self.kube.items(PODS, **BOUND))
        self.act()

    def take(self, pods: Iterable[Json]) -> None:
        """These are all the pods that are bound; what is on a node that is cut off stays as it was."""
        known = {uid: pod for uid, pod in self.pods.items() if pod["spec"]["nodeName"] in self.cut_off}
        reached = set(self.nodes) - self.cut_off
        self.pods = {**known, **{pod["metadata"]["uid"]: pod for pod in pods if pod["spec"]["nodeName"] in reached}}
        self.lives = {uid: run for uid, run in self.lives.items() if uid in self.pods}

    def act(self) -> None:
        """Do what is due on every node."""
        late, self.unreported = self.unreported, []
        for pod, status in late:
            self._report(pod, status)
        now = self.now()
        due = [pod for pod in list(self.pods.values()) if self._is_due(pod, now)]
        if self.workers == 1:
            for pod in due:
                self._advance(pod)
            return
        with ThreadPoolExecutor(self.workers) as pool:
            list(pool.map(self._advance, due))

    def follow(self, stop: threading.Event, seconds: float = 0.2, renew_seconds: float = 10.0) -> None:
        """Live by this machine's clock until `stop`: one watch of all pods, and what is due every `seconds`.

        Pods and lives are this thread's alone. What breaks the watch or the renewals is raised here.
        """
        broken: list[Exception] = []

        def keep(work: Callable[[], None]) -> None:
            try:
                work()
            except Exception as error:
                broken.append(error)

        works = (partial(self._watch, stop), partial(self._keep_renewing, stop, renew_seconds))
        others = [threading.Thread(target=keep, args=(work,), daemon=True) for work in works]
        for each in others:
            each.start()
        try:
            while not stop.wait(seconds):
                if broken:
                    raise broken[0]
                if self._seen is not None:
                    self.take(self._seen)
                with suppress(*NO_ANSWER):
                    self.act()
        finally:
            stop.set()
            for each in others:
                each.join(2 * WATCH_SECONDS)

    def _keep_renewing(self, stop: threading.Event, seconds: float) -> None:
        """Renew leases however long a pod's outcome takes to be recorded."""
        while not stop.wait(seconds):
            with suppress(*NO_ANSWER):
                self.renew()

    def _be_ready(self, node: str) -> None:
        self.kube.patch(f"{NODES}/{node}/status", {"status": build_node(node, self.now())["status"]})

    def _watch(self, stop: threading.Event) -> None:
        while not stop.wait(AGAIN_SECONDS):
            with suppress(*NO_ANSWER):
                self._watch_once(stop)

    def _watch_once(self, stop: threading.Event) -> None:
        page = self.kube.get(PODS, **BOUND)
        there = {pod["metadata"]["uid"]: pod for pod in page["items"] or []}
        self._seen = list(there.values())
        version = page["metadata"]["resourceVersion"]
        for event in self.kube.watch(PODS, WATCH_SECONDS, resourceVersion=version, **BOUND):
            if event["type"] == "ERROR" or stop.is_set():
                return
            uid = event["object"]["metadata"]["uid"]
            there.pop(uid, None)
            if event["type"] != "DELETED":
                there[uid] = event["object"]
            self._seen = list(there.values())

    def _is_due(self, pod: Json, now: datetime) -> bool:
        uid, is_reached = pod["metadata"]["uid"], pod["spec"]["nodeName"] not in self.cut_off
        if is_reached and "deletionTimestamp" in pod["metadata"]:
            return True
        if is_reached and uid not in self.lives and pod["status"].get("phase") == "Pending":
            self.lives[uid] = PodLife.begin(self.plan.life_of(pod), self.records, now)
        run = self.lives.get(uid)
        return run is not None and run.step is not None and run.due_at <= now

    def _advance(self, pod: Json) -> None:
        uid, is_reached = pod["metadata"]["uid"], pod["spec"]["nodeName"] not in self.cut_off
        if is_reached and "deletionTimestamp" in pod["metadata"]:
            self.lives.pop(uid, None)
            with suppress(*NO_ANSWER):
                self.kube.delete(path_of(pod), gracePeriodSeconds=0, preconditions={"uid": uid})
            return
        status = self.lives[uid].advance(pod, self.now())
        if status:
            self._report(pod, status)

    def _report(self, pod: Json, status: Json) -> None:
        """Write a status, or keep it for later; a pod that is gone, or another of its name, needs none."""
        patch = {"metadata": {"uid": pod["metadata"]["uid"]}, "status": status}
        try:
            if pod["spec"]["nodeName"] in self.cut_off:
                self.unreported.append((pod, status))
            else:
                self.kube.patch(f"{path_of(pod)}/status", patch)
        except Refusal as refusal:
            if refusal.status in (404, 409, 422):
                return
            self.unreported.append((pod, status))
        except urllib3.exceptions.HTTPError:
            self.unreported.append((pod, status))


def path_of(pod: Json) -> str:
    return f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"
