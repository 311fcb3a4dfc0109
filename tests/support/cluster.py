"""A Kubernetes in memory. It behaves like the Job controller, kubelet and garbage collector, as far as the loop can see."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from backfleet.controller.cluster import NotAllowed, Refused
from backfleet.core import wire
from backfleet.core.errors import Conflict, Unavailable

Json = dict[str, Any]
NAMESPACE = "research"


def text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def is_settled(job: Json) -> bool:
    return wire.LABEL_SETTLED in job["metadata"].get("labels", {})


@dataclass
class FakeCluster:
    """Serves the loop's port from dictionaries. A test sets the time by `now`, and faults by `fail_next`."""

    now: datetime
    batches: dict[str, Json] = field(default_factory=dict)
    jobs: dict[str, Json] = field(default_factory=dict)
    pods: dict[str, Json] = field(default_factory=dict)
    events: dict[str, Json] = field(default_factory=dict)
    quota: int | None = None
    job_fault: Exception | None = None
    job_faults: dict[str, Exception] = field(default_factory=dict)
    """Faults of `job_fault`'s kind by namespace."""
    job_fault_of: Callable[[str], Exception | None] = lambda _: None
    tried: list[tuple[datetime, str]] = field(default_factory=list)
    """When which Job was asked for, whatever came of it."""
    pod_fault: str | None = None
    """The error that the Job controller gets when it creates a pod: then there is no pod, but an event."""
    is_away: bool = False
    forbidden: set[str] = field(default_factory=set)
    most_alive: int = 0
    created: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    labelled: list[str] = field(default_factory=list)
    label_fault: Exception | None = None
    label_faults: dict[str, Exception] = field(default_factory=dict)
    """Faults of `label_fault`'s kind by namespace."""
    delete_fault: Exception | None = None
    settled_page: int = 100
    settled_looks: int = 0
    status_writes: int = 0
    uids: int = 0
    changes: int = 0
    has_clock: bool = True

    # what the loop calls

    def list_batches(self, namespace: str) -> list[Json]:
        return self._list(self.batches, namespace)

    def list_jobs(self, namespace: str) -> list[Json]:
        unsettled = {name: job for name, job in self.jobs.items() if not is_settled(job)}
        return self._list(unsettled, namespace)

    def list_settled_jobs(self, namespace: str, token: str) -> tuple[list[Json], str]:
        self.settled_looks += 1
        settled = {name: {"metadata": job["metadata"]} for name, job in sorted(self.jobs.items()) if is_settled(job)}
        items = [each for each in self._list(settled, namespace) if each["metadata"]["name"] > token]
        page = items[: self.settled_page]
        return page, page[-1]["metadata"]["name"] if len(items) > len(page) else ""

    def get_job(self, namespace: str, name: str) -> Json | None:
        self._answer()
        job = self.jobs.get(name)
        return copy.deepcopy(job) if job and job["metadata"]["namespace"] == namespace else None

    def list_pods(self, namespace: str) -> list[Json]:
        unfinished = {
            k: pod for k, pod in self.pods.items() if pod["status"].get("phase") not in ("Succeeded", "Failed")
        }
        return self._list(unfinished, namespace)

    def list_pods_of(self, namespace: str, jobs: Sequence[str]) -> list[Json]:
        theirs = {key: pod for key, pod in self.pods.items() if pod["metadata"]["labels"].get("job-name") in jobs}
        return self._list(theirs, namespace)

    def list_pod_refusals(self, namespace: str) -> list[Json]:
        self._answer()
        return [
            {"involvedObject": {"kind": "Job", "uid": job["metadata"]["uid"]}, "message": self.pod_fault}
            for name, job in self.jobs.items()
            if self.pod_fault and name not in self.pods and job["metadata"]["namespace"] == namespace
        ]

    def create_job(self, manifest: Json) -> None:
        self._answer()
        meta = manifest["metadata"]
        self.tried.append((self.now, meta["name"]))
        there = self.jobs.get(meta["name"])
        if there is not None:
            wanted = meta["ownerReferences"][0]["uid"]
            if wanted not in {owner["uid"] for owner in there["metadata"].get("ownerReferences", [])}:
                raise Conflict(f"a Job named {meta['name']} exists and has another owner")
            return
        fault = self.job_fault or self.job_faults.get(meta["namespace"]) or self.job_fault_of(meta["name"])
        if fault is not None:
            raise fault
        if self.quota is not None and len(self.jobs) >= self.quota:
            raise Refused("exceeded quota: jobs", is_quota=True)
        job = copy.deepcopy(manifest)
        job["metadata"].update(uid=self.next_uid(), creationTimestamp=text(self.now))
        job["status"] = {"active": 1}
        self.jobs[meta["name"]] = job
        self.created.append(meta["name"])
        if self.pod_fault is None:
            self._create_pod(job)
        self.note_alive()

    def label_job(self, namespace: str, name: str, uid: str, finished: str) -> None:
        self._answer()
        if fault := self.label_fault or self.label_faults.get(namespace):
            raise fault
        job = self.jobs.get(name)
        if job is not None and job["metadata"]["uid"] == uid and job["metadata"]["namespace"] == namespace:
            job["metadata"].setdefault("labels", {})[wire.LABEL_SETTLED] = finished
            self.labelled.append(name)

    def delete_job(self, namespace: str, name: str, uid: str) -> None:
        self._answer()
        if self.delete_fault is not None:
            raise self.delete_fault
        job = self.jobs.get(name)
        if job is not None and job["metadata"]["uid"] == uid and job["metadata"]["namespace"] == namespace:
            self.vanish(name)
            self.deleted.append(name)

    def patch_status(self, namespace: str, name: str, uid: str, status: Mapping[str, Any]) -> None:
        self._answer()
        batch = self.batches.get(uid)
        if batch is not None and batch["metadata"]["name"] == name and batch["metadata"]["namespace"] == namespace:
            kept = {**batch.get("status", {}), **copy.deepcopy(dict(status))}
            batch["status"] = {key: value for key, value in kept.items() if value is not None}
            self._note_change(uid)
            self.status_writes += 1

    def create_event(self, event: Json) -> None:
        self._answer()
        self.events.setdefault(event["metadata"]["name"], event)

    def read_clock(self) -> datetime | None:
        return self.now if self.has_clock else None

    # what the rest of the world does

    def next_uid(self) -> str:
        """Return uids in order, so that a generated world is the same each time."""
        self.uids += 1
        return f"{self.uids:08x}-0000-4000-8000-{self.uids:012x}"

    def add_batch(self, spec: Json, name: str = "demo", uid: str | None = None, namespace: str = NAMESPACE) -> str:
        uid = uid or self.next_uid()
        meta = {"uid": uid, "name": name, "namespace": namespace, "generation": 1, "creationTimestamp": text(self.now)}
        self.batches[uid] = {"metadata": meta, "spec": copy.deepcopy(spec)}
        self._note_change(uid)
        return uid

    def edit_batch(self, uid: str, **changes: Any) -> None:
        # A new object: what a pass was given before never changes.
        self.batches[uid]["spec"] = {**self.batches[uid]["spec"], **changes}
        self.batches[uid]["metadata"]["generation"] += 1
        self._note_change(uid)

    def _note_change(self, uid: str) -> None:
        self.changes += 1
        self.batches[uid]["metadata"]["resourceVersion"] = str(self.changes)

    def delete_batch(self, uid: str) -> None:
        """Delete the custom resource at once. The garbage collector takes its Jobs and pods."""
        del self.batches[uid]
        for name, job in list(self.jobs.items()):
            if job["metadata"]["ownerReferences"][0]["uid"] == uid:
                self.vanish(name)

    def vanish(self, name: str) -> None:
        """Remove a Job and its pods."""
        self.jobs.pop(name, None)
        self.pods = {key: pod for key, pod in self.pods.items() if pod["metadata"]["labels"]["job-name"] != name}

    def start_engine(self, name: str) -> None:
        self._engine_state(name, {"running": {"startedAt": text(self.now)}})

    def wait_engine(self, name: str, reason: str, message: str = "") -> None:
        self._engine_state(name, {"waiting": {"reason": reason, "message": message}})

    def end_job(self, name: str, *, failed: bool, engine: Json | None = None, recorder: Json | None = None) -> None:
        """End the pod and give the Job its condition, as the Job controller would."""
        job = self.jobs[name]
        started = {"startedAt": text(self.now), "finishedAt": text(self.now)}
        pod = self.pods[name]
        pod["status"]["phase"] = "Failed" if failed else "Succeeded"
        pod["status"]["initContainerStatuses"] = [
            {"name": wire.CONTAINER_ENGINE, "state": {"terminated": {"exitCode": 0, **started, **(engine or {})}}}
        ]
        if engine is None or not engine.get("exitCode"):
            ended = {"exitCode": 3 if failed else 0, **started, **(recorder or {})}
            pod["status"]["containerStatuses"] = [{"name": wire.CONTAINER_RECORDER, "state": {"terminated": ended}}]
        condition = {"type": "Failed" if failed else "Complete", "status": "True", "lastTransitionTime": text(self.now)}
        job["status"] = {"conditions": [condition | ({"reason": "BackoffLimitExceeded"} if failed else {})]}

    def evict(self, name: str, message: str, position: int | None = None) -> None:
        """Evict the pod: the kubelet ends it with a message, and the Job fails. `position` is its engine's last word."""
        self.pods[name]["status"].update(phase="Failed", reason="Evicted", message=message)
        if position is not None:
            self._engine_state(name, {"terminated": {"exitCode": 137, "reason": "Error", "message": str(position)}})
            self.pods[name]["status"]["phase"] = "Failed"
        condition = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}
        self.jobs[name]["status"] = {"conditions": [condition | {"lastTransitionTime": text(self.now)}]}

    def exceed_deadline(self, name: str) -> None:
        """Let the Job exceed its deadline: the Job controller deletes the pod and fails the Job."""
        self.pods.pop(name, None)
        condition = {"type": "Failed", "status": "True", "reason": "DeadlineExceeded", "message": "was active too long"}
        self.jobs[name]["status"] = {"conditions": [condition | {"lastTransitionTime": text(self.now)}]}

    def collect_expired(self) -> None:
        """Remove expired Jobs as the TTL controller does."""
        for name, job in list(self.jobs.items()):
            for condition in job["status"].get("conditions", []):
                ended = datetime.fromisoformat(condition["lastTransitionTime"])
                if self.now >= ended + timedelta(seconds=job["spec"]["ttlSecondsAfterFinished"]):
                    self.vanish(name)

    @property
    def active_jobs(self) -> list[str]:
        return sorted(name for name, job in self.jobs.items() if job["status"].get("active"))

    def alive_attempts(self) -> set[tuple[str, str, str]]:
        """Return the distinct attempts with a pod that is not Succeeded, Failed or gone."""
        labels = [p["metadata"]["labels"] for p in self.pods.values() if p["status"]["phase"] in ("Pending", "Running")]
        return {(each[wire.LABEL_BATCH_UID], each[wire.LABEL_INDEX], each[wire.LABEL_ATTEMPT]) for each in labels}

    def note_alive(self) -> None:
        self.most_alive = max(self.most_alive, len(self.alive_attempts()))

    def condition(self, uid: str, kind: str) -> Json:
        conditions = self.batches[uid].get("status", {}).get("conditions", [])
        return next((each for each in conditions if each["type"] == kind), {})

    def _create_pod(self, job: Json) -> None:
        template, name = job["spec"]["template"], job["metadata"]["name"]
        self.pods[name] = {
            "metadata": {
                "name": f"{name}-pod",
                "namespace": job["metadata"]["namespace"],
                "labels": {**template["metadata"]["labels"], "job-name": name},
                "annotations": dict(template["metadata"]["annotations"]),
                "creationTimestamp": text(self.now),
                "ownerReferences": [
                    {"kind": "Job", "name": name, "uid": job["metadata"]["uid"], "controller": True},
                ],
            },
            "status": {"phase": "Pending"},
        }

    def _engine_state(self, name: str, state: Json) -> None:
        pod = self.pods[name]
        pod["status"].update(phase="Pending", initContainerStatuses=[{"name": wire.CONTAINER_ENGINE, "state": state}])

    def _list(self, objects: dict[str, Json], namespace: str) -> list[Json]:
        self._answer()
        if namespace in self.forbidden:
            raise NotAllowed(f"not allowed: {namespace} is forbidden")
        return [copy.deepcopy(each) for each in objects.values() if each["metadata"]["namespace"] == namespace]

    def _answer(self) -> None:
        if self.is_away:
            raise Unavailable("the API server is away")


START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
