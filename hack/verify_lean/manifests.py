"""Builds the container of a case with the operator's own code and the chart's values."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from backfleet.controller.job_manifest import build_job
from backfleet.core.packs import Member, PackRecord, PackRequest
from backfleet.core.planning.effects import BatchRef, CreateJob, JobShape
from backfleet.engines.lean.engine import LeanEngine
from backfleet.settings import Settings
from hack.helm.chart import render_objects
from hack.verify_lean.cases import PROJECT, Case

PROJECTS = Path(__file__).parent / "projects"
CONFIG_MAP = "verify-lean-projects"
LABELS = {"app.kubernetes.io/name": "verify-lean"}
FILES = "files"
SEND_FILES = "tar -C /results -czf - . | base64"
RESTRICTED = {"runAsNonRoot": True, "runAsUser": 10001, "runAsGroup": 10001, "readOnlyRootFilesystem": True}


def settings_of(image: str | None, *, is_restricted: bool) -> Settings:
    """Return the operator's settings as the chart renders them, with the projects of this tool."""
    items = [{"key": "main.py", "path": f"{PROJECT}/main.py"}]
    mount = {
        "name": "projects",
        "mountPath": "/projects",
        "source": {"configMap": {"name": CONFIG_MAP, "items": items}},
    }
    lean: dict[str, Any] = {"mounts": [mount]}
    if image:
        lean["image"] = image
    if is_restricted:
        lean["securityContext"] = RESTRICTED
    objects = render_objects({"engines": {"lean": lean}}, name="verify", namespace="default")
    text = next(each["data"]["settings.json"] for each in objects if "settings.json" in each.get("data", {}))
    return Settings.model_validate(json.loads(text))


def build_pod_spec(case: Case, settings: Settings) -> dict[str, Any]:
    """Return the pod of a case as the operator would create it."""
    now = datetime.now(UTC)
    batch = BatchRef(uid="0" * 8, name=f"verify-lean-{case.name}", namespace="default")
    hour = timedelta(hours=1)
    pack = PackRecord(
        batch_uid=batch.uid, index=0, number=1, job_name=batch.name, launched_at=now, start_deadline_at=now,
        hard_deadline_at=now + hour,
    )  # fmt: skip
    requests = [each.request for each in case.members or (case,)]
    members = tuple(Member(index=n, number=1, parameter_texts=each.parameter_texts) for n, each in enumerate(requests))
    common = replace(case.request, parameter_texts={})
    request = PackRequest(batch_uid=batch.uid, common=common, members=members, is_warm=bool(case.members))
    shape = JobShape(
        backtest_timeout_seconds=case.timeout_seconds, deadline_seconds=3600, ttl_seconds=600, pack_seconds=3600
    )
    job = build_job(CreateJob(batch=batch, pack=pack, request=request, shape=shape), LeanEngine(), settings)
    spec: dict[str, Any] = job["spec"]["template"]["spec"]
    return spec


def build_pod(case: Case, settings: Settings) -> dict[str, Any]:
    """Return the same pod, with a container that prints the files instead of the recorder."""
    spec = build_pod_spec(case, settings)
    (engine,) = spec["initContainers"]
    (recorder,) = spec["containers"]
    files = {
        "name": FILES,
        "image": engine["image"],
        "imagePullPolicy": engine["imagePullPolicy"],
        "command": ["/bin/sh", "-c", SEND_FILES],
        **{key: recorder[key] for key in ("resources", "securityContext", "volumeMounts")},
    }
    metadata = {"name": f"verify-lean-{case.name}", "labels": LABELS}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {**spec, "serviceAccountName": "default", "containers": [files]},
    }


def build_config_map() -> dict[str, Any]:
    """Return a ConfigMap with the project's file."""
    data = {"main.py": (PROJECTS / PROJECT / "main.py").read_text(encoding="utf-8")}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": CONFIG_MAP, "labels": LABELS}, "data": data}
