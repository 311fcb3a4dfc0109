"""The shipped configs through `convert`, an API server, the real operator and a real Postgres."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from backfleet.controller.cluster import Cluster
from backfleet.core import wire
from backfleet_client.main import run
from tests.support.clocked import ClockedDatabase
from tests.support.cluster import NAMESPACE
from tests.support.configs import BY_NAME, FOLDER, TOTALS, read
from tests.support.operator import Operator
from tests.support.postgres_rows import PostgresRows
from tests.world.api_server import ApiServer

ENGINES = {"as written": [], "for bars": ["--engine", "bars"]}
"""As written, all are for lean except the test config, which is for bars."""
NAMES = [*TOTALS, "test_config"]
ON_HOLD = "MicroFutures_Momentum_MESNQ"


@dataclass
class Scene:
    """An API server, and an operator that uses it and a real database."""

    api: ApiServer
    operator: Operator
    rows: PostgresRows

    def apply(self, manifest: dict[str, Any]) -> None:
        suspended = manifest | {"spec": manifest["spec"] | {"suspend": True}}
        self.api.objects.create(wire.PLURAL, NAMESPACE, suspended)

    def status(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.api.objects.get(wire.PLURAL, NAMESPACE, name)["status"]
        return found


@pytest.fixture
def scene(clocked_database: ClockedDatabase) -> Iterator[Scene]:
    rows = PostgresRows(now=datetime.now(UTC), store=clocked_database)
    clocked_database.seed()
    with ApiServer.running() as api:
        yield Scene(api, Operator(Cluster(api.client()), rows, clock=time.monotonic), rows)


def converted(name: str, capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, Any]:
    """Return the manifest that the command prints."""
    assert run(["convert", str(FOLDER / f"{name}.yaml"), "-n", NAMESPACE, *options]) == 0
    manifest: dict[str, Any] = yaml.safe_load(capsys.readouterr().out)
    return manifest


def condition(status: dict[str, Any], kind: str) -> dict[str, Any]:
    return next(each for each in status["conditions"] if each["type"] == kind)


@pytest.mark.parametrize("options", ENGINES.values(), ids=ENGINES)
def test_every_shipped_config_is_accepted_with_its_total(
    scene: Scene, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    manifests = {name: converted(name, capsys, *options) for name in NAMES}
    engines = [manifest["spec"]["engine"]["name"] for manifest in manifests.values()]
    assert engines == (["bars"] * 15 if options else ["lean"] * 14 + ["bars"])
    for manifest in manifests.values():
        scene.apply(manifest)
    for _ in range(3):
        scene.operator.turn()
    statuses = {name: scene.status(manifest["metadata"]["name"]) for name, manifest in manifests.items()}
    assert {name: status["total"] for name, status in statuses.items()} == TOTALS | {"test_config": 6}
    assert {condition(status, "Accepted")["status"] for status in statuses.values()} == {"True"}
    assert {condition(status, "Suspended")["status"] for status in statuses.values()} == {"True"}
    assert scene.api.calls_of("POST", "/jobs") == []


def test_the_criteria_in_force_are_those_of_the_catalog(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    """Every config brings its own criteria, except the test config, which uses the strategy's row."""
    for name in NAMES:
        scene.apply(converted(name, capsys))
    scene.operator.turn()
    found = scene.rows.batches.values()
    assert len(found) == len(NAMES)
    for record in found:
        own = BY_NAME[record.spec["strategy"]["name"]].criteria
        assert own is not None
        assert record.criteria == own.to_json()


def test_a_strategy_on_hold_is_refused_with_that_reason(scene: Scene) -> None:
    spec = read(
        f"""\
        strategy: {{name: {ON_HOLD}, lean_project_path: STR-007_{ON_HOLD}}}
        symbols: [MES]
        parameters: {{period: {{start: 5, end: 10, step: 5}}}}
        """
    ).spec
    scene.apply({"metadata": {"name": "on-hold"}, "spec": spec})
    scene.operator.turn()
    status = scene.status("on-hold")
    refused = condition(status, "Accepted")
    assert (refused["status"], condition(status, "Finished")["reason"]) == ("False", "SpecInvalid")
    assert f"{ON_HOLD} is on hold" in refused["message"]
    assert scene.rows.batches == {}
