"""The custom resource's status: what was observed, in bounded size."""

from dataclasses import replace
from typing import Any

import pytest

from backfleet.core import wire
from backfleet.core.planning.observation import SeenBatch
from backfleet.core.planning.status import (
    StatusInput,
    build_status,
    database_unavailable_status,
    is_worth_writing,
    refused_status,
    state_word,
)
from backfleet.core.records import BatchRecord, BatchState, Best, Counters
from tests.support.jobs import NOW
from tests.support.planning import after, build_batch, build_draft

SEEN = replace(build_batch(), generation=7)
AT = "2026-01-05T09:00:00Z"
IDLE = StatusInput(active=0, max_concurrent=3)


def condition(kind: str, status: str, reason: str, message: str = "", at: str = AT) -> dict[str, Any]:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "observedGeneration": 7,
        "lastTransitionTime": at,
    }


def kinds(record: BatchRecord, sight: StatusInput, seen: SeenBatch = SEEN) -> dict[str, tuple[str, str, str]]:
    found = build_status(seen, record, sight, NOW)["conditions"]
    return {each["type"]: (each["status"], each["reason"], each["message"]) for each in found}


def test_the_status_of_a_running_batch() -> None:
    best = Best(index=2, value=1.25, parameter_texts={"value": "3"})
    record = build_draft(counters=Counters(succeeded=2, failed=1, passed=1), best=best).record
    assert build_status(SEEN, record, StatusInput(active=2, active_backtests=2, max_concurrent=3), NOW) == {
        "observedGeneration": 7,
        "total": 6,
        "queued": 1,
        "active": 2,
        "activeBacktests": 2,
        "succeeded": 2,
        "failed": 1,
        "cancelled": 0,
        "passed": 1,
        "progress": "3/6",
        "effectiveMaxConcurrent": 3,
        "startedAt": "2026-01-05T08:00:00Z",
        "best": {"index": 2, "value": "1.25", "parameters": {"value": "3"}},
        "state": "Running",
        "conditions": [
            condition("Accepted", "True", "SpecValid", "6 combinations"),
            condition("Complete", "False", "NotFinished"),
            condition("Failed", "False", "NotFinished"),
            condition("Finished", "False", "NotFinished"),
            condition("Progressing", "True", "BacktestsRunning"),
            condition("Suspended", "False", "NotSuspended"),
        ],
    }


def test_the_status_of_a_batch_with_packs_counts_their_backtests_and_says_what_the_next_job_carries() -> None:
    record = build_draft(counters=Counters(succeeded=1)).record
    sight = StatusInput(active=1, active_backtests=3, pack_size=4, max_concurrent=3)
    status = build_status(SEEN, record, sight, NOW)
    keys = ("queued", "active", "activeBacktests", "effectiveBacktestsPerJob")
    assert {key: status[key] for key in keys} == dict(zip(keys, (2, 1, 3, 4), strict=True))


def test_the_status_of_a_refused_batch() -> None:
    assert refused_status(SEEN, "spec: no", NOW) == {
        "observedGeneration": 7,
        **dict.fromkeys(
            ("total", "queued", "active", "activeBacktests", "succeeded", "failed", "cancelled", "passed"), 0
        ),
        "progress": "0/0",
        "state": "SpecInvalid",
        "conditions": [
            condition("Accepted", "False", "SpecInvalid", "spec: no"),
            condition("Failed", "True", "SpecInvalid", "spec: no"),
            condition("Finished", "True", "SpecInvalid", "spec: no"),
            condition("Progressing", "False", "SpecInvalid"),
        ],
    }


def test_a_condition_keeps_the_time_of_its_last_change() -> None:
    before = {"conditions": [condition("Suspended", "True", "SuspendedByUser", at="2026-01-05T08:30:00Z")]}
    seen = replace(SEEN, status=before)
    found = {
        suspended: build_status(seen, build_draft().record, replace(IDLE, is_suspended=suspended), NOW)["conditions"][
            -1
        ]
        for suspended in (True, False)
    }
    assert found == {
        True: condition("Suspended", "True", "SuspendedByUser", at="2026-01-05T08:30:00Z"),
        False: condition("Suspended", "False", "NotSuspended"),
    }


@pytest.mark.parametrize(
    ("row", "sight", "progressing"),
    [
        pytest.param({}, IDLE, ("True", "WaitingForSlot", ""), id="no slot"),
        pytest.param({}, replace(IDLE, active=1), ("True", "BacktestsRunning", ""), id="running"),
        pytest.param({"state": BatchState.COUNTING}, IDLE, ("True", "Counting", ""), id="counted"),
        pytest.param(
            {}, replace(IDLE, waiting=["b", "a", "b", "d", "c"]), ("True", "WaitingToStart", "a; b; c"), id="waiting"
        ),
        pytest.param({}, replace(IDLE, is_suspended=True), ("False", "Suspended", ""), id="suspended"),
        pytest.param({}, replace(IDLE, missing_engine="x"), ("False", "EngineUnavailable", ""), id="no engine"),
        pytest.param(
            {"state": BatchState.FINISHED, "finish_reason": "Cancelled"}, IDLE, ("False", "Cancelled", ""), id="over"
        ),
    ],
)
def test_progress_is_said_by_the_first_rule_that_holds(
    row: dict[str, Any], sight: StatusInput, progressing: tuple[str, str, str]
) -> None:
    assert kinds(build_draft(**row).record, sight)["Progressing"] == progressing


