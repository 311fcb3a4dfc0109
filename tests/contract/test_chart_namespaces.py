"""Every watched namespace gets all that a batch needs there, and no right more; nothing is cluster-wide."""

import base64
import json
from collections import defaultdict
from typing import Any

import pytest

from backfleet.controller.cluster import RULES
from backfleet.settings import Settings
from backfleet_api.settings import load_settings
from hack.helm.chart import render_objects
from tests.contract.test_chart_rbac import API_RULES, rules_of
from tests.support.chart import find_object, pods_of, render_notes

OWN = "prod"
EXTERNAL = {"database": {"existingSecret": "urls"}, "evaluationPostgres": {"enabled": False}}
CLOSED = {"networkPolicy": {"enabled": True, "databasePeers": [{"ipBlock": {"cidr": "10.0.0.5/32"}}]}}
LISTS = [
    pytest.param([], [OWN], id="the release's own by default"),
    pytest.param([OWN, "lab"], [OWN, "lab"], id="the own one and another"),
    pytest.param(["lab", "team"], ["lab", "team"], id="others only"),
]
COMPLETE = {
    ("ServiceAccount", "demo-backfleet-backtest"),
    ("Secret", "demo-backfleet-recorder"),
    ("NetworkPolicy", "demo-backfleet-backtests"),
    *((kind, f"demo-backfleet-{account}") for kind in ("Role", "RoleBinding") for account in ("operator", "api")),
}


