"""Results outlive the evaluation Postgres' pod, and nobody loses them without having been told."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from hack.local import RELEASE, REPOSITORY
from tests.e2e.test_batches import noop
from tests.support.live import Live
from tests.support.observer import wait_until
from tests.support.storage import DEFAULT_CLASS, claims, health, status_warnings

POD = f"{RELEASE}-postgres-0"
COUNT = 8
INSTALL_SECONDS = 120


def recorded(live: Live, uid: str) -> set[tuple[str, ...]]:
    statement = f"SELECT index, attempt_id, metrics FROM backtest_results WHERE batch_uid = '{uid}'"
    return {tuple(row) for row in live.psql(statement)}


def test_a_postgres_pod_deleted_in_the_middle_of_a_batch_loses_no_result(live: Live) -> None:
    assert claims(live) == [(f"data-{POD}", "Bound", "20Gi")]
    manifest = noop("outlives-its-postgres", COUNT, maxConcurrent=2)
    manifest["spec"]["parameters"][1]["value"] = 2.0
    uid = live.apply(manifest)
    wait_until(
        "two backtests have succeeded",
        lambda: live.batch(manifest["metadata"]["name"]).get("status", {}).get("succeeded", 0) >= 2,
        60,
    )
    early = recorded(live, uid)
    live.kubectl("delete", "pod", POD, "--wait=true")
    status = live.wait_finished(manifest["metadata"]["name"], 120)["status"]
    assert (status["succeeded"], status["failed"]) == (COUNT, 0)
    found = recorded(live, uid)
    assert early
    assert early <= found
    assert {int(row[0]) for row in found} == set(range(COUNT))
    assert health(live)["warnings"] == []
    assert status_warnings(live, manifest["metadata"]["name"]) == ""
    live.delete(manifest["metadata"]["name"])


def default_classes(live: Live) -> list[str]:
    found: list[dict[str, Any]] = json.loads(live.kubectl("get", "storageclass", "-o", "json").stdout)["items"]
    return [
        each["metadata"]["name"]
        for each in found
        if each["metadata"].get("annotations", {}).get(DEFAULT_CLASS) == "true"
    ]


@pytest.fixture
def no_default_class(live: Live) -> Iterator[None]:
    """Leave the cluster without a default StorageClass until the block ends."""
    names = default_classes(live)
    assert names, "the cluster has no default StorageClass"
    live.kubectl("annotate", "storageclass", *names, f"{DEFAULT_CLASS}=false", "--overwrite")
    yield
    live.kubectl("annotate", "storageclass", *names, f"{DEFAULT_CLASS}=true", "--overwrite")


@pytest.mark.usefixtures("no_default_class")
def test_an_install_that_could_not_get_a_volume_fails_with_both_ways_out(live: Live) -> None:
    command = [sys.executable, str(REPOSITORY / "hack/helm"), "install", "homeless", "-n", live.namespace]
    done = subprocess.run(
        [*command, "--set", "crds.install=false"],
        env=live.environment, capture_output=True, text=True, check=False, timeout=INSTALL_SECONDS,
    )  # fmt: skip
    assert done.returncode == 1
    assert "the cluster has no default StorageClass" in done.stderr
    assert "evaluationPostgres.persistence.storageClassName" in done.stderr
    assert "evaluationPostgres.persistence.enabled=false" in done.stderr
    assert live.kubectl("get", "statefulset", "homeless-backfleet-postgres", check=False).returncode != 0
