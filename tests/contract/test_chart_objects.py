"""What the chart renders is valid Kubernetes, restricted, and probed; values reach the pods."""

import json
from typing import Any

import helm_python
import kubernetes_validate
import kubernetes_validate.utils
import pytest

from backfleet import settings
from backfleet.store.migration import command as migrate
from backfleet.store.migration import grants
from backfleet_api import settings as api_settings
from hack.helm.chart import CHART, render_objects
from tests.support.chart import containers_of, find_object, pods_of

EXTERNAL = {"database": {"existingSecret": "my-database"}, "evaluationPostgres": {"enabled": False}}
DIGEST = "sha256:" + "ab" * 32
EVERYTHING: dict[str, Any] = {
    "image": {"repository": "registry.example/backfleet", "digest": DIGEST, "pullPolicy": "Always"},
    "imagePullSecrets": [{"name": "pull"}],
    "operator": {
        "podAnnotations": {"a": "1"},
        "podLabels": {"team": "research"},
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "dedicated", "operator": "Exists", "effect": "NoSchedule"}],
        "affinity": {"nodeAffinity": {}},
        "priorityClassName": "high",
    },
    "api": {
        "replicas": 2,
        "service": {"type": "NodePort", "annotations": {"b": "2"}},
        "podAnnotations": {"c": "3"},
        "configs": {"configMap": {"name": "my-configs"}},
    },
    "engines": {
        "noop": {},
        "bars": {
            "image": "registry.example/bars:1",
            "mounts": [{"name": "data", "mountPath": "/data", "source": {"persistentVolumeClaim": {"claimName": "d"}}}],
        },
    },
    "backtests": {"priorityClassName": "low", "tolerations": [{"operator": "Exists"}], "imagePrefixes": ["r.example/"]},
    "evaluationPostgres": {"persistence": {"enabled": True, "storageClassName": "fast"}, "podLabels": {"x": "y"}},
    "networkPolicy": {"enabled": True},
    "watchNamespaces": ["prod", "lab"],
}
EXTERNAL_EVERYTHING = {
    **EVERYTHING,
    **EXTERNAL,
    "networkPolicy": {"enabled": True, "databasePeers": [{"ipBlock": {"cidr": "10.0.0.5/32"}}]},
}
VARIANTS = [
    pytest.param({}, id="defaults"),
    pytest.param(EXTERNAL, id="own Postgres"),
    pytest.param(EVERYTHING, id="everything set"),
    pytest.param(EXTERNAL_EVERYTHING, id="everything set, own Postgres"),
    pytest.param(
        {"metrics": {key: {"enabled": True} for key in ("serviceMonitor", "prometheusRule", "dashboards")}},
        id="monitored",
    ),
    pytest.param({"api": {"enabled": False}, "crds": {"install": False}}, id="no API, no CRD"),
]
VERSIONS = [version.removesuffix(".0") for version in kubernetes_validate.utils.all_versions()]
# No schema of theirs is among the offline ones; the API server of the end-to-end tests validates the first.
KINDS_WITHOUT_SCHEMA = {"CustomResourceDefinition", "ServiceMonitor", "PrometheusRule"}


def test_helm_lints_it_without_a_warning():
    report = helm_python.lint(CHART, strict=True)
    assert [message for message in report["messages"] if message["severity"] > 1] == []


