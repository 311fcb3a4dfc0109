"""What Kubernetes says of batches and Jobs, read from JSON as API servers send it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from backfleet.controller.kubernetes_objects import (
    DEFAULT_DEADLINE_SECONDS,
    LONGEST_DEADLINE_SECONDS,
    parse_batch,
    parse_job,
    parse_key,
)
from backfleet.core import wire
from backfleet.core.planning.observation import JobState, SeenBatch, SeenJob
from tests.support.kubernetes_json import AT, CREATED, LABELS, minutes

OWNERS = [
    {"apiVersion": "v1", "kind": "ConfigMap", "name": "other", "uid": "other-uid"},
    {"apiVersion": wire.API_VERSION, "kind": wire.KIND, "name": "demo", "uid": "batch-uid", "controller": True},
]


def batch(**changes: Any) -> dict[str, Any]:
    meta = {"name": "demo", "namespace": "research", "uid": "u", "creationTimestamp": CREATED, "resourceVersion": "1"}
    return {
        "apiVersion": wire.API_VERSION,
        "kind": wire.KIND,
        "metadata": meta | changes.pop("metadata", {}),
        **changes,
    }


SEEN_BATCH = SeenBatch(
    uid="u", name="demo", namespace="research", generation=1, created_at=AT, spec={}, resource_version="1"
)


def test_a_batch_is_read_whole() -> None:
    meta = {"generation": 3, "labels": {"team": "a"}}
    item = batch(metadata=meta, spec={"maxConcurrent": 2}, status={"total": 6})
    wanted = replace(SEEN_BATCH, generation=3, labels={"team": "a"}, spec={"maxConcurrent": 2}, status={"total": 6})
    assert parse_batch(item) == wanted


@pytest.mark.parametrize(
    "rest",
    [
        pytest.param({}, id="nothing but metadata"),
        pytest.param({"spec": None, "status": None, "metadata": {"labels": None}}, id="nulls"),
        pytest.param({"spec": "text", "status": ["list"]}, id="of another type"),
    ],
)
def test_a_batch_without_a_usable_spec_is_seen_empty(rest: dict[str, Any]) -> None:
    assert parse_batch(batch(**rest)) == SEEN_BATCH


def job(**changes: Any) -> dict[str, Any]:
    meta = {
        "name": "demo-7-2",
        "namespace": "research",
        "uid": "job-uid",
        "creationTimestamp": CREATED,
        "labels": LABELS,
        "annotations": {wire.ANNOTATION_DEADLINE: "3600"},
        "ownerReferences": OWNERS,
    }
    spec = {"activeDeadlineSeconds": 1800, "parallelism": 1}
    return {"metadata": meta | changes.pop("metadata", {}), "spec": spec, **changes}


SEEN_JOB = SeenJob(
    name="demo-7-2",
    namespace="research",
    uid="job-uid",
    owner_uid="batch-uid",
    key=("batch-uid", 7, 2),
    state=JobState.ACTIVE,
    created_at=AT,
    deadline_at=minutes(30),
)


def ended(kind: str, **rest: str) -> dict[str, Any]:
    return {"type": kind, "status": "True", "lastTransitionTime": "2026-01-05T09:05:00Z", **rest}


@pytest.mark.parametrize(
    ("status", "seen"),
    [
        pytest.param(None, {}, id="no status yet"),
        pytest.param({"active": 1, "startTime": CREATED}, {}, id="active"),
        pytest.param({"conditions": [ended("Suspended"), ended("FailureTarget", reason="x")]}, {}, id="not yet ended"),
        pytest.param({"conditions": [ended("Failed") | {"status": "False"}]}, {}, id="a condition that is not true"),
        pytest.param(
            {"conditions": [ended("SuccessCriteriaMet"), ended("Complete")], "succeeded": 1},
            {"state": JobState.COMPLETE, "finished_at": minutes(5)},
            id="complete",
        ),
        pytest.param(
            {"conditions": [ended("Failed", reason="DeadlineExceeded", message="was active too long")]},
            {
                "state": JobState.FAILED,
                "finished_at": minutes(5),
                "reason": "DeadlineExceeded",
                "message": "was active too long",
            },
            id="failed",
        ),
        pytest.param(
            {"conditions": [{"type": "Failed", "status": "True"}]}, {"state": JobState.FAILED}, id="failed, no more"
        ),
    ],
)
def test_a_job_is_active_until_a_condition_ends_it(status: Any, seen: dict[str, Any]) -> None:
    assert parse_job(job(status=status)) == replace(SEEN_JOB, **seen)


@pytest.mark.parametrize(
    ("meta", "seen"),
    [
        pytest.param({"deletionTimestamp": CREATED}, {"is_deleting": True}, id="being deleted"),
        pytest.param({"ownerReferences": None}, {"owner_uid": None}, id="no owner"),
        pytest.param({"ownerReferences": OWNERS[:1]}, {"owner_uid": None}, id="an owner that is no controller"),
        pytest.param({"labels": None}, {"key": None}, id="no labels"),
    ],
)
def test_a_job_may_be_anybodys(meta: dict[str, Any], seen: dict[str, Any]) -> None:
    assert parse_job(job(metadata=meta)) == replace(SEEN_JOB, **seen)


@pytest.mark.parametrize(
    ("spec", "annotation", "seconds"),
    [
        pytest.param({"activeDeadlineSeconds": 60}, "3600", 60, id="its own"),
        pytest.param({}, "3600", 3600, id="else the annotation"),
        pytest.param({}, "soon", DEFAULT_DEADLINE_SECONDS, id="else a day"),
        pytest.param({"activeDeadlineSeconds": 2**62}, "3600", LONGEST_DEADLINE_SECONDS, id="bounded"),
        pytest.param({}, "9" * 18, LONGEST_DEADLINE_SECONDS, id="the annotation is bounded"),
        pytest.param({}, "9" * 5000, DEFAULT_DEADLINE_SECONDS, id="an annotation that is not a number"),
    ],
)
def test_a_job_has_a_deadline_whatever_it_says(spec: dict[str, Any], annotation: str, seconds: int) -> None:
    item = job(metadata={"annotations": {wire.ANNOTATION_DEADLINE: annotation}}) | {"spec": spec}
    assert parse_job(item).deadline_at == AT + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("labels", "key"),
    [
        pytest.param(LABELS, ("batch-uid", 7, 2), id="all there"),
        *(pytest.param({**LABELS, name: ""}, None, id=f"{name} is empty") for name in LABELS),
        *(
            pytest.param({k: v for k, v in LABELS.items() if k != name}, None, id=f"{name} is missing")
            for name in LABELS
        ),
        pytest.param({**LABELS, wire.LABEL_INDEX: "-1"}, None, id="an index below zero"),
        pytest.param({**LABELS, wire.LABEL_ATTEMPT: "two"}, None, id="an attempt in words"),
    ],
)
def test_labels_say_which_attempt_an_object_belongs_to(labels: dict[str, str], key: Any) -> None:
    assert parse_key({"labels": labels}) == key
