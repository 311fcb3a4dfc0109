"""Which backtests share the next Job: queued ones first, all with the same limit, then new combinations."""

from dataclasses import replace
from typing import Any

import pytest

from backfleet.core.backtests import BacktestState
from backfleet.core.changes import Launch, LaunchPack
from backfleet.core.planning.decision import Decision
from backfleet.core.planning.draft import Draft
from backfleet.core.planning.job_names import job_name
from backfleet.core.planning.launch import launch, try_again
from backfleet.core.reasons import FailureReason
from backfleet.core.records import AttemptRecord
from tests.support.jobs import NOW, UID, build_attempt, build_pack
from tests.support.planning import after, build_draft, build_members, creation

DEADLINE_SECONDS = 600 + 10 + 1_800 + 300 + 900 + 60
ENOUGH = 1_000


def queued(index: int, number: int = 1, **changes: Any) -> AttemptRecord:
    """Return the last attempt of a backtest that waits for another one."""
    return build_attempt(index, number, backtest_state=BacktestState.QUEUED, **changes)


def launched(draft: Draft, *places: tuple[int, int], **changes: Any) -> Decision:
    """Return the launch of a pack of these indexes and numbers, and the creation of its Job."""
    (first, number), size = places[0], len(places)
    pack = build_pack(
        first,
        number,
        size=size,
        unsettled=size,
        start_deadline_at=after(600),
        hard_deadline_at=after(DEADLINE_SECONDS),
    )
    members = []
    for index, each in places:
        combination = draft.work.space.combination(index)
        attempt = build_attempt(index, each, pack_id=pack.id, parameter_texts=combination.texts)
        members.append(Launch(attempt=attempt, combination=combination.to_json(), combination_hash=combination.digest))
    made = LaunchPack(pack=pack, members=tuple(members))
    create = creation(draft, pack, *(each.attempt for each in members))
    return replace(Decision(changes=(made,), creates=(create,), launched_at=NOW), **changes)


def launched_indexes(decision: Decision) -> list[tuple[int, int]]:
    """Return the index and number of every launched member."""
    packs = (change for change in decision.changes if isinstance(change, LaunchPack))
    return [(each.attempt.index, each.attempt.number) for pack in packs for each in pack.members]


def test_the_next_combinations_share_a_job_that_is_named_by_the_first() -> None:
    draft = build_draft(next_index=1)
    decision = launch(draft, 3, 0)
    assert decision == launched(draft, (1, 1), (2, 1), (3, 1), next_index=4)
    (create,) = decision.creates
    assert create.pack.job_name == job_name(draft.seen.name, UID, 1, 1)
    assert create.pack.key == (UID, 1, 1)
    assert create.request.attempt_ids == [f"{UID}-{index}.1" for index in (1, 2, 3)]


def test_the_last_pack_has_what_is_left() -> None:
    draft = build_draft(next_index=4)
    assert launch(draft, 5, 0) == launched(draft, (4, 1), (5, 1), next_index=6)


def test_queued_backtests_come_first_and_new_combinations_fill_the_pack() -> None:
    draft = build_draft(queued(3, 2), queued(1), next_index=4)
    assert launch(draft, 3, 0) == launched(draft, (1, 2), (3, 3), (4, 1), next_index=5)


def test_a_pack_is_in_order_of_its_indexes_whichever_is_new() -> None:
    draft = build_draft(queued(5), next_index=2)
    decision = launch(draft, 2, 0)
    assert decision == launched(draft, (2, 1), (5, 2), next_index=3)


def test_a_pack_full_of_queued_backtests_searches_nothing() -> None:
    draft = build_draft(queued(0), queued(1), queued(2), next_index=3)
    assert launch(draft, 2, 0) == launched(draft, (0, 2), (1, 2))


