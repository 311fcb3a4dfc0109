"""Packs that wait to start: without a slot, until they are tried again, or given up when their time is over."""

from dataclasses import replace
from typing import Any

import pytest

from backfleet.core.backtests import BacktestState
from backfleet.core.changes import Charge, EndPack, MarkPack, SettleFailure
from backfleet.core.packs import PackRecord
from backfleet.core.planning.decision import NOTHING, Decision, Trial
from backfleet.core.planning.observation import Refusal, RefusalKind
from backfleet.core.planning.start import StartProblem
from backfleet.core.planning.waiting import (
    STILL_GOING,
    postpone,
    settle_without_job,
    waiting_packs,
    with_time_to_start,
    yield_for_others,
)
from backfleet.core.reasons import FailureReason
from tests.support.jobs import NOW, build_pack
from tests.support.planning import after, build_draft, build_job, build_member, build_running, deletion

PACK = build_pack(0, 1, launched_at=after(-60), start_deadline_at=after(540))
IMAGE = StartProblem(kind="ErrImagePull", message="not found")
FULL = StartProblem(kind="QuotaExceeded", message="no room")


def refusal(kind: RefusalKind = RefusalKind.QUOTA, **changes: Any) -> Refusal:
    return replace(Refusal(kind=kind, message="no room", start_tries=0, at=after(-1)), **changes)


def waits(reason: str, retry_at: float, **changes: Any) -> PackRecord:
    """Return the pack as it waits since now."""
    known: dict[str, Any] = {
        "start_tries": 1,
        "waiting_since": NOW,
        "waiting_reason": reason,
        "retry_at": after(retry_at),
    }
    return replace(PACK, **(known | changes))


def test_a_pack_that_was_never_asked_for_is_left_as_it_is() -> None:
    assert settle_without_job(build_draft(PACK), PACK, None) == NOTHING


def test_a_refused_pack_waits_for_its_next_try() -> None:
    assert settle_without_job(build_draft(PACK), PACK, refusal()) == Decision(
        changes=(MarkPack(pack=waits("QuotaExceeded: no room", 5)),),
        waiting=("QuotaExceeded: no room",),
        look_again_at=after(5),
    )


def test_a_refusal_that_the_row_has_is_no_news() -> None:
    waiting = waits("QuotaExceeded: no room", 3)
    assert settle_without_job(build_draft(waiting), waiting, refusal()) == Decision(
        waiting=("QuotaExceeded: no room",), look_again_at=after(3)
    )


def test_a_try_that_is_due_schedules_no_look() -> None:
    waiting = waits("QuotaExceeded: no room", 0)
    assert settle_without_job(build_draft(waiting), waiting, None) == Decision(waiting=("QuotaExceeded: no room",))


def test_the_api_servers_own_time_for_the_next_try_is_kept() -> None:
    decision = settle_without_job(build_draft(PACK), PACK, refusal(not_before=after(30)))
    assert decision.look_again_at == after(30)


def test_a_taken_name_is_a_conflict() -> None:
    taken = refusal(RefusalKind.NAME_CONFLICT, message="somebody's")
    assert settle_without_job(build_draft(PACK), PACK, taken) == Decision(
        changes=(MarkPack(pack=waits("NameConflict: somebody's", 5)),),
        conflict="somebody's",
        look_again_at=after(5),
    )


def test_without_an_answer_the_job_may_exist_for_a_while() -> None:
    unanswered = refusal(RefusalKind.NO_ANSWER, at=after(-10))
    assert settle_without_job(build_draft(PACK), PACK, unanswered) == Decision(
        unanswered=(PACK.key,), waiting=("NoAnswer: no room",), look_again_at=after(20)
    )


def test_without_an_answer_for_long_the_pack_waits_and_is_never_given_up() -> None:
    unanswered = refusal(RefusalKind.NO_ANSWER, at=after(-30))
    late = replace(PACK, start_deadline_at=after(-1))
    after_it = waits("NoAnswer: no room", 5, start_deadline_at=after(-1))
    assert settle_without_job(build_draft(late), late, unanswered) == Decision(
        changes=(MarkPack(pack=after_it),), waiting=("NoAnswer: no room",), look_again_at=after(5)
    )


