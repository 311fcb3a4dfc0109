"""How the chart deals with databases: whose credential goes where, and who may reach Postgres."""

import base64
from typing import Any

import pytest

from hack.helm.chart import render_objects, render_texts
from tests.support.chart import containers_of, find_object, pods_of, render_notes

EXTERNAL = {"database": {"existingSecret": "my-database"}, "evaluationPostgres": {"enabled": False}}
EXTERNAL_CLOSED = {
    **EXTERNAL,
    "networkPolicy": {"enabled": True, "databasePeers": [{"ipBlock": {"cidr": "10.0.0.5/32"}}]},
}


def test_passwords_stand_in_secrets_only():
    objects = render_objects({})
    secrets = [
        base64.b64decode(value).decode()
        for each in objects
        if each["kind"] == "Secret"
        for key, value in each["data"].items()
        if key.endswith("-password")
    ]
    assert len(set(secrets)) == 3
    assert all(len(secret) == 32 for secret in secrets)
    # Rendered again here, so the old words could never be found: look for the shape of a URL with a password as well.
    for name, text in render_texts({}).items():
        if name != "postgres.yaml":
            assert "postgresql://" not in text, name
    outside = [each for each in objects if each["kind"] != "Secret"]
    assert not any(secret in str(each) for secret in secrets for each in outside)


def test_backtests_refer_to_a_secret_with_the_recorders_url_alone():
    objects = render_objects({})
    recorder = find_object(objects, "Secret", "demo-backfleet-recorder")
    assert set(recorder["data"]) == {"recorder-url"}
    url = base64.b64decode(recorder["data"]["recorder-url"]).decode()
    assert url.startswith("postgresql://backfleet_recorder:")
    assert url.endswith("@demo-backfleet-postgres.prod.svc:5432/backfleet")


def test_an_own_postgres_leaves_nothing_of_the_evaluation_one():
    objects = render_objects(EXTERNAL)
    found = {each["metadata"]["name"] for each in objects if each["kind"] in ("Secret", "StatefulSet")}
    assert found == {"demo-backfleet-api-token"}
    assert not any("postgres" in each["metadata"]["name"] for each in objects)


def test_urls_come_from_the_secret_and_the_keys_that_are_named():
    keys = {"operator": "uri", "recorder": "uri", "api": "uri"}
    values = {"database": {"existingSecret": "cluster-app", "keys": keys}, "evaluationPostgres": {"enabled": False}}
    found = {
        (name, container["name"], entry["name"]): entry["valueFrom"]["secretKeyRef"]
        for name, pod in pods_of(render_objects(values)).items()
        for container in containers_of(pod)
        for entry in container["env"]
        if "valueFrom" in entry and entry["name"] != "BACKFLEET_API_TOKEN"
    }
    wanted = {"name": "cluster-app", "key": "uri"}
    assert found == {
        ("demo-backfleet-api", "schema", "BACKFLEET_DATABASE_URL"): wanted,
        ("demo-backfleet-operator", "migrate", "BACKFLEET_DATABASE_URL"): wanted,
        ("demo-backfleet-operator", "operator", "BACKFLEET_DATABASE_URL"): wanted,
        ("demo-backfleet-api", "api", "BACKFLEET_API_DATABASE_URL"): wanted,
    }
    assert "WARNING: operator, recorder and API share one database URL" in render_notes(values)
    assert "WARNING" not in render_notes(EXTERNAL)


@pytest.mark.parametrize(
    ("database", "granted"),
    [
        pytest.param({}, {"RECORDER": "backfleet_recorder", "API": "backfleet_api"}, id="the default roles"),
        pytest.param({"roles": {"recorder": "w", "api": ""}}, {"RECORDER": "w"}, id="one granted by hand"),
        pytest.param({"keys": {"recorder": "operator-url"}}, {"API": "backfleet_api"}, id="one with the owner's URL"),
    ],
)
def test_the_migrations_grant_the_roles_that_are_not_the_owner(database: dict[str, Any], granted: dict[str, str]):
    values = {**EXTERNAL, "database": {"existingSecret": "db", **database}}
    operator = pods_of(render_objects(values))["demo-backfleet-operator"]
    environment = {each["name"]: each.get("value") for each in operator["initContainers"][0]["env"]}
    wanted = {f"BACKFLEET_DB_ROLE_{role}": name for role, name in granted.items()}
    assert environment == {"BACKFLEET_DATABASE_URL": None, **wanted}


