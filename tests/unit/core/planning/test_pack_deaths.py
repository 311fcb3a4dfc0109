"""What becomes of the members of a pack whose Job is over before all of them have an outcome."""

from dataclasses import replace
from typing import Any

import pytest

from backfleet.core.backtests import BacktestState
from backfleet.core.changes import Charge, EndPack, SettleFailure
from backfleet.core.packs import PackRecord
from backfleet.core.planning.attempt_changes import failed_pack
from backfleet.core.planning.decision import Decision
from backfleet.core.planning.draft import Draft
from backfleet.core.planning.facts import Facts
from backfleet.core.planning.observation import JobState, SeenContainer
from backfleet.core.planning.settle import settle_packs
from backfleet.core.reasons import OF_CONTAINER, FailureReason
from backfleet.core.records import Counters
from tests.support.planning import (
    after,
    build_draft,
    build_job,
    build_pod,
    build_running,
)

OOM = FailureReason.OOM_KILLED


def running(size: int, unsettled: int | None = None, **changes: Any) -> PackRecord:
    return build_running(size=size, unsettled=size if unsettled is None else unsettled, **changes)


def limited(draft: Draft, pack: PackRecord, *limits: int | None) -> Draft:
    """Return the draft whose pack's members have these limits, from packs that died before."""
    members = (replace(each, pack_limit=limit) for each, limit in zip(draft.members_of(pack), limits, strict=True))
    return replace(draft, members={pack.id: {each.index: each for each in members}})


def uncounted(draft: Draft, pack: PackRecord, text: str, *limits: int, reason: FailureReason = OOM) -> list[Any]:
    """Return the end of a pack that died: its members are queued, and nothing counts against them."""
    ends = (
        SettleFailure(
            attempt=each,
            reason=reason,
            message=text,
            state=BacktestState.QUEUED,
            charge=Charge.NOTHING,
            pack_limit=limit,
        )
        for each, limit in zip(draft.members_of(pack), limits, strict=True)
    )
    return [EndPack(pack=pack, reason=reason, message=text, died=True), *ends]


def test_the_member_that_ran_is_tried_again_alone_and_the_others_in_smaller_packs() -> None:
    pack = running(9)
    draft = build_draft(pack)
    text = "the pod of 9 backtests ended as a whole while backtest 4 ran: killed"
    limits = (3, 3, 3, 3, 1, 3, 3, 3, 3)
    assert list(failed_pack(draft, pack, OOM, "killed", 4)) == uncounted(draft, pack, text, *limits)


def test_without_a_word_of_who_ran_all_are_tried_again_in_smaller_packs() -> None:
    pack = running(4)
    draft = build_draft(pack)
    text = "the pod of 4 backtests ended as a whole: killed"
    for position in (None, 4, 900):
        assert list(failed_pack(draft, pack, OOM, "killed", position)) == uncounted(draft, pack, text, 2, 2, 2, 2)


def test_after_a_second_death_each_is_tried_again_alone() -> None:
    pack = running(3)
    draft = limited(build_draft(pack), pack, 3, 3, 3)
    text = "the pod of 3 backtests ended as a whole: killed"
    assert list(failed_pack(draft, pack, OOM, "killed")) == uncounted(draft, pack, text, 1, 1, 1)


def test_a_position_says_nothing_once_members_have_ended() -> None:
    pack = running(5, unsettled=3)
    draft = build_draft(pack)
    text = "the pod of 5 backtests ended as a whole: it broke"
    reason = FailureReason.RECORDER_ERROR
    ends = failed_pack(draft, pack, reason, "it broke", 0)
    assert list(ends) == uncounted(draft, pack, text, 3, 3, 3, reason=reason)


@pytest.mark.parametrize(
    ("size", "limit"), [(2, 1), (3, 2), (4, 2), (5, 3), (9, 3), (10, 4), (100, 10), (101, 11), (1_000, 32)]
)
def test_the_next_pack_is_about_the_square_root_and_always_smaller(size: int, limit: int) -> None:
    pack = running(size)
    _, *ends = failed_pack(build_draft(pack), pack, OOM, "killed")
    assert {each.pack_limit for each in ends if isinstance(each, SettleFailure)} == {limit}
    assert limit < size


@pytest.mark.parametrize("reason", sorted(OF_CONTAINER))
def test_whatever_the_container_died_of_counts_against_no_member(reason: FailureReason) -> None:
    pack = running(2)
    draft = build_draft(pack)
    text = "the pod of 2 backtests ended as a whole while backtest 1 ran: x"
    assert list(failed_pack(draft, pack, reason, "x", 1)) == uncounted(draft, pack, text, 1, 1, reason=reason)


