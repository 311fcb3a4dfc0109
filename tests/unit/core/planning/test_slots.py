"""Who may launch: slots from facts, and how free ones are shared between batches."""

from dataclasses import replace
from typing import Any

import pytest

from backfleet.core.packs import PackRecord
from backfleet.core.planning.decision import Decision, Trial, join
from backfleet.core.planning.draft import Draft
from backfleet.core.planning.launch import launch, try_again
from backfleet.core.planning.observation import JobState, Limits
from backfleet.core.planning.slots import (
    Doubt,
    doubt_of,
    occupied_slots,
    overdue_jobs,
    share_slots,
    slots_out_of_sight,
    yield_slots,
)
from backfleet.core.planning.start import StartProblem
from backfleet.core.planning.waiting import yield_for_others
from backfleet.core.records import StoreView
from tests.support.jobs import NOW, build_pack
from tests.support.planning import after, build_draft, build_job, build_observation, build_pod, build_running

PROVEN: dict[str, Any] = {"first_engine_started_at": after(-3_000)}
IMAGE = StartProblem(kind="ErrImagePull", message="not found")


def of_batch(uid: str, draft: Draft) -> Draft:
    """Return the same batch under another uid."""
    record = replace(draft.record, uid=uid)
    packs = {each.id: each for each in (replace(each, batch_uid=uid) for each in draft.packs.values())}
    return replace(draft, seen=replace(draft.seen, uid=uid), before=record, record=record, packs=packs, members={})


def running(*indexes: int) -> list[PackRecord]:
    return [build_running(index) for index in indexes]


def started(draft: Draft, count: int) -> Decision:
    """Return the launches of so many new combinations, one after the other."""
    made = []
    for _ in range(count):
        decision = launch(draft, 1, 0)
        made.append(decision)
        draft = draft.after(decision)
    return join(made)


def starts(decisions: dict[str, Decision]) -> dict[str, list[int]]:
    return {uid: [each.pack.index for each in decision.creates] for uid, decision in decisions.items()}


def test_a_running_pack_an_unfinished_job_and_a_pod_hold_a_slot_and_a_row_alone_does_not() -> None:
    packs = [*running(0), *(build_pack(index, 1) for index in (1, 2, 3))]
    job = build_job(packs[1])
    done = build_job(packs[2], state=JobState.COMPLETE)
    seen = build_observation(jobs=(job, done), pods=(build_pod(done),), store=StoreView(now=NOW, packs=tuple(packs)))
    assert occupied_slots(seen, [build_draft(*packs)]) == {each.key for each in packs[:3]}


def test_a_pack_whose_job_may_exist_holds_its_slot() -> None:
    pack = build_pack(0, 1)
    draft = build_draft(pack).after(Decision(unanswered=(pack.key,)))
    assert occupied_slots(build_observation(), [draft]) == {pack.key}


def test_what_is_over_lost_or_not_ours_holds_no_slot() -> None:
    packs = tuple(build_pack(index, 1) for index in range(4))
    over, overdue, foreign, copied = (build_job(each) for each in packs)
    overdue = replace(overdue, deadline_at=after(-300))
    foreign = replace(foreign, owner_uid="somebody")
    copied = replace(copied, name="copy")
    pods = (build_pod(over, is_terminal=True), build_pod(overdue, deadline_at=after(-300)), build_pod(copied))
    seen = build_observation(jobs=(over, overdue, foreign, copied), pods=pods, store=StoreView(now=NOW, packs=packs))
    assert occupied_slots(seen, [build_draft(*packs)]) == set()


def test_packs_in_a_namespace_that_cannot_be_looked_at_keep_their_slots() -> None:
    alive, waiting = build_running(0), build_pack(1, 1, waiting_since=NOW)
    store = StoreView(now=NOW, batches=(build_draft().record,), packs=(alive, waiting))
    assert slots_out_of_sight(build_observation(store=store, namespaces=frozenset())) == {alive.key}
    assert slots_out_of_sight(build_observation(store=store)) == set()


def test_a_job_far_past_its_deadline_is_overdue() -> None:
    late, latest, early, done = (build_job(build_running(index)) for index in range(4))
    late, latest = replace(late, deadline_at=after(-300)), replace(latest, deadline_at=after(-900))
    early = replace(early, deadline_at=after(-299))
    done = replace(done, deadline_at=after(-900), state=JobState.FAILED)
    assert overdue_jobs((latest, early, done, late), NOW, Limits()) == (late, latest)