def test_the_evaluation_postgres_makes_the_roles_that_the_migrations_grant():
    pods = pods_of(render_objects({"database": {"roles": {"recorder": "w", "api": ""}}}))
    made = {each["name"]: each.get("value") for each in pods["demo-backfleet-postgres"]["containers"][0]["env"]}
    granted = {each["name"]: each.get("value") for each in pods["demo-backfleet-operator"]["initContainers"][0]["env"]}
    assert (made["RECORDER_ROLE"], made["API_ROLE"]) == ("w", "backfleet_api")
    assert (granted["BACKFLEET_DB_ROLE_RECORDER"], granted["BACKFLEET_DB_ROLE_API"]) == ("w", "backfleet_api")


WITHOUT_VOLUME = {"evaluationPostgres": {"persistence": {"enabled": False}}}


def test_a_fresh_evaluation_postgres_claims_a_volume_of_the_default_class():
    postgres = find_object(render_objects({}), "StatefulSet", "demo-backfleet-postgres")["spec"]
    (claim,) = postgres["volumeClaimTemplates"]
    assert claim == {
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "20Gi"}}},
    }
    assert "data" not in {each["name"] for each in postgres["template"]["spec"]["volumes"]}


def test_a_named_class_and_size_are_the_claims():
    persistence = {"storageClassName": "fast", "size": "1Ti"}
    objects = render_objects({"evaluationPostgres": {"persistence": persistence}})
    (claim,) = find_object(objects, "StatefulSet", "demo-backfleet-postgres")["spec"]["volumeClaimTemplates"]
    assert claim["spec"]["storageClassName"] == "fast"
    assert claim["spec"]["resources"] == {"requests": {"storage": "1Ti"}}


def test_without_persistence_the_data_goes_with_the_pod():
    postgres = find_object(render_objects(WITHOUT_VOLUME), "StatefulSet", "demo-backfleet-postgres")["spec"]
    assert "volumeClaimTemplates" not in postgres
    assert {"name": "data", "emptyDir": {}} in postgres["template"]["spec"]["volumes"]


@pytest.mark.parametrize(
    ("values", "volume"),
    [({}, None), (WITHOUT_VOLUME, "none"), (EXTERNAL, None)],
    ids=["on a volume", "without one", "a Postgres of the user's own"],
)
def test_the_api_is_told_of_a_database_without_a_volume(values, volume):
    pod = pods_of(render_objects(values))["demo-backfleet-api"]
    environment = {each["name"]: each.get("value") for each in pod["containers"][0]["env"]}
    assert environment.get("BACKFLEET_API_DATABASE_VOLUME") == volume


def test_the_notes_warn_of_the_evaluation_postgres():
    kept = render_notes({})
    assert "EVERY RESULT IS LOST" not in kept
    assert "EVALUATION POSTGRES" in kept
    assert "describe pvc data-demo-backfleet-postgres-0" in kept
    assert "(evaluationPostgres.persistence.enabled=false): EVERY RESULT IS LOST" in render_notes(WITHOUT_VOLUME)


def test_the_operator_may_be_stopped_for_maintenance():
    operator = find_object(render_objects({"operator": {"replicas": 0}}), "Deployment", "demo-backfleet-operator")
    assert operator["spec"]["replicas"] == 0


def test_the_network_policy_lets_backtests_reach_dns_and_postgres_only():
    policies = [each for each in render_objects(EXTERNAL_CLOSED) if each["kind"] == "NetworkPolicy"]
    assert [each["metadata"]["name"] for each in policies] == ["demo-backfleet-backtests"]
    spec = policies[0]["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in spec
    dns, postgres = spec["egress"]
    assert {(port["protocol"], port["port"]) for port in dns["ports"]} == {("UDP", 53), ("TCP", 53)}
    assert dns["to"]
    assert postgres == {
        "to": [{"ipBlock": {"cidr": "10.0.0.5/32"}}],
        "ports": [{"protocol": "TCP", "port": 5432}],
    }
    assert not [each for each in render_objects({}) if each["kind"] == "NetworkPolicy"]


def test_the_evaluation_postgres_is_reached_by_backfleet_only():
    objects = render_objects({"networkPolicy": {"enabled": True}})
    rule = find_object(objects, "NetworkPolicy", "demo-backfleet-postgres")["spec"]["ingress"]
    components = [peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"] for peer in rule[0]["from"]]
    assert components == ["operator", "api", "backtest"]
    egress = find_object(objects, "NetworkPolicy", "demo-backfleet-backtests")["spec"]["egress"][1]["to"]
    template = find_object(objects, "StatefulSet", "demo-backfleet-postgres")["spec"]["template"]
    assert egress == [{"podSelector": {"matchLabels": template["metadata"]["labels"]}}]
