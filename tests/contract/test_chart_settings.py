"""The settings that the chart renders are the settings that the operator reads."""

import json
from typing import Any

import kubernetes_validate
import pytest

from backfleet.controller.job_manifest import build_job
from backfleet.engines.lean.engine import LeanEngine
from backfleet.settings import (
    CeilingSettings,
    EngineImageSettings,
    MountSettings,
    PodSettings,
    RecorderSettings,
    Settings,
    WarmSettings,
)
from hack.helm.chart import render_objects
from tests.support.jobs import build_create, build_request

# The port of the probes is written into the chart's Deployment.
NOT_A_VALUE = {"healthPort"}

LEAN = EngineImageSettings(
    image="quantconnect/lean:18022",
    requests={"cpu": "500m", "memory": "1536Mi"},
    security_context={"runAsUser": 0, "runAsGroup": 0, "runAsNonRoot": False, "readOnlyRootFilesystem": False},
    pack_seconds=120,
    warm=WarmSettings(),
)


def rendered(values: dict[str, Any]) -> dict[str, Any]:
    objects = render_objects(values)
    settings = next(each for each in objects if each["kind"] == "ConfigMap" and "settings.json" in each["data"])
    body: dict[str, Any] = json.loads(settings["data"]["settings.json"])
    return body


def aliases(model: type[Any]) -> set[str]:
    return {field.alias for field in model.model_fields.values()}


def test_the_defaults_parse_and_equal_the_codes_own():
    settings = Settings.model_validate(rendered({}))
    assert settings == Settings(
        installation="prod/demo",
        namespaces=("prod",),
        engines={"bars": EngineImageSettings(image="backfleet:0.2.0"), "lean": LEAN},
        recorder=RecorderSettings(image="backfleet:0.2.0", secret_name="demo-backfleet-recorder"),
        pods=PodSettings(service_account_name="demo-backfleet-backtest"),
    )


def test_every_setting_is_rendered_so_that_a_new_one_cannot_be_forgotten():
    values = {"imagePullSecrets": [{"name": "pull"}], "backtests": {"priorityClassName": "low"}}
    body = rendered(values)
    assert set(body) == aliases(Settings) - NOT_A_VALUE
    assert set(body["pods"]) == aliases(PodSettings)
    assert set(body["recorder"]) == aliases(RecorderSettings)


MOUNT = {"name": "data", "mountPath": "/data", "subPath": "us", "source": {"hostPath": {"path": "/x"}}}
ENGINE = {
    "image": "registry.example/bars:1",
    "imagePullPolicy": "Never",
    "requests": {"cpu": "1", "memory": "64Mi"},
    "environment": {"A": "b"},
    "securityContext": {"runAsUser": 1},
    "writablePaths": ["/cache"],
    "mounts": [MOUNT],
    "packSeconds": 60,
    "warm": {"enabled": False, "check": 10, "members": 20, "memoryMebibytes": 900},
}
OPERATOR = {
    "maxConcurrent": 7,
    "maxCombinations": 2_000_000,
    "tickSeconds": 2.5,
    "passSeconds": 30,
    "resultGraceSeconds": 9,
    "missingSeconds": 61,
    "roomTimeoutSeconds": 7200,
    "neverStartedAttempts": 5,
}
PODS = {
    "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"operator": "Exists"}],
    "limits": {"cpu": "2", "memory": "3Gi"},
    "recorderLimits": {"cpu": "500m", "memory": "128Mi"},
    "resultsSizeLimit": "1Gi",
    "terminationGraceSeconds": 5,
    "packSeconds": 20,
    "runAsUser": 4000,
    "priorityClassName": "low",
}
CEILINGS = {"ttlSecondsAfterFinished": 3600, "startTimeoutSeconds": 60, "backtestTimeoutSeconds": 600}
VALUES = {
    "installation": "mine",
    "image": {"pullPolicy": "Always"},
    "imagePullSecrets": [{"name": "pull"}],
    "operator": OPERATOR,
    "backtests": {
        **PODS,
        "imagePrefixes": ["r/"],
        "volumeClaims": ["d"],
        "recorderPatienceSeconds": 60,
        "recorderStartSeconds": 90,
        "ceilings": CEILINGS,
    },
    "engines": {"bars": ENGINE, "lean": None, "noop": {}},
    "database": {"existingSecret": "db", "keys": {"recorder": "writer"}},
    "evaluationPostgres": {"enabled": False},
}


@pytest.mark.parametrize(
    ("values", "model"), [(ENGINE, EngineImageSettings), (MOUNT, MountSettings), (CEILINGS, CeilingSettings)]
)
def test_the_values_have_every_field_of_their_setting(values: dict[str, Any], model: type[Any]):
    assert set(values) == aliases(model)


def test_values_arrive():
    body = rendered(VALUES)
    Settings.model_validate(body)
    assert body == {
        **OPERATOR,
        "installation": "mine",
        "namespaces": ["prod"],
        "imagePrefixes": ["r/"],
        "volumeClaims": ["d"],
        "ceilings": CEILINGS,
        "engines": {"bars": ENGINE, "noop": {"image": "backfleet:0.2.0", "imagePullPolicy": "Always"}},
        "recorder": {
            "image": "backfleet:0.2.0",
            "imagePullPolicy": "Always",
            "secretName": "db",
            "secretKey": "writer",
            "patienceSeconds": 60,
            "startSeconds": 90,
        },
        "pods": {**PODS, "serviceAccountName": "demo-backfleet-backtest", "imagePullSecrets": ["pull"]},
    }


def test_lean_runs_as_root_with_nothing_else_beyond_restricted():
    settings = Settings.model_validate(rendered({}))
    for version in ("1.25", "1.36"):
        kubernetes_validate.validate(build_lean_job(settings), version, strict=True)
    pod = build_lean_job(settings)["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["initContainers"][0]["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": False,
        "runAsUser": 0,
        "runAsGroup": 0,
    }
    assert pod["containers"][0]["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_lean_may_be_restricted_like_every_other_by_values():
    lean = {"securityContext": {"runAsUser": 10001, "runAsGroup": 10001, "runAsNonRoot": True}}
    lean["securityContext"] |= {"readOnlyRootFilesystem": True}
    settings = Settings.model_validate(rendered({"engines": {"lean": {**lean, "writablePaths": ["/root"]}}}))
    (engine,) = build_lean_job(settings)["spec"]["template"]["spec"]["initContainers"]
    assert engine["securityContext"]["runAsNonRoot"] is engine["securityContext"]["readOnlyRootFilesystem"] is True
    writable = [each["mountPath"] for each in engine["volumeMounts"] if not each.get("readOnly")]
    assert writable == ["/results", "/tmp", "/root"]
    assert settings.engines["lean"].image == "quantconnect/lean:18022"


def build_lean_job(settings: Settings) -> dict[str, Any]:
    return build_job(build_create(build_request("lean")), LeanEngine(), settings)
