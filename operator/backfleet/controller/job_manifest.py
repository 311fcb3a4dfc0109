"""Builds the manifest of a pack's Job: the engine as init container under the shim, the recorder after it. Pure."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from backfleet.core import wire
from backfleet.core.packs import WARM_START_SECONDS
from backfleet.core.planning.effects import BatchRef, ClaimRef, CreateJob
from backfleet.core.spec.quantities import parse_quantity
from backfleet.engines import shim
from backfleet.engines.protocol import Engine, EngineContainer, EngineSettings, VolumeMount
from backfleet.settings import EngineImageSettings, Settings

_RESULTS = "results"
_SCRATCH = "scratch"
_WRITABLE = "writable"
_STORAGE = "ephemeral-storage"
_BESIDE_VOLUMES_MEBIBYTES = 1024
"""What an engine may write outside its volumes (log and image file system) if no limit is set."""
_RECORDER_STORAGE = "64Mi"
_NO_REQUEST = {_STORAGE: "0"}
"""The request of storage. Without one, Kubernetes requests the limit and reserves that much of a node's disk."""
_RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


def build_job(create: CreateJob, engine: Engine, settings: Settings) -> dict[str, Any]:
    """Build the Job of a pack, owned by its batch."""
    pack, batch = create.pack, create.batch
    labels = job_labels(create)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": pack.job_name,
            "namespace": batch.namespace,
            "labels": labels,
            "annotations": {wire.ANNOTATION_DEADLINE: str(create.shape.deadline_seconds)},
            "ownerReferences": [_owner(batch)],
        },
        "spec": {
            "backoffLimit": 0,
            "completions": 1,
            "parallelism": 1,
            "activeDeadlineSeconds": create.shape.deadline_seconds,
            "ttlSecondsAfterFinished": create.shape.ttl_seconds,
            "template": {
                "metadata": {
                    "labels": {**labels, wire.LABEL_MESH_INJECT: "false"},
                    "annotations": {
                        wire.ANNOTATION_DEFAULT_CONTAINER: wire.CONTAINER_ENGINE,
                        wire.ANNOTATION_LINKERD_INJECT: "disabled",
                        wire.ANNOTATION_DEADLINE: str(create.shape.deadline_seconds),
                    },
                },
                "spec": _pod_spec(create, engine, settings),
            },
        },
    }


def _owner(batch: BatchRef) -> dict[str, Any]:
    return {
        "apiVersion": wire.API_VERSION,
        "kind": wire.KIND,
        "name": batch.name,
        "uid": batch.uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }


def job_labels(create: CreateJob) -> dict[str, str]:
    """Return the labels that find Jobs and pods again. Parameters do not belong here."""
    return {
        wire.LABEL_NAME: wire.MANAGED_BY,
        wire.LABEL_MANAGED_BY: wire.MANAGED_BY,
        wire.LABEL_COMPONENT: wire.COMPONENT_BACKTEST,
        wire.LABEL_BATCH_UID: create.batch.uid,
        wire.LABEL_INDEX: str(create.pack.index),
        wire.LABEL_ATTEMPT: str(create.pack.number),
    }


def _pod_spec(create: CreateJob, engine: Engine, settings: Settings) -> dict[str, Any]:
    pods = settings.pods
    configured = settings.engines[engine.name]
    container = engine.container(create.request, _engine_settings(create, configured))
    spec: dict[str, Any] = {
        "restartPolicy": "Never",
        "serviceAccountName": pods.service_account_name,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": pods.termination_grace_seconds,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": pods.run_as_user,
            "runAsGroup": pods.run_as_user,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "initContainers": [_engine_container(create, container, settings)],
        "containers": [_recorder_container(create, container.image, settings)],
        "volumes": [
            {"name": _RESULTS, "emptyDir": {"sizeLimit": pods.results_size_limit}},
            {"name": _SCRATCH, "emptyDir": {"sizeLimit": pods.results_size_limit}},
            *({"name": name, "emptyDir": {"sizeLimit": pods.results_size_limit}} for name in _writable(configured)),
            *({"name": mount.name, **mount.source} for mount in _volumes(container.mounts).values()),
        ],
    }
    if pods.image_pull_secrets:
        spec["imagePullSecrets"] = [{"name": name} for name in pods.image_pull_secrets]
    if pods.node_selector:
        spec["nodeSelector"] = dict(pods.node_selector)
    if pods.tolerations:
        spec["tolerations"] = list(pods.tolerations)
    if pods.priority_class_name:
        spec["priorityClassName"] = pods.priority_class_name
    return spec


