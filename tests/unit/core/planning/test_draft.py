"""A batch after a decision: its row and its live packs follow from the changes."""

from dataclasses import replace
from typing import Any

from backfleet.core import wire
from backfleet.core.backtests import BacktestState, Failure
from backfleet.core.changes import Charge, CloseOutcome, Launch, LaunchPack, MarkPack, SettleFailure
from backfleet.core.packs import PackRecord
from backfleet.core.planning.attempt_changes import failed_pack, settled
from backfleet.core.planning.decision import NOTHING, Count, Decision, End
from backfleet.core.planning.draft import Draft
from backfleet.core.reasons import FailureReason
from backfleet.core.records import AttemptRecord, BatchState, Best, Counters, Measured
from tests.support.jobs import NOW, build_attempt, build_pack
from tests.support.planning import after, build_draft, build_member, build_outcome, build_running

STARTED: dict[str, Any] = {"first_engine_started_at": after(-60)}


def moved(draft: Draft, *live: AttemptRecord | PackRecord, decided: Decision, **row: Any) -> Draft:
    """Return the draft with these packs and queued attempts, and other fields of its row."""
    known = build_draft(*live)
    return replace(
        draft,
        record=replace(draft.record, **row),
        packs=known.packs,
        members=known.members,
        queued=known.queued,
        decided=decided,
    )


def settling(draft: Draft, attempt: AttemptRecord, *ending: Any, **outcome: Any) -> Decision:
    """Build the decision about an attempt's outcome."""
    return Decision(changes=(settled(draft, attempt, build_outcome(attempt, *ending, **outcome)),))


def queued(attempt: AttemptRecord, reason: FailureReason, **counts: Any) -> AttemptRecord:
    """Return the attempt after its end, while its backtest waits for another one."""
    return replace(attempt, backtest_state=BacktestState.QUEUED, ended_at=NOW, reason=reason, **counts)


def test_nothing_changes_nothing() -> None:
    draft = build_draft(build_running())
    assert draft.after(NOTHING) == draft


def test_a_result_is_counted_and_is_the_best_if_it_is_better() -> None:
    pack, other = build_running(1), build_running(2)
    attempt = build_member(pack)
    best = Best(index=0, value=0.9, parameter_texts={})
    draft = build_draft(pack, other, best=best, never_started=2, counters=Counters(succeeded=1), **STARTED)
    decision = settling(draft, attempt, Measured(metrics={"sharpe_ratio": 1.5}, engine_version="noop 1"))
    assert draft.after(decision) == moved(
        draft,
        other,
        decided=decision,
        counters=Counters(succeeded=2, passed=1),
        best=Best(index=1, value=1.5, parameter_texts=attempt.parameter_texts),
        never_started=0,
        engine_versions=("noop 1",),
    )


def test_a_result_that_is_not_better_leaves_the_best() -> None:
    pack = build_running(1)
    draft = build_draft(pack, best=Best(index=0, value=1.0, parameter_texts={}), **STARTED)
    decision = settling(draft, build_member(pack))
    assert draft.after(decision) == moved(draft, decided=decision, counters=Counters(succeeded=1, passed=1))


def test_a_late_result_takes_its_failure_back() -> None:
    draft = build_draft(counters=Counters(failed=2), **STARTED)
    late = build_attempt(backtest_state=BacktestState.FAILED)
    decision = settling(draft, late, Measured(metrics={"sharpe_ratio": None}))
    assert draft.after(decision) == moved(draft, decided=decision, counters=Counters(succeeded=1, failed=1, passed=1))


def test_the_first_engines_start_is_no_moment_outside_what_is_known() -> None:
    pack = build_running(0, launched_at=after(-50))
    draft, attempt = build_draft(pack), build_member(pack)
    failure = Failure(reason=FailureReason.ENGINE_ERROR, message="x")
    early, late = (
        draft.after(settling(draft, attempt, failure, engine_started_at=moment)) for moment in (after(-999), after(999))
    )
    assert (early.record.first_engine_started_at, late.record.first_engine_started_at) == (after(-50), NOW)


def test_a_failure_that_is_not_the_last_word_queues_its_backtest() -> None:
    pack = build_running()
    draft = build_draft(pack, **STARTED)
    decision = Decision(changes=failed_pack(draft, pack, FailureReason.OOM_KILLED, "killed"))
    again = queued(build_member(pack), FailureReason.OOM_KILLED, charged=1)
    assert draft.after(decision) == moved(draft, again, decided=decision)


def test_a_failure_that_is_not_charged_is_counted_apart() -> None:
    pack = build_running()
    draft = build_draft(pack, **STARTED)
    decision = Decision(changes=failed_pack(draft, pack, FailureReason.EVICTED, "drained"))
    again = queued(build_member(pack), FailureReason.EVICTED, uncharged=1)
    assert draft.after(decision) == moved(draft, again, decided=decision)


