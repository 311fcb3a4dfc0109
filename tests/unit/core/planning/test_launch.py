"""Which combination runs next, and the attempt, pack and Job that it gets."""

from dataclasses import replace
from typing import Any

import pytest

from backfleet.core.backtests import BacktestState
from backfleet.core.changes import Launch, LaunchPack, MarkPack
from backfleet.core.planning.decision import Decision
from backfleet.core.planning.draft import Draft
from backfleet.core.planning.effects import ClaimRef, CreateJob, JobShape
from backfleet.core.planning.launch import has_more, job_shape, launch, may_launch, try_again
from backfleet.core.planning.observation import RefusalKind
from backfleet.core.planning.start import StartProblem
from backfleet.core.planning.waiting import postpone
from backfleet.core.reasons import FailureReason
from backfleet.core.records import AttemptRecord, BatchState
from backfleet.core.spec.model import BatchSpec
from tests.support.jobs import NOW, build_attempt, build_pack
from tests.support.planning import after, build_draft, creation

DEADLINE_SECONDS = 600 + 10 + 1_800 + 300 + 900 + 60


def launched(draft: Draft, index: int, number: int = 1, **changes: Any) -> LaunchPack:
    """Build the launch of a pack of one. `changes` replace fields of its attempt."""
    combination = draft.work.space.combination(index)
    attempt = build_attempt(index, number, parameter_texts=combination.texts, **changes)
    pack = build_pack(index, number, start_deadline_at=after(600), hard_deadline_at=after(DEADLINE_SECONDS))
    launch = Launch(attempt=attempt, combination=combination.to_json(), combination_hash=combination.digest)
    return LaunchPack(pack=pack, members=(launch,))


def created(draft: Draft, launch: LaunchPack) -> CreateJob:
    """Build the creation of a launched pack's Job."""
    return creation(draft, launch.pack, *(each.attempt for each in launch.members))


def queued(index: int, number: int = 1, **changes: Any) -> AttemptRecord:
    """Build the last attempt of a backtest that waits for another one."""
    return build_attempt(index, number, backtest_state=BacktestState.QUEUED, **changes)


def under(draft: Draft, spec: BatchSpec) -> Draft:
    """Return the draft with another spec."""
    return replace(draft, accepted=replace(draft.accepted, work=replace(draft.work, spec=spec)))


def test_the_next_combination_is_launched() -> None:
    draft = build_draft(next_index=2)
    expected = launched(draft, 2)
    assert launch(draft, 1, 0) == Decision(
        changes=(expected,), creates=(created(draft, expected),), next_index=3, launched_at=NOW
    )


def test_a_queued_backtest_comes_first_with_its_next_attempt() -> None:
    first, second = (queued(index, charged=1, uncharged=2) for index in (1, 4))
    draft = build_draft(second, first, next_index=5)
    expected = launched(draft, 1, 2, charged=1, uncharged=2)
    assert launch(draft, 1, 0) == Decision(changes=(expected,), creates=(created(draft, expected),), launched_at=NOW)


def test_an_attempt_after_one_whose_recorder_did_not_start_is_marked_as_doubtful() -> None:
    draft = build_draft(queued(1, reason=FailureReason.RECORDER_NOT_STARTED))
    expected = launched(draft, 1, 2)
    expected = replace(expected, pack=replace(expected.pack, waiting_reason="RecorderNotStarted"))
    assert launch(draft, 1, 0) == Decision(changes=(expected,), creates=(created(draft, expected),), launched_at=NOW)


CONSTRAINED = {"constraints": ["value > 4"]}


def test_the_search_skips_what_does_not_satisfy_the_constraints_and_says_what_it_cost() -> None:
    draft = build_draft(spec=CONSTRAINED, total=2)
    expected = launched(draft, 4)
    decision = launch(draft, 1, 100)
    assert decision == Decision(
        changes=(expected,),
        creates=(created(draft, expected),),
        next_index=5,
        launched_at=NOW,
        walked=decision.walked,
    )
    assert decision.walked >= 5


