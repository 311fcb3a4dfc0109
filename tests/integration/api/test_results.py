"""Ranked results: order, ties, absent values, verdicts, paging."""

from itertools import product
from typing import Any

import pytest
from fastapi.testclient import TestClient

from backfleet.core.metrics import METRICS
from backfleet.core.records import BatchRecord
from backfleet.store.queries.reading import get_batch
from backfleet_api.reading.answers import describe_batch
from backfleet_client.views import batch_text
from tests.support.history import INSTALLATION, START, History, uid_of

BATCHES = "/api/optimization/batches"
METRIC_ROWS: list[dict[str, float | int | None]] = [
    {"sharpe_ratio": 0.5, "drawdown": 0.3, "total_trades": 7, "exposure": 0.5},
    {"sharpe_ratio": None, "drawdown": 0.1, "total_trades": 0, "exposure": None},
    {"sharpe_ratio": 1.5, "drawdown": 0.2, "total_trades": 9, "exposure": 0.25},
    {"sharpe_ratio": 0.5, "drawdown": None, "total_trades": 3, "exposure": 1.0},
    {"sharpe_ratio": -1.0, "drawdown": 0.2, "total_trades": 150, "exposure": 0.0},
]


@pytest.fixture
def batch(history: History) -> BatchRecord:
    """Save a batch: five of six backtests succeeded, those with less than five trades are rejected."""
    record = history.accept()
    for index, metrics in enumerate(METRIC_ROWS):
        record = history.succeed(record, index, **metrics)
    return record


def get(api: TestClient, batch: str, **query: Any) -> Any:
    response = api.get(f"{BATCHES}/{batch}/results", params=query)
    assert response.status_code == 200, response.text
    return response.json()


def indexes(page: Any) -> list[int]:
    return [result["index"] for result in page["results"]]


def test_results_are_ranked_under_the_objective_with_ties_by_index_and_nulls_last(
    api: TestClient, batch: BatchRecord
) -> None:
    page = get(api, batch.uid)
    assert indexes(page) == [2, 0, 3, 4, 1]
    assert [result["rank"] for result in page["results"]] == [1, 2, 3, 4, 5]
    assert [result["value"] for result in page["results"]] == [1.5, 0.5, 0.5, -1.0, None]
    assert page["order"] == {"metric": "sharpe_ratio", "direction": "maximize"}
    assert (page["batch_id"], page["succeeded"], page["passed"], page["next_cursor"]) == (batch.uid, 5, 3, None)


def test_a_result_in_full(api: TestClient, batch: BatchRecord) -> None:
    assert get(api, batch.name)["results"][4] == {
        "rank": 5,
        "backtest_id": f"{uid_of(1)}-1",
        "index": 1,
        "value": None,
        "parameters": {
            "values": {"rsi_period": 14, "entry_threshold": 25.0},
            "texts": {"rsi_period": "14", "entry_threshold": "25"},
        },
        "metrics": METRIC_ROWS[1],
        "passed": False,
        "rejections": ["insufficient_trades"],
        "criteria_version": 1,
        "run": "fresh",
        "engine_version": None,
        "engine_image": None,
    }


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param({"order_by": "drawdown"}, [1, 2, 4, 0, 3], id="lower is better"),
        pytest.param({"order_by": "drawdown", "direction": "maximize"}, [0, 2, 4, 1, 3], id="nulls last upwards too"),
        pytest.param({"order_by": "exposure"}, [3, 0, 2, 4, 1], id="a metric without a column"),
        pytest.param({"direction": "minimize"}, [4, 0, 3, 2, 1], id="the objective, worst first"),
        pytest.param({"order_by": "average_win"}, [0, 1, 2, 3, 4], id="a metric that nobody has"),
        pytest.param({"passed": "true"}, [2, 0, 4], id="only those that pass"),
        pytest.param({"passed": "false"}, [2, 0, 3, 4, 1], id="passed or not"),
    ],
)
def test_results_can_be_ordered_otherwise(
    api: TestClient, batch: BatchRecord, query: dict[str, str], expected: list[int]
) -> None:
    assert indexes(get(api, batch.uid, **query)) == expected


def test_pages_join_to_the_whole_under_every_order(api: TestClient, batch: BatchRecord) -> None:
    for metric, direction in product(METRICS, ["maximize", "minimize"]):
        order = {"order_by": metric, "direction": direction}
        whole = get(api, batch.uid, **order)
        rows: list[Any] = []
        cursor = None
        for _ in range(5):
            page = get(api, batch.uid, **order, limit=1, **({"cursor": cursor} if cursor else {}))
            rows += page["results"]
            cursor = page["next_cursor"]
        assert (rows, cursor) == (whole["results"], None), order


def test_a_batch_without_results_has_none(api: TestClient, history: History) -> None:
    page = get(api, history.accept().uid)
    assert (page["results"], page["next_cursor"], page["succeeded"]) == ([], None, 0)


def test_an_unknown_batch_is_told(api: TestClient) -> None:
    response = api.get(f"{BATCHES}/none/results")
    assert (response.status_code, response.json()["detail"]) == (404, "no batch has the uid or the name none")


def test_a_number_that_is_none_is_null_in_the_answer(api: TestClient, history: History) -> None:
    nan = history.succeed(history.accept("nan"), 0, sharpe_ratio=1.0, total_trades=2**60)
    text = api.get(f"{BATCHES}/{nan.uid}/results").text
    assert "NaN" not in text
    assert f'"total_trades":{2**60}' in text


def test_edited_criteria_show_which_version_judged_each_result(
    api: TestClient, history: History, batch: BatchRecord
) -> None:
    edited = history.edit(batch, successCriteria={"minSharpe": 1.0})
    before = get(api, batch.uid)
    assert (before["criteria_version"], before["stale_verdicts"], before["passed"]) == (2, 5, 3)
    assert {result["criteria_version"] for result in before["results"]} == {1}
    told = api.get(f"{BATCHES}/{batch.uid}").json()
    assert (told["criteria"], told["criteria_version"], told["stale_verdicts"]) == ({"minSharpe": 1.0}, 2, 5)
    history.judge(edited)
    after = get(api, batch.uid)
    assert (after["criteria_version"], after["stale_verdicts"], after["passed"]) == (2, 0, 1)
    assert [(result["index"], result["rejections"]) for result in after["results"]] == [
        (2, []),
        *((index, ["low_sharpe_ratio"]) for index in (0, 3, 4, 1)),
    ]
    assert {result["criteria_version"] for result in after["results"]} == {2}
    assert indexes(get(api, batch.uid, passed=True)) == [2]
    assert api.get(f"/api/backtests/{batch.uid}-0").json()["result"]["rejections"] == ["low_sharpe_ratio"]


def test_the_command_line_counts_results_that_wait_for_a_verdict(history: History, batch: BatchRecord) -> None:
    edited = history.edit(batch, successCriteria={"minSharpe": 1.0})
    line = "5 results wait for a verdict by version 2 of the criteria"
    assert line in batch_text(describe_batch(get_batch(history.store.engine, INSTALLATION, batch.uid), START))
    history.judge(edited)
    assert "stale" not in batch_text(describe_batch(get_batch(history.store.engine, INSTALLATION, batch.uid), START))
