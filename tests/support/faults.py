"""A world with its own kubelet and with the temporary faults of a cluster that several teams share."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum, unique
from functools import cache
from typing import Any

from backfleet.controller.cluster import Refused
from backfleet.controller.passes import PassReport
from backfleet.core import wire
from backfleet.core.errors import Unavailable
from backfleet.core.planning.effects import Effect
from backfleet.core.planning.observation import Limits
from backfleet.settings import Settings
from tests.support.cluster import NAMESPACE, START, FakeCluster, Json, text
from tests.support.memory import MemoryRows
from tests.support.operator import World, build_settings, result

OTHER_NAMESPACE = "trading"
NAMESPACES = (NAMESPACE, OTHER_NAMESPACE)
ENGINES = frozenset({"noop", "lean"})
ENGINE_SECONDS = 20
KUBELET_SECONDS = 10.0
AttemptLabels = tuple[str, str, str]


@unique
class Problem(StrEnum):
    """Why the pods of a batch do not start."""

    IMAGE = "ErrImagePull"
    CONFIG = "CreateContainerConfigError"
    NODE = "Unschedulable"
    RECORDER = "the recorder's Secret is missing"


@unique
class Silence(StrEnum):
    """The calls that get no answer. Refusals are not among them."""

    EVERYTHING = "every call"
    CREATE_LOST = "a Job is not created, and nobody says so"
    CREATE_DONE = "a Job is created, and nobody says so"
    DELETE = "a delete is not carried out"
    STATUS = "a status is not written"


@dataclass
class FaultyCluster(FakeCluster):
    """The fake cluster with quotas and refusals by namespace, calls without an answer and pods that do not start.

    `violations` lists every Job that was created above a limit. `excused` are the attempts that had a reason of their
    own not to start: a refusal, or a problem of their pod.
    """

    limit: int = 4
    quotas: dict[str, int] = field(default_factory=dict)
    denials: set[str] = field(default_factory=set)
    silence: Silence | None = None
    problems: dict[str, Problem] = field(default_factory=dict)
    foreign: int = 0
    violations: list[str] = field(default_factory=list)
    excused: set[AttemptLabels] = field(default_factory=set)

    def create_job(self, manifest: Json) -> None:
        if self.silence is Silence.CREATE_LOST:
            raise Unavailable("POST jobs: no answer")
        meta = manifest["metadata"]
        refusal = self._refusal(meta["namespace"])
        if refusal is not None:
            self.excused.add(labels_of(manifest))
            raise refusal
        is_new = meta["name"] not in self.jobs
        super().create_job(manifest)
        if is_new:
            self._validate(manifest)
        if self.silence is Silence.CREATE_DONE:
            raise Unavailable("POST jobs: no answer")

    def delete_job(self, namespace: str, name: str, uid: str) -> None:
        if self.silence is Silence.DELETE:
            raise Unavailable("DELETE jobs: no answer")
        super().delete_job(namespace, name, uid)

    def patch_status(self, namespace: str, name: str, uid: str, status: Mapping[str, Any]) -> None:
        if self.silence is Silence.STATUS:
            raise Unavailable("PATCH status: no answer")
        super().patch_status(namespace, name, uid, status)

    def be_silent(self, silence: Silence | None) -> None:
        self.silence, self.is_away = silence, silence is Silence.EVERYTHING

    def admit_all(self, namespace: str) -> None:
        self.quotas.pop(namespace, None)
        self.denials.discard(namespace)

    def add_foreign_pod(self, namespace: str, labels: Mapping[str, str]) -> None:
        """Add a pod that carries our labels and that no Job of ours has made. It sleeps for ever."""
        self.foreign += 1
        name = f"foreign-{self.foreign}"
        self.pods[name] = {
            "metadata": {
                "name": name,
                "namespace": namespace,
                "labels": {**labels, "job-name": name},
                "creationTimestamp": text(self.now),
                "uid": self.next_uid(),
            },
            "status": {"phase": "Running"},
        }

    def alive_attempts(self) -> set[AttemptLabels]:
        """Return distinct attempts with an unfinished Job or a pod that is not terminal, without the pods of others."""
        ours = {name: pod for name, pod in self.pods.items() if not name.startswith("foreign-")}
        alive = [pod for pod in ours.values() if pod["status"]["phase"] in ("Pending", "Running")]
        return {labels_of(each) for each in [*alive, *map(self.jobs.__getitem__, self.active_jobs)]}

    def owner_of(self, job: str) -> str:
        return labels_of(self.jobs[job])[0]

    def _list(self, objects: dict[str, Json], namespace: str) -> list[Json]:
        """Return the objects themselves: a pass only reads them, and copies would be most of a generated world's cost."""
        self._answer()
        return [each for each in objects.values() if each["metadata"]["namespace"] == namespace]

    def _refusal(self, namespace: str) -> Refused | None:
        used = sum(1 for job in self.jobs.values() if job["metadata"]["namespace"] == namespace)
        if used >= self.quotas.get(namespace, 1000):
            return Refused("exceeded quota: jobs", is_quota=True)
        if namespace in self.denials:
            return Refused("admission webhook denied the request", is_quota=False)
        return None

    def _validate(self, manifest: Json) -> None:
        alive = self.alive_attempts()
        if len(alive) > self.limit:
            self.violations.append(f"{len(alive)} attempts alive, the limit is {self.limit}")
        uid = labels_of(manifest)[0]
        own = sum(1 for each in alive if each[0] == uid)
        allowed = self.batches[uid]["spec"].get("maxConcurrent", self.limit) if uid in self.batches else 0
        if own > allowed:
            self.violations.append(f"{own} attempts of a batch alive, its maxConcurrent is {allowed}")