def _engine_settings(create: CreateJob, configured: EngineImageSettings) -> EngineSettings:
    mounts = tuple(
        VolumeMount(name=m.name, mount_path=m.mount_path, source=m.source, sub_path=m.sub_path)
        for m in configured.mounts
    )
    environment = {**_warm_environment(create, configured), **configured.environment}
    if create.shape.data_volume:
        mounts = _replaced(mounts, _claim_mount(wire.VOLUME_DATA, wire.DATA_PATH, create.shape.data_volume))
        environment.pop(wire.ENV_DATA_FOLDER, None)
    if create.shape.projects_volume:
        mounts = _replaced(mounts, _claim_mount(wire.VOLUME_PROJECTS, wire.PROJECTS_PATH, create.shape.projects_volume))
    return EngineSettings(
        image=create.shape.image or configured.image,
        image_pull_policy=configured.image_pull_policy,
        requests={**configured.requests, **(create.shape.requests or {})},
        mounts=mounts,
        environment=environment,
        security_context=configured.security_context,
    )


def _warm_environment(create: CreateJob, configured: EngineImageSettings) -> dict[str, str]:
    """Return the variables by which a process that runs several backtests knows when it is to end."""
    if configured.warm is None or not create.request.is_warm:
        return {}
    return {
        wire.ENV_WARM_MEMBERS: str(configured.warm.members),
        wire.ENV_WARM_MEMORY: str(configured.warm.memory_mebibytes),
    }


def _claim_mount(name: str, path: str, claim: ClaimRef) -> VolumeMount:
    source = {"persistentVolumeClaim": {"claimName": claim.claim_name, "readOnly": True}}
    return VolumeMount(name=name, mount_path=path, source=source, sub_path=claim.sub_path)


def _replaced(mounts: tuple[VolumeMount, ...], mount: VolumeMount) -> tuple[VolumeMount, ...]:
    return (*(each for each in mounts if each.name != mount.name), mount)


def _engine_container(create: CreateJob, container: EngineContainer, settings: Settings) -> dict[str, Any]:
    configured = settings.engines[create.request.common.engine]
    environment = {
        "HOME": wire.SCRATCH_PATH,
        **_shim_environment(create, container, tuple(_writable(configured).values())),
        **container.environment,
    }
    mounts: list[dict[str, Any]] = [
        {"name": _RESULTS, "mountPath": wire.RESULTS_PATH},
        {"name": _SCRATCH, "mountPath": wire.SCRATCH_PATH},
    ]
    mounts += [{"name": name, "mountPath": path} for name, path in _writable(configured).items()]
    volumes = _volumes(container.mounts)
    for mount in container.mounts:
        name = volumes[_volume_key(mount)].name
        entry: dict[str, Any] = {"name": name, "mountPath": mount.mount_path, "readOnly": True}
        mounts.append({**entry, "subPath": mount.sub_path} if mount.sub_path else entry)
    folder = {"workingDir": container.working_folder} if container.working_folder else {}
    return {
        "name": wire.CONTAINER_ENGINE,
        "image": container.image,
        "imagePullPolicy": configured.image_pull_policy,
        "command": shim.command(container.command),
        **folder,
        "env": _env(environment),
        "resources": {
            "requests": {**_NO_REQUEST, **configured.requests, **(create.shape.requests or {})},
            "limits": {_STORAGE: _storage_limit(configured, settings), **settings.pods.limits},
        },
        "securityContext": {**_RESTRICTED, **configured.security_context},
        "volumeMounts": mounts,
    }


