"""Warm runs: which are compared, what a failure or a difference does, and what the batch says of them."""

from dataclasses import replace
from typing import Any

import pytest

from backfleet.core.backtests import BacktestState, Failure
from backfleet.core.changes import Charge, DropWarm, LaunchPack, SetAside, SettleFailure, SettleResult
from backfleet.core.planning.draft import Draft
from backfleet.core.planning.facts import Facts
from backfleet.core.planning.launch import job_shape, launch
from backfleet.core.planning.observation import Limits
from backfleet.core.planning.settle import settle_outcomes
from backfleet.core.planning.status import StatusInput, build_status
from backfleet.core.planning.warm import refusal_of, refused_version, warm_events
from backfleet.core.reasons import FailureReason
from backfleet.core.records import AttemptRecord, Counters, Measured, OutcomeRecord, StoreView
from backfleet.core.spec.choices import EngineName, WarmMode
from backfleet.core.warmth import RunKind, WarmRefusal, Warmth, difference_of
from tests.support.jobs import NOW
from tests.support.planning import build_batch, build_draft, build_members, build_outcome, build_running

IMAGE = "quantconnect/lean:18022"
PRINT = "orders=aa statistics=bb equity=cc"
OTHER = "orders=aa statistics=00 equity=cc"
PACK = build_running(size=3, unsettled=3, is_warm=True)


def build_lean(*live: Any, limits: Limits | None = None, warm: str = "auto", **row: Any) -> Draft:
    """Build a batch whose packs may run warm."""
    draft = build_draft(*live, **row)
    spec = draft.work.spec
    engine = spec.engine.model_copy(update={"name": EngineName.LEAN, "warm": WarmMode(warm)})
    work = replace(draft.accepted.work, spec=spec.model_copy(update={"engine": engine, "backtests_per_job": 3}))
    limits = limits or replace(draft.limits, warm_check=20, images={"lean": IMAGE}, pack_seconds_of={"lean": 120})
    return replace(draft, accepted=replace(draft.accepted, work=work), limits=limits)


def measured(fingerprint: str | None = PRINT, version: str | None = None) -> Measured:
    return Measured(metrics={"sharpe_ratio": 1.0, "total_trades": 5}, engine_version=version, fingerprint=fingerprint)


def settle(draft: Draft, *pairs: tuple[AttemptRecord, Any]) -> Draft:
    outcomes = [build_outcome(attempt, ending) for attempt, ending in pairs]
    seen = Facts(outcomes={each.attempt_id: each for each in outcomes})
    return draft.after(settle_outcomes(draft, [attempt for attempt, _ in pairs], seen))


def fresh(index: int, warm_fingerprint: str | None = PRINT) -> tuple[Any, AttemptRecord]:
    """Build a pack of one, and its member, which runs again to be compared."""
    pack = build_running(index, 2)
    (member,) = build_members(pack, pack_limit=1, warm_fingerprint=warm_fingerprint)
    return pack, member


def test_the_first_two_warm_runs_are_set_aside_and_run_again_alone_and_the_others_count() -> None:
    first, second, third = build_members(PACK, is_warm=True)
    draft = settle(build_lean(PACK), (first, measured()), (second, measured()), (third, measured()))
    aside, other, result = draft.decided.changes
    assert isinstance(aside, SetAside)
    assert (aside.attempt, aside.fingerprint, aside.pack_limit) == (first, PRINT, 1)
    assert isinstance(other, SetAside)
    assert isinstance(result, SettleResult)
    assert result.run is RunKind.WARM
    assert draft.record.counters.succeeded == 1
    assert draft.record.warmth == Warmth(settled=3, unchecked=1)
    waits = draft.queued[first.index]
    assert (waits.pack_limit, waits.warm_fingerprint, waits.charged, waits.uncharged) == (1, PRINT, 0, 0)
    assert waits.backtest_state is BacktestState.QUEUED


