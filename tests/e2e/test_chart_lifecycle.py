"""A release's life beside its batches: upgraded under one, removed and installed again over one, its namespace deleted."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes import client

from hack.helm.chart import render_objects
from hack.local import RELEASE, REPOSITORY, LocalBackfleet
from tests.e2e.test_batches import noop
from tests.support.live import Live
from tests.support.observer import wait_until

VALUES = ("crds.install=false", "engines.noop.requests.cpu=50m", "engines.noop.requests.memory=64Mi")
BATCH_SECONDS = 120
GONE_SECONDS = 120
COUNT = 8


@pytest.fixture
def place(request: pytest.FixtureRequest, local: LocalBackfleet, live: Live) -> Iterator[Live]:
    """A namespace of its own, which goes with whatever is alive in it, within a deadline."""
    namespace = request.param
    own = Live(namespace, live.environment, "", live.api)
    own.kubectl("create", "namespace", namespace)
    yield own
    own.kubectl("delete", "namespace", namespace, "--wait=false")
    names = client.CoreV1Api(live.api)
    wait_until(
        f"the namespace {namespace} is gone",
        lambda: namespace not in {each.metadata.name for each in names.list_namespace(_request_timeout=20).items},
        GONE_SECONDS,
        1.0,
    )


def install(local: LocalBackfleet, place: Live, *values: str) -> None:
    own = LocalBackfleet(local.cluster, place.namespace)
    own.install(own.images(), *VALUES, *values)


def uninstall(place: Live) -> None:
    command = [sys.executable, str(REPOSITORY / "hack/helm"), "uninstall", RELEASE, "-n", place.namespace]
    subprocess.run([*command, "--wait", "60"], env=place.environment, check=True, timeout=120)


def slow(name: str) -> dict[str, Any]:
    manifest = noop(name, COUNT, maxConcurrent=2)
    manifest["spec"]["parameters"][1]["value"] = 4.0
    return manifest


def secrets_of(place: Live) -> dict[str, Any]:
    """The data of every Secret that the release made."""
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


@pytest.mark.parametrize("place", ["life-upgrade"], indirect=True)
def test_an_upgrade_under_a_batch_runs_every_combination_once_and_keeps_the_secrets(
    local: LocalBackfleet, place: Live
) -> None:
    install(local, place)
    before = secrets_of(place)
    assert len(before) == 3
    with place.observe() as observer:
        uid = place.apply(slow("upgraded"))
        wait_succeeded(place, "upgraded", 1)
        install(local, place, "operator.maxConcurrent=3", "operator.tickSeconds=10")
        assert place.condition("upgraded", "Finished").get("status") != "True", "the batch was too short to be upgraded"
        place.kubectl("patch", "ob", "upgraded", "--type=merge", "-p", '{"spec":{"maxConcurrent":3}}')
        status = place.wait_finished("upgraded", BATCH_SECONDS)["status"]
    assert (status["succeeded"], status["failed"]) == (COUNT, 0)
    assert status["effectiveMaxConcurrent"] == 3
    assert observer.attempts_of(uid) == once_each(uid)
    assert place.psql("SELECT count(*), count(DISTINCT index) FROM backtest_jobs") == [[str(COUNT), str(COUNT)]]
    assert secrets_of(place) == before


def own_postgres(place: Live) -> str:
    """A Postgres that no release owns, and the name of the Secret with its three URLs."""
    rendered = render_objects({"evaluationPostgres": {"image": image_of(place)}}, "store", place.namespace)
    component = "app.kubernetes.io/component"
    objects = [each for each in rendered if each["metadata"]["labels"].get(component) == "postgres"]
    urls = {key: value for each in objects if each["kind"] == "Secret" for key, value in each["data"].items()}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "urls"}, "data": urls}
    items = {"apiVersion": "v1", "kind": "List", "items": [*objects, secret]}
    place.kubectl("apply", "-f", "-", stdin=json.dumps(items))
    return "urls"


def image_of(place: Live) -> dict[str, str]:
    """The image of the evaluation Postgres in the cluster's first release."""
    sets = client.AppsV1Api(place.api).list_stateful_set_for_all_namespaces(_request_timeout=20).items
    reference = next(each for each in sets if each.metadata.name == f"{RELEASE}-postgres").spec.template.spec
    repository, _, tag = reference.containers[0].image.rpartition(":")
    return {"repository": repository, "tag": tag}


@pytest.mark.parametrize("place", ["life-reinstall"], indirect=True)
def test_a_release_that_is_removed_and_installed_again_blocks_nothing_and_loses_nothing(
    local: LocalBackfleet, place: Live
) -> None:
    values = ("evaluationPostgres.enabled=false", f"database.existingSecret={own_postgres(place)}")
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
