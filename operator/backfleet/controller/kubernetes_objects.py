"""Gathers one observation: Kubernetes first, then the rows, so that an outcome is never missed behind a finished Job."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from backfleet.core import wire
from backfleet.core.planning.observation import (
    AttemptKey,
    JobState,
    SeenBatch,
    SeenContainer,
    SeenJob,
    SeenPod,
    SettledJob,
)

Json = Mapping[str, Any]

TERMINAL_PHASES = ("Succeeded", "Failed")
DEFAULT_DEADLINE_SECONDS = 86_400
LONGEST_DEADLINE_SECONDS = 100_000_000
"""Beyond it a deadline says nothing, and a moment so far away is none that Python knows."""


def parse_batch(item: Json) -> SeenBatch:
    """A custom resource; only what the API server itself guarantees is taken for granted."""
    meta = item["metadata"]
    spec, status = item.get("spec"), item.get("status")
    return SeenBatch(
        uid=meta["uid"],
        name=meta["name"],
        namespace=meta["namespace"],
        generation=int(meta.get("generation", 1)),
        created_at=parse_time(meta["creationTimestamp"]),
        spec=spec if isinstance(spec, Mapping) else {},
        status=status if isinstance(status, Mapping) else {},
        labels=meta.get("labels") or {},
        resource_version=str(meta.get("resourceVersion") or ""),
    )


def parse_job(item: Json) -> SeenJob:
    """A Job with our label."""
    meta, status = item["metadata"], item.get("status") or {}
    created_at = parse_time(meta["creationTimestamp"])
    state, ended = JobState.ACTIVE, {}
    for condition in status.get("conditions") or []:
        if condition.get("status") == "True" and condition.get("type") in ("Complete", "Failed"):
            state, ended = JobState[str(condition["type"]).upper()], condition
    deadline = min(int(item["spec"].get("activeDeadlineSeconds") or _deadline_of(meta)), LONGEST_DEADLINE_SECONDS)
    finished = ended.get("lastTransitionTime")
    return SeenJob(
        name=meta["name"],
        namespace=meta["namespace"],
        uid=meta["uid"],
        owner_uid=_owner_of(meta),
        key=parse_key(meta),
        state=state,
        created_at=created_at,
        deadline_at=created_at + timedelta(seconds=deadline),
        finished_at=parse_time(finished) if finished else None,
        reason=str(ended.get("reason") or ""),
        message=str(ended.get("message") or ""),
        is_deleting="deletionTimestamp" in meta,
    )


def parse_settled_job(item: Json) -> SettledJob:
    """A Job with the settled label, from its metadata; labelled by somebody else it counts as finished when it was made."""
    meta = item["metadata"]
    said = str((meta.get("labels") or {}).get(wire.LABEL_SETTLED, ""))
    is_moment = said.isdecimal() and len(said) <= 10
    return SettledJob(
        name=meta["name"],
        namespace=meta["namespace"],
        uid=meta["uid"],
        owner_uid=_owner_of(meta),
        key=parse_key(meta),
        finished_at=datetime.fromtimestamp(int(said), UTC) if is_moment else parse_time(meta["creationTimestamp"]),
    )


def parse_pod_refusal(event: Json) -> tuple[str, str]:
    """The uid of the Job that an event is about, and why its pod was refused; without the pod's name, which changes."""
    message = str(event.get("message") or "")
    return str((event.get("involvedObject") or {}).get("uid")), (message.partition(" is forbidden: ")[2] or message)[
        :500
    ]


def parse_pod(item: Json) -> SeenPod:
    """A pod with our label; its containers are found by name."""
    meta, status = item["metadata"], item.get("status") or {}
    created_at = parse_time(meta["creationTimestamp"])
    conditions = {c.get("type"): c for c in status.get("conditions") or []}
    scheduled, disruption = conditions.get("PodScheduled", {}), conditions.get("DisruptionTarget", {})
    is_unschedulable = scheduled.get("status") == "False" and scheduled.get("reason") == "Unschedulable"
    owner: Json = next((each for each in meta.get("ownerReferences") or [] if _is_job(each)), {})
    containers = {
        entry.get("name"): parse_container(entry)
        for entry in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
    }
    return SeenPod(
        name=meta["name"],
        namespace=meta["namespace"],
        key=parse_key(meta),
        is_terminal=status.get("phase") in TERMINAL_PHASES,
        created_at=created_at,
        deadline_at=created_at + timedelta(seconds=_deadline_of(meta)),
        scheduled_at=_scheduled_at(scheduled),
        reason=str(status.get("reason") or ""),
        message=str(status.get("message") or ""),
        unschedulable=str(scheduled.get("message") or "no node takes it") if is_unschedulable else None,
        disruption=str(disruption.get("reason") or "unknown") if disruption.get("status") == "True" else None,
        owner_uid=owner.get("uid"),
        owner_name=owner.get("name"),
        engine=containers.get(wire.CONTAINER_ENGINE, SeenContainer()),
        recorder=containers.get(wire.CONTAINER_RECORDER, SeenContainer()),
    )


def parse_container(entry: Json) -> SeenContainer:
    """A container's status; its present state, whatever was before."""
    state = entry.get("state") or {}
    waiting, running, ended = state.get("waiting") or {}, state.get("running") or {}, state.get("terminated") or {}
    started = running.get("startedAt") or ended.get("startedAt")
    return SeenContainer(
        waiting_reason=waiting.get("reason"),
        waiting_message=waiting.get("message"),
        started_at=parse_time(started) if started else None,
        exit_code=ended.get("exitCode"),
        termination_reason=ended.get("reason"),
        termination_message=ended.get("message"),
    )


def parse_key(meta: Json) -> AttemptKey | None:
    """The attempt that an object belongs to; None when its labels do not say."""
    labels = meta.get("labels") or {}
    uid, index, number = (labels.get(k) for k in (wire.LABEL_BATCH_UID, wire.LABEL_INDEX, wire.LABEL_ATTEMPT))
    if not (uid and str(index).isdecimal() and str(number).isdecimal()):
        return None
    return str(uid), int(str(index)), int(str(number))


def parse_time(text: str) -> datetime:
    """A Kubernetes timestamp, aware."""
    return datetime.fromisoformat(text)


def _owner_of(meta: Json) -> str | None:
    owners = (owner["uid"] for owner in meta.get("ownerReferences") or [] if owner.get("controller"))
    return next(owners, None)


def _is_job(owner: Json) -> bool:
    return bool(owner.get("controller")) and owner.get("kind") == "Job"


def _scheduled_at(condition: Json) -> datetime | None:
    moment = condition.get("lastTransitionTime")
    return parse_time(moment) if moment and condition.get("status") == "True" else None


def _deadline_of(meta: Json) -> int:
    text = str((meta.get("annotations") or {}).get(wire.ANNOTATION_DEADLINE, ""))
    return min(int(text), LONGEST_DEADLINE_SECONDS) if text.isdecimal() and len(text) < 20 else DEFAULT_DEADLINE_SECONDS
