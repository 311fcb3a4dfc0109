"""Batches as the API shows them, from rows that the operator's verbs wrote."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from backfleet.core import wire
from backfleet.core.records import Counters
from backfleet_api.http.query import BatchesQuery
from backfleet_api.reading.listing import list_batches
from backfleet_api.schemas.reading import BatchPhase
from tests.integration.api.conftest import Serve
from tests.support.history import START, History, uid_of

BATCHES = "/api/optimization/batches"
AXIS = {"name": "rsi_period", "type": "int", "range": {"start": 1, "end": 1_000_000, "step": 1}}
COUNTED_LONG = {"parameters": [AXIS], "constraints": ["rsi_period == 999999"]}
"""One pass does not count it to the end."""
FULL: dict[str, Any] = {
    "name": "rsi-small",
    "namespace": "backfleet",
    "state": "running",
    "strategy": "RSI_MeanReversion_ETF",
    "engine": "bars",
    "objective": {"metric": "sharpe_ratio", "direction": "maximize"},
    "counts": {"total": 6, "queued": 2, "active": 1, "succeeded": 2, "failed": 1, "cancelled": 0, "passed": 1},
    "progress": "3/6",
    "best": {
        "index": 0,
        "value": 0.5,
        "parameters": {
            "values": {"rsi_period": 14, "entry_threshold": 0.005},
            "texts": {"rsi_period": "14", "entry_threshold": "0.005"},
        },
    },
    "accepted_at": "2026-11-24T15:01:00Z",
    "finished_at": None,
    "finish": None,
    "max_concurrent": 1,
    "backtests_per_job": 1,
    "started_at": "2026-11-24T15:01:00Z",
    "pace": "3 per hour",
    "backtests_per_minute": 0.05,
    "estimated_finish_at": "2026-11-24T17:01:00Z",
    "criteria": {"minTrades": 5},
    "criteria_version": 1,
    "stale_verdicts": 0,
    "engine_versions": [],
    "warnings": [],
    "advice": [],
    "labels": {"team": "research"},
    "submitter": "ann",
    "message": None,
}
"""What the API says of a batch of six, but for its ids and its spec."""


def get(api: TestClient, path: str, **query: Any) -> Any:
    response = api.get(path, params=query)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    return response.json()


def test_no_batch_is_an_empty_page(api: TestClient) -> None:
    assert get(api, BATCHES) == {"batches": [], "next_cursor": None}


def test_a_batch_in_full(api: TestClient, history: History) -> None:
    batch = history.accept(labels={"team": "research"}, spec={"maxConcurrent": 1})
    batch = history.succeed(batch, 0, sharpe_ratio=0.5)
    batch = history.succeed(batch, 1, sharpe_ratio=0.25, total_trades=4)
    batch = history.fail(batch, 2)
    history.world.rows.overwrite_batch(replace(batch, submitter="ann"))
    found = get(api, f"{BATCHES}/{batch.uid}")
    best = FULL["best"] | {"backtest_id": f"{batch.uid}-0"}
    assert found == FULL | {"batch_id": batch.uid, "best": best, "spec": batch.spec}


@pytest.mark.parametrize(
    ("times", "per_job", "share"),
    [
        pytest.param({"engine_seconds": 0.5, "job_seconds": 2.0}, 1, "75%", id="most of the time is the pods'"),
        pytest.param({"engine_seconds": 0.5, "job_seconds": 2.0}, "auto", None, id="it has packs"),
        pytest.param({"engine_seconds": 1.5, "job_seconds": 2.0}, 1, None, id="most of the time is the engine's"),
        pytest.param({}, 1, None, id="not measured"),
    ],
)
def test_a_batch_that_spends_its_time_on_pods_says_what_would_change_that(
    api: TestClient, history: History, times: dict[str, Any], per_job: int | str, share: str | None
) -> None:
    batch = history.accept(spec={"backtestsPerJob": per_job})
    history.world.rows.overwrite_batch(replace(batch, counters=Counters(succeeded=20), **times))
    found = get(api, f"{BATCHES}/{batch.uid}")
    assert found["backtests_per_job"] == per_job
    took = f"a backtest took 2 s, of which the engine ran 0.5 s: {share} went into its pod"
    assert found["advice"] == ([f"{took}. Set spec.backtestsPerJob to auto."] if share else [])


def test_the_newest_of_a_name_answers_and_a_uid_answers_for_itself(api: TestClient, history: History) -> None:
    older, newer = history.accept("twice"), history.accept("twice")
    assert get(api, f"{BATCHES}/twice")["batch_id"] == newer.uid
    assert get(api, f"{BATCHES}/{older.uid}")["batch_id"] == older.uid


def test_a_name_can_be_looked_up_in_another_namespace(api: TestClient, history: History) -> None:
    other = history.accept("twice", namespace="other")
    history.accept("twice")
    assert get(api, f"{BATCHES}/twice", namespace="other")["batch_id"] == other.uid
    assert api.get(f"{BATCHES}/twice", params={"namespace": "third"}).status_code == 404


@pytest.mark.parametrize(
    ("spec", "state"), [(COUNTED_LONG, "counting"), ({}, "running"), ({"suspend": True}, "suspended")]
)
def test_a_batch_that_goes_on_has_its_state(
    api: TestClient, history: History, spec: dict[str, Any], state: str
) -> None:
    found = get(api, f"{BATCHES}/{history.accept(spec=spec).uid}")
    assert (found["state"], found["finish"]) == (state, None)


@pytest.mark.parametrize(
    ("reason", "state"),
    [
        (wire.REASON_ALL_SUCCEEDED, "complete"),
        (wire.REASON_COMPLETED_WITH_FAILURES, "complete"),
        (wire.REASON_REPEATED_FAILURE, "failed"),
        (wire.REASON_TOO_MANY_FAILURES, "failed"),
        (wire.REASON_NONE_SUCCEEDED, "failed"),
        (wire.REASON_BATCH_TIMEOUT, "failed"),
        (wire.REASON_CANCELLED, "cancelled"),
        (wire.REASON_DELETED, "cancelled"),
    ],
)
def test_a_finished_batch_says_how(api: TestClient, history: History, reason: str, state: str) -> None:
    batch = history.finish(history.accept(), reason)
    found = get(api, f"{BATCHES}/{batch.uid}")
    assert (found["state"], found["finish"]) == (state, {"reason": reason, "message": batch.finish_message})
    assert datetime.fromisoformat(found["finished_at"]) == batch.finished_at
    ended = batch.counters.succeeded + batch.counters.failed
    assert (found["counts"]["queued"], found["counts"]["cancelled"]) == (0, 6 - ended)
    assert found["estimated_finish_at"] is None


def test_a_batch_that_counting_refused_has_failed(api: TestClient, history: History) -> None:
    batch = history.accept(spec={"constraints": ["rsi_period > 100"]})
    found = get(api, f"{BATCHES}/{batch.uid}")
    assert (found["state"], found["finish"]["reason"]) == ("failed", wire.REASON_SPEC_INVALID)


def test_nothing_of_a_finished_batch_is_queued_whatever_its_counters_say(api: TestClient, history: History) -> None:
    batch = history.finish(history.accept(), "Cancelled")
    history.world.rows.overwrite_batch(replace(batch, counters=Counters()))
    assert get(api, f"{BATCHES}/{batch.uid}")["counts"]["queued"] == 0


def test_the_list_is_newest_first_and_goes_on_after_its_cursor(api: TestClient, history: History) -> None:
    names = [history.accept(f"batch-{number}").name for number in range(5)]
    seen, cursor, pages = [], None, 0
    while cursor is not None or not pages:
        page = get(api, BATCHES, limit=2, **({"cursor": cursor} if cursor else {}))
        seen += [batch["name"] for batch in page["batches"]]
        cursor, pages = page["next_cursor"], pages + 1
    assert (seen, pages) == (names[::-1], 3)


def test_batches_of_one_moment_are_all_listed_once(api: TestClient, history: History) -> None:
    for number in range(4):
        history.declare(f"batch-{number}")
    history.accept()
    first = get(api, BATCHES, limit=3)
    second = get(api, BATCHES, limit=3, cursor=first["next_cursor"])
    listed = [batch["batch_id"] for batch in (*first["batches"], *second["batches"])]
    assert sorted(listed) == [uid_of(number) for number in range(1, 6)]


def test_the_list_can_be_filtered(api: TestClient, history: History) -> None:
    other = history.accept("other", spec={"engine": {"name": "lean"}, "strategy": {"name": "SMA_Crossover_ETF"}})
    mine = history.accept("mine")
    assert [b["batch_id"] for b in get(api, BATCHES, strategy="SMA_Crossover_ETF")["batches"]] == [other.uid]
    assert [b["batch_id"] for b in get(api, BATCHES, name="mine")["batches"]] == [mine.uid]
    assert get(api, BATCHES, name="mine", strategy="SMA_Crossover_ETF")["batches"] == []


def test_every_state_can_be_listed_by_itself(api: TestClient, history: History) -> None:
    history.accept("suspended", spec={"suspend": True})
    history.accept("counting", spec=COUNTED_LONG)
    for name, reason in (("complete", "AllSucceeded"), ("failed", "NoneSucceeded"), ("cancelled", "Cancelled")):
        history.finish(history.accept(name), reason)
    history.accept("running")
    for state in ("running", "suspended", "counting", "complete", "failed", "cancelled"):
        assert [b["name"] for b in get(api, BATCHES, state=state)["batches"]] == [state]
    assert get(api, BATCHES, state="pending")["batches"] == []


def test_a_rare_state_is_found_behind_many_others(api: TestClient, history: History) -> None:
    wanted = [history.accept(f"wanted-{n}", spec={"suspend": True}).name for n in range(3)]
    for number in range(6):
        history.accept(f"other-{number}")
    services = api.app.state.services  # type: ignore[attr-defined]
    sizes: list[int] = []
    seen, cursor = [], None
    while cursor is not None or not sizes:
        query = BatchesQuery(state=BatchPhase.SUSPENDED, limit=2, cursor=cursor)
        page = list_batches(services, query, scan_size=1)
        seen += [batch.name for batch in page.batches]
        sizes.append(len(page.batches))
        cursor = page.next_cursor
    assert seen == wanted[::-1]
    assert sizes[0] == 0


def test_a_page_of_a_state_ends_at_its_limit_and_loses_nothing(api: TestClient, history: History) -> None:
    wanted = [history.accept(f"wanted-{n}", spec={"suspend": True}).name for n in range(4)]
    first = get(api, BATCHES, state="suspended", limit=3)
    second = get(api, BATCHES, state="suspended", limit=3, cursor=first["next_cursor"])
    assert [batch["name"] for page in (first, second) for batch in page["batches"]] == wanted[::-1]
    assert (len(first["batches"]), second["next_cursor"]) == (3, None)


def test_an_unknown_batch_is_told(api: TestClient, history: History) -> None:
    history.accept()
    response = api.get(f"{BATCHES}/none")
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "no batch has the uid or the name none",
        "errors": [],
    }


def test_a_slow_batch_has_a_pace_however_late_it_is_looked_at(serve: Serve, history: History) -> None:
    batch = history.succeed(history.accept(), 0, sharpe_ratio=0.5)
    found = get(serve(now=lambda: START + timedelta(days=400)), f"{BATCHES}/{batch.uid}")
    assert (found["pace"], found["backtests_per_minute"]) == ("0.0025 per day", 1.74e-06)
    assert found["estimated_finish_at"] == "2033-06-20T14:55:00Z"


def test_a_suspended_batch_keeps_its_pace_and_has_no_estimate(serve: Serve, history: History) -> None:
    batch = history.succeed(history.accept(spec={"maxConcurrent": 1}), 0, sharpe_ratio=0.5)
    history.edit(batch, suspend=True)
    history.fail(batch, 1)
    found = get(serve(now=lambda: START + timedelta(days=9)), f"{BATCHES}/{batch.uid}")
    assert (found["pace"], found["estimated_finish_at"]) == ("1 per minute", None)


def test_a_batch_without_a_total_or_a_start_has_no_pace(api: TestClient, history: History) -> None:
    batch = history.accept(spec=COUNTED_LONG)
    found = get(api, f"{BATCHES}/{batch.uid}")
    assert (found["counts"]["total"], found["progress"], found["backtests_per_minute"]) == (None, "0/0", None)


def test_a_best_that_is_no_number_is_not_shown(api: TestClient, history: History) -> None:
    batch = history.succeed(history.accept(), 0, sharpe_ratio=1.0)
    assert batch.best is not None
    history.world.rows.overwrite_batch(replace(batch, best=replace(batch.best, value=float("nan"))))
    assert get(api, f"{BATCHES}/{batch.uid}")["best"] is None
