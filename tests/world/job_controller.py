"""The Job controller of the fake control plane: one pod for each Job, its end, its deadline, and being suspended."""

from dataclasses import dataclass
from datetime import timedelta

from tests.world.clock import parse, text
from tests.world.kinds import Json
from tests.world.objects import Objects
from tests.world.problems import Problem

TRACKING = "batch.kubernetes.io/job-tracking"
ENDED = ("Succeeded", "Failed")
BACKOFF = ("BackoffLimitExceeded", "Job has reached the specified backoff limit")
DEADLINE = ("DeadlineExceeded", "Job was active longer than specified deadline")


@dataclass
class JobController:
    """`is_old`: as in Kubernetes 1.20, where a pod that is deleted is made again, and a Job fails before its pod has ended."""

    objects: Objects
    is_old: bool = False

    def sync(self) -> None:
        """Bring every Job one step on."""
        jobs = {job["metadata"]["uid"]: job for job in self.objects.all("jobs")}
        pods: dict[str, list[Json]] = {uid: [] for uid in jobs}
        for pod in self.objects.all("pods"):
            uid = controller_of(pod)
            if uid in pods:
                pods[uid].append(pod)
            elif TRACKING in pod["metadata"].get("finalizers", []):
                self._release(pod)
        for uid, job in jobs.items():
            self._sync(job, pods[uid])

    def _sync(self, job: Json, pods: list[Json]) -> None:
        status = {"active": 0, "succeeded": 0, "failed": 0, **job.get("status", {})}
        self._count(status, pods)
        if condition_of(job, "Complete", "Failed") is None and "deletionTimestamp" not in job["metadata"]:
            if job["spec"].get("suspend"):
                self._suspend(status, pods)
            else:
                self._run(job, status, pods)
        if status != job.get("status"):
            self._write(job, status)

    def _run(self, job: Json, status: Json, pods: list[Json]) -> None:
        if condition_in(status, "Suspended") is not None:
            self._set(status, "Suspended", "False", "JobResumed", "Job resumed")
        status.setdefault("startTime", text(self.objects.clock.now()))
        failing = condition_in(status, "FailureTarget")
        if failing is not None:
            self._fail(status, pods, failing["reason"], failing["message"])
        elif status["failed"] > job["spec"].get("backoffLimit", 6):
            self._fail(status, pods, *BACKOFF)
        elif self._is_overdue(job, status):
            self._fail(status, pods, *DEADLINE)
        elif status["succeeded"]:
            self._set(status, "Complete", "True", "", "")
            status |= {"active": 0, "completionTime": text(self.objects.clock.now())}
        elif not any(self._is_active(pod) for pod in pods):
            status["active"] = self._create_pod(job)

    def _suspend(self, status: Json, pods: list[Json]) -> None:
        for pod in filter(self._is_active, pods):
            self._delete(pod)
        status["active"] = 0
        status.pop("startTime", None)
        self._set(status, "Suspended", "True", "JobSuspended", "Job suspended")

    def _fail(self, status: Json, pods: list[Json], reason: str, message: str) -> None:
        """Delete what runs; the Job has failed once all of it has ended."""
        alive = [pod for pod in pods if pod.get("status", {}).get("phase") not in ENDED]
        for pod in alive:
            self._delete(pod)
        status["active"] = 0
        alive = [pod for pod in alive if _key(pod) in self.objects.stored]
        if alive and not self.is_old:
            self._set(status, "FailureTarget", "True", reason, message)
            return
        self._set(status, "Failed", "True", reason, message)

    def _count(self, status: Json, pods: list[Json]) -> None:
        """Old: the pods that are there. New: every pod once, of which a finalizer reminds until it is counted."""
        if self.is_old:
            phases = [pod.get("status", {}).get("phase") for pod in pods]
            status |= {"succeeded": phases.count("Succeeded"), "failed": phases.count("Failed")}
            return
        for pod in pods:
            phase = pod.get("status", {}).get("phase")
            has_ended = phase in ENDED or "deletionTimestamp" in pod["metadata"]
            if has_ended and TRACKING in pod["metadata"].get("finalizers", []):
                is_wanted_gone = condition_in(status, "Suspended") is not None and phase not in ENDED
                status["succeeded"] += phase == "Succeeded"
                status["failed"] += phase != "Succeeded" and not is_wanted_gone
                self._release(pod)

    def _is_active(self, pod: Json) -> bool:
        """Report whether it takes the place of the Job's pod; a new controller waits for one that is being deleted."""
        is_leaving = "deletionTimestamp" in pod["metadata"]
        return pod.get("status", {}).get("phase") not in ENDED and not (is_leaving and self.is_old)

    def _is_overdue(self, job: Json, status: Json) -> bool:
        seconds = job["spec"].get("activeDeadlineSeconds")
        return seconds is not None and self.objects.clock.now() >= parse(status["startTime"]) + timedelta(
            seconds=seconds
        )

    def _create_pod(self, job: Json) -> int:
        """Create the Job's pod and return 1; what is refused becomes an event, and is tried again."""
        meta, template = job["metadata"], job["spec"]["template"]
        name, given = f"{meta['name'][:57]}-{self.objects.next_uid()[:5]}", template.get("metadata", {})
        own = {"job-name": meta["name"], "controller-uid": meta["uid"]}
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": meta["name"], "uid": meta["uid"]}
        body = {
            "metadata": {
                "name": name,
                "labels": {**given.get("labels", {}), **own},
                "annotations": given.get("annotations", {}),
                "ownerReferences": [{**owner, "controller": True, "blockOwnerDeletion": True}],
                **({} if self.is_old else {"finalizers": [TRACKING]}),
            },
            "spec": template.get("spec", {}),
            "status": {"phase": "Pending"},
        }
        try:
            self.objects.create("pods", meta["namespace"], body)
            return 1
        except Problem as problem:
            self._note_refusal(job, problem)
            return 0

    def _note_refusal(self, job: Json, problem: Problem) -> None:
        meta = job["metadata"]
        about = {"kind": "Job", "name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"]}
        event: Json = {
            "metadata": {"name": f"{meta['name']}.{meta['uid'][:8]}"},
            "involvedObject": about,
            "reason": "FailedCreate",
            "type": "Warning",
            "message": f"Error creating: {problem}",
        }
        if ("events", meta["namespace"], event["metadata"]["name"]) not in self.objects.stored:
            self.objects.create("events", meta["namespace"], event)

    def _release(self, pod: Json) -> None:
        rest = [each for each in pod["metadata"]["finalizers"] if each != TRACKING]
        self.objects.merge(*_key(pod), {"metadata": {"finalizers": rest or None}})

    def _delete(self, pod: Json) -> None:
        if "deletionTimestamp" not in pod["metadata"] and _key(pod) in self.objects.stored:
            self.objects.delete(*_key(pod), pod["metadata"]["uid"])

    def _set(self, status: Json, kind: str, value: str, reason: str, message: str) -> None:
        others = [each for each in status.get("conditions", []) if each["type"] != kind]
        there = condition_in(status, kind)
        if there is not None and there["status"] == value:
            return
        new = {"type": kind, "status": value, "lastTransitionTime": text(self.objects.clock.now())}
        status["conditions"] = [*others, new | {"reason": reason, "message": message}]

    def _write(self, job: Json, status: Json) -> None:
        removed = dict.fromkeys(set(job.get("status", {})) - set(status))
        self.objects.set_status("jobs", job["metadata"]["namespace"], job["metadata"]["name"], {**status, **removed})


def controller_of(item: Json) -> str | None:
    owners = item["metadata"].get("ownerReferences") or []
    return next((owner["uid"] for owner in owners if owner.get("controller")), None)


def condition_in(status: Json, *kinds: str) -> Json | None:
    """Return the condition that holds, of one of these types."""
    found = (each for each in status.get("conditions", []) if each["type"] in kinds and each["status"] == "True")
    return next(found, None)


def condition_of(item: Json, *kinds: str) -> Json | None:
    return condition_in(item.get("status", {}), *kinds)


def _key(pod: Json) -> tuple[str, str, str]:
    return "pods", pod["metadata"]["namespace"], pod["metadata"]["name"]
