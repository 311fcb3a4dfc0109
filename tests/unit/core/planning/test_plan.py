"""The plan of a pass: the plans of all batches, and one moment at which to look again."""

from dataclasses import replace
from typing import Any

import pytest

from backfleet.core import wire
from backfleet.core.changes import BatchChanges
from backfleet.core.planning.effects import BatchPlan, Plan, WriteStatus
from backfleet.core.planning.finish import refuse
from backfleet.core.planning.launch import launch
from backfleet.core.planning.observation import Limits, RefusedBatch, SeenBatch
from backfleet.core.planning.plan import plan
from backfleet.core.planning.rejudge import judge_stale
from backfleet.core.planning.status import StatusInput, build_status
from backfleet.core.records import BatchRecord, Counters, StoreView
from backfleet.core.stale import StaleLook, StaleResult
from tests.support.jobs import BATCH, NOW, UID
from tests.support.planning import (
    after,
    build_batch,
    build_draft,
    build_job,
    build_observation,
    build_pod,
    build_running,
)

RUNS: dict[str, Any] = {"counters": Counters(succeeded=1), "first_engine_started_at": after(-60), "next_index": 6}
MISSED = replace(build_draft().record, uid="gone", missing_since=after(-50))
OVER = build_draft(counters=Counters(succeeded=6)).record.finished(NOW, wire.REASON_ALL_SUCCEEDED, "all")


def shown(record: BatchRecord, **sight: Any) -> dict[str, Any]:
    """Return the status that a batch has already."""
    return build_status(build_batch(), record, StatusInput(**({"active": 0, "max_concurrent": 4} | sight)), NOW)


def over_batch() -> SeenBatch:
    return replace(build_batch(), status=shown(OVER))


def test_nothing_seen_is_nothing_planned() -> None:
    assert plan(build_observation()) == Plan()


def test_a_batch_that_may_start_launches_its_first_combination() -> None:
    draft = build_draft()
    launched = draft.after(launch(draft, 1, 0))
    batch = replace(build_batch(), status=shown(draft.record))
    planned = BatchPlan(
        uid=UID,
        rows=BatchChanges(before=draft.record, after=launched.record, changes=launched.decided.changes),
        creates=launched.decided.creates,
    )
    assert plan(build_observation(batch, rows=(draft.record,))) == Plan(batches=(planned,))


@pytest.mark.parametrize(
    ("row", "spec", "is_wanted"),
    [
        pytest.param({"next_index": 6}, {}, False, id="all is in flight"),
        pytest.param({"next_index": 3}, {}, True, id="combinations are left"),
        pytest.param({"next_index": 3}, {"suspend": True}, False, id="suspended"),
    ],
)
def test_a_plan_says_whether_somebody_wants_a_slot(row: dict[str, Any], spec: dict[str, Any], is_wanted: bool) -> None:
    pack = build_running()
    store = StoreView(now=NOW, batches=(build_draft(spec=spec, **RUNS | row).record,), packs=(pack,))
    seen = build_observation(build_batch(**spec), store=store, jobs=(build_job(pack),), limits=Limits(max_concurrent=1))
    assert plan(seen).wants_slots is is_wanted


def test_the_plan_of_an_applied_plan_is_empty_but_for_the_next_look() -> None:
    pack = build_running()
    record = build_draft(**RUNS, recent_ends=((after(-60), 1),)).record
    job = build_job(pack)
    store = StoreView(now=NOW, batches=(record,), packs=(pack,))
    batch = replace(build_batch(), status=shown(record, active=1, active_backtests=1))
    seen = build_observation(batch, store=store, jobs=(job,), pods=(build_pod(job),))
    assert plan(seen) == Plan(look_again_at=after(3_600 + 300))


def test_the_next_look_is_the_earliest_that_any_batch_needs() -> None:
    pack = build_running()
    record = build_draft(**RUNS).record
    store = StoreView(now=NOW, batches=(record, MISSED), packs=(pack,))
    seen = build_observation(build_batch(), store=store, jobs=(build_job(pack),))
    assert plan(seen).look_again_at == after(10)


def test_while_outcomes_are_out_of_sight_nothing_starts_and_the_next_look_is_at_once() -> None:
    record = build_draft().record
    store = StoreView(now=NOW, batches=(record,), has_more_outcomes=True)
    batch = replace(build_batch(), status=shown(record))
    assert plan(build_observation(batch, store=store)) == Plan(look_again_at=NOW)


def test_a_refused_batch_is_planned_and_remembered() -> None:
    batch = build_batch(strategy={"name": "Unknown"})
    made = plan(build_observation(batch))
    refused = RefusedBatch(generation=1, message=made.refused[UID].message, validated_at=NOW)
    planned = replace(refuse(build_observation(), batch, refused.message), refused=refused)
    assert made == Plan(batches=(planned,), refused={UID: refused})


def test_a_finished_batch_is_quiet_unless_a_job_or_pod_names_it() -> None:
    seen = build_observation(over_batch(), rows=(OVER,))
    assert plan(seen) == Plan(quiet={UID: 600})
    pod = build_pod(build_job(build_running()))
    assert plan(replace(seen, pods=(pod,))) == Plan()


def test_jobs_that_are_overdue_are_named() -> None:
    job = build_job(build_running(), deadline_at=after(-300), owner_uid="somebody")
    assert plan(build_observation(jobs=(job,))) == Plan(overdue=(f"{BATCH.namespace}/{job.name}",))


def test_the_order_of_what_is_seen_does_not_matter() -> None:
    batches = [replace(build_batch(), uid=uid, name=uid) for uid in ("a", "b", "c")]
    records = [
        replace(build_draft(**RUNS | {"next_index": 0}).record, uid=each.uid, name=each.name) for each in batches
    ]
    packs = [build_running(index, batch_uid="a") for index in range(3)]
    jobs = [build_job(each) for each in packs]
    limits = Limits(max_concurrent=5)

    def planned(step: int) -> Plan:
        store = StoreView(now=NOW, batches=tuple(records[::step]), packs=tuple(packs[::step]))
        return plan(build_observation(*batches[::step], store=store, jobs=tuple(jobs[::step]), limits=limits))

    assert planned(1) == planned(-1)
    assert sum(len(each.creates) for each in planned(1).batches) == 2


def test_a_status_is_written_where_it_differs() -> None:
    record = build_draft(next_index=6).record
    (planned,) = plan(build_observation(build_batch(), rows=(record,))).batches
    assert planned.status == WriteStatus(batch=BATCH, status=shown(record))


def test_a_result_that_cannot_be_judged_faults_its_own_batch_alone_though_its_custom_resource_is_gone() -> None:
    stale = replace(OVER, criteria_version=2, stale_verdicts=1, criteria={"minSharpe": 0.5})
    rows = (replace(stale, uid="a"), replace(stale, uid="b"))
    sharpe_ratios: dict[str, Any] = {"a": "high", "b": 1.0}
    looks = {
        uid: StaleLook(
            criteria_version=2,
            results=(StaleResult(backtest_id="x", metrics={"sharpe_ratio": sharpe}, passed=False),),
            has_more=False,
        )
        for uid, sharpe in sharpe_ratios.items()
    }
    store = StoreView(now=NOW, batches=rows, stale=looks)
    faulty, judged = plan(build_observation(store=store)).batches
    after_it, verdicts = judge_stale(rows[1], looks["b"])
    assert faulty.fault is not None
    assert faulty == BatchPlan(uid="a", fault=faulty.fault)
    assert judged == BatchPlan(uid="b", rows=BatchChanges(before=rows[1], after=after_it, verdicts=verdicts))
