from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from backfleet.core import wire
from backfleet.core.engine_versions import MAX_ENGINE_VERSIONS, mixing_warning, version_of, with_version
from backfleet.core.planning.observation import SeenBatch
from backfleet.core.planning.status import Sight, build_status
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


def test_lean_is_told_apart_by_its_image_too_and_other_engines_are_not() -> None:
    image = {"engineImage": "quantconnect/lean:17000"}
    lean, bars = {"engine": "lean", "engineVersion": "2.5.0.0"}, {"engine": "bars", "engineVersion": "3"}
    assert version_of(lean | image) == "2.5.0.0 (quantconnect/lean:17000)"
    assert version_of({"engine": "lean"} | image) == "unknown (quantconnect/lean:17000)"
    assert (version_of(lean), version_of(bars | image), version_of({})) == ("2.5.0.0", "3", None)


def test_a_ranking_by_psr_of_several_leans_says_that_it_cannot_be() -> None:
    several = ("2.5.0.0 (lean:1)", "2.5.0.0 (lean:2)")
    plain = mixing_warning(several, "lean", "sharpe_ratio")
    assert plain is not None
    assert plain.endswith("2.5.0.0 (lean:1), 2.5.0.0 (lean:2): figures may differ for that reason alone")
    told = mixing_warning(several, "lean", "probabilistic_sharpe_ratio")
    assert told is not None
    assert told.endswith(plain)
    assert "excess returns in LEAN since 2026-07-06" in told
    assert mixing_warning(several[:1], "lean", "probabilistic_sharpe_ratio") is None
    assert "excess" not in (mixing_warning(("2", "3"), "bars", "probabilistic_sharpe_ratio") or "")


def test_an_objective_of_psr_says_so_in_the_condition() -> None:
    spec = spec_body() | {"engine": {"name": "lean"}, "objective": {"metric": "probabilistic_sharpe_ratio"}}
    (condition,) = mixed(replace(RECORD, spec=spec, engine_versions=("2.5.0.0", "2.6.0.0")))
    assert "since 2026-07-06" in condition["message"]


def test_results_of_several_versions_are_a_condition_that_names_them() -> None:
    assert mixed(RECORD) == mixed(replace(RECORD, engine_versions=("3",))) == []
    (condition,) = mixed(replace(RECORD, engine_versions=("2", "3")))
    assert (condition["status"], condition["reason"]) == ("True", "SeveralVersions")
    assert "versions of the engine, 2, 3:" in condition["message"]