def test_what_an_earlier_attempt_counts_goes_on_with_each_member() -> None:
    draft = build_draft(queued(0, charged=1), queued(1, uncharged=2), next_index=2)
    (change,) = launch(draft, 2, 0).changes
    assert isinstance(change, LaunchPack)
    assert [(each.attempt.charged, each.attempt.uncharged) for each in change.members] == [(1, 0), (0, 2)]


@pytest.mark.parametrize(
    ("limits", "size", "expected"),
    [
        pytest.param((1, None, None), 3, [0], id="alone after it was named"),
        pytest.param((2, 2, 2), 3, [0, 1], id="no more than the limit"),
        pytest.param((3, 3, 3), 2, [0, 1], id="no more than the size"),
        pytest.param((2, None, 2), 3, [0, 2], id="those with the same limit"),
        pytest.param((None, 2, None), 3, [0, 2, 3], id="those without a limit, and new ones"),
        pytest.param((4, None, None), 3, [0], id="no new combination joins those with a limit"),
    ],
)
def test_the_members_of_a_pack_have_the_same_limit(
    limits: tuple[int | None, ...], size: int, expected: list[int]
) -> None:
    waiting = [queued(index, pack_limit=limit) for index, limit in enumerate(limits)]
    decision = launch(build_draft(*waiting, next_index=3), size, 0)
    assert [index for index, _ in launched_indexes(decision)] == expected
    (change,) = decision.changes
    assert isinstance(change, LaunchPack)
    kept = [each.attempt.pack_limit for each in change.members]
    assert kept == [limits[index] if index < 3 else None for index in expected]


def test_a_pack_with_a_member_whose_recorder_did_not_start_is_doubtful() -> None:
    draft = build_draft(queued(0), queued(1, reason=FailureReason.RECORDER_NOT_STARTED), next_index=2)
    (change,) = launch(draft, 2, 0).changes
    assert isinstance(change, LaunchPack)
    assert change.pack.waiting_reason == "RecorderNotStarted"


CONSTRAINED = {"constraints": ["value != 2"]}


def test_only_combinations_that_satisfy_the_constraints_share_a_job() -> None:
    draft = build_draft(spec=CONSTRAINED, total=5)
    decision = launch(draft, 3, ENOUGH)
    assert decision == launched(draft, (0, 1), (2, 1), (3, 1), next_index=4, walked=decision.walked)
    assert decision.walked > 0


def test_a_search_that_meets_its_limit_launches_what_it_found() -> None:
    draft = build_draft(spec=CONSTRAINED, total=5)
    decision = launch(draft, 5, 2)
    found = launched_indexes(decision)
    assert 0 < len(found) < 5
    assert decision == launched(draft, *found, next_index=decision.next_index, walked=decision.walked)


def test_queued_backtests_are_launched_without_a_share_of_the_walk_and_the_search_goes_on_at_once() -> None:
    draft = build_draft(queued(0), spec=CONSTRAINED, total=5, next_index=1)
    assert launch(draft, 3, 0) == launched(draft, (0, 2), look_again_at=NOW)


def test_queued_backtests_are_launched_though_the_search_beside_them_finds_nothing() -> None:
    draft = build_draft(queued(0), spec={"constraints": ["value < 3"]}, total=2, next_index=2)
    decision = launch(draft, 3, ENOUGH)
    assert decision == launched(draft, (0, 2), next_index=6, walked=decision.walked)


def test_queued_backtests_at_the_end_of_the_space_need_no_search() -> None:
    draft = build_draft(queued(0), queued(4), spec=CONSTRAINED, total=5, next_index=6)
    assert launch(draft, 3, 0) == launched(draft, (0, 2), (4, 2))


def test_a_pack_that_waits_is_tried_again_with_all_its_members() -> None:
    waiting = build_pack(1, 1, size=3, unsettled=3, start_tries=1, waiting_since=after(-9), waiting_reason="x: y")
    draft = build_draft(waiting)
    (create,) = try_again(draft, waiting).creates
    assert create.pack.size == 3
    assert create.request.members == creation(draft, create.pack, *build_members(waiting)).request.members
