from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from backfleet.core import wire
from backfleet.core.engine_versions import MAX_ENGINE_VERSIONS, with_version
from backfleet.core.observation import SeenBatch
from backfleet.core.records import BatchRecord, BatchState, Counters
from backfleet.core.status import Sight, build_status
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
    conditions = build_status(SEEN, record, Sight(active=0, max_concurrent=1), NOW)["conditions"]
    return [each for each in conditions if each["type"] == wire.CONDITION_ENGINE_VERSIONS_MIXED]


def test_a_version_is_kept_once_in_the_order_of_the_results() -> None:
    known: tuple[str, ...] = ()
    for version in ("2", "2", None, "", "3", "2"):
        known = with_version(known, version)
    assert known == ("2", "3")


def test_the_versions_that_are_kept_are_bounded() -> None:
    known: tuple[str, ...] = ()
    for number in range(100):
        known = with_version(known, str(number))
    assert len(known) == MAX_ENGINE_VERSIONS


def test_results_of_several_versions_are_a_condition_that_names_them() -> None:
    assert mixed(RECORD) == mixed(replace(RECORD, engine_versions=("3",))) == []
    (condition,) = mixed(replace(RECORD, engine_versions=("2", "3")))
    assert (condition["status"], condition["reason"]) == ("True", "SeveralVersions")
    assert "versions of the engine, 2, 3:" in condition["message"]
