"""A live pack of several: its members settle one by one, its Job holds one slot, and it is read only when it matters."""

from dataclasses import replace
from typing import Any

import pytest

from backfleet.core.backtests import BacktestState, Failure
from backfleet.core.changes import EndPack, SettleFailure, SettleResult
from backfleet.core.planning.decision import NOTHING, Decision
from backfleet.core.planning.draft import Draft
from backfleet.core.planning.facts import Facts
from backfleet.core.planning.observation import JobState, Limits, SeenContainer, SeenJob, SeenPod
from backfleet.core.planning.settle import needs_members, settle_outcomes, settle_packs
from backfleet.core.planning.slots import occupied_slots, share_slots, slots_out_of_sight
from backfleet.core.reasons import FailureReason
from backfleet.core.records import AttemptRecord, Counters, Measured, OutcomeRecord, StoreView
from tests.support.jobs import NOW
from tests.support.operator import values
from tests.support.planning import (
    ENDS_AT,
    WAITS_FOR_IMAGE,
    after,
    build_draft,
    build_job,
    build_members,
    build_observation,
    build_outcome,
    build_pod,
    build_running,
)

PACK = build_running(size=3, unsettled=3)
FIRST, SECOND, THIRD = build_members(PACK)
JOB = build_job(PACK)
RUNS = SeenContainer(started_at=after(-60))
STARTED: dict[str, Any] = {"first_engine_started_at": after(-60)}
NO_DATA = Failure(reason=FailureReason.NO_DATA, message="no bars")
NOT_BEGUN = Failure(reason=FailureReason.NOT_BEGUN, message="its pack's time was over")


def facts(job: SeenJob | None = JOB, *outcomes: OutcomeRecord) -> Facts:
    jobs = {PACK.key: job} if job else {}
    return Facts(jobs=jobs, outcomes={each.attempt_id: each for each in outcomes})


def settled(draft: Draft, *outcomes: OutcomeRecord) -> Draft:
    """Return the batch after these outcomes of its pack's members."""
    return draft.after(settle_outcomes(draft, draft.members_of(PACK), facts(JOB, *outcomes)))


def test_each_member_is_settled_by_its_own_outcome() -> None:
    outcomes = build_outcome(FIRST), build_outcome(THIRD, NO_DATA)
    first, third = settle_outcomes(build_draft(PACK), [FIRST, SECOND, THIRD], facts(JOB, *outcomes)).changes
    assert isinstance(first, SettleResult)
    assert isinstance(third, SettleFailure)
    assert [(each.attempt, each.outcome) for each in (first, third)] == [(FIRST, outcomes[0]), (THIRD, outcomes[1])]
    assert third.state is BacktestState.FAILED


def test_a_pack_is_live_until_its_last_member_has_ended() -> None:
    draft = build_draft(PACK, **STARTED)
    part = settled(draft, build_outcome(FIRST), build_outcome(SECOND, NO_DATA))
    assert (part.packs, part.members_of(PACK)) == ({PACK.id: replace(PACK, unsettled=1)}, (THIRD,))
    assert part.record.counters == Counters(succeeded=1, failed=1, passed=1)
    assert part.record.packs_died == ()
    whole = settled(part, build_outcome(THIRD))
    assert (whole.packs, whole.members) == ({}, {})
    assert whole.record.packs_died == (False,)


def test_a_pack_of_one_is_no_pack_that_lived() -> None:
    pack = build_running()
    draft = build_draft(pack)
    (member,) = draft.members_of(pack)
    outcome = build_outcome(member)
    made = draft.after(settle_outcomes(draft, [member], Facts(outcomes={member.id: outcome})))
    assert made.record.packs_died == ()


def test_members_that_were_not_begun_are_queued_and_change_no_count() -> None:
    draft = build_draft(PACK, **STARTED, counters=Counters(succeeded=1), repeated_reason="")
    part = settled(draft, build_outcome(SECOND, NOT_BEGUN), build_outcome(THIRD, NOT_BEGUN))
    assert part.record == draft.record
    assert part.packs == {PACK.id: replace(PACK, unsettled=1)}
    assert [(each.charged, each.uncharged, each.pack_limit) for each in part.queued.values()] == [(0, 0, None)] * 2


def test_what_is_recorded_counts_though_the_job_died_and_the_others_are_tried_again() -> None:
    draft = build_draft(PACK, **STARTED)
    dead = replace(JOB, state=JobState.FAILED)
    seen = facts(dead, build_outcome(FIRST), build_outcome(SECOND))
    part = draft.after(settle_outcomes(draft, draft.members_of(PACK), seen))
    end, *ends = settle_packs(part, seen).changes
    assert end == EndPack(
        pack=replace(PACK, unsettled=1),
        reason=FailureReason.NODE_LOST,
        message="the Job failed and its pod is gone: the cause is not known",
    )
    assert [each.attempt for each in ends if isinstance(each, SettleFailure)] == [THIRD]


def test_the_time_of_a_pack_is_what_each_member_took() -> None:
    def took(attempt: AttemptRecord, seconds: float) -> OutcomeRecord:
        return build_outcome(attempt, engine_started_at=after(-9), engine_finished_at=after(-9 + seconds))

    draft = settled(build_draft(PACK, **STARTED), took(FIRST, 1.0), took(SECOND, 3.0))
    assert (draft.record.engine_seconds, draft.record.job_seconds) == (1.0 + (3.0 - 1.0) / 20, None)