@pytest.mark.parametrize("values", VARIANTS)
def test_every_object_is_valid_from_kubernetes_1_25_to_the_newest_schema(values: dict[str, Any]):
    assert (VERSIONS[0], len(VERSIONS) >= 13) == ("1.25", True)
    for each in render_objects(values):
        if each["kind"] not in KINDS_WITHOUT_SCHEMA:
            for version in (VERSIONS[0], VERSIONS[len(VERSIONS) // 2], VERSIONS[-1]):
                kubernetes_validate.validate(each, version, strict=True)


def test_the_defaults_are_valid_in_every_offline_version():
    objects = [each for each in render_objects({}) if each["kind"] not in KINDS_WITHOUT_SCHEMA]
    assert {"Deployment", "Role", "ConfigMap"} <= {each["kind"] for each in objects}
    for version in VERSIONS:
        for each in objects:
            kubernetes_validate.validate(each, version, strict=True)


@pytest.mark.parametrize("values", VARIANTS)
def test_every_object_has_helms_labels_and_a_name_of_its_own(values: dict[str, Any]):
    objects = render_objects(values)
    names = [(each["kind"], each["metadata"]["name"], each["metadata"].get("namespace", "prod")) for each in objects]
    assert len(set(names)) == len(names)
    for each in objects:
        labels = each["metadata"]["labels"]
        assert labels["app.kubernetes.io/managed-by"] == "Helm"
        assert labels["app.kubernetes.io/instance"] == "demo"
        assert labels["helm.sh/chart"].startswith("backfleet-")


@pytest.mark.parametrize("values", VARIANTS)
def test_every_pod_passes_the_restricted_standard(values: dict[str, Any]):
    pods = pods_of(render_objects(values))
    assert pods
    for pod in pods.values():
        context = pod["securityContext"]
        assert (context["runAsNonRoot"], context["seccompProfile"]) == (True, {"type": "RuntimeDefault"})
        assert context["runAsUser"] > 0
        assert pod["enableServiceLinks"] is False
        assert {key for volume in pod["volumes"] for key in volume} <= {"name", "emptyDir", "configMap"}
        for container in containers_of(pod):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert set(container["resources"]) == {"requests", "limits"}
            assert "/tmp" in {mount["mountPath"] for mount in container["volumeMounts"]}


@pytest.mark.parametrize("values", VARIANTS)
def test_every_long_running_container_is_probed(values: dict[str, Any]):
    for pod in pods_of(render_objects(values)).values():
        for container in pod["containers"]:
            ports = {port["name"] for port in container["ports"]}
            for probe in (container["livenessProbe"], container["readinessProbe"]):
                assert (probe.get("httpGet") or probe["tcpSocket"])["port"] in ports


def test_every_port_says_its_protocol_since_kubernetes_1_20_refuses_to_apply_it_without():
    objects = render_objects(EVERYTHING)
    services = [port for each in objects if each["kind"] == "Service" for port in each["spec"]["ports"]]
    ports = [
        port
        for pod in pods_of(objects).values()
        for container in containers_of(pod)
        for port in container.get("ports", [])
    ]
    assert len(services) == 2
    assert all(port["protocol"] == "TCP" for port in [*services, *ports])


def test_only_operator_and_api_get_a_token():
    objects = render_objects({})
    tokens = {name: pod["automountServiceAccountToken"] for name, pod in pods_of(objects).items()}
    assert tokens == {
        "demo-backfleet-operator": True,
        "demo-backfleet-api": True,
        "demo-backfleet-postgres": False,
    }
    accounts = {each["metadata"]["name"]: each for each in objects if each["kind"] == "ServiceAccount"}
    assert set(accounts) == {f"demo-backfleet-{each}" for each in ("operator", "api", "backtest", "test")}
    assert all(each["automountServiceAccountToken"] is False for each in accounts.values())


def test_variables_are_those_that_the_code_reads():
    pods = pods_of(render_objects({}))
    named = {
        (container["name"], entry["name"])
        for pod in pods.values()
        for container in containers_of(pod)
        for entry in container["env"]
        if container["name"] != "postgres"
    }
    assert named == {
        ("migrate", migrate.ENV_DATABASE_URL),
        ("migrate", grants.ENV_ROLE_RECORDER),
        ("migrate", grants.ENV_ROLE_API),
        ("operator", settings.ENV_SETTINGS_FILE),
        ("operator", settings.ENV_DATABASE_URL),
        ("operator", "BACKFLEET_LOG_LEVEL"),
        ("schema", migrate.ENV_DATABASE_URL),
        ("api", api_settings.ENV_NAMESPACE),
        ("api", api_settings.ENV_NAMESPACES),
        ("api", api_settings.ENV_INSTALLATION),
        ("api", api_settings.ENV_DATABASE_URL),
        ("api", api_settings.ENV_TOKEN),
    }
    check = pods["demo-backfleet-api"]["initContainers"][0]["command"][-1]
    assert f'"$code" -eq {migrate.EXIT_SCHEMA} ]' in check


def test_a_volume_of_configs_is_mounted_for_the_api_alone_and_read_only():
    assert "BACKFLEET_API_CONFIGS" not in str(render_objects({}))
    pods = pods_of(render_objects({"api": {"configs": {"persistentVolumeClaim": {"claimName": "team"}}}}))
    (api,) = pods["demo-backfleet-api"]["containers"]
    (mount,) = [each for each in api["volumeMounts"] if each["name"] == "configs"]
    assert mount == {"name": "configs", "mountPath": "/etc/backfleet/configs", "readOnly": True}
    assert {"name": api_settings.ENV_CONFIGS, "value": mount["mountPath"]} in api["env"]
    volumes = {name: [each for each in pod["volumes"] if each["name"] == "configs"] for name, pod in pods.items()}
    source = {"name": "configs", "persistentVolumeClaim": {"claimName": "team"}}
    assert {name: found for name, found in volumes.items() if found} == {"demo-backfleet-api": [source]}


@pytest.mark.parametrize(("values", "installation"), [({}, "prod/demo"), ({"installation": "mine"}, "mine")])
def test_the_api_and_the_operator_are_of_one_installation(values: dict[str, Any], installation: str) -> None:
    objects = render_objects(values)
    (api,) = pods_of(objects)["demo-backfleet-api"]["containers"]
    assert {"name": api_settings.ENV_INSTALLATION, "value": installation} in api["env"]
    (settings,) = (each for each in objects if "settings.json" in each.get("data", {}))
    assert json.loads(settings["data"]["settings.json"])["installation"] == installation


def test_a_digest_wins_over_the_tag():
    image = {"repository": "registry.example/backfleet", "tag": "1", "digest": DIGEST}
    objects = render_objects({"image": image, "evaluationPostgres": {"image": {**image, "repository": "pg"}}})
    images = {container["image"] for pod in pods_of(objects).values() for container in containers_of(pod)}
    assert images == {f"registry.example/backfleet@{DIGEST}", f"pg@{DIGEST}"}
    assert find_object(objects, "ConfigMap", "demo-backfleet-settings")["data"]["settings.json"].count(DIGEST) == 2


def test_placement_reaches_the_pods():
    pods = pods_of(render_objects(EVERYTHING))
    operator = pods["demo-backfleet-operator"]
    wanted = EVERYTHING["operator"]
    keys = ("nodeSelector", "tolerations", "affinity", "priorityClassName")
    assert {key: operator[key] for key in keys} == {key: wanted[key] for key in keys}
    assert all(pod["imagePullSecrets"] == [{"name": "pull"}] for pod in pods.values())


def test_one_operator_at_a_time():
    operator = find_object(render_objects({}), "Deployment", "demo-backfleet-operator")["spec"]
    assert (operator["replicas"], operator["strategy"]) == (1, {"type": "Recreate"})


def test_a_change_of_settings_restarts_the_operator_and_a_new_chart_version_alone_does_not_restart_postgres():
    def annotations(values: dict[str, Any]) -> dict[str, str]:
        template = find_object(render_objects(values), "Deployment", "demo-backfleet-operator")["spec"]["template"]
        return template["metadata"]["annotations"]

    assert annotations({}) == annotations({})
    assert annotations({}) != annotations({"operator": {"maxConcurrent": 5}})
    template = find_object(render_objects({}), "StatefulSet", "demo-backfleet-postgres")["spec"]["template"]
    assert set(template["metadata"]["labels"]) == {
        "app.kubernetes.io/name",
        "app.kubernetes.io/instance",
        "app.kubernetes.io/component",
    }


@pytest.mark.parametrize(
    ("release", "values", "wanted"),
    [
        pytest.param("backfleet", {}, "backfleet", id="a release named after the chart"),
        pytest.param("demo", {}, "demo-backfleet", id="another release"),
        pytest.param("demo", {"fullnameOverride": "fleet"}, "fleet", id="a name of one's own"),
        pytest.param("a" * 53, {}, "a" * 40, id="the longest release name"),
    ],
)
def test_names_follow_the_release_and_fit(release: str, values: dict[str, Any], wanted: str):
    names = [each["metadata"]["name"] for each in render_objects(values, name=release)]
    assert f"{wanted}-operator" in names
    assert all(len(name) <= 52 for name in names)