def test_while_the_batch_is_paused_a_refusal_is_noted_and_does_not_count() -> None:
    draft = build_draft(PACK, spec={"suspend": True})
    noted = replace(PACK, start_tries=1)
    assert settle_without_job(draft, PACK, refusal()) == Decision(changes=(MarkPack(pack=noted),))
    assert settle_without_job(draft, PACK, None) == Decision()


def test_a_job_of_an_earlier_try_that_does_not_go_is_waited_for() -> None:
    waiting = waits("ErrImagePull: not found", 0, waiting_since=after(-9))
    again = settle_without_job(build_draft(waiting), waiting, None, is_deleting=True)
    assert again == postpone(build_draft(waiting), waiting, STILL_GOING)
    assert again.look_again_at == after(10)


def test_a_pack_whose_time_to_start_is_over_is_given_up_and_its_job_goes() -> None:
    late = replace(PACK, start_deadline_at=NOW)
    job = build_job(late)
    why: dict[str, Any] = {"reason": FailureReason.START_TIMEOUT, "message": str(IMAGE)}
    failure = SettleFailure(attempt=build_member(late), state=BacktestState.FAILED, charge=Charge.CHARGED, **why)
    assert postpone(build_draft(late), late, IMAGE, job=job) == Decision(
        changes=(EndPack(pack=late, **why), failure), deletes=(deletion(job),), look_again_at=after(0.3)
    )


def test_room_is_waited_for_longer_than_a_start() -> None:
    late = replace(PACK, start_deadline_at=NOW)
    assert postpone(build_draft(late), late, FULL).waiting == (str(FULL),)


@pytest.mark.parametrize(
    ("problem", "tries", "age", "yields_at"),
    [
        pytest.param(IMAGE, 0, 0, None, id="a reported problem is enough"),
        pytest.param(None, 0, 149, 1, id="silence is waited for"),
        pytest.param(None, 0, 150, None, id="silence has had its time"),
        pytest.param(None, 1, 150, 150, id="twice as long after a try"),
    ],
)
def test_a_trial_yields_its_slot_once_it_had_its_time(
    problem: StartProblem | None, tries: int, age: float, yields_at: float | None
) -> None:
    pack = build_running(engine_started_at=None, start_tries=tries)
    draft, job = build_draft(pack), build_job(pack, created_at=after(-age))
    trial = Trial(pack_id=pack.id, job=job, problem=problem, silence=FULL)
    expected = Decision(look_again_at=after(yields_at or 0))
    if yields_at is None:
        expected = postpone(draft, pack, problem or FULL, job=job)
    assert yield_for_others(draft, trial) == expected


def test_packs_that_wait_have_no_job_and_come_lowest_first() -> None:
    waiting = [build_pack(index, 1) for index in (3, 1, 2)]
    draft = build_draft(*waiting, build_running(0)).after(Decision(unanswered=(waiting[2].key,)))
    assert waiting_packs(draft) == [waiting[1], waiting[0]]


@pytest.mark.parametrize(
    ("retry_at", "start_deadline", "tried_at"),
    [
        pytest.param(None, 600, None, id="its first try begins its time"),
        pytest.param(-20, 560, 0, id="the wait for a slot since its try was due is not charged"),
        pytest.param(20, 540, 0, id="a try before its time gains nothing"),
    ],
)
def test_a_try_has_the_time_that_is_left_to_start(
    retry_at: float | None, start_deadline: float, tried_at: float | None
) -> None:
    pack = replace(PACK, retry_at=None if retry_at is None else after(retry_at))
    assert with_time_to_start(build_draft(pack), pack, 1_000) == replace(
        PACK,
        start_deadline_at=after(start_deadline),
        hard_deadline_at=after(1_000),
        retry_at=None if tried_at is None else after(tried_at),
    )
