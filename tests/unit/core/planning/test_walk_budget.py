"""How far a pass walks parameter spaces: one budget for all batches."""

from dataclasses import replace

from backfleet.core.planning.accept import count_on
from backfleet.core.planning.decision import Count, Decision, join
from backfleet.core.planning.draft import Draft
from backfleet.core.planning.walk_budget import allot_searches, count_batches
from backfleet.core.records import BatchState
from tests.support.jobs import NOW
from tests.support.operator import values
from tests.support.planning import build_draft

CONSTRAINED = {"constraints": ["value > 4"]}


def counting(uid: str, combinations: int) -> Draft:
    """Return a batch that is being counted, from its start."""
    spec = {"parameters": values(combinations), "constraints": ["value > 0"]}
    draft = build_draft(spec=spec, state=BatchState.COUNTING, total=None)
    record = replace(draft.record, uid=uid)
    return replace(draft, seen=replace(draft.seen, uid=uid), before=record, record=record)


def never() -> None:
    pass


def test_live_batches_that_search_share_one_half_and_counting_has_the_rest() -> None:
    searching = [
        replace(draft, seen=replace(draft.seen, uid=uid)) for uid in "ab" if (draft := build_draft(spec=CONSTRAINED))
    ]
    assert allot_searches([*searching, build_draft()], 101) == ({"a": 25, "b": 25}, 51)


def test_counting_has_everything_while_nobody_searches() -> None:
    done = build_draft(spec=CONSTRAINED, next_index=6)
    assert allot_searches([done, build_draft()], 101) == ({}, 101)


def test_a_small_batch_is_counted_whole_next_to_a_large_one() -> None:
    large, small = counting("large", 10_000), counting("small", 10)
    made = count_batches([large, small], 1_000, never)
    assert made["small"] == count_on(small, 500)
    assert made["small"].count == Count(cursor=10, found=10, is_done=True)
    assert made["large"].count is not None
    assert not made["large"].count.is_done
    assert made["large"].look_again_at == NOW


def test_the_large_one_is_counted_on_within_both_halves_of_the_budget() -> None:
    draft = counting("large", 10_000)
    first = count_on(draft, 500)
    second = count_on(draft.after(first), 1_000 - first.walked)
    due = Decision(look_again_at=NOW)
    assert count_batches([draft], 1_000, never) == {"large": join((first, second, due))}


def test_without_a_budget_a_batch_that_is_counted_is_due_at_once() -> None:
    assert count_batches([counting("a", 10)], 0, never) == {"a": Decision(look_again_at=NOW)}


def test_live_batches_are_not_counted() -> None:
    assert count_batches([build_draft()], 1_000, never) == {}
