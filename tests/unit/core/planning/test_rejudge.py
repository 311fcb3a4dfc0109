"""Edits of the criteria, and results judged again: pure decisions."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from backfleet.core.changes import JudgeResult
from backfleet.core.criteria import SuccessCriteria
from backfleet.core.planning.effects import BatchRef
from backfleet.core.planning.rejudge import Review, criteria_events, effective_criteria, judge_stale, review
from backfleet.core.records import (
    BatchRecord,
    BatchState,
    Counters,
    StoredCatalog,
    StrategyRecord,
)
from backfleet.core.spec.snapshot import declared_criteria
from backfleet.core.stale import StaleLook, StaleResult

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
OWN = {"minSharpe": 1.0}
CATALOG = StoredCatalog(
    strategies={
        "Known": StrategyRecord(name="Known", status="available", criteria={"minTrades": 50}),
        "Lenient": StrategyRecord(name="Lenient", status="available", criteria={}),
        "Plain": StrategyRecord(name="Plain", status="available"),
    },
    default_criteria={"minTrades": 100},
)
REF = BatchRef(uid="u", name="demo", namespace="research")


def record(**changes: Any) -> BatchRecord:
    base = BatchRecord(
        uid="u",
        namespace="research",
        name="demo",
        state=BatchState.LIVE,
        spec={"strategy": {"name": "Known"}, "successCriteria": OWN},
        controls={"maxConcurrent": 4, "successCriteria": OWN},
        axes={},
        criteria=OWN,
        total=9,
        counters=Counters(succeeded=3, passed=2),
        accepted_at=NOW,
    )
    return replace(base, **changes)


def look(*results: StaleResult, version: int = 2, has_more: bool = False) -> StaleLook:
    return StaleLook(criteria_version=version, results=results, has_more=has_more)


def stale(number: int, sharpe: float | None, *, passed: bool) -> StaleResult:
    return StaleResult(backtest_id=f"u-{number}", metrics={"sharpe_ratio": sharpe}, passed=passed)


def edited(criteria: object, before: BatchRecord | None = None, present: dict | None = None) -> Review:
    spec = {"successCriteria": criteria} if present is None else present
    return review(before or record(), spec, CATALOG, None)


def test_without_an_edit_nothing_changes_whatever_became_of_the_catalog() -> None:
    assert edited({"minSharpe": 1}) == Review(record=record())
    inherited = record(spec={"strategy": {"name": "Known"}}, controls={"successCriteria": None}, criteria={"minPsr": 1})
    assert edited(None, inherited, {}) == Review(record=inherited)


def test_an_edit_is_a_new_version_that_every_result_is_stale_under() -> None:
    made = edited({"minSharpe": 2, "maxDrawdown": 0.1})
    assert made.fault is None
    assert made.record == record(
        controls={"maxConcurrent": 4, "successCriteria": {"minSharpe": 2, "maxDrawdown": 0.1}},
        criteria={"minSharpe": 2, "maxDrawdown": 0.1},
        criteria_version=2,
        stale_verdicts=3,
    )


def test_an_edit_while_results_are_stale_makes_all_of_them_stale() -> None:
    before = record(criteria_version=2, stale_verdicts=1)
    after = edited({"minSharpe": 2}, before).record
    assert (after.criteria_version, after.stale_verdicts) == (3, 3)


def test_other_words_for_the_same_criteria_judge_nothing_anew() -> None:
    made = edited({"minSharpe": 1.0, "minPsr": None})
    assert made.record == record(controls={"maxConcurrent": 4, "successCriteria": {"minSharpe": 1.0, "minPsr": None}})
    assert edited({"minSharpe": 1.0, "minPsr": None}, made.record) == Review(record=made.record)


@pytest.mark.parametrize(
    ("strategy", "criteria"),
    [
        pytest.param("Known", {"minTrades": 50}, id="the strategy's"),
        pytest.param("Lenient", {}, id="the strategy's empty set"),
        pytest.param("Plain", {"minTrades": 100}, id="the default, since the strategy has none"),
        pytest.param("Unknown", {"minTrades": 100}, id="the default, since nobody knows the strategy"),
    ],
)
def test_criteria_that_are_taken_away_give_way_to(strategy: str, criteria: dict) -> None:
    before = record(spec={"strategy": {"name": strategy}})
    after = edited(None, before, {}).record
    assert (after.criteria, after.criteria_version, declared_criteria(after)) == (criteria, 2, None)
    assert effective_criteria(None, strategy, CATALOG) == SuccessCriteria.from_json(criteria)


def test_an_empty_set_lets_everything_pass() -> None:
    after = edited({}).record
    assert (after.criteria, after.criteria_version) == ({}, 2)


@pytest.mark.parametrize(
    ("criteria", "message"),
    [
        pytest.param(
            {"minTrades": 9, "maxTrades": 5},
            "spec.successCriteria.maxTrades: 5 is below minTrades 9, so nothing could pass. "
            "Raise maxTrades or lower minTrades",
            id="bounds that exclude each other",
        ),
        pytest.param({"minSharp": 1}, "spec.successCriteria.minSharp: the field is unknown. Did you mean", id="typo"),
        pytest.param(
            {"maxDrawdown": 15},
            "spec.successCriteria.maxDrawdown: expected a fraction from 0 to 1, got 15. Write a fraction: 0.15 for 15 %",
            id="a percentage",
        ),
        pytest.param({"minTrades": "many"}, "spec.successCriteria.minTrades", id="a text"),
        pytest.param([], "spec.successCriteria", id="no mapping"),
    ],
)
def test_an_edit_that_is_not_valid_leaves_everything_as_it_was(criteria: object, message: str) -> None:
    made = edited(criteria)
    assert made.record == record()
    assert made.fault is not None
    assert made.fault.startswith(f"not in force: {message}")


def test_a_batch_of_an_older_operator_has_its_criteria_in_its_spec() -> None:
    older = record(controls={"maxConcurrent": 4})
    assert edited(OWN, older) == Review(record=older)
    after = edited(None, older, {}).record
    assert (after.criteria, declared_criteria(after)) == ({"minTrades": 50}, None)


def test_stale_results_get_the_verdict_of_the_criteria_in_force() -> None:
    before = record(criteria={"minSharpe": 2.0}, criteria_version=2, stale_verdicts=3)
    seen = look(stale(0, 1.5, passed=True), stale(1, 2.5, passed=False), stale(2, None, passed=True))
    after, verdicts = judge_stale(before, seen)
    assert after == replace(before, stale_verdicts=0, counters=Counters(succeeded=3, passed=1))
    low = ("low_sharpe_ratio",)
    assert verdicts == (
        JudgeResult(backtest_id="u-0", passed=False, rejections=low, criteria_version=2),
        JudgeResult(backtest_id="u-1", passed=True, rejections=(), criteria_version=2),
        JudgeResult(backtest_id="u-2", passed=False, rejections=low, criteria_version=2),
    )


def test_a_chunk_leaves_the_rest_for_the_next_pass() -> None:
    before = record(criteria={"minSharpe": 2.0}, criteria_version=2, stale_verdicts=3)
    after, verdicts = judge_stale(before, look(stale(0, 1.5, passed=True), has_more=True))
    assert (after.stale_verdicts, after.counters.passed, len(verdicts)) == (2, 1, 1)


def test_an_edit_in_the_same_pass_judges_by_no_older_version() -> None:
    before = record(criteria={"minSharpe": 2.0}, criteria_version=2, stale_verdicts=3)
    made = review(before, {"successCriteria": {"minSharpe": 3}}, CATALOG, look(stale(0, 1.5, passed=True)))
    assert (made.record.criteria_version, made.record.stale_verdicts, made.verdicts) == (3, 3, ())


def test_a_count_that_the_rows_do_not_bear_out_mends_itself() -> None:
    before = record(criteria_version=2, stale_verdicts=3)
    assert judge_stale(before, look())[0].stale_verdicts == 0
    assert (
        judge_stale(before, look(*(stale(n, 1, passed=True) for n in range(3)), has_more=True))[0].stale_verdicts == 1
    )


def test_events_tell_of_the_edit_and_of_the_last_verdict() -> None:
    before = record()
    after = edited({"minSharpe": 2, "maxDrawdown": 0.1}).record
    (changed,) = criteria_events(REF, before, after)
    assert (changed.reason, changed.is_warning) == ("CriteriaChanged", False)
    assert changed.message == (
        "version 2 of the success criteria is in force: minSharpe 2, maxDrawdown 0.1. 3 results are being judged again"
    )
    done = replace(after, stale_verdicts=0, counters=Counters(succeeded=3, passed=1))
    (judged,) = criteria_events(REF, after, done)
    assert (judged.reason, judged.message) == ("Rejudged", "1 of 3 results meet version 2 of the success criteria")
    assert list(criteria_events(REF, done, done)) == []
    assert list(criteria_events(REF, None, before)) == []


def test_an_edit_before_any_result_says_what_is_in_force_alone() -> None:
    before = record(counters=Counters())
    (event,) = criteria_events(REF, before, edited({}, before).record)
    assert event.message == "version 2 of the success criteria is in force: none, so that every result passes"