def test_the_end_of_a_batch_that_was_stopped_is_a_failure_and_one_that_ran_to_its_end_is_complete() -> None:
    record = build_draft().record
    stopped = kinds(record.finished(NOW, wire.REASON_CANCELLED, "stopped"), IDLE)
    done = kinds(record.finished(NOW, wire.REASON_ALL_SUCCEEDED, "all"), IDLE)
    assert [stopped[kind] for kind in ("Complete", "Failed", "Finished")] == [
        ("False", "Cancelled", ""),
        ("True", "Cancelled", "stopped"),
        ("True", "Cancelled", "stopped"),
    ]
    assert [done[kind][0] for kind in ("Complete", "Failed", "Finished")] == ["True", "False", "True"]


def test_what_is_not_in_force_and_who_stands_in_the_way_are_conditions() -> None:
    sight = replace(IDLE, drift="edits are ignored", conflict="somebody's")
    found = kinds(build_draft(criteria_version=2, stale_verdicts=3).record, sight)
    assert (found["SpecDrift"], found["NameConflict"], found["VerdictsCurrent"]) == (
        ("True", "EditIgnored", "edits are ignored"),
        ("True", "ForeignJob", "somebody's"),
        (
            "False",
            "Judging",
            "version 2 of the success criteria is in force. 3 results still have a verdict by an older one",
        ),
    )


def test_overdue_jobs_are_named_in_order_and_in_bounded_number() -> None:
    names = [f"job-{number:02}" for number in range(30)]
    status = build_status(SEEN, build_draft().record, replace(IDLE, overdue=names[::-1]), NOW)
    assert status["overdue"] == names[:20]


def test_a_pace_or_an_estimate_alone_is_no_reason_to_write() -> None:
    old = {"active": 1, "pace": "1 per minute"}
    news = [old | {"pace": "2 per minute"}, {"active": 1, "estimatedFinishAt": AT}, old | {"active": 2}, {}]
    assert [is_worth_writing(old, new) for new in news] == [False, False, True, True]


def test_while_postgres_is_away_everything_else_stays_as_it_was() -> None:
    kept = condition("Accepted", "True", "SpecValid", "6 combinations", at="2026-01-05T08:00:00Z")
    seen = replace(SEEN, generation=7, status={"active": 2, "conditions": [kept]})
    assert database_unavailable_status(seen, "no answer", NOW) == {
        "active": 2,
        "conditions": [kept, condition("DatabaseUnavailable", "True", "PostgresUnavailable", "no answer")],
    }


@pytest.mark.parametrize(
    ("row", "sight", "word"),
    [
        pytest.param({"state": BatchState.COUNTING}, IDLE, "Counting", id="counted"),
        pytest.param({}, replace(IDLE, conflict="x", is_suspended=True), "NameConflict", id="a conflict"),
        pytest.param({}, replace(IDLE, missing_engine="x"), "EngineUnavailable", id="no engine"),
        pytest.param({}, replace(IDLE, is_suspended=True), "Suspended", id="suspended"),
        pytest.param({}, IDLE, "Starting", id="nothing has run"),
        pytest.param({"counters": Counters(failed=1)}, IDLE, "Running", id="something has run"),
        pytest.param(
            {"state": BatchState.FINISHED, "finish_reason": "Cancelled", "finished_at": after(-1)},
            IDLE,
            "Cancelled",
            id="over",
        ),
    ],
)
def test_the_word_for_people(row: dict[str, Any], sight: StatusInput, word: str) -> None:
    assert state_word(build_draft(**row).record, sight) == word


def mixed(record: BatchRecord) -> tuple[str, str, str] | None:
    return kinds(record, IDLE).get(wire.CONDITION_ENGINE_VERSIONS_MIXED)


def test_results_of_several_versions_are_a_condition_that_names_them() -> None:
    record = build_draft().record
    assert mixed(record) is mixed(replace(record, engine_versions=("3",))) is None
    condition = mixed(replace(record, engine_versions=("2", "3")))
    assert condition is not None
    assert condition[:2] == ("True", "SeveralVersions")
    assert "versions of the engine, 2, 3:" in condition[2]


def test_an_objective_of_psr_says_so_in_the_condition() -> None:
    record = build_draft(engine_versions=("2.5.0.0", "2.6.0.0")).record
    psr = {**record.spec, "engine": {"name": "lean"}, "objective": {"metric": "probabilistic_sharpe_ratio"}}
    condition = mixed(replace(record, spec=psr))
    assert condition is not None
    assert "since 2026-07-06" in condition[2]
