"""The chart's Roles allow exactly the calls that the code makes, in the release's namespace."""

from typing import Any

from backfleet.controller.cluster import RULES
from backfleet.core import wire
from hack.helm.chart import render_objects

API_RULES = {(wire.GROUP, wire.PLURAL): {"get", "list", "create", "patch"}}
"""Exactly what tests/integration/api/test_run_parallel.py sees the API call."""


def rules_of(role: dict[str, Any]) -> dict[tuple[str, str], set[str]]:
    found: dict[tuple[str, str], set[str]] = {}
    for rule in role["rules"]:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                found.setdefault((group, resource), set()).update(rule["verbs"])
    return found


def roles() -> dict[str, dict[str, Any]]:
    return {each["metadata"]["name"]: each for each in render_objects({}) if each["kind"] == "Role"}


def test_the_operators_role_allows_exactly_the_calls_of_the_code():
    wanted = {(group, resource): set(verbs) for group, resource, verbs in RULES}
    assert rules_of(roles()["demo-backfleet-operator"]) == wanted


def test_the_apis_role_reads_makes_and_cancels_batches_and_nothing_else():
    assert rules_of(roles()["demo-backfleet-api"]) == API_RULES


def test_nothing_is_cluster_wide_and_no_rule_has_more_than_verbs():
    objects = render_objects({})
    assert {each["kind"] for each in objects} & {"ClusterRole", "ClusterRoleBinding"} == set()
    for role in roles().values():
        assert all(set(rule) == {"apiGroups", "resources", "verbs"} for rule in role["rules"])
        assert "*" not in str(role["rules"])


def test_each_role_is_bound_to_the_account_of_its_name_and_backtests_have_none():
    bindings = [each for each in render_objects({}) if each["kind"] == "RoleBinding"]
    found = {each["roleRef"]["name"]: each["subjects"] for each in bindings}
    assert found == {
        name: [{"kind": "ServiceAccount", "name": name, "namespace": "prod"}]
        for name in ("demo-backfleet-operator", "demo-backfleet-api", "demo-backfleet-test")
    }


def test_without_the_api_its_account_goes_too():
    objects = render_objects({"api": {"enabled": False}})
    assert not any("-api" in each["metadata"]["name"] for each in objects)
