"""The Job of an attempt: the whole manifest once, and what every one must hold."""

import json
from collections.abc import Iterator
from typing import Any

from backfleet.controller.job_manifest import build_job
from backfleet.core import wire
from backfleet.core.packs import PackRequest
from backfleet.core.planning.effects import ClaimRef, CreateJob
from backfleet.engines import shim
from backfleet.engines.noop import NoopEngine
from backfleet.engines.protocol import EngineConfig, EngineContainer, EngineSettings
from backfleet.settings import Settings
from tests.support.jobs import UID, build_create
from tests.support.operator import build_settings

RECORDER = {"image": "localhost/backfleet:test", "secretName": "backfleet-recorder"}
FULL_PODS = {
    "serviceAccountName": "backfleet-backtest",
    "imagePullSecrets": ["pull"],
    "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"key": "dedicated", "operator": "Exists"}],
    "priorityClassName": "low",
}
NOOP = {
    "image": "localhost/backfleet:test",
    "environment": {"EXTRA": "1"},
    "mounts": [
        {"name": "data", "mountPath": "/market", "source": {"configMap": {"name": "bars"}}},
        {"name": "more", "mountPath": "/more", "source": {"hostPath": {"path": "/m"}}, "subPath": "x"},
    ],
}


def job(create: CreateJob | None = None, settings: Settings | None = None) -> dict[str, Any]:
    return build_job(create or build_create(), NoopEngine(), settings or build_settings())


def pod(create: CreateJob | None = None, settings: Settings | None = None) -> dict[str, Any]:
    spec: dict[str, Any] = job(create, settings)["spec"]["template"]["spec"]
    return spec