@pytest.mark.parametrize(
    ("draft", "doubt"),
    [
        pytest.param(build_draft(), Doubt.ENGINE, id="no engine has started"),
        pytest.param(build_draft(*running(0), **PROVEN), None, id="it runs"),
        pytest.param(
            build_draft(build_pack(0, 1, waiting_since=NOW), **PROVEN), Doubt.ENGINE, id="nothing starts any more"
        ),
        pytest.param(
            build_draft(build_pack(0, 1, waiting_since=NOW), *running(1), **PROVEN), None, id="one waits, one runs"
        ),
        pytest.param(
            build_draft(build_running(0, waiting_reason="RecorderNotStarted: x"), **PROVEN),
            Doubt.RECORDER,
            id="a recorder did not start",
        ),
    ],
)
def test_a_batch_is_doubtful_until_it_shows_that_it_starts(draft: Draft, doubt: Doubt | None) -> None:
    assert doubt_of(draft) is doubt


def test_a_batch_that_runs_gets_every_free_slot_up_to_its_own_limit() -> None:
    draft = build_draft(*running(0), next_index=1, spec={"maxConcurrent": 3}, **PROVEN)
    held = {each.key for each in draft.packs.values()}
    assert share_slots([draft], held, Limits(max_concurrent=9), {}) == {draft.seen.uid: started(draft, 2)}


def test_an_unproven_batch_gets_one_slot() -> None:
    draft = build_draft()
    assert share_slots([draft], set(), Limits(max_concurrent=9), {}) == {draft.seen.uid: started(draft, 1)}


def test_unproven_batches_share_a_quarter_of_all_slots() -> None:
    drafts = [of_batch(uid, build_draft()) for uid in ("a", "b", "c")]
    assert starts(share_slots(drafts, set(), Limits(max_concurrent=8), {})) == {"a": [0], "b": [0], "c": []}


def test_free_slots_go_in_turn_to_the_batch_that_launched_least_recently() -> None:
    drafts = [
        of_batch("a", build_draft(last_launched_at=after(-1), **PROVEN)),
        of_batch("b", build_draft(last_launched_at=after(-2), **PROVEN)),
    ]
    assert starts(share_slots(drafts, set(), Limits(max_concurrent=3), {})) == {"a": [0], "b": [0, 1]}


def test_a_pack_that_waits_comes_before_a_new_combination() -> None:
    waiting = build_pack(0, 1)
    draft = build_draft(waiting, next_index=1, **PROVEN)
    assert share_slots([draft], set(), Limits(max_concurrent=1), {}) == {draft.seen.uid: try_again(draft, waiting)}


def test_without_a_free_slot_nothing_starts() -> None:
    draft = build_draft(*running(0), next_index=1, **PROVEN)
    held = {each.key for each in draft.packs.values()}
    assert share_slots([draft], held, Limits(max_concurrent=1), {}) == {draft.seen.uid: Decision()}


def test_a_batch_that_cannot_be_planned_takes_no_slot_from_the_others() -> None:
    good = of_batch("b", build_draft(**PROVEN))
    broken = of_batch("a", build_draft(**PROVEN))
    broken = replace(broken, accepted=replace(broken.accepted, work=replace(broken.work, space=None)))  # type: ignore[arg-type]
    made = share_slots([broken, good], set(), Limits(max_concurrent=1), {})
    assert made["a"].fault is not None
    assert made == {"a": Decision(fault=made["a"].fault), "b": started(good, 1)}


def on_trial(uid: str, problem: StartProblem | None) -> Draft:
    """Return an unproven batch with a Job whose engine has not started."""
    draft = of_batch(uid, build_draft(build_running(0, engine_started_at=None), next_index=1))
    (pack,) = draft.packs.values()
    job = build_job(pack)
    return draft.after(Decision(trials=(Trial(pack_id=pack.id, job=job, problem=problem, silence=IMAGE),)))


def test_a_trial_makes_way_for_a_batch_that_was_not_tried() -> None:
    tried, other, untried = on_trial("a", IMAGE), on_trial("b", IMAGE), of_batch("c", build_draft())
    held = {each.key for draft in (tried, other) for each in draft.packs.values()}
    made = yield_slots([tried, other, untried], held, Limits(max_concurrent=8))
    assert made == {"a": yield_for_others(tried, tried.trials[0])}


def test_nothing_yields_while_the_unproven_have_room() -> None:
    tried, untried = on_trial("a", IMAGE), of_batch("c", build_draft())
    held = {each.key for each in tried.packs.values()}
    assert yield_slots([tried, untried], held, Limits(max_concurrent=8)) == {}