def test_a_backtest_that_kills_its_own_job_is_charged() -> None:
    pack = running(1)
    draft = limited(build_draft(pack), pack, 1)
    end, settled = failed_pack(draft, pack, OOM, "killed", 0)
    (member,) = draft.members_of(pack)
    assert end == EndPack(pack=pack, reason=OOM, message="killed")
    assert settled == SettleFailure(
        attempt=member,
        reason=OOM,
        message="killed",
        state=BacktestState.QUEUED,
        charge=Charge.CHARGED,
        pack_limit=1,
    )


@pytest.mark.parametrize(
    "reason",
    [
        pytest.param(FailureReason.NODE_LOST, id="the node is lost"),
        pytest.param(FailureReason.EVICTED, id="the node is drained"),
        pytest.param(FailureReason.JOB_VANISHED, id="somebody deleted the Job"),
        pytest.param(FailureReason.RECORDER_GAVE_UP, id="the recorder could not write"),
        pytest.param(FailureReason.UNSCHEDULABLE, id="there was no room"),
        pytest.param(FailureReason.START_TIMEOUT, id="it did not start"),
    ],
)
def test_what_no_backtest_caused_is_tried_again_uncharged_with_packs_as_large(reason: FailureReason) -> None:
    pack = running(3, engine_started_at=None)
    draft = build_draft(pack)
    ends = (
        SettleFailure(attempt=each, reason=reason, message="x", state=BacktestState.QUEUED, charge=Charge.UNCHARGED)
        for each in draft.members_of(pack)
    )
    assert failed_pack(draft, pack, reason, "x") == (EndPack(pack=pack, reason=reason, message="x"), *ends)


def test_a_member_that_has_been_tried_in_vain_too_often_fails_and_the_others_go_on() -> None:
    pack = running(2)
    draft = build_draft(pack)
    tried, other = draft.members_of(pack)
    draft = replace(draft, members={pack.id: {0: replace(tried, uncharged=5), 1: other}})
    _, *ends = failed_pack(draft, pack, FailureReason.EVICTED, "drained")
    assert [each.state for each in ends if isinstance(each, SettleFailure)] == [
        BacktestState.FAILED,
        BacktestState.QUEUED,
    ]


def test_the_members_that_were_recorded_are_not_tried_again() -> None:
    pack = running(3, unsettled=1)
    _, *ends = failed_pack(build_draft(pack), pack, FailureReason.JOB_VANISHED, "gone")
    assert [each.attempt.index for each in ends if isinstance(each, SettleFailure)] == [2]


def test_a_dead_job_names_the_member_that_ran_in_its_pods_last_word() -> None:
    pack = running(3)
    draft, job = build_draft(pack), build_job(pack, state=JobState.FAILED)
    engine = SeenContainer(
        started_at=after(-60), exit_code=137, termination_reason="OOMKilled", termination_message="2"
    )
    seen = Facts(jobs={pack.key: job}, pods={pack.key: [build_pod(job, engine=engine)]})
    (end, *ends) = settle_packs(draft, seen).changes
    assert isinstance(end, EndPack)
    assert end.message.startswith("the pod of 3 backtests ended as a whole while backtest 2 ran: ")
    assert [each.pack_limit for each in ends if isinstance(each, SettleFailure)] == [2, 2, 1]


def test_a_pack_that_dies_is_remembered_and_counts_nothing_against_the_batch() -> None:
    pack = running(3)
    draft = build_draft(pack, counters=Counters(succeeded=1), never_started=1)
    dead = draft.after(Decision(changes=failed_pack(draft, pack, OOM, "killed", 0)))
    assert dead.record == replace(draft.record, packs_died=(True,))
    assert (dead.packs, dead.members) == ({}, {})
    assert [(index, each.pack_limit) for index, each in dead.queued.items()] == [(0, 1), (1, 2), (2, 2)]


def test_a_pack_that_the_node_gave_up_is_not_remembered_as_dead() -> None:
    pack = running(3)
    draft = build_draft(pack)
    ended = draft.after(Decision(changes=failed_pack(draft, pack, FailureReason.EVICTED, "drained")))
    assert ended.record.packs_died == ()
    assert list(ended.queued) == [0, 1, 2]


def test_a_pack_that_does_not_start_counts_once_however_many_it_carries() -> None:
    pack = running(3, engine_started_at=None)
    draft = build_draft(pack, never_started=1)
    ended = draft.after(Decision(changes=failed_pack(draft, pack, FailureReason.START_TIMEOUT, "no image")))
    assert (ended.record.never_started, ended.record.counters) == (2, Counters())