@pytest.mark.parametrize(
    ("settled", "is_compared"), [(0, True), (1, True), (2, False), (19, False), (20, True), (40, True)]
)
def test_one_in_so_many_is_compared(settled: int, is_compared: bool) -> None:
    first, *_ = build_members(PACK, is_warm=True)
    draft = settle(build_lean(PACK, warmth=Warmth(settled=settled)), (first, measured()))
    assert isinstance(draft.decided.changes[0], SetAside) == is_compared


def test_outcomes_of_one_pass_are_counted_in_order() -> None:
    members = build_members(build_running(size=5, unsettled=5, is_warm=True), is_warm=True)
    limits = replace(build_draft().limits, warm_check=2)
    draft = settle(build_lean(PACK, limits=limits), *((each, measured()) for each in members))
    kinds = [type(each) for each in draft.decided.changes]
    assert kinds == [SetAside, SetAside, SetAside, SettleResult, SetAside]


def test_what_is_compared_is_launched_alone_and_not_warm() -> None:
    first, second, third = build_members(PACK, is_warm=True)
    draft = settle(build_lean(PACK), (first, measured()), (second, measured()), (third, measured()))
    (made,) = launch(draft, 3, 1_000).changes
    assert isinstance(made, LaunchPack)
    assert ([each.attempt.index for each in made.members], made.pack.is_warm, made.pack.size) == ([0], False, 1)
    assert made.members[0].attempt.warm_fingerprint == PRINT
    assert made.members[0].attempt.number == 2


def test_a_pack_of_several_is_warm_and_its_request_says_so() -> None:
    decision = launch(build_lean(), 3, 1_000)
    (made,), (create,) = decision.changes, decision.creates
    assert isinstance(made, LaunchPack)
    assert made.pack.is_warm
    assert all(each.attempt.is_warm for each in made.members)
    assert create.request.is_warm
    assert create.shape.pack_seconds == 120


@pytest.mark.parametrize(
    "draft",
    [
        build_lean(warm="never"),
        build_lean(limits=Limits()),
        build_lean(warmth=Warmth(difference="orders differ")),
        replace(build_lean(), refused_version="18022"),
        build_draft(spec={"backtestsPerJob": 3}),
    ],
    ids=["the batch forbids it", "the installation forbids it", "a difference", "the version is refused", "noop"],
)
def test_nothing_is_warm_where_it_is_not_wanted_or_not_trusted(draft: Draft) -> None:
    (made,) = launch(draft, 3, 1_000).changes
    assert isinstance(made, LaunchPack)
    assert (made.pack.size, made.pack.is_warm) == (3, False)
    assert not any(each.attempt.is_warm for each in made.members)


def test_a_warm_jobs_deadline_has_the_start_of_a_second_process_in_it() -> None:
    warm, cold = build_lean(), build_lean(warm="never")
    assert job_shape(warm).deadline_seconds == job_shape(cold).deadline_seconds + 300


def test_a_failed_warm_run_runs_again_alone_and_counts_nothing() -> None:
    first, *_ = build_members(PACK, is_warm=True)
    failure = Failure(reason=FailureReason.RUNTIME_ERROR, message="division by zero")
    draft = settle(build_lean(PACK), (first, failure))
    (change,) = draft.decided.changes
    assert isinstance(change, SettleFailure)
    assert (change.state, change.charge, change.pack_limit) == (BacktestState.QUEUED, Charge.NOTHING, 1)
    assert change.message == "in a warm process, so it runs again alone: division by zero"
    assert (draft.record.counters, draft.record.repeated_reason) == (Counters(), None)


def test_after_five_failures_and_no_success_no_run_is_warm() -> None:
    first, second, *_ = build_members(PACK, is_warm=True)
    failure = Failure(reason=FailureReason.RUNTIME_ERROR, message="no")
    draft = settle(build_lean(PACK, warmth=Warmth(failed=3)), (first, failure))
    assert (draft.record.warmth.failed, draft.is_warm) == (4, True)
    assert not settle(draft, (second, failure)).is_warm
    assert build_lean(warmth=Warmth(failed=9, settled=1)).is_warm


