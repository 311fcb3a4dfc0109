"""How the batches of a pass are sorted by what is to be done with them."""

from dataclasses import replace
from typing import Any

from backfleet.core import wire
from backfleet.core.changes import EndPack, SettleFailure
from backfleet.core.planning.accept import accept, cost_of_validating, count_on
from backfleet.core.planning.decision import NOTHING, Decision
from backfleet.core.planning.effects import BatchPlan
from backfleet.core.planning.enter import Entered, enter
from backfleet.core.planning.facts import Facts, gather_facts
from backfleet.core.planning.finish import refuse
from backfleet.core.planning.observation import Limits, Observation, RefusedBatch
from backfleet.core.planning.proven import work_key
from backfleet.core.records import Counters, StoreView
from tests.support.jobs import NOW, UID
from tests.support.planning import build_batch, build_draft, build_member, build_observation, build_running

INVALID = build_batch(strategy={"name": "Unknown"})


def entered(seen: Observation) -> Entered:
    return enter(seen, gather_facts(seen), lambda: None)


def nothing(**changes: Any) -> Entered:
    return replace(Entered(drafts=(), finished=(), plans=()), **changes)


def test_a_new_batch_is_taken_in_and_live_at_once_where_counting_costs_nothing() -> None:
    batch = build_batch()
    seen = build_observation(batch)
    draft = accept(seen, batch, None)
    draft = replace(draft, work_key=work_key(draft.work.spec, {}))
    assert entered(seen) == nothing(drafts=(draft.after(count_on(draft, 0)),))


def test_a_batch_that_is_refused_says_so_and_is_remembered() -> None:
    seen = build_observation(INVALID)
    (made,) = entered(seen).plans
    assert made.refused is not None
    refused = RefusedBatch(generation=1, message=made.refused.message, validated_at=NOW)
    assert entered(seen) == nothing(plans=(replace(refuse(seen, INVALID, refused.message), refused=refused),))


def test_a_batch_that_was_refused_lately_is_not_validated_again() -> None:
    refused = RefusedBatch(generation=1, message="as before", validated_at=NOW)
    seen = build_observation(INVALID, refused={UID: refused})
    plan = refuse(seen, INVALID, "as before")
    assert entered(seen) == nothing(plans=(plan,))
    assert plan.status is not None
    told = replace(INVALID, status=plan.status.status)
    seen = build_observation(told, refused={UID: refused})
    assert entered(seen) == nothing(plans=(BatchPlan(uid=UID, quiet_seconds=600),))


def test_new_batches_beyond_the_budget_of_a_pass_are_due_at_once_and_small_ones_come_first() -> None:
    small = build_batch()
    large = replace(build_batch(constraints=["value > 4"]), uid="large")
    limits = Limits(validation_budget=cost_of_validating(small))
    made = entered(build_observation(large, small, limits=limits))
    assert [draft.seen.uid for draft in made.drafts] == [UID]
    assert made.plans == (BatchPlan(uid="large", look_again_at=NOW),)


def test_a_finished_batch_is_left_as_it_is_and_one_that_rests_is_left_alone() -> None:
    batch = build_batch()
    record = build_draft(counters=Counters(succeeded=6)).record.finished(NOW, wire.REASON_ALL_SUCCEEDED, "all")
    assert entered(build_observation(batch, rows=(record,))) == nothing(finished=((batch, record),))
    assert entered(build_observation(batch, rows=(record,), resting=frozenset({UID}))) == nothing()


def test_a_live_batch_goes_on_under_its_present_controls_with_its_packs_settled() -> None:
    draft = build_draft(counters=Counters(succeeded=1))
    pack = build_running(0, 2)
    attempt, superseded = build_member(pack), build_member(build_running(0, 1), is_deciding=False)
    batch = build_batch(maxConcurrent=1, suspend=True)
    store = StoreView(now=NOW, batches=(draft.record,), packs=(pack,), attempts=(attempt, superseded))
    (made,) = entered(build_observation(batch, store=store)).drafts
    assert (made.before, made.work.spec.max_concurrent, made.is_paused) == (draft.record, 1, True)
    assert made.record.controls == {"maxConcurrent": 1, "suspend": True, "successCriteria": {}}
    ended, vanished = made.decided.changes
    assert isinstance(ended, EndPack)
    assert isinstance(vanished, SettleFailure)
    assert (list(made.queued), made.packs) == ([0], {})


def test_a_batch_whose_engine_was_taken_out_names_it() -> None:
    seen = build_observation(build_batch(), rows=(build_draft().record,), strategies={})
    (made,) = entered(seen).drafts
    assert (made.missing_engine, made.is_paused) == ("noop", True)


def test_a_batch_with_stale_results_is_due_at_once() -> None:
    record = replace(build_draft().record, stale_verdicts=2, criteria_version=2)
    (made,) = entered(build_observation(build_batch(), rows=(record,))).drafts
    assert made.decided == Decision(look_again_at=NOW)


def test_a_batch_that_cannot_be_read_is_its_own_fault() -> None:
    record = replace(build_draft().record, axes={"axes": "none"})
    made = entered(build_observation(build_batch(), rows=(record,)))
    (plan,) = made.plans
    assert plan.fault is not None
    assert made == nothing(plans=(BatchPlan(uid=UID, fault=plan.fault),))


def test_a_batch_for_which_nothing_happened_is_as_it_was() -> None:
    draft = build_draft()
    (made,) = enter(build_observation(build_batch(), rows=(draft.record,)), Facts(), lambda: None).drafts
    assert (made.record, made.decided) == (draft.record, NOTHING)
