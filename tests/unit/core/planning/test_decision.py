"""Several decisions are one: what adds up is kept in order, of the rest the last word counts, and the earliest look."""

from functools import partial

from backfleet.core.planning.decision import NOTHING, Decision, earliest, guarded, join
from tests.support.planning import after


def test_decisions_add_up_in_their_order() -> None:
    first = Decision(waiting=("a",), next_index=3, walked=2, look_again_at=after(9), conflict="a name is taken")
    second = Decision(waiting=("b",), next_index=5, walked=4, look_again_at=after(1))
    assert join((first, NOTHING, second)) == Decision(
        waiting=("a", "b"), next_index=5, walked=6, look_again_at=after(1), conflict="a name is taken"
    )


def test_no_decisions_are_nothing_and_one_is_itself() -> None:
    only = Decision(walked=1)
    assert (join(()), join((NOTHING, only))) == (NOTHING, only)


def test_the_earliest_of_known_moments_is_the_look() -> None:
    assert (earliest((None, after(5), after(2))), earliest((None,))) == (after(2), None)


def test_a_rule_that_cannot_be_applied_decides_a_fault() -> None:
    decision = guarded(partial(int, "six"))  # type: ignore[arg-type]
    assert decision.fault is not None
    assert decision == Decision(fault=decision.fault)
    assert "invalid literal for int() with base 10: 'six'" in decision.fault.sentence
