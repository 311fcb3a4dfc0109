"""The Job of an attempt is valid Kubernetes for every version that we have a schema of, and restricted."""

from typing import Any

import kubernetes_validate
import kubernetes_validate.utils
import pytest
from kubernetes.client import V1Job

from backfleet.controller.job_manifest import build_job
from backfleet.core.planning.effects import ClaimRef
from backfleet.engines.registry import ENGINES
from backfleet.settings import Settings
from tests.support.jobs import build_create, build_request
from tests.support.operator import build_settings

VERSIONS = [version.removesuffix(".0") for version in kubernetes_validate.utils.all_versions()]
CLAIM = {"persistentVolumeClaim": {"claimName": "d", "readOnly": True}}
EVERYTHING: dict[str, Any] = {
    "engines": {
        name: {
            "image": "registry.example/engine:1",
            "environment": {"A": "1"},
            "mounts": [{"name": "data", "mountPath": "/data", "source": CLAIM, "subPath": "usa"}],
            "writablePaths": ["/Lean/Cache"],
        }
        for name in ENGINES
    },
    "pods": {
        "serviceAccountName": "backfleet-backtest",
        "imagePullSecrets": ["pull"],
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "dedicated", "operator": "Exists", "effect": "NoSchedule"}],
        "priorityClassName": "low",
    },
}
SHAPE: dict[str, Any] = {"image": "registry.example/mine:1", "requests": {"cpu": "1"}}
SHAPE |= {"data_volume": ClaimRef(claim_name="bars", sub_path="usa"), "projects_volume": ClaimRef(claim_name="bars")}
JOBS = [
    pytest.param(name, build_settings(**changes), shape, id=f"{name}, {words}")
    for name in ENGINES
    for words, changes, shape in (("defaults", {}, {}), ("everything set", EVERYTHING, SHAPE))
]


def build(engine: str, settings: Settings, shape: dict[str, Any]) -> dict[str, Any]:
    return build_job(build_create(build_request(engine), **shape), ENGINES[engine], settings)


def without_nothing(value: Any) -> Any:
    """Return what the client's model says, less the fields that are not set."""
    if isinstance(value, dict):
        return {key: without_nothing(each) for key, each in value.items() if each is not None}
    return [without_nothing(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize(("engine", "settings", "shape"), JOBS)
@pytest.mark.parametrize("version", [VERSIONS[0], VERSIONS[-1]])
def test_the_job_is_valid_in_the_oldest_and_the_newest_schema(
    version: str, engine: str, settings: Settings, shape: dict[str, Any]
) -> None:
    assert VERSIONS[0] == "1.25"
    kubernetes_validate.validate(build(engine, settings, shape), version, strict=True)


def test_the_schemas_would_refuse_an_unknown_field() -> None:
    job = build("noop", build_settings(), {})
    job["spec"]["template"]["spec"]["initContainers"][0]["restrictPolicy"] = "Always"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(job, VERSIONS[-1], strict=True)


@pytest.mark.parametrize(("engine", "settings", "shape"), JOBS)
def test_the_clients_own_model_takes_every_field(engine: str, settings: Settings, shape: dict[str, Any]) -> None:
    job = build(engine, settings, shape)
    model = V1Job.model_validate(job)
    assert without_nothing(model.model_dump(by_alias=True, mode="json")) == job


@pytest.mark.parametrize(("engine", "settings", "shape"), JOBS)
def test_every_container_is_restricted(engine: str, settings: Settings, shape: dict[str, Any]) -> None:
    """The rules of the pod security standard `restricted`."""
    pod = build(engine, settings, shape)["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
    assert len(pod["initContainers"]) == len(pod["containers"]) == 1
    for container in [*pod["initContainers"], *pod["containers"]]:
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert context["readOnlyRootFilesystem"] is True
        assert context.get("privileged") is None
        assert set(container["resources"]) == {"requests", "limits"}
