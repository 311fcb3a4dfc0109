"""Parses Kubernetes objects (batches, Jobs, pods, events) into the values that a pass plans with."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from backfleet.core import wire
from backfleet.core.packs import PackKey
from backfleet.core.planning.observation import (
    JobState,
    SeenBatch,
    SeenContainer,
    SeenJob,
    SeenPod,
    SettledJob,
)

Json = Mapping[str, Any]

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
TERMINAL_PHASES = ("Succeeded", "Failed")
DEFAULT_DEADLINE_SECONDS = 86_400
LONGEST_DEADLINE_SECONDS = 100_000_000
"""The longest deadline. Longer ones mean nothing, and lead to times that Python does not have."""


def parse_batch(item: Json) -> SeenBatch:
    """Parse a custom resource. Rely only on what the API server itself guarantees."""
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
    """Parse a Job with our label."""
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
    """Parse a Job with the settled label from its metadata. If the label is not ours, its creation counts as its end."""
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
    """Parse an event: the uid of its Job, and why its pod was refused, without the pod's changing name."""
    message = str(event.get("message") or "")
    return str((event.get("involvedObject") or {}).get("uid")), (message.partition(" is forbidden: ")[2] or message)[
        :500
    ]


def parse_pod(item: Json) -> SeenPod:
    """Parse a pod with our label. Containers are found by name."""
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
        unschedulable=str(scheduled.get("message") or "no node accepts the pod") if is_unschedulable else None,
        disruption=str(disruption.get("reason") or "unknown") if disruption.get("status") == "True" else None,
        owner_uid=owner.get("uid"),
        owner_name=owner.get("name"),
        node_name=(item.get("spec") or {}).get("nodeName"),
        engine=containers.get(wire.CONTAINER_ENGINE, SeenContainer()),
        recorder=containers.get(wire.CONTAINER_RECORDER, SeenContainer()),
    )


def parse_container(entry: Json) -> SeenContainer:
    """Parse a container's status. Only its present state counts."""
    state = entry.get("state") or {}
    waiting, running, ended = state.get("waiting") or {}, state.get("running") or {}, state.get("terminated") or {}
    started = running.get("startedAt") or ended.get("startedAt")
    digest = _DIGEST.search(str(entry.get("imageID") or ""))
    return SeenContainer(
        waiting_reason=waiting.get("reason"),
        waiting_message=waiting.get("message"),
        started_at=parse_time(started) if started else None,
        exit_code=ended.get("exitCode"),
        termination_reason=ended.get("reason"),
        termination_message=ended.get("message"),
        image_digest=digest[0] if digest else None,
    )


def parse_key(meta: Json) -> PackKey | None:
    """Return the pack that an object belongs to, or None if its labels do not name one."""
    labels = meta.get("labels") or {}
    uid, index, number = (labels.get(k) for k in (wire.LABEL_BATCH_UID, wire.LABEL_INDEX, wire.LABEL_ATTEMPT))
    if not (uid and str(index).isdecimal() and str(number).isdecimal()):
        return None
    return str(uid), int(str(index)), int(str(number))


def parse_time(text: str) -> datetime:
    """Parse a Kubernetes timestamp. The result has a time zone."""
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