def labels_of(item: Json) -> AttemptLabels:
    labels = item["metadata"]["labels"]
    return labels[wire.LABEL_BATCH_UID], labels[wire.LABEL_INDEX], labels[wire.LABEL_ATTEMPT]


@dataclass
class FaultyWorld(World):
    """The world with time: pods start and end, Jobs reach their deadlines and are collected."""

    cluster: FaultyCluster = field(default_factory=lambda: FaultyCluster(now=START))
    rows: MemoryRows = field(default_factory=lambda: MemoryRows(now=START))
    limits: Limits = field(default_factory=Limits)
    engines: frozenset[str] = ENGINES

    def __post_init__(self) -> None:
        self.cluster.limit = self.limits.max_concurrent
        self.restart()

    def restart(self, checkpoint: Callable[[Effect], None] = lambda _: None, **_: Any) -> None:
        """Start a new process of the operator, with the engines that are configured now."""
        self.operator = self._operator(settings_with(self.engines), checkpoint)

    def try_turn(self) -> PassReport | None:
        """Run a pass. Return None if Kubernetes did not answer, which is nobody's defect."""
        try:
            return self.turn()
        except Unavailable:
            return None

    @contextmanager
    def refusing_jobs(self) -> Iterator[None]:
        """Let no namespace accept a Job inside the block; afterwards every one does."""
        self.cluster.quotas |= dict.fromkeys(NAMESPACES, 0)
        yield
        for namespace in NAMESPACES:
            self.cluster.admit_all(namespace)

    def pass_time(self, seconds: float) -> None:
        """Move the clock on, and with it kubelet, the Job controller and the TTL controller, but run no pass."""
        end = self.cluster.now + timedelta(seconds=seconds)
        while self.cluster.now < end:
            self.tick(min(KUBELET_SECONDS, (end - self.cluster.now).total_seconds()))
            for name in self.cluster.active_jobs:
                self._live_on(name)
            self.cluster.collect_expired()

    @property
    def healthy_jobs(self) -> list[str]:
        """Unfinished Jobs whose pods can run."""
        problems = self.cluster.problems
        return [name for name in self.cluster.active_jobs if self.cluster.owner_of(name) not in problems]

    def heal(self) -> None:
        """End every fault."""
        self.cluster.problems.clear()
        for namespace in NAMESPACES:
            self.cluster.admit_all(namespace)
        self.engines = ENGINES
        self.restart()

    def can_progress(self, uid: str) -> bool:
        """Report that nothing of its own stops the batch: neither its namespace, nor its engine, pods or author."""
        body = self.cluster.batches[uid]
        spec, namespace = body["spec"], body["metadata"]["namespace"]
        is_free = namespace not in self.cluster.denials and namespace not in self.cluster.quotas
        is_wanted = not spec.get("suspend") and spec["engine"]["name"] in self.engines
        return is_free and is_wanted and uid not in self.cluster.problems

    def cannot_start(self, uid: str) -> bool:
        """Report that no pod of it starts, or no Job is admitted, though its author wants it to run and its engine is there."""
        body = self.cluster.batches[uid]
        if body["spec"].get("suspend") or body["spec"]["engine"]["name"] not in self.engines:
            return False
        namespace, problem = body["metadata"]["namespace"], self.cluster.problems.get(uid)
        is_refused = namespace in self.cluster.denials or self.cluster.quotas.get(namespace) == 0
        return is_refused or problem not in (None, Problem.RECORDER)

    def _live_on(self, name: str) -> None:
        """Do what a Job's pod does next, if it has one."""
        job, pod = self.cluster.jobs[name], self.cluster.pods.get(name)
        created = datetime.fromisoformat(job["metadata"]["creationTimestamp"])
        if self.cluster.now >= created + timedelta(seconds=job["spec"]["activeDeadlineSeconds"]):
            self.cluster.exceed_deadline(name)
            return
        if pod is None:
            return
        labels = labels_of(job)
        problem, started = self.cluster.problems.get(labels[0]), engine_started_at(pod)
        if problem is not None:
            self.cluster.excused.add(labels)
        if started is None:
            self._start(name, pod, problem)
        elif self.cluster.now >= started + timedelta(seconds=ENGINE_SECONDS):
            if problem is Problem.RECORDER:
                self._keep_recorder_waiting(pod, started)
            else:
                self.record(name, result())

    def _start(self, name: str, pod: Json, problem: Problem | None) -> None:
        if problem in (Problem.IMAGE, Problem.CONFIG):
            self.cluster.wait_engine(name, problem.value, "no such thing")
        elif problem is Problem.NODE:
            pod["status"]["conditions"] = [self._scheduled("False", reason="Unschedulable", message="0/1 nodes")]
        else:
            pod["status"]["conditions"] = [self._scheduled("True")]
            self.cluster.start_engine(name)

    def _scheduled(self, status: str, **more: str) -> Json:
        return {"type": "PodScheduled", "status": status, "lastTransitionTime": text(self.cluster.now), **more}

    def _keep_recorder_waiting(self, pod: Json, started: datetime) -> None:
        ended = started + timedelta(seconds=ENGINE_SECONDS)
        terminated = {"exitCode": 0, "startedAt": text(started), "finishedAt": text(ended)}
        waiting = {"reason": "CreateContainerConfigError", "message": 'secret "backfleet-recorder" not found'}
        pod["status"]["initContainerStatuses"] = [{"name": wire.CONTAINER_ENGINE, "state": {"terminated": terminated}}]
        pod["status"]["containerStatuses"] = [{"name": wire.CONTAINER_RECORDER, "state": {"waiting": waiting}}]


@cache
def settings_with(engines: frozenset[str]) -> Settings:
    image = {"image": "localhost/backfleet:test"}
    return build_settings(namespaces=NAMESPACES, engines=dict.fromkeys(sorted(engines), image))


def engine_started_at(pod: Json) -> datetime | None:
    for status in pod["status"].get("initContainerStatuses", []):
        state = status["state"]
        began = (state.get("running") or state.get("terminated") or {}).get("startedAt")
        return datetime.fromisoformat(began) if began else None
    return None