def _shim_environment(create: CreateJob, container: EngineContainer, writable: Sequence[str]) -> dict[str, str]:
    shape, request, config = create.shape, create.request, container.config
    environment = {
        wire.ENV_BACKTEST_TIMEOUT: str(shape.backtest_timeout_seconds),
        wire.ENV_PACK_MEMBERS: request.to_runs(),
        wire.ENV_PACK_SECONDS: str(shape.pack_seconds),
        wire.ENV_SCRATCH_PATHS: "\n".join((wire.SCRATCH_PATH, wire.SHARED_MEMORY_PATH, *writable)),
    }
    if container.runs_packs:
        limit = shim.command_timeout_seconds(shape.backtest_timeout_seconds, shape.pack_seconds)
        environment[wire.ENV_COMMAND_TIMEOUT] = str(limit + (WARM_START_SECONDS if request.is_warm else 0))
    if config is not None:
        environment[wire.ENV_ENGINE_CONFIG] = config.common
        environment[wire.ENV_ENGINE_CONFIG_LINES] = "\n".join(config.lines)
        environment[wire.ENV_ENGINE_CONFIG_PATH] = config.path
    return environment


def _volumes(mounts: Iterable[VolumeMount]) -> dict[str, VolumeMount]:
    """Return one mount per volume: a kubelet waits forever for a pod that has one claim as two volumes."""
    found: dict[str, VolumeMount] = {}
    for mount in mounts:
        found.setdefault(_volume_key(mount), mount)
    return found


def _volume_key(mount: VolumeMount) -> str:
    claim = mount.source.get("persistentVolumeClaim")
    return json.dumps(claim["claimName"] if isinstance(claim, Mapping) else mount.source, sort_keys=True)


def _writable(configured: EngineImageSettings) -> dict[str, str]:
    """Return the engine's further writable folders by the name of their volume."""
    return {f"{_WRITABLE}-{position}": path for position, path in enumerate(configured.writable_paths)}


def _storage_limit(configured: EngineImageSettings, settings: Settings) -> str:
    """Compute the pod's limit: its volumes' limits and some more, so that a volume's own limit is reached first."""
    volumes = 2 + len(configured.writable_paths)
    mebibytes = volumes * parse_quantity(settings.pods.results_size_limit) / 2**20
    return f"{math.ceil(mebibytes) + _BESIDE_VOLUMES_MEBIBYTES}Mi"


def _recorder_container(create: CreateJob, engine_image: str, settings: Settings) -> dict[str, Any]:
    recorder = settings.recorder
    environment = {
        wire.ENV_ENGINE: create.request.common.engine,
        wire.ENV_ENGINE_IMAGE: engine_image,
        wire.ENV_PACK: create.request.to_json(),
        wire.ENV_RECORDER_PATIENCE: str(recorder.patience_seconds),
    }
    secret = {"secretKeyRef": {"name": recorder.secret_name, "key": recorder.secret_key}}
    return {
        "name": wire.CONTAINER_RECORDER,
        "image": recorder.image,
        "imagePullPolicy": recorder.image_pull_policy,
        "command": ["backfleet-recorder"],
        "env": [*_env(environment), {"name": wire.ENV_RECORDER_DATABASE_URL, "valueFrom": secret}],
        "resources": {
            "requests": {**_NO_REQUEST, "cpu": "50m", "memory": "64Mi"},
            "limits": {_STORAGE: _RECORDER_STORAGE, **settings.pods.recorder_limits},
        },
        "securityContext": dict(_RESTRICTED),
        "volumeMounts": [{"name": _RESULTS, "mountPath": wire.RESULTS_PATH, "readOnly": True}],
    }


def _env(values: Mapping[str, str]) -> list[dict[str, str]]:
    # Kubernetes expands $(NAME) in a value and makes one dollar of $$, so each of ours is doubled.
    return [{"name": name, "value": value.replace("$", "$$")} for name, value in values.items()]
