"""Watches every change of a world's Jobs and pods, and keeps what must never happen as sentences."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from backfleet.core import wire
from backfleet.core.backtests import attempt_id
from tests.world.clock import parse
from tests.world.history import Change
from tests.world.job_controller import ENDED, condition_of, controller_of
from tests.world.kinds import Json
from tests.world.kubernetes_world import KubernetesWorld
from tests.world.pod_environment import places_of

Attempt = tuple[str, int, int]
"""Uid of the batch, index and number. A pack, its Job and its pods have that of its first attempt."""


@dataclass
class Monitor:
    """Reads the history of a world as far as it has come. `limit` is the operator's.

    Two kinds of packs may be alive above the limit, and are kept by name: `late` ones, whose Job came from a process that
    had lost the fence, and those that are long overdue because their node is lost.
    """

    world: KubernetesWorld
    limit: int
    overdue: timedelta
    recorded: Callable[[datetime], set[str]] = lambda _: set()
    """The attempts that have their outcome at a moment: nothing runs of them, though their Job may not have ended."""
    violations: list[str] = field(default_factory=list)
    late: set[Attempt] = field(default_factory=set)
    jobs: dict[str, Json] = field(default_factory=dict)
    """Jobs that there are, by uid; and pods."""
    pods: dict[str, Json] = field(default_factory=dict)
    engines: dict[Attempt, list[datetime]] = field(default_factory=lambda: defaultdict(list))
    """When each attempt's engines started: those of the packs that it was in."""
    named: dict[Attempt, Attempt] = field(default_factory=dict)
    """By pack, the member that the last word of its engine's container named: it ran when that died as a whole."""
    allowed: dict[str, int] = field(default_factory=dict)
    """By batch, the highest `maxConcurrent` that the present pass may have read."""
    members: dict[str, tuple[Attempt, ...]] = field(default_factory=dict)
    """The attempts of each Job and pod, by uid."""
    terminal: set[str] = field(default_factory=set)
    """Jobs by uid whose pod has ended: they start no other."""
    _read: int = 0

    def begin_pass(self) -> None:
        """Note the limits of now: from here on, edits of a batch may come too late for the pass."""
        self.allowed = {uid: limit_of(batch) for uid, batch in self._batches().items()}

    def look(self) -> list[Change]:
        """Read the changes since the last look, and return them."""
        changes = self.world.objects.history.changes
        new = changes[self._read :]
        for change in new:
            if change.key[0] == "jobs" and is_ours(change.object):
                self._note_job(change)
            elif change.key[0] == "pods" and is_ours(change.object):
                self._note_pod(change)
        self._read = len(changes)
        return new

    def alive(self, now: datetime) -> set[Attempt]:
        """Return packs with an unfinished Job or a pod that has not ended, without those that are excepted."""
        jobs = {
            attempt_of(job) for job in self.jobs.values() if self._is_unfinished(job) and not self._is_lost(job, now)
        }
        pods = {attempt_of(pod) for pod in self.pods.values() if is_alive(pod) and not self._is_lost(pod, now)}
        return (jobs | pods) - self.late

    def unfinished(self, now: datetime) -> dict[tuple[str, int], set[int]]:
        """Return the numbers of attempts whose Job is unfinished and wanted, by backtest."""
        found: dict[tuple[str, int], set[int]] = defaultdict(set)
        for key, job in self.jobs.items():
            is_wanted = "deletionTimestamp" not in job["metadata"] and not self._is_lost(job, now)
            if is_wanted and self._is_unfinished(job) and attempt_of(job) not in self.late:
                for uid, index, number in self.members[key]:
                    found[uid, index].add(number)
        return found

    def _note_job(self, change: Change) -> None:
        job = change.object
        uid = job["metadata"]["uid"]
        if change.type == "DELETED":
            self.jobs.pop(uid, None)
            return
        self.jobs[uid] = job
        if change.type == "ADDED":
            self.members[uid] = members_of(job["spec"]["template"])
            self._check_new(job)

    def _note_pod(self, change: Change) -> None:
        pod = change.object
        uid, owner = pod["metadata"]["uid"], controller_of(pod)
        before = self.pods.get(uid)
        if change.type == "DELETED":
            self.pods.pop(uid, None)
            return
        self.pods[uid] = pod
        if not is_alive(pod) and owner is not None:
            self.terminal.add(owner)
        attempt = attempt_of(pod)
        if change.type == "ADDED":
            self.members[uid] = members_of(pod)
            others = [each for key, each in self.pods.items() if key != uid and is_alive(each)]
            if any(attempt_of(each) == attempt for each in others):
                self.violations.append(f"two pods of one pack at once: {attempt}")
        if has_started(pod) and not (before and has_started(before)):
            for member in self.members[uid]:
                self.engines[member].append(parse(pod["status"]["startTime"]))
        position = position_of_death(pod)
        if position is not None:
            self.named[attempt] = self.members[uid][position]

    def _check_new(self, job: Json) -> None:
        now, attempt = parse(job["metadata"]["creationTimestamp"]), attempt_of(job)
        if attempt in self.late:
            return
        alive = self.alive(now)
        own = len([each for each in alive if each[0] == attempt[0]])
        batches = self._batches()
        there = limit_of(batches[attempt[0]]) if attempt[0] in batches else 0
        allowed = max(there, self.allowed.get(attempt[0], 0))
        if len(alive) > self.limit:
            self.violations.append(f"{len(alive)} packs alive, the limit is {self.limit}")
        if own > allowed:
            self.violations.append(f"{own} packs of a batch alive, its maxConcurrent is {allowed}")
        unfinished = self.unfinished(now)
        for uid, index, number in self.members[job["metadata"]["uid"]]:
            others = {attempt_id(uid, index, each) for each in unfinished[uid, index] - {number}}
            if others and others - self.recorded(now):
                self.violations.append(f"two attempts of one backtest alive: {(uid, index, number)}")

    def _is_unfinished(self, job: Json) -> bool:
        return condition_of(job, "Complete", "Failed") is None and job["metadata"]["uid"] not in self.terminal

    def _is_lost(self, item: Json, now: datetime) -> bool:
        """Report whether its node is lost: it is unfinished long after its deadline."""
        seconds = int(item["metadata"]["annotations"][wire.ANNOTATION_DEADLINE])
        return now >= parse(item["metadata"]["creationTimestamp"]) + timedelta(seconds=seconds) + self.overdue

    def _batches(self) -> dict[str, Json]:
        return {each["metadata"]["uid"]: each for each in self.world.objects.all(wire.PLURAL)}