def test_a_member_that_was_not_begun_is_queued_for_any_pack() -> None:
    first, *_ = build_members(PACK, is_warm=True)
    draft = settle(build_lean(PACK), (first, Failure(reason=FailureReason.NOT_BEGUN, message="no time")))
    assert draft.queued[0].pack_limit is None


def test_a_fresh_run_that_gives_the_same_is_checked() -> None:
    pack, member = fresh(0)
    draft = settle(build_lean(pack, warmth=Warmth(settled=3, unchecked=2)), (member, measured()))
    (change,) = draft.decided.changes
    assert isinstance(change, SettleResult)
    assert change.run is RunKind.CHECKED
    assert draft.record.warmth == Warmth(settled=3, unchecked=2, checked=1)


def test_a_fresh_run_that_differs_drops_every_result_that_was_not_compared() -> None:
    pack, member = fresh(0)
    row: dict[str, Any] = {
        "warmth": Warmth(settled=3, unchecked=2),
        "counters": Counters(succeeded=3, passed=3),
        "engine_seconds": 3.0,
    }
    draft = settle(build_lean(pack, **row), (member, measured(OTHER)))
    result, drop = draft.decided.changes
    assert isinstance(result, SettleResult)
    assert result.run is RunKind.FRESH
    words = "backtest 0 gave another result in a fresh process: statistics differ"
    assert drop == DropWarm(difference=words)
    assert draft.record.counters == Counters(succeeded=2, passed=2)
    assert draft.record.warmth == Warmth(settled=3, difference=words)
    assert draft.record.engine_seconds is None
    assert draft.decided.look_again_at == NOW
    (event,) = warm_events(draft)
    assert (event.reason, event.is_warning) == ("WarmRunsDiffer", True)
    assert "2 results of warm runs" in event.message
    assert not draft.is_warm


def test_a_fresh_run_that_fails_by_itself_differs_and_one_that_the_node_ended_does_not() -> None:
    pack, member = fresh(0)
    own = Failure(reason=FailureReason.RUNTIME_ERROR, message="no")
    draft = settle(build_lean(pack), (member, own))
    assert draft.record.warmth.difference == "backtest 0 succeeded warm, and failed in a fresh process: RuntimeError"
    evicted = settle(build_lean(pack), (member, Failure(reason=FailureReason.EVICTED, message="no room")))
    assert evicted.record.warmth.difference is None
    assert evicted.queued[0].warm_fingerprint == PRINT


def test_warm_outcomes_in_the_pass_of_a_difference_and_later_do_not_count() -> None:
    pack, member = fresh(7)
    first, second, *_ = build_members(PACK, is_warm=True)
    draft = settle(build_lean(PACK, pack), (first, measured()), (member, measured(OTHER)))
    aside, result, drop = draft.decided.changes
    assert isinstance(aside, SetAside)
    assert (aside.fingerprint, aside.pack_limit) == (None, None)
    assert isinstance(result, SettleResult)
    assert isinstance(drop, DropWarm)
    later = settle(replace(draft, decided=build_lean().decided), (second, measured()))
    assert [type(each) for each in later.decided.changes] == [SetAside]
    assert later.queued[second.index].warm_fingerprint is None


@pytest.mark.parametrize("warm", ["", PRINT])
def test_a_run_without_fingerprint_is_not_equal(warm: str) -> None:
    pack, member = fresh(0, warm)
    draft = settle(build_lean(pack), (member, measured(None)))
    assert draft.record.warmth.difference is not None
    assert "cannot be compared" in draft.record.warmth.difference


