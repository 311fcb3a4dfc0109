"""A batch that cannot be planned carries its fault, and the plan of the others is made."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from backfleet.core.planning.observation import Observation
from backfleet.core.planning.plan import plan
from backfleet.core.records import BatchRecord, BatchState, Counters, StaleLook, StaleResult, StoreView

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
CRITERIA = {"minSharpe": 0.5}
RECORD = BatchRecord(
    uid="a",
    namespace="research",
    name="demo",
    state=BatchState.FINISHED,
    spec={},
    controls={},
    axes={},
    criteria=CRITERIA,
    criteria_version=2,
    stale_verdicts=1,
    total=1,
    counters=Counters(succeeded=1),
    accepted_at=NOW,
)


def stale(sharpe: Any) -> StaleLook:
    result = StaleResult(backtest_id="x", metrics={"sharpe_ratio": sharpe}, passed=False)
    return StaleLook(criteria_version=2, results=(result,), has_more=False)


def test_a_result_that_cannot_be_judged_faults_its_own_batch_alone_though_its_custom_resource_is_gone() -> None:
    batches = (RECORD, replace(RECORD, uid="b"))
    store = StoreView(now=NOW, batches=batches, stale={"a": stale("high"), "b": stale(1.0)})
    faulty, judged = plan(Observation(now=NOW, store=store)).batches
    assert (faulty.uid, faulty.fault is None) == ("a", False)
    assert judged.rows is not None
    assert (judged.uid, judged.rows.after.counters.passed) == ("b", 1)
