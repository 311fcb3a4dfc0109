"""What the operator calls is exactly what its Role allows: recorded from the code, compared with RULES and the chart."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from backfleet.controller.cluster import RULES, Cluster, ClusterPort, build_event
from backfleet.core import wire
from hack.helm.chart import render_objects
from tests.world.api_server import ApiServer

NAMESPACE = "research"
ALLOWED = {(group, resource, verb) for group, resource, verbs in RULES for verb in verbs}
BY_KOPF = {(wire.GROUP, wire.PLURAL, "watch"), ("batch", "jobs", "watch"), ("", "pods", "watch")}
"""What `handlers.register` makes kopf do in addition to listing. test_main.py shows that it does."""
REF = {"uid": "u", "name": "demo", "namespace": NAMESPACE}


@pytest.fixture
def api() -> Iterator[ApiServer]:
    with ApiServer.running() as server:
        yield server


def use_everything(cluster: Cluster, api: ApiServer) -> set[str]:
    """Call every method of the port, each way that it can go; the names of those called."""
    api.objects.create(wire.PLURAL, NAMESPACE, {"metadata": {"name": "demo", "uid": "u"}, "spec": {}})
    owner = [{"uid": "u", "controller": True}]
    job = {"metadata": {"name": "demo-1", "namespace": NAMESPACE, "ownerReferences": owner}, "spec": {}}
    calls: dict[str, list[tuple[Any, ...]]] = {
        "read_clock": [()],
        "list_batches": [(NAMESPACE,)],
        "list_jobs": [(NAMESPACE,)],
        "list_settled_jobs": [(NAMESPACE, "")],
        "get_job": [(NAMESPACE, "demo-1")],
        "list_pods": [(NAMESPACE,)],
        "list_pods_of": [(NAMESPACE, ["demo-1"])],
        "list_pod_refusals": [(NAMESPACE,)],
        "create_job": [(job,), (job,)],
        "patch_status": [(NAMESPACE, "demo", "u", {"total": 1})],
        "create_event": [(build_event(REF, "R", "m", "Normal", datetime.now(UTC)),)],
        "label_job": [(NAMESPACE, "demo-1", "another's", "1"), (NAMESPACE, "gone", "u", "1")],
        "delete_job": [(NAMESPACE, "demo-1", "another's"), (NAMESPACE, "demo-1", "gone")],
    }
    for name, arguments in calls.items():
        for each in arguments:
            getattr(cluster, name)(*each)
    return set(calls)


def test_every_call_is_allowed_and_everything_allowed_is_called(api: ApiServer) -> None:
    called = use_everything(Cluster(api.client()), api)
    assert called == {name for name in vars(ClusterPort) if not name.startswith("_")}
    assert api.rules() | BY_KOPF == ALLOWED


def test_the_role_of_the_chart_allows_exactly_the_rules() -> None:
    roles = [each for each in render_objects({}) if each["kind"] == "Role"]
    (role,) = [each for each in roles if each["metadata"]["name"].endswith("-operator")]
    rendered = [
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    ]
    assert sorted(rendered) == sorted(ALLOWED)
    assert all(set(rule) == {"apiGroups", "resources", "verbs"} for rule in role["rules"])