def test_the_best_of_a_pack_is_the_batchs_best() -> None:
    ratios = {FIRST.id: 1.0, SECOND.id: 2.5, THIRD.id: 2.5}
    outcomes = (
        build_outcome(each, Measured(metrics={"sharpe_ratio": ratios[each.id]})) for each in (FIRST, SECOND, THIRD)
    )
    best = settled(build_draft(PACK, **STARTED), *outcomes).record.best
    assert best is not None
    assert (best.index, best.value) == (1, 2.5)


def test_a_pack_holds_one_slot_however_many_it_carries() -> None:
    draft = build_draft(PACK, next_index=3, spec={"backtestsPerJob": 2, "maxConcurrent": 2}, **STARTED)
    seen = build_observation(jobs=(JOB,), store=StoreView(now=NOW, packs=(PACK,)))
    held = occupied_slots(seen, [draft])
    assert held == {PACK.key}
    (decision,) = share_slots([draft], held, Limits(max_concurrent=9), {}).values()
    assert [(each.pack.index, each.pack.size) for each in decision.creates] == [(3, 2)]


def test_the_free_slots_of_a_pass_share_what_is_left() -> None:
    spec = {"backtestsPerJob": "auto", "maxConcurrent": 3, "parameters": values(20)}
    draft = build_draft(spec=spec, total=20, counters=Counters(succeeded=1), next_index=1, **STARTED)
    (decision,) = share_slots([draft], set(), Limits(max_concurrent=9), {}).values()
    assert [(each.pack.index, each.pack.size) for each in decision.creates] == [(1, 7), (8, 7), (15, 5)]


@pytest.mark.parametrize(
    ("recorded", "holds"),
    [
        pytest.param((), True, id="no outcome"),
        pytest.param((FIRST, SECOND), True, id="one is missing"),
        pytest.param((FIRST, SECOND, THIRD), False, id="all outcomes are there"),
    ],
)
def test_a_pack_out_of_sight_holds_its_slot_until_all_its_outcomes_are_there(
    recorded: tuple[AttemptRecord, ...], holds: bool
) -> None:
    outcomes = tuple(build_outcome(each) for each in recorded)
    store = StoreView(now=NOW, batches=(build_draft().record,), packs=(PACK,), attempts=recorded, outcomes=outcomes)
    held = slots_out_of_sight(build_observation(store=store, namespaces=frozenset()))
    assert held == ({PACK.key} if holds else set())


LAUNCHING = replace(PACK, job_seen_at=None, engine_started_at=None, start_deadline_at=after(60))
DONE = replace(RUNS, exit_code=0)


@pytest.mark.parametrize(
    ("job", "pod", "running", "launching"),
    [
        pytest.param(None, None, True, True, id="without a Job"),
        pytest.param(JOB, None, False, False, id="an unfinished Job"),
        pytest.param(replace(JOB, state=JobState.COMPLETE), None, True, True, id="a completed Job"),
        pytest.param(replace(JOB, state=JobState.FAILED), None, True, True, id="a failed Job"),
        pytest.param(replace(JOB, is_deleting=True), None, True, True, id="a Job that is being deleted"),
        pytest.param(replace(JOB, deadline_at=after(-300)), None, True, True, id="a Job on a lost node"),
        pytest.param(JOB, build_pod(JOB), False, False, id="a pod that starts"),
        pytest.param(JOB, build_pod(JOB, engine=RUNS), False, False, id="an engine that runs"),
        pytest.param(JOB, build_pod(JOB, engine=WAITS_FOR_IMAGE), False, True, id="an engine that cannot start"),
        pytest.param(JOB, build_pod(JOB, unschedulable="0/1 nodes"), False, True, id="a pod without a node"),
        pytest.param(replace(JOB, pod_refusal="no"), None, False, True, id="a Job without a pod"),
        pytest.param(
            JOB, build_pod(JOB, engine=DONE, recorder=WAITS_FOR_IMAGE), True, True, id="a recorder that cannot start"
        ),
        pytest.param(JOB, build_pod(JOB, engine=DONE), False, False, id="a recorder that starts"),
    ],
)
def test_the_members_of_a_pack_are_read_when_it_may_end(
    job: SeenJob | None, pod: SeenPod | None, running: bool, launching: bool
) -> None:
    found = [needs_members(pack, job, pod, NOW, Limits()) for pack in (PACK, LAUNCHING)]
    assert found == [running, launching]


def test_the_members_of_a_pack_are_read_once_its_time_to_start_is_over() -> None:
    late = replace(LAUNCHING, start_deadline_at=NOW)
    assert needs_members(late, JOB, build_pod(JOB), NOW, Limits())
    assert not needs_members(late, JOB, build_pod(JOB, engine=RUNS), NOW, Limits())


def test_a_pack_whose_members_were_not_read_is_looked_at_by_its_own_row() -> None:
    draft = replace(build_draft(PACK, **STARTED), members={})
    assert settle_packs(draft, facts()) == Decision(look_again_at=ENDS_AT + (after(300) - NOW))
    assert draft.after(NOTHING).packs == {PACK.id: PACK}
