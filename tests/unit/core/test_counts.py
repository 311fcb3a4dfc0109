"""What people see of a batch's counts."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from backfleet.core.counts import progress, queued
from backfleet.core.records import BatchRecord, BatchState, Counters

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
    assert queued(record, active) == waiting


def test_progress_counts_what_succeeded_or_failed() -> None:
    assert progress(LIVE) == "4/10"
    assert progress(replace(LIVE, total=None, counters=Counters())) == "0/0"
