"""A release's life with its batches: upgraded from the released version, moved to a volume, removed and installed again."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client

from hack.helm.chart import render_objects
from hack.local import RELEASE, REPOSITORY, LocalBackfleet
from tests.e2e.test_batches import noop
from tests.support.live import Live
from tests.support.observer import wait_until
from tests.support.released import unpack_released
from tests.support.storage import claims, health, move_by_the_docs, status_warnings

VALUES = ("engines.noop.requests.cpu=50m", "engines.noop.requests.memory=64Mi")
NO_CRD = "crds.install=false"
CRD = "optimizationbatches.backfleet.io"
BATCH_SECONDS = 120
GONE_SECONDS = 120
COUNT = 8


@pytest.fixture
def place(request: pytest.FixtureRequest, live: Live) -> Iterator[Live]:
    """Yield a namespace of its own; when it is deleted nothing of ours holds it up, whatever is alive in it."""
    own = make_namespace(live, request.param)
    yield own
    delete_namespace(own)


def make_namespace(live: Live, name: str) -> Live:
    own = Live(name, live.environment, "", live.api)
    wait_until(
        f"namespace {name} is made, an old one of that name gone",
        lambda: own.kubectl("create", "namespace", name, check=False).returncode == 0,
        GONE_SECONDS,
        2.0,
    )
    return own


def delete_namespace(place: Live) -> None:
    """Delete our objects within a deadline. Kubernetes deletes all others while other tests run."""
    place.kubectl("delete", "namespace", place.namespace, "--wait=false")
    wait_until(
        f"no batch and no Job is left in {place.namespace}",
        lambda: not json.loads(place.kubectl("get", "ob,jobs", "-o", "json").stdout)["items"],
        GONE_SECONDS,
        1.0,
    )


def install(local: LocalBackfleet, place: Live, *values: str) -> None:
    own = LocalBackfleet(local.cluster, place.namespace)
    own.install(own.images(), *VALUES, *values)


def uninstall(place: Live) -> None:
    command = [sys.executable, str(REPOSITORY / "hack/helm"), "uninstall", RELEASE, "-n", place.namespace]
    subprocess.run([*command, "--wait", "60"], env=place.environment, check=True, timeout=120)


def slow(name: str, seconds: float = 4.0) -> dict[str, Any]:
    manifest = noop(name, COUNT, maxConcurrent=2)
    manifest["spec"]["parameters"][1]["value"] = seconds
    return manifest


def secrets_of(place: Live) -> dict[str, Any]:
    """Return the data of every Secret that the release made."""
    body = json.loads(
        place.kubectl("get", "secrets", "-l", f"app.kubernetes.io/instance={RELEASE}", "-o", "json").stdout
    )
    return {each["metadata"]["name"]: each["data"] for each in body["items"]}


def wait_succeeded(place: Live, name: str, count: int) -> None:
    wait_until(
        f"{count} backtests of {name} have succeeded",
        lambda: place.batch(name).get("status", {}).get("succeeded", 0) >= count,
        60,
    )


def once_each(uid: str) -> set[tuple[str, str, str]]:
    return {(uid, str(index), "1") for index in range(COUNT)}


def hand_over_crd(live: Live, namespace: str) -> None:
    """Let the release of that namespace own the definition: one release in a cluster may."""
    live.kubectl("annotate", "crd", CRD, f"meta.helm.sh/release-namespace={namespace}", "--overwrite")


@pytest.fixture
def own_crd(live: Live, place: Live) -> Iterator[None]:
    """Let the release of this test own the definition. The session's release has it back afterwards."""
    hand_over_crd(live, place.namespace)
    yield
    hand_over_crd(live, live.namespace)


def served_schema(place: Live) -> Any:
    return json.loads(place.kubectl("get", "crd", CRD, "-o", "json").stdout)["spec"]["versions"][0]["schema"]


def schema_of(repository: Path) -> Any:
    return yaml.safe_load((repository / "crds" / f"{CRD}.yaml").read_text())["spec"]["versions"][0]["schema"]


def recorded(place: Live) -> set[tuple[str, ...]]:
    """Return every result in Postgres."""
    return {tuple(row) for row in place.psql("SELECT backtest_id, attempt_id, metrics FROM backtest_results")}