def test_an_attempt_that_was_not_begun_is_queued_again_and_counted_nowhere() -> None:
    pack = build_running()
    attempt = build_member(pack, charged=1, uncharged=5)
    draft = build_draft(pack, **STARTED, never_started=2)
    decision = settling(draft, attempt, Failure(reason=FailureReason.NOT_BEGUN, message="its pack's time was over"))
    again = queued(attempt, FailureReason.NOT_BEGUN)
    assert draft.after(decision) == moved(draft, again, decided=decision, never_started=0)


def test_a_final_failure_is_counted_and_its_reason_kept_while_it_is_the_only_one() -> None:
    first, second, third = build_running(0), build_running(1), build_running(2)
    draft = build_draft(first, second, third, **STARTED)
    ends = (failed_pack(draft, each, FailureReason.NO_DATA, "none") for each in (first, second))
    decision = Decision(changes=tuple(change for end in ends for change in end))
    after_two = draft.after(decision)
    assert after_two == moved(
        draft, third, decided=decision, counters=Counters(failed=2), repeated_reason=FailureReason.NO_DATA.value
    )
    other = Decision(changes=failed_pack(draft, third, FailureReason.ENGINE_ERROR, "broke"))
    assert after_two.after(other).record == replace(after_two.record, counters=Counters(failed=3), repeated_reason="")


def test_packs_that_never_started_are_counted_in_a_row() -> None:
    pack = build_running(engine_started_at=None)
    draft = build_draft(pack, never_started=1)
    ended = Decision(changes=failed_pack(draft, pack, FailureReason.START_TIMEOUT, "no image"))
    assert draft.after(ended).record.never_started == 2


def test_an_engines_start_is_the_batchs_too_and_ends_the_row_of_those_that_never_did() -> None:
    pack = build_running(engine_started_at=None)
    draft = build_draft(pack, never_started=2)
    seen = replace(pack, engine_started_at=after(-5))
    decision = Decision(changes=(MarkPack(pack=seen),))
    assert draft.after(decision) == moved(
        draft, seen, decided=decision, first_engine_started_at=after(-5), never_started=0
    )


def test_a_mark_of_a_pack_that_had_started_leaves_the_row() -> None:
    pack = build_running()
    draft = build_draft(pack, never_started=2)
    seen = replace(pack, waiting_since=NOW)
    decision = Decision(changes=(MarkPack(pack=seen),))
    assert draft.after(decision) == moved(draft, seen, decided=decision)


def test_a_launch_adds_a_pack_and_moves_the_cursor() -> None:
    pack = build_pack(3, 1)
    draft = build_draft()
    member = Launch(attempt=build_member(pack), combination={}, combination_hash="x")
    decision = Decision(changes=(LaunchPack(pack=pack, members=(member,)),), next_index=4, launched_at=NOW)
    assert draft.after(decision) == moved(draft, pack, decided=decision, next_index=4, last_launched_at=NOW)


def test_an_outcome_that_decides_nothing_changes_no_counter() -> None:
    attempt = build_member(build_running(0, 1), is_deciding=False)
    draft = build_draft(build_running(0, 2))
    decision = Decision(changes=(CloseOutcome(attempt=attempt, outcome=build_outcome(attempt)),))
    assert draft.after(decision) == replace(draft, decided=decision)


def test_a_count_that_is_done_makes_the_batch_live() -> None:
    draft = build_draft(state=BatchState.COUNTING, total=None)
    part = draft.after(Decision(count=Count(cursor=3, found=2, is_done=False)))
    done = part.after(Decision(count=Count(cursor=6, found=4, is_done=True)))
    assert part.record == replace(draft.record, count_cursor=3, count_found=2)
    assert done.record == replace(draft.record, count_cursor=6, count_found=4, state=BatchState.LIVE, total=4)


def test_a_batch_that_ends_has_no_live_pack_and_no_trial() -> None:
    draft = build_draft(build_running(), counters=Counters(succeeded=1, failed=2))
    ended = draft.after(Decision(end=End(reason=wire.REASON_CANCELLED, message="by its owner")))
    assert (ended.packs, ended.members, ended.queued) == ({}, {}, {})
    assert ended.record == replace(
        draft.record,
        state=BatchState.FINISHED,
        finished_at=NOW,
        finish_reason=wire.REASON_CANCELLED,
        finish_message="by its owner",
        counters=Counters(succeeded=1, failed=2, cancelled=3),
    )


def test_what_was_decided_before_is_kept() -> None:
    draft = build_draft().after(Decision(waiting=("a",))).after(Decision(waiting=("b",)))
    assert draft.decided == Decision(waiting=("a", "b"))


def test_a_settled_failure_is_told_from_one_without_an_outcome() -> None:
    pack = build_running()
    draft, attempt = build_draft(pack), build_member(pack)
    outcome = build_outcome(attempt, Failure(reason=FailureReason.ENGINE_CRASH, message="crashed"))
    assert settled(draft, attempt, outcome) == SettleFailure(
        attempt=attempt,
        reason=FailureReason.ENGINE_CRASH,
        message="crashed",
        state=BacktestState.QUEUED,
        charge=Charge.CHARGED,
        outcome=outcome,
    )