def test_a_search_that_finds_nothing_within_its_limit_goes_on_at_once() -> None:
    decision = launch(build_draft(spec=CONSTRAINED, total=2), 1, 2)
    assert decision.next_index is not None
    assert decision == Decision(next_index=decision.next_index, walked=decision.walked, look_again_at=NOW)
    assert 0 < decision.next_index < 4


def test_without_a_share_of_the_walk_nothing_is_searched() -> None:
    assert launch(build_draft(spec=CONSTRAINED, total=2), 1, 0) == Decision(look_again_at=NOW)


def test_a_search_to_the_end_that_finds_nothing_moves_the_cursor_there() -> None:
    decision = launch(build_draft(spec={"constraints": ["value < 3"]}, next_index=2, total=2), 1, 100)
    assert decision == Decision(next_index=6, walked=decision.walked)


def test_a_waiting_pack_is_tried_again_under_its_name() -> None:
    waiting = build_pack(0, 1, start_tries=1, waiting_since=after(-9), waiting_reason="x: y", retry_at=after(-2))
    draft = build_draft(waiting)
    tried = replace(waiting, start_deadline_at=after(602), hard_deadline_at=after(DEADLINE_SECONDS), retry_at=NOW)
    assert try_again(draft, waiting) == Decision(
        changes=(MarkPack(pack=tried),), creates=(creation(draft, tried),), launched_at=NOW
    )


def test_a_pack_whose_job_cannot_be_built_waits_like_a_refused_one() -> None:
    draft = build_draft()
    broken = under(draft, draft.work.spec.model_copy(update={"data": None}))
    expected = launched(draft, 0)
    problem = StartProblem(
        kind=RefusalKind.NOT_BUILT, message="AttributeError: 'NoneType' object has no attribute 'symbols'"
    )
    waits = postpone(draft, expected.pack, problem)
    assert launch(broken, 1, 0) == replace(waits, changes=(expected, *waits.changes), next_index=1, launched_at=NOW)


@pytest.mark.parametrize(
    ("draft", "may"),
    [
        pytest.param(build_draft(), True, id="a live batch"),
        pytest.param(build_draft(state=BatchState.COUNTING), False, id="while it is counted"),
        pytest.param(build_draft(spec={"suspend": True}), False, id="suspended"),
        pytest.param(replace(build_draft(), missing_engine="bars"), False, id="without its engine"),
        pytest.param(build_draft().after(Decision(recorder_problem="x")), False, id="recorders do not start"),
    ],
)
def test_only_a_live_batch_with_all_that_it_needs_launches(draft: Draft, may: bool) -> None:
    assert may_launch(draft) is may


def test_more_is_left_while_combinations_or_queued_backtests_are() -> None:
    drafts = (build_draft(next_index=5), build_draft(next_index=6), build_draft(queued(0), next_index=6))
    assert [has_more(draft) for draft in drafts] == [True, False, True]


def test_a_job_has_the_shape_that_the_present_spec_gives() -> None:
    spec = {
        "failurePolicy": {"backtestTimeoutSeconds": 100, "startTimeoutSeconds": 200},
        "ttlSecondsAfterFinished": 90,
        "resources": {"requests": {"cpu": "250m"}},
    }
    draft = build_draft(spec=spec)
    assert job_shape(replace(draft, limits=replace(draft.limits, pack_seconds=20))) == JobShape(
        backtest_timeout_seconds=100,
        deadline_seconds=100 + 200 + 20 + 300 + 900 + 60,
        ttl_seconds=90,
        pack_seconds=20,
        requests={"cpu": "250m"},
    )


def test_the_volumes_of_a_batch_are_named_to_its_jobs() -> None:
    draft = build_draft()
    volume = {"claim_name": "prices", "sub_path": "us"}
    data = draft.work.spec.data.model_validate(
        {**draft.work.spec.data.model_dump(by_alias=True), "volume": {"claimName": "prices", "subPath": "us"}}
    )
    spec = draft.work.spec.model_copy(update={"data": data})
    shape = job_shape(under(draft, spec))
    assert (shape.data_volume, shape.projects_volume) == (ClaimRef(**volume), None)