@pytest.mark.parametrize("place", ["life-upgrade"], indirect=True)
@pytest.mark.usefixtures("own_crd")
def test_an_upgrade_from_the_released_version_under_a_batch_loses_and_repeats_nothing(
    local: LocalBackfleet, place: Live, tmp_path: Path
) -> None:
    old = LocalBackfleet(local.cluster, place.namespace, unpack_released(tmp_path))
    new = LocalBackfleet(local.cluster, place.namespace)
    images = old.images()
    old.install(images, *VALUES)
    assert served_schema(place) == schema_of(old.repository)
    before = secrets_of(place)
    assert len(before) == 3
    second = make_namespace(place, "life-second")
    with place.observe() as observer:
        uid = place.apply(slow("upgraded", 8.0))
        wait_succeeded(place, "upgraded", 1)
        early = recorded(place)
        # The Postgres stays the one that is there: without a volume a new image would be a new, empty database.
        present = {**new.images(), "evaluation-postgres": images["evaluation-postgres"]}
        values = (*VALUES, "operator.maxConcurrent=3", f"watchNamespaces={{{place.namespace},life-second}}")
        notes = new.install(present, *values)
        assert place.condition("upgraded", "Finished").get("status") != "True", "the batch was too short to be upgraded"
        place.kubectl("patch", "ob", "upgraded", "--type=merge", "-p", '{"spec":{"maxConcurrent":3}}')
        second.apply(noop("second", 2))
        status = place.wait_finished("upgraded", BATCH_SECONDS)["status"]
        elsewhere = second.wait_finished("second", BATCH_SECONDS)["status"]
    assert (status["succeeded"], status["failed"]) == (COUNT, 0)
    assert status["effectiveMaxConcurrent"] == 3
    assert observer.attempts_of(uid) == once_each(uid)
    assert early
    assert early <= recorded(place)
    batch_rows = f"SELECT count(*), count(DISTINCT index) FROM backtest_jobs WHERE batch_uid = '{uid}'"
    assert place.psql(batch_rows) == [[str(COUNT), str(COUNT)]]
    assert served_schema(place) == schema_of(new.repository)
    assert {name: data for name, data in secrets_of(place).items() if name in before} == before
    assert (elsewhere["succeeded"], elsewhere["failed"]) == (2, 0)
    assert secrets_of(second)["backfleet-recorder"] == before["backfleet-recorder"]
    delete_namespace(second)
    check_that_the_lack_of_a_volume_is_said(place, notes)
    move_under_a_batch(new, place, present, values[:-1])


def check_that_the_lack_of_a_volume_is_said(place: Live, notes: str) -> None:
    assert claims(place) == []
    assert "EVERY RESULT IS LOST" in notes
    assert "Kubernetes cannot add" in notes
    (warning,) = health(place)["warnings"]
    assert "every result is lost with its pod" in warning
    assert status_warnings(place, "upgraded") == f"warning: {warning}\n"


def move_under_a_batch(new: LocalBackfleet, place: Live, images: dict[str, str], values: tuple[str, ...]) -> None:
    """Follow the page while backtests run: nothing is lost, nothing runs twice."""
    with place.observe() as observer:
        uid = place.apply(slow("moved"))
        wait_succeeded(place, "moved", 1)
        before = recorded(place)
        notes = move_by_the_docs(new, place, images, values)
        status = place.wait_finished("moved", BATCH_SECONDS)["status"]
    assert (status["succeeded"], status["failed"]) == (COUNT, 0)
    assert observer.attempts_of(uid) == once_each(uid)
    assert before <= recorded(place)
    assert [("EVERY RESULT IS LOST" in each) for each in notes] == [True, False, False]
    assert claims(place) == [("data-backfleet-postgres-0", "Bound", "20Gi")]
    assert health(place)["warnings"] == []


def own_postgres(place: Live) -> str:
    """Create a Postgres that no release owns, and return the name of the Secret with its three URLs."""
    rendered = render_objects({"evaluationPostgres": {"image": image_of(place)}}, "store", place.namespace)
    component = "app.kubernetes.io/component"
    objects = [each for each in rendered if each["metadata"]["labels"].get(component) == "postgres"]
    urls = {key: value for each in objects if each["kind"] == "Secret" for key, value in each["data"].items()}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "urls"}, "data": urls}
    items = {"apiVersion": "v1", "kind": "List", "items": [*objects, secret]}
    place.kubectl("apply", "-f", "-", stdin=json.dumps(items))
    return "urls"


def image_of(place: Live) -> dict[str, str]:
    """Return the image of the evaluation Postgres in the cluster's first release."""
    sets = client.AppsV1Api(place.api).list_stateful_set_for_all_namespaces(_request_timeout=20).items
    reference: Any = next(each for each in sets if each.metadata and each.metadata.name == f"{RELEASE}-postgres")
    repository, _, tag = reference.spec.template.spec.containers[0].image.rpartition(":")
    return {"repository": repository, "tag": tag}


@pytest.mark.parametrize("place", ["life-reinstall"], indirect=True)
def test_a_release_that_is_removed_and_installed_again_blocks_nothing_and_loses_nothing(
    local: LocalBackfleet, place: Live
) -> None:
    values = (NO_CRD, "evaluationPostgres.enabled=false", f"database.existingSecret={own_postgres(place)}")
    install(local, place, *values)
    with place.observe() as observer:
        uid = place.apply(slow("kept"))
        place.apply(slow("dropped"))
        wait_succeeded(place, "kept", 1)
        uninstall(place)
        before = place.batch("kept")
        assert before["metadata"].get("finalizers", []) == []
        assert before["status"]["succeeded"] < COUNT
        # Nobody is there to let it go, and it goes.
        place.kubectl("delete", "ob", "dropped", "--wait=true", "--timeout=20s")
        install(local, place, *values)
        status = place.wait_finished("kept", BATCH_SECONDS)["status"]
        assert place.batch("kept")["metadata"]["uid"] == uid
    assert (status["succeeded"], status["failed"]) == (COUNT, 0)
    assert observer.attempts_of(uid) == once_each(uid)
    # What the namespace's deletion meets next: a batch that is alive.
    place.apply(slow("alive"))
