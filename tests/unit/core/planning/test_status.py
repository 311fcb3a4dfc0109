from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from backfleet.core import wire
from backfleet.core.planning.observation import SeenBatch
from backfleet.core.planning.status import StatusInput, build_status
from backfleet.core.records import BatchRecord, BatchState, Counters
from tests.support.manifests.specs import spec_body

NOW = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
SEEN = SeenBatch(uid="u", name="rsi", namespace="trading", generation=1, created_at=NOW, spec=spec_body())
RECORD = BatchRecord(
    uid="u",
    namespace="trading",
    name="rsi",
    state=BatchState.LIVE,
    spec=spec_body(),
    controls={},
    axes={},
    criteria={},
    total=6,
    counters=Counters(succeeded=2),
    accepted_at=NOW,
)


def mixed(record: BatchRecord) -> list[dict[str, Any]]:
    conditions = build_status(SEEN, record, StatusInput(active=0, max_concurrent=1), NOW)["conditions"]
    return [each for each in conditions if each["type"] == wire.CONDITION_ENGINE_VERSIONS_MIXED]


def test_an_objective_of_psr_says_so_in_the_condition() -> None:
    spec = spec_body() | {"engine": {"name": "lean"}, "objective": {"metric": "probabilistic_sharpe_ratio"}}
    (condition,) = mixed(replace(RECORD, spec=spec, engine_versions=("2.5.0.0", "2.6.0.0")))
    assert "since 2026-07-06" in condition["message"]


def test_results_of_several_versions_are_a_condition_that_names_them() -> None:
    assert mixed(RECORD) == mixed(replace(RECORD, engine_versions=("3",))) == []
    (condition,) = mixed(replace(RECORD, engine_versions=("2", "3")))
    assert (condition["status"], condition["reason"]) == ("True", "SeveralVersions")
    assert "versions of the engine, 2, 3:" in condition["message"]
