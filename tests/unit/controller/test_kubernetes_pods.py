"""What Kubernetes says of pods, read from JSON as API servers send it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from backfleet.controller.kubernetes_objects import DEFAULT_DEADLINE_SECONDS, parse_pod
from backfleet.core import wire
from backfleet.core.planning.observation import SeenContainer, SeenPod
from tests.support.kubernetes_json import AT, CREATED, LABELS, minutes


def pod(status: Any, **meta: Any) -> dict[str, Any]:
    given = {
        "name": "demo-7-2-x8z2p",
        "namespace": "research",
        "uid": "pod-uid",
        "creationTimestamp": CREATED,
        "labels": {**LABELS, "job-name": "demo-7-2"},
        "annotations": {wire.ANNOTATION_DEADLINE: "1800"},
    }
    return {"metadata": given | meta, "spec": {}, "status": status}


SEEN_POD = SeenPod(
    name="demo-7-2-x8z2p",
    namespace="research",
    key=("batch-uid", 7, 2),
    is_terminal=False,
    created_at=AT,
    deadline_at=minutes(30),
)
DIGEST = "sha256:" + "0123456789abcdef" * 4
STARTED, FINISHED = "2026-01-05T09:01:00Z", "2026-01-05T09:02:00Z"


def container(name: str, **state: Any) -> dict[str, Any]:
    return {
        "name": name,
        "image": "i",
        "imageID": "",
        "ready": False,
        "restartCount": 0,
        "lastState": {},
        "state": state,
    }


def terminated(code: int, reason: str, **rest: Any) -> dict[str, Any]:
    return {"exitCode": code, "reason": reason, "startedAt": STARTED, "finishedAt": FINISHED, **rest}


RECORDER_WAITS = container(wire.CONTAINER_RECORDER, waiting={"reason": "PodInitializing"})
WAITING_RECORDER = SeenContainer(waiting_reason="PodInitializing")
UNSCHEDULABLE = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "0/3 nodes are available: 3 Insufficient cpu.",
}
DISRUPTED = {
    "type": "DisruptionTarget",
    "status": "True",
    "reason": "PreemptionByScheduler",
    "message": "default-scheduler: preempting to accommodate a higher priority pod",
}
PODS = [
    pytest.param(None, {}, id="no status yet"),
    pytest.param({"phase": "Pending", "conditions": None, "initContainerStatuses": None}, {}, id="nulls"),
    pytest.param(
        {"phase": "Pending", "conditions": [UNSCHEDULABLE]},
        {"unschedulable": "0/3 nodes are available: 3 Insufficient cpu."},
        id="no node accepts the pod",
    ),
    pytest.param(
        {"phase": "Pending", "conditions": [{k: v for k, v in UNSCHEDULABLE.items() if k != "message"}]},
        {"unschedulable": "no node accepts the pod"},
        id="no node takes it, and no word why",
    ),
    pytest.param(
        {"phase": "Pending", "conditions": [UNSCHEDULABLE | {"reason": "SchedulingGated"}]}, {}, id="held by a gate"
    ),
    pytest.param({"phase": "Pending", "conditions": [UNSCHEDULABLE | {"status": "True"}]}, {}, id="scheduled"),
    pytest.param(
        {
            "phase": "Pending",
            "initContainerStatuses": [
                container(wire.CONTAINER_ENGINE, waiting={"reason": "ImagePullBackOff", "message": "Back-off pulling"})
            ],
            "containerStatuses": [RECORDER_WAITS],
        },
        {
            "engine": SeenContainer(waiting_reason="ImagePullBackOff", waiting_message="Back-off pulling"),
            "recorder": WAITING_RECORDER,
        },
        id="the image does not come",
    ),
    pytest.param(
        {
            "phase": "Pending",
            "initContainerStatuses": [container(wire.CONTAINER_ENGINE, running={"startedAt": STARTED})],
            "containerStatuses": [RECORDER_WAITS],
        },
        {"engine": SeenContainer(started_at=minutes(1)), "recorder": WAITING_RECORDER},
        id="the engine runs",
    ),
    pytest.param(
        {
            "phase": "Failed",
            "initContainerStatuses": [
                container("istio-init", terminated=terminated(0, "Completed")),
                container(wire.CONTAINER_ENGINE, terminated=terminated(137, "OOMKilled")),
            ],
            "containerStatuses": [RECORDER_WAITS],
        },
        {
            "is_terminal": True,
            "engine": SeenContainer(started_at=minutes(1), exit_code=137, termination_reason="OOMKilled"),
            "recorder": WAITING_RECORDER,
        },
        id="the engine was killed at its memory limit",
    ),
    pytest.param(
        {
            "phase": "Failed",
            "initContainerStatuses": [container(wire.CONTAINER_ENGINE, terminated=terminated(0, "Completed"))],
            "containerStatuses": [
                container(wire.CONTAINER_RECORDER, terminated=terminated(4, "Error", message="Postgres is away"))
            ],
        },
        {
            "is_terminal": True,
            "engine": SeenContainer(started_at=minutes(1), exit_code=0, termination_reason="Completed"),
            "recorder": SeenContainer(
                started_at=minutes(1), exit_code=4, termination_reason="Error", termination_message="Postgres is away"
            ),
        },
        id="the recorder failed",
    ),
    pytest.param(
        {"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."},
        {"is_terminal": True, "reason": "Evicted", "message": "The node was low on resource: memory."},
        id="evicted",
    ),
    pytest.param(
        {"phase": "Running", "conditions": [DISRUPTED]}, {"disruption": "PreemptionByScheduler"}, id="being preempted"
    ),
    pytest.param({"phase": "Running", "conditions": [DISRUPTED | {"status": "False"}]}, {}, id="not disrupted"),
    pytest.param({"phase": "Succeeded"}, {"is_terminal": True}, id="succeeded"),
    pytest.param({"phase": "Unknown", "reason": "NodeLost"}, {"reason": "NodeLost"}, id="its node is lost"),
]


@pytest.mark.parametrize(("status", "seen"), PODS)
def test_a_pod_is_read_as_it_stands(status: Any, seen: dict[str, Any]) -> None:
    assert parse_pod(pod(status)) == replace(SEEN_POD, **seen)


def test_a_pod_without_labels_or_annotations_is_nobodys_and_has_a_deadline() -> None:
    wanted = replace(SEEN_POD, key=None, deadline_at=AT + timedelta(seconds=DEFAULT_DEADLINE_SECONDS))
    assert parse_pod(pod(None, labels=None, annotations=None)) == wanted


@pytest.mark.parametrize(
    ("image_id", "digest"),
    [
        pytest.param(f"docker-pullable://example.org/lean@{DIGEST}", DIGEST, id="pulled by Docker"),
        pytest.param(f"example.org/lean@{DIGEST}", DIGEST, id="pulled by containerd"),
        pytest.param(f"docker://{DIGEST}", DIGEST, id="built on the node"),
        pytest.param(DIGEST, DIGEST, id="imported"),
        pytest.param("example.org/lean:1", None, id="a name"),
        pytest.param("", None, id="not pulled yet"),
        pytest.param(None, None, id="null"),
    ],
)
def test_a_pod_shows_its_node_and_the_digest_of_its_engines_image(image_id: str | None, digest: str | None) -> None:
    engine = container(wire.CONTAINER_ENGINE, running={"startedAt": STARTED}) | {"imageID": image_id}
    body = pod({"initContainerStatuses": [engine]}) | {"spec": {"nodeName": "node-1"}}
    seen = SeenContainer(started_at=minutes(1), image_digest=digest)
    assert parse_pod(body) == replace(SEEN_POD, node_name="node-1", engine=seen)