def test_a_difference_names_what_differs() -> None:
    assert difference_of(PRINT, PRINT) is None
    assert difference_of(PRINT, OTHER) == "statistics differ"
    assert difference_of(PRINT, "orders=0 statistics=bb") == "equity and orders differ"


def test_a_fresh_run_among_warm_ones_does_not_change_what_a_backtest_takes() -> None:
    def took(attempt: AttemptRecord, seconds: float) -> OutcomeRecord:
        started = build_outcome(attempt, measured()).recorded_at
        return build_outcome(
            attempt, measured(), engine_started_at=started, engine_finished_at=NOW.replace(second=int(seconds))
        )

    pack, member = fresh(0)
    draft = build_lean(pack, engine_seconds=3.0)
    outcome = took(member, 50)
    seen = Facts(outcomes={member.id: outcome})
    assert draft.after(settle_outcomes(draft, [member], seen)).record.engine_seconds == 3.0


def test_a_difference_is_remembered_for_the_image_until_it_has_another_version() -> None:
    pack, member = fresh(0)
    draft = settle(build_lean(pack, engine_versions=("18022",)), (member, measured(OTHER, "18022")))
    assert refusal_of(draft, draft.decided.changes) == WarmRefusal(image=IMAGE, engine_version="18022")
    store = StoreView(now=NOW, warm_refusals={IMAGE: "18022"})
    assert refused_version(draft, store) == "18022"
    assert refused_version(draft, StoreView(now=NOW, warm_refusals={"other": "18022"})) is None
    for version, expected in (("18022", None), ("18100", WarmRefusal(image=IMAGE, engine_version=None, is_over=True))):
        pack, member = fresh(0, None)
        known = replace(build_lean(pack, engine_versions=("18022",)), refused_version="18022")
        later = settle(known, (member, measured(PRINT, version)))
        assert refusal_of(later, later.decided.changes) == expected


def test_an_image_whose_version_was_not_known_stays_refused() -> None:
    pack, member = fresh(0)
    failed = settle(build_lean(pack), (member, Failure(reason=FailureReason.RUNTIME_ERROR, message="no")))
    assert refusal_of(failed, failed.decided.changes) == WarmRefusal(image=IMAGE, engine_version=None)
    refused = refused_version(failed, StoreView(now=NOW, warm_refusals={IMAGE: None}))
    assert refused == f"an unknown version of {IMAGE}"
    pack, member = fresh(0, None)
    later = settle(replace(build_lean(pack), refused_version=refused), (member, measured(PRINT, "18022")))
    assert refusal_of(later, later.decided.changes) is None


@pytest.mark.parametrize(
    ("warmth", "refused", "expected"),
    [
        (Warmth(), None, None),
        (Warmth(), "18022", ("False", "VersionRefused")),
        (Warmth(settled=2, unchecked=1), None, ("True", "NotCheckedYet")),
        (Warmth(settled=3, unchecked=2, checked=1), None, ("True", "ChecksEqual")),
        (Warmth(settled=3, difference="orders differ"), "18022", ("False", "ResultsDiffer")),
        (Warmth(failed=5), None, ("False", "NoneSucceeded")),
        (Warmth(failed=4), None, None),
    ],
)
def test_the_condition_says_what_is_known(
    warmth: Warmth, refused: str | None, expected: tuple[str, str] | None
) -> None:
    record = build_draft(warmth=warmth).record
    status = build_status(build_batch(), record, StatusInput(active=0, max_concurrent=4, warm_refused=refused), NOW)
    found = [(each["status"], each["reason"]) for each in status["conditions"] if each["type"] == "Warm"]
    assert found == ([] if expected is None else [expected])


def test_what_is_known_survives_its_row() -> None:
    for known in (
        Warmth(),
        Warmth(settled=3, failed=2, checked=1, unchecked=2),
        Warmth(settled=1, difference="orders differ"),
    ):
        assert Warmth.from_json(known.to_json()) == known
    assert Warmth().to_json() == {}