def containers(spec: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from spec["initContainers"]
    yield from spec["containers"]


LABELS = {
    "app.kubernetes.io/name": "backfleet",
    "app.kubernetes.io/managed-by": "backfleet",
    "app.kubernetes.io/component": "backtest",
    "backfleet.io/batch-uid": UID,
    "backfleet.io/index": "7",
    "backfleet.io/attempt": "2",
}
PACK = (
    f'{{"batch":"{UID}","request":'
    '{"endDate":"2001-03-01","engine":"noop","initialCash":"1000","leanAlgorithmFile":null,"leanAlgorithmType":null,'
    '"leanProjectPath":null,"parameters":{},"startDate":"2000-03-01","strategy":"Noop","symbols":["AAPL"]},'
    '"members":[[7,1,2]],"names":["value"],"rows":[["1"]]}'
)
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
GOLDEN = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {
        "name": "demo-6fa4ab79-7-2",
        "namespace": "research",
        "labels": LABELS,
        "annotations": {"backfleet.io/deadline-seconds": "3360"},
        "ownerReferences": [
            {
                "apiVersion": "backfleet.io/v1alpha1",
                "kind": "OptimizationBatch",
                "name": "demo",
                "uid": UID,
                "controller": True,
                "blockOwnerDeletion": False,
            }
        ],
    },
    "spec": {
        "backoffLimit": 0,
        "completions": 1,
        "parallelism": 1,
        "activeDeadlineSeconds": 3360,
        "ttlSecondsAfterFinished": 600,
        "template": {
            "metadata": {
                "labels": {**LABELS, "sidecar.istio.io/inject": "false"},
                "annotations": {
                    "kubectl.kubernetes.io/default-container": "engine",
                    "linkerd.io/inject": "disabled",
                    "backfleet.io/deadline-seconds": "3360",
                },
            },
            "spec": {
                "restartPolicy": "Never",
                "serviceAccountName": "default",
                "automountServiceAccountToken": False,
                "enableServiceLinks": False,
                "terminationGracePeriodSeconds": 10,
                "securityContext": {
                    "runAsNonRoot": True,
                    "runAsUser": 10001,
                    "runAsGroup": 10001,
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
                "initContainers": [
                    {
                        "name": "engine",
                        "image": "localhost/backfleet:test",
                        "imagePullPolicy": "IfNotPresent",
                        "command": shim.command(("python", "-m", "backfleet.engines.noop")),
                        "env": [
                            {"name": "HOME", "value": "/tmp"},
                            {"name": "BACKFLEET_BACKTEST_TIMEOUT_SECONDS", "value": "1800"},
                            {"name": "BACKFLEET_PACK_MEMBERS", "value": "7:1:2"},
                            {"name": "BACKFLEET_PACK_SECONDS", "value": "10"},
                            {"name": "BACKFLEET_SCRATCH_PATHS", "value": "/tmp\n/dev/shm"},
                            {"name": "BACKFLEET_COMMAND_TIMEOUT_SECONDS", "value": "1820"},
                            {"name": "BACKFLEET_PACK", "value": PACK},
                        ],
                        "resources": {
                            "requests": {"ephemeral-storage": "0", "cpu": "100m", "memory": "128Mi"},
                            "limits": {"ephemeral-storage": "1536Mi", "cpu": "1", "memory": "2Gi"},
                        },
                        "securityContext": RESTRICTED,
                        "volumeMounts": [
                            {"name": "results", "mountPath": "/results"},
                            {"name": "scratch", "mountPath": "/tmp"},
                        ],
                    }
                ],
                "containers": [
                    {
                        "name": "recorder",
                        "image": "localhost/backfleet:test",
                        "imagePullPolicy": "IfNotPresent",
                        "command": ["backfleet-recorder"],
                        "env": [
                            {"name": "BACKFLEET_ENGINE", "value": "noop"},
                            {"name": "BACKFLEET_ENGINE_IMAGE", "value": "localhost/backfleet:test"},
                            {"name": "BACKFLEET_PACK", "value": PACK},
                            {"name": "BACKFLEET_RECORDER_PATIENCE_SECONDS", "value": "900"},
                            {
                                "name": "BACKFLEET_RECORDER_DATABASE_URL",
                                "valueFrom": {"secretKeyRef": {"name": "backfleet-recorder", "key": "recorder-url"}},
                            },
                        ],
                        "resources": {
                            "requests": {"ephemeral-storage": "0", "cpu": "50m", "memory": "64Mi"},
                            "limits": {"ephemeral-storage": "64Mi", "cpu": "1", "memory": "256Mi"},
                        },
                        "securityContext": RESTRICTED,
                        "volumeMounts": [{"name": "results", "mountPath": "/results", "readOnly": True}],
                    }
                ],
                "volumes": [
                    {"name": "results", "emptyDir": {"sizeLimit": "256Mi"}},
                    {"name": "scratch", "emptyDir": {"sizeLimit": "256Mi"}},
                ],
            },
        },
    },
}


def test_the_whole_manifest() -> None:
    assert job() == GOLDEN


def test_it_is_plain_json() -> None:
    assert json.loads(json.dumps(job())) == job()


def test_the_strategys_code_has_no_secret_and_the_pod_no_token() -> None:
    spec = pod()
    (engine,) = spec["initContainers"]
    assert all(set(entry) == {"name", "value"} for entry in engine["env"])
    assert "envFrom" not in engine
    assert "secret" not in json.dumps(engine).lower()
    assert wire.ENV_RECORDER_DATABASE_URL not in json.dumps(engine)
    assert (spec["automountServiceAccountToken"], spec["enableServiceLinks"]) == (False, False)
    assert not any("secret" in volume or "projected" in volume for volume in spec["volumes"])


def test_the_engine_writes_to_its_two_folders_only() -> None:
    (engine,) = pod(settings=build_settings(engines={"noop": NOOP}))["initContainers"]
    writable = {mount["mountPath"] for mount in engine["volumeMounts"] if not mount.get("readOnly")}
    assert writable == {wire.RESULTS_PATH, wire.SCRATCH_PATH}
    assert [m["mountPath"] for m in engine["volumeMounts"]] == ["/results", "/tmp", "/market", "/more"]
    assert engine["volumeMounts"][-1]["subPath"] == "x"
    assert {"name": "EXTRA", "value": "1"} in engine["env"]


def test_settings_of_pods_are_in_it() -> None:
    spec = pod(settings=build_settings(pods=FULL_PODS))
    assert spec["imagePullSecrets"] == [{"name": "pull"}]
    wanted = {key: FULL_PODS[key] for key in FULL_PODS if key != "imagePullSecrets"}
    assert {key: spec[key] for key in wanted} == wanted


def test_what_the_batch_decides_is_in_it() -> None:
    create = build_create(
        image="registry.example/mine:1",
        requests={"cpu": "700m"},
        data_volume=ClaimRef(claim_name="bars", sub_path="usa"),
        projects_volume=ClaimRef(claim_name="strategies"),
        ttl_seconds=60,
    )
    settings = build_settings(engines={"noop": NOOP})
    spec = pod(create, settings)
    (engine,) = spec["initContainers"]
    assert engine["image"] == "registry.example/mine:1"
    assert engine["resources"]["requests"] == {"ephemeral-storage": "0", "cpu": "700m", "memory": "128Mi"}
    claims = {"data": "bars", "projects": "strategies"}
    assert [volume for volume in spec["volumes"] if volume["name"] in claims] == [
        {"name": name, "persistentVolumeClaim": {"claimName": claim, "readOnly": True}}
        for name, claim in claims.items()
    ]
    assert [mount for mount in engine["volumeMounts"] if mount["name"] in claims] == [
        {"name": "data", "mountPath": wire.DATA_PATH, "readOnly": True, "subPath": "usa"},
        {"name": "projects", "mountPath": wire.PROJECTS_PATH, "readOnly": True},
    ]
    assert spec["containers"][0]["image"] == "localhost/backfleet:test", "the recorder's image is never the batch's"
    assert job(create)["spec"]["ttlSecondsAfterFinished"] == 60


def test_an_engine_may_need_more_than_restricted_and_only_the_engine_gets_it() -> None:
    needs = {"readOnlyRootFilesystem": False}
    settings = build_settings(engines={"noop": {**NOOP, "securityContext": needs}})
    spec = pod(settings=settings)
    assert spec["initContainers"][0]["securityContext"] == {**RESTRICTED, **needs}
    assert spec["containers"][0]["securityContext"] == RESTRICTED


CONFIG = EngineConfig(path="/tmp/c.json", head='{"a": "$x", "b": "', middle='", "c": ', tail="}", lines=("1", "$2"))


class ConfiguredEngine(NoopEngine):
    """An engine that wants a configuration file, as LEAN does."""

    def container(self, pack: PackRequest, settings: EngineSettings) -> EngineContainer:
        return EngineContainer(image=settings.image, command=("lean",), config=CONFIG)


def test_an_engines_configuration_goes_through_the_shim() -> None:
    spec = build_job(build_create(), ConfiguredEngine(), build_settings())["spec"]["template"]["spec"]
    env = {entry["name"]: entry["value"] for entry in spec["initContainers"][0]["env"]}
    assert env[wire.ENV_ENGINE_CONFIG] == '{"a": "$$x", "b": "\n", "c": \n}'
    assert env[wire.ENV_ENGINE_CONFIG_LINES] == "1\n$$2"
    assert env[wire.ENV_ENGINE_CONFIG_PATH] == "/tmp/c.json"
    assert wire.ENV_COMMAND_TIMEOUT not in env, "its command runs one member"