def is_ours(item: Json) -> bool:
    """Report whether the operator, or the Job controller for it, made this object; a copy of our labels has no owner."""
    labels = item["metadata"].get("labels", {})
    return wire.LABEL_ATTEMPT in labels and bool(item["metadata"].get("ownerReferences"))


def attempt_of(item: Json) -> Attempt:
    labels = item["metadata"]["labels"]
    return labels[wire.LABEL_BATCH_UID], int(labels[wire.LABEL_INDEX]), int(labels[wire.LABEL_ATTEMPT])


def members_of(pod: Json) -> tuple[Attempt, ...]:
    """Return the attempts that a pod, or the template of a Job, carries."""
    return tuple((uid, int(index), int(number)) for uid, index, number in places_of(pod))


def position_of_death(pod: Json) -> int | None:
    """Return which member ran when the engine's container was killed as a whole; None if it was not."""
    states = [each["state"] for each in pod.get("status", {}).get("initContainerStatuses", [])]
    said = [state["terminated"].get("message", "") for state in states if "terminated" in state]
    return int(said[0]) if said and said[0].isdigit() else None


def is_alive(pod: Json) -> bool:
    return pod.get("status", {}).get("phase") not in ENDED


def has_started(pod: Json) -> bool:
    states = [each["state"] for each in pod.get("status", {}).get("initContainerStatuses", [])]
    return any("running" in state or "terminated" in state for state in states)


def limit_of(batch: Json) -> int:
    return int(batch["spec"].get("maxConcurrent", 4))
