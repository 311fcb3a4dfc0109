"""Batches whose custom resource is gone."""

from dataclasses import replace
from typing import Any

from backfleet.core import wire
from backfleet.core.changes import BatchChanges
from backfleet.core.planning.effects import BatchPlan
from backfleet.core.planning.missing import plan_missing
from backfleet.core.planning.rejudge import judge_stale
from backfleet.core.records import BatchState, Counters, StoreView
from backfleet.core.stale import StaleLook, StaleResult
from tests.support.jobs import NOW, UID
from tests.support.planning import after, build_batch, build_draft, build_observation

ROW = build_draft().record


def test_a_batch_that_is_missed_for_the_first_time_is_marked_and_looked_at_again() -> None:
    changes = BatchChanges(before=ROW, after=replace(ROW, missing_since=NOW))
    expected = BatchPlan(uid=UID, rows=changes, look_again_at=after(60))
    assert list(plan_missing(build_observation(rows=(ROW,)))) == [expected]


def test_until_it_is_missed_for_long_nothing_changes() -> None:
    row = replace(ROW, missing_since=after(-59))
    assert list(plan_missing(build_observation(rows=(row,)))) == [BatchPlan(uid=UID, look_again_at=after(1))]


def test_a_batch_that_is_missed_for_long_is_over() -> None:
    row = replace(ROW, missing_since=after(-60))
    over = row.finished(NOW, wire.REASON_DELETED, "the custom resource was deleted")
    expected = BatchPlan(uid=UID, rows=BatchChanges(before=row, after=over), look_again_at=after(60))
    assert list(plan_missing(build_observation(rows=(row,)))) == [expected]


def test_a_batch_that_is_there_quiet_resting_or_out_of_sight_is_not_missed() -> None:
    seen = [
        build_observation(build_batch(), rows=(ROW,)),
        build_observation(rows=(ROW,), quiet={UID: 600}),
        build_observation(rows=(ROW,), resting=frozenset({UID})),
        build_observation(rows=(ROW,), namespaces=frozenset()),
    ]
    assert [list(plan_missing(each)) for each in seen] == [[], [], [], []]


def test_the_stale_results_of_a_deleted_batch_are_judged_until_none_is_left() -> None:
    row = replace(ROW, state=BatchState.FINISHED, criteria_version=2, stale_verdicts=2, counters=Counters(succeeded=2))
    result = StaleResult(backtest_id="x", metrics={}, passed=False)
    plans: list[Any] = []
    for has_more in (True, False):
        look = StaleLook(criteria_version=2, results=(result,), has_more=has_more)
        store = StoreView(now=NOW, batches=(row,), stale={UID: look})
        plans += plan_missing(build_observation(store=store))
        changed, verdicts = judge_stale(row, look)
        rows = BatchChanges(before=row, after=changed, verdicts=verdicts)
        assert plans[-1] == BatchPlan(uid=UID, rows=rows, look_again_at=NOW if has_more else None)
