"""Filters of results by metrics, parameters and criteria, against the same conditions in Python; and lists of backtests."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from backfleet.core.reasons import FailureReason
from backfleet.core.records import BatchRecord
from tests.support.axes import BOOL, STRING
from tests.support.history import History

BATCHES = "/api/optimization/batches"
PARAMETERS: list[dict[str, Any]] = [
    {"name": "rsi_period", "type": "int", "range": {"start": 14, "end": 16, "step": 1}},
    {"name": "gap_direction", "type": STRING, "values": ["a,b", "50%", "ü|x"]},
    {"name": "is_wide", "type": BOOL, "values": [True, False]},
]
CRITERIA = {"minTrades": 5, "minSharpe": 0.5}


@pytest.fixture
def batch(history: History) -> BatchRecord:
    """Save a batch of 18: Sharpe ratios and trades that differ, one without a Sharpe ratio."""
    strategy = {"strategy": {"name": "Mine", "leanProjectPath": "Mine"}, "engine": {"name": "lean"}}
    record = history.accept(
        spec={**strategy, "parameters": PARAMETERS, "successCriteria": CRITERIA, "maxConcurrent": 18}
    )
    for index in range(18):
        sharpe = None if index == 7 else index / 10
        record = history.succeed(record, index, sharpe_ratio=sharpe, total_trades=index % 9, exposure=index / 20)
    return record


def get(api: TestClient, path: str, **query: Any) -> Any:
    response = api.get(f"{BATCHES}/{path}", params=query)
    assert response.status_code == 200, response.text
    return response.json()


Result = dict[str, Any]
FILTERS: dict[str, tuple[dict[str, str], Callable[[Result], bool]]] = {
    "a metric with a column": ({"metrics": "sharpe_ratio>=0.5"}, lambda r: (r["metrics"]["sharpe_ratio"] or 0) >= 0.5),
    "a metric without one": ({"metrics": "exposure<0.25"}, lambda r: r["metrics"]["exposure"] < 0.25),
    "two bounds": (
        {"metrics": "total_trades>2,total_trades<=1e1,sharpe_ratio<1.5"},
        lambda r: r["metrics"]["total_trades"] > 2 and (99 if r["value"] is None else r["value"]) < 1.5,
    ),
    "a metric's value": ({"metrics": "total_trades=3"}, lambda r: r["metrics"]["total_trades"] == 3),
    "a bound on a parameter": ({"parameters": "rsi_period>14"}, lambda r: r["parameters"]["values"]["rsi_period"] > 14),
    "values of a parameter": (
        {"parameters": "rsi_period=14|16.0|many"},
        lambda r: r["parameters"]["values"]["rsi_period"] in (14, 16),
    ),
    "texts with separators": (
        {"parameters": "gap_direction=a%2Cb|%C3%BC%7Cx,is_wide=true"},
        lambda r: r["parameters"]["values"]["gap_direction"] != "50%" and r["parameters"]["values"]["is_wide"],
    ),
    "a text that no value is": ({"parameters": "gap_direction=up"}, lambda _: False),
    "the verdict": ({"passed": "true"}, lambda r: r["passed"]),
    "a criterion": ({"rejection": "low_sharpe_ratio"}, lambda r: "low_sharpe_ratio" in r["rejections"]),
    "all at once": (
        {"metrics": "exposure>0.1", "parameters": "is_wide=false", "rejection": "insufficient_trades"},
        lambda r: (
            r["metrics"]["exposure"] > 0.1
            and not r["parameters"]["values"]["is_wide"]
            and "insufficient_trades" in r["rejections"]
        ),
    ),
}


def test_each_filter_takes_what_meets_it_in_the_same_order(api: TestClient, batch: BatchRecord) -> None:
    whole = get(api, f"{batch.uid}/results")["results"]
    assert len(whole) == 18
    for name, (query, holds) in FILTERS.items():
        expected = [result["index"] for result in whole if holds(result)]
        for order in ({}, {"order_by": "exposure", "direction": "minimize"}):
            seen: list[int] = []
            cursor: str | None = None
            while cursor is not None or not seen:
                page = get(
                    api, f"{batch.uid}/results", **query, **order, limit=4, **({"cursor": cursor} if cursor else {})
                )
                seen += [result["index"] for result in page["results"]]
                cursor = page["next_cursor"]
                if not page["results"]:
                    break
            assert (seen if not order else sorted(seen)) == (expected if not order else sorted(expected)), name
    assert {name for name, (_, holds) in FILTERS.items() if any(map(holds, whole))} == FILTERS.keys() - {
        "a text that no value is"
    }


@pytest.mark.parametrize(
    ("condition", "problem"),
    [
        ("speed=1", "the batch has no parameter speed"),
        ("gap_direction>1", "the values of gap_direction are not numbers"),
        ("is_wide<=1", "the values of is_wide are not numbers"),
    ],
)
def test_a_condition_on_what_the_batch_does_not_have_is_a_404(
    api: TestClient, batch: BatchRecord, condition: str, problem: str
) -> None:
    for path in ("results", "backtests"):
        response = api.get(f"{BATCHES}/{batch.uid}/{path}", params={"parameters": condition})
        assert response.status_code == 404
        (error,) = response.json()["errors"]
        assert (error["field"], error["problem"]) == ("parameters", problem)


def test_backtests_are_listed_by_index_with_their_states(api: TestClient, history: History) -> None:
    record = history.accept()
    record = history.succeed(record, 0)
    record = history.fail(record, 1)
    for _ in range(2):
        record = history.fail(record, 2, FailureReason.OOM_KILLED)
    history.run(record, 3)
    listed = get(api, f"{record.uid}/backtests")["backtests"]
    shown = [(each["index"], each["state"], each["attempts"], each["reason"]) for each in listed]
    assert shown[:4] == [
        (0, "succeeded", 1, None),
        (1, "failed", 1, "BacktestTimeout"),
        (2, "failed", 2, "OOMKilled"),
        (3, "running", 1, None),
    ]
    assert listed[2]["message"] == "out of memory"
    assert listed[0]["started_at"] < listed[0]["finished_at"]
    assert listed[1]["parameters"]["texts"] == {"rsi_period": "14", "entry_threshold": "25"}

    def indexes(**query: Any) -> list[int]:
        return [each["index"] for each in get(api, f"{record.uid}/backtests", **query)["backtests"]]

    assert indexes(state="failed") == [1, 2]
    assert indexes(reason="OOMKilled") == indexes(min_attempts=2) == [2]
    assert indexes(reason="OOMKilled", state="succeeded") == []
    assert indexes(parameters="entry_threshold=25", state="failed") == [1]
    first = get(api, f"{record.uid}/backtests", limit=2)
    second = get(api, f"{record.uid}/backtests", limit=2, cursor=first["next_cursor"])
    assert [each["index"] for each in first["backtests"] + second["backtests"]] == [0, 1, 2, 3]
    elsewhere = api.get(f"{BATCHES}/{record.uid}/backtests", params={"state": "failed", "cursor": first["next_cursor"]})
    assert elsewhere.status_code == 409