def released(values: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the objects of a release without the hooks of its test."""
    return [each for each in render_objects(values) if "helm.sh/hook" not in str(each["metadata"].get("annotations"))]


def by_namespace(objects: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Return what the chart puts into a namespace by name; the rest goes where the release is."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for each in objects:
        if "namespace" in each["metadata"]:
            found[each["metadata"]["namespace"]].append(each)
    return found


def settings_of(objects: list[dict[str, Any]]) -> Settings:
    text = find_object(objects, "ConfigMap", "demo-backfleet-settings")["data"]["settings.json"]
    return Settings.model_validate(json.loads(text))


@pytest.mark.parametrize(("given", "watched"), LISTS)
def test_every_watched_namespace_is_complete_and_no_other_has_anything(given: list[str], watched: list[str]) -> None:
    found = by_namespace(released({"watchNamespaces": given, "networkPolicy": {"enabled": True}}))
    kinds = {name: {(each["kind"], each["metadata"]["name"]) for each in objects} for name, objects in found.items()}
    assert kinds == dict.fromkeys(watched, COMPLETE)


@pytest.mark.parametrize(("given", "watched"), LISTS)
def test_operator_and_api_are_told_the_same_namespaces(given: list[str], watched: list[str]) -> None:
    objects = released({"watchNamespaces": given})
    assert settings_of(objects).namespaces == tuple(watched)
    (container,) = pods_of(objects)["demo-backfleet-api"]["containers"]
    variables = {each["name"]: each["value"] for each in container["env"] if "value" in each}
    settings = load_settings({**variables, "BACKFLEET_API_DATABASE_URL": "postgresql://api@db/backfleet"})
    assert (settings.namespace, settings.watched) == (OWN, tuple(watched))


@pytest.mark.parametrize(("given", "watched"), LISTS)
def test_the_rights_are_those_of_the_code_in_each_and_bound_to_the_releases_accounts(
    given: list[str], watched: list[str]
) -> None:
    objects = released({"watchNamespaces": given})
    assert {each["kind"] for each in objects} & {"ClusterRole", "ClusterRoleBinding"} == set()
    wanted = {"operator": {(group, kind): set(verbs) for group, kind, verbs in RULES}, "api": API_RULES}
    for namespace in watched:
        placed = by_namespace(objects)[namespace]
        for account, rules in wanted.items():
            name = f"demo-backfleet-{account}"
            binding = find_object(placed, "RoleBinding", name)
            assert rules_of(dict(find_object(placed, "Role", name))) == rules
            assert binding["roleRef"]["name"] == name
            assert binding["subjects"] == [{"kind": "ServiceAccount", "name": name, "namespace": OWN}]


def test_what_backtests_refer_to_is_in_each_and_holds_the_recorders_url_alone() -> None:
    objects = released({"watchNamespaces": [OWN, "lab"]})
    settings = settings_of(objects)
    secrets = []
    for placed in by_namespace(objects).values():
        assert find_object(placed, "ServiceAccount", settings.pods.service_account_name)
        secrets.append(find_object(placed, "Secret", settings.recorder.secret_name)["data"])
    assert secrets[0] == secrets[1]
    assert set(secrets[0]) == {settings.recorder.secret_key}
    url = base64.b64decode(secrets[0][settings.recorder.secret_key]).decode()
    assert f"@demo-backfleet-postgres.{OWN}.svc:" in url, "a name that leads there from any namespace"


def test_an_own_postgres_secret_is_the_users_to_put_into_each_and_the_notes_say_so() -> None:
    values = {**EXTERNAL, "watchNamespaces": ["lab", "team"]}
    objects = released(values)
    assert [each["metadata"]["name"] for each in objects if each["kind"] == "Secret"] == ["demo-backfleet-api-token"]
    assert settings_of(objects).recorder.secret_name == "urls"
    notes = render_notes(values)
    assert "namespaces lab, team." in notes
    assert "Each of them needs a Secret urls with the key recorder-url" in notes
    assert "Each of them" not in render_notes(EXTERNAL)


def test_the_policy_of_each_lets_backtests_reach_dns_and_postgres_only() -> None:
    objects = released({"watchNamespaces": [OWN, "lab"], "networkPolicy": {"enabled": True}})
    postgres = find_object(objects, "StatefulSet", "demo-backfleet-postgres")["spec"]["template"]["metadata"]["labels"]
    far = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": OWN}}}
    for namespace, peer in ((OWN, {}), ("lab", far)):
        policy = find_object(by_namespace(objects)[namespace], "NetworkPolicy", "demo-backfleet-backtests")["spec"]
        assert (policy["policyTypes"], len(policy["egress"])) == (["Ingress", "Egress"], 2)
        assert policy["egress"][1]["to"] == [{"podSelector": {"matchLabels": postgres}, **peer}]
    own = released({**EXTERNAL, **CLOSED, "watchNamespaces": [OWN, "lab"]})
    egress = {str(each["spec"]["egress"][1]) for each in own if each["kind"] == "NetworkPolicy"}
    assert len(egress) == 1
    assert "10.0.0.5/32" in egress.pop()


def test_the_evaluation_postgres_lets_the_backtests_of_each_in_and_nobody_else() -> None:
    objects = released({"watchNamespaces": [OWN, "lab"], "networkPolicy": {"enabled": True}})
    (rule,) = find_object(objects, "NetworkPolicy", "demo-backfleet-postgres")["spec"]["ingress"]
    found = [
        (
            peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"],
            peer.get("namespaceSelector", {}).get("matchLabels"),
        )
        for peer in rule["from"]
    ]
    far = {"kubernetes.io/metadata.name": "lab"}
    assert found == [("operator", None), ("api", None), ("backtest", None), ("backtest", far)]


@pytest.mark.parametrize(("given", "place"), [([], OWN), (["lab", OWN], OWN), (["lab", "team"], "lab")])
def test_the_releases_test_runs_its_batch_where_it_may(given: list[str], place: str) -> None:
    hooks = [each for each in render_objects({"watchNamespaces": given}) if each["metadata"]["name"].endswith("-test")]
    rights = [each for each in hooks if each["kind"] in ("Role", "RoleBinding")]
    assert {each["metadata"]["namespace"] for each in rights} == {place}
    assert find_object(hooks, "RoleBinding", "demo-backfleet-test")["subjects"][0]["namespace"] == OWN
    (container,) = find_object(hooks, "Pod", "demo-backfleet-test")["spec"]["containers"]
    assert {"name": "BACKFLEET_NAMESPACE", "value": place} in container["env"]
