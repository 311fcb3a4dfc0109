"""What a batch's row says of itself."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from backfleet.core.records import MAX_ENGINE_VERSIONS, BatchRecord, BatchState, Counters

LIVE = BatchRecord(
    uid="u", namespace="n", name="b", state=BatchState.LIVE, spec={}, controls={}, axes={}, criteria={},
    total=10, counters=Counters(succeeded=3, failed=1), accepted_at=datetime(2026, 1, 1, tzinfo=UTC),
)  # fmt: skip


@pytest.mark.parametrize(
    ("record", "active", "waiting"),
    [
        pytest.param(LIVE, 2, 4, id="what neither ended nor holds a slot"),
        pytest.param(LIVE, 9, 0, id="never below zero, when more hold a slot than are left"),
        pytest.param(replace(LIVE, total=None, state=BatchState.COUNTING, counters=Counters()), 0, 0, id="counting"),
        pytest.param(replace(LIVE, state=BatchState.FINISHED), 0, 0, id="nothing waits at the end"),
    ],
)
def test_queued(record: BatchRecord, active: int, waiting: int) -> None:
    assert record.queued(active) == waiting


def test_progress_counts_what_succeeded_or_failed() -> None:
    assert LIVE.progress == "4/10"
    assert replace(LIVE, total=None, counters=Counters()).progress == "0/0"


def test_a_version_is_kept_once_in_the_order_of_the_results() -> None:
    record = LIVE
    for version in ("2", "2", None, "", "3", "2"):
        record = record.with_engine_version(version)
    assert record == replace(LIVE, engine_versions=("2", "3"))


def test_the_versions_that_are_kept_are_bounded() -> None:
    record = LIVE
    for number in range(100):
        record = record.with_engine_version(str(number))
    assert record.engine_versions == tuple(str(number) for number in range(MAX_ENGINE_VERSIONS))
