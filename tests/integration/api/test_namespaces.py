"""An API of several watched namespaces: where batches are made, found and cancelled, and what one that is forbidden hides."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.api.kubernetes import BATCHES, NAMESPACE, SPEC, Written, writing_app
from tests.integration.api.test_edges import assert_problem
from tests.support.databases import Database
from tests.support.history import History
from tests.world.api_server import ApiServer
from tests.world.faults import Fault

PATH = "optimizationbatches"
LAB, TEAM = "lab", "team"


@pytest.fixture
def watching(kubernetes: ApiServer, tmp_path: Path, database: Database) -> Iterator[Written]:
    with writing_app(kubernetes, tmp_path, database.api_url, namespaces=(NAMESPACE, LAB, TEAM)) as written:
        yield written


def put(api: Written, namespace: str, name: str, **metadata: str) -> str:
    """Apply a custom resource as a user does. Return its uid."""
    body = {"metadata": {"name": name, **metadata}, "spec": SPEC}
    return str(api.kubernetes.objects.create(PATH, namespace, body)["metadata"]["uid"])


def forbid(api: Written, namespace: str) -> None:
    api.kubernetes.faults.append(Fault(f"/namespaces/{namespace}/", code=403, times=100))


@pytest.mark.parametrize(
    ("request_namespace", "place"), [({}, NAMESPACE), ({"namespace": LAB}, LAB), ({"namespace": TEAM}, TEAM)]
)
def test_a_batch_is_made_where_it_is_asked_for_and_found_by_its_status_url(
    watching: Written, request_namespace: dict[str, Any], place: str
) -> None:
    made = watching.run(name="x", **request_namespace).json()
    (stored,) = watching.stored()
    assert (made["namespace"], stored["metadata"]["namespace"]) == (place, place)
    found = watching.client.get(made["status_url"]).json()
    assert (found["batch_id"], found["namespace"], found["state"]) == (made["batch_id"], place, "pending")


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_namespace_that_is_not_watched_is_refused_with_those_that_are(watching: Written, dry_run: bool) -> None:
    (error,) = assert_problem(watching.run(namespace="elsewhere", dry_run=dry_run), 422).errors
    assert error.field == "namespace"
    assert error.hint == "Use backfleet or lab or team."
    assert watching.kubernetes.calls == []


def test_where_the_apis_own_namespace_is_not_watched_one_must_be_given(
    kubernetes: ApiServer, tmp_path: Path, database: Database
) -> None:
    with writing_app(kubernetes, tmp_path, database.api_url, namespaces=(LAB,)) as api:
        assert assert_problem(api.run(), 422).errors[0].hint == "Use lab."
        assert api.run(namespace=LAB).status_code == 202


def test_the_same_name_in_two_namespaces_is_two_batches(watching: Written) -> None:
    made = [watching.run(name="x", namespace=each).json() for each in (LAB, TEAM, LAB)]
    assert [each["is_new"] for each in made] == [True, True, False]
    for each in made:
        found = watching.client.get(f"{BATCHES}/x", params={"namespace": each["namespace"]}).json()
        assert found["batch_id"] == each["batch_id"]


def test_a_name_alone_is_the_newest_of_all_namespaces(watching: Written) -> None:
    put(watching, NAMESPACE, "x", creationTimestamp="2026-01-05T09:00:00Z")
    newest = put(watching, TEAM, "x", creationTimestamp="2026-01-05T09:00:02Z")
    put(watching, LAB, "x", creationTimestamp="2026-01-05T09:00:01Z")
    assert watching.client.get(f"{BATCHES}/x").json()["batch_id"] == newest


def test_cancelling_reaches_every_watched_namespace_and_no_other(watching: Written, history: History) -> None:
    uid = put(watching, TEAM, "x")
    assert watching.cancel(uid).status_code == 202
    assert watching.kubernetes.objects.get(PATH, TEAM, "x")["spec"]["cancel"] is True
    history.accept("far", namespace="elsewhere")
    assert "only in backfleet, lab, team" in assert_problem(watching.cancel("far"), 403).detail


def test_a_forbidden_namespace_hides_its_own_batches_and_no_others(watching: Written) -> None:
    put(watching, TEAM, "x")
    forbid(watching, LAB)
    assert watching.client.get(f"{BATCHES}/x").json()["namespace"] == TEAM
    assert_problem(watching.client.get(f"{BATCHES}/y"), 503)
    assert_problem(watching.client.get(f"{BATCHES}/y", params={"namespace": TEAM}), 404)


def test_a_kubernetes_that_does_not_answer_is_asked_once_not_in_every_namespace(watching: Written) -> None:
    watching.kubernetes.faults.append(Fault(PATH, code=500, times=100))
    assert_problem(watching.client.get(f"{BATCHES}/x"), 503)
    assert len(watching.kubernetes.calls) == 1


def test_a_project_that_a_batch_brought_is_no_other_batchs(watching: Written, history: History) -> None:
    brought = {"engine": {"name": "lean"}, "strategy": {"name": "Mine", "leanProjectPath": "research/mine"}}
    history.accept("first", spec=brought, namespace=TEAM)
    spec = SPEC | brought | {"strategy": {"name": "Mine"}}
    (error,) = assert_problem(watching.run(spec, namespace=LAB), 422).errors
    assert (error.field, error.problem) == (
        "batch.strategy.leanProjectPath",
        "the catalog has no project for 'Mine'",
    )
    assert "one that another batch gave holds for that batch alone" in str(error.hint)
    own = {"name": "Mine", "leanProjectPath": "lab/mine"}
    watching.run(spec | {"strategy": own}, namespace=LAB, name="second")
    assert watching.kubernetes.objects.get(PATH, LAB, "second")["spec"]["strategy"] == own
