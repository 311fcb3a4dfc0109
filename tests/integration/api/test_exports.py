"""Results as CSV and Parquet against the list of results, and the bounds of a stream."""

import csv
import io
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pyarrow import parquet

from backfleet.core.metrics import METRICS
from backfleet.core.records import BatchRecord
from tests.integration.api.conftest import Serve
from tests.support.axes import BOOL, STRING
from tests.support.history import History

BATCHES = "/api/optimization/batches"
PARAMETERS: list[dict[str, Any]] = [
    {"name": "drawdown", "type": "float", "values": [0.5, 0.25]},
    {"name": "side", "type": STRING, "values": ['a "b", c', " d", "ü"]},
    {"name": "is_wide", "type": BOOL, "values": [True, False]},
]


@pytest.fixture
def batch(history: History) -> BatchRecord:
    """Save a batch of 12, of which one fails."""
    spec = {
        "strategy": {"name": "Mine", "leanProjectPath": "Mine"},
        "engine": {"name": "lean"},
        "parameters": PARAMETERS,
        "maxConcurrent": 12,
    }
    record = history.accept(spec=spec | {"successCriteria": {"minTrades": 5, "minSharpe": 0.5}})
    for index in range(12):
        if index == 7:
            record = history.fail(record, index)
        else:
            sharpe = None if index == 3 else 1 / (index + 3)
            record = history.succeed(record, index, sharpe_ratio=sharpe, total_trades=index, net_profit=-1e-7)
    return record


@pytest.fixture(params=[2_000, 3, 1], ids=["one piece", "pieces of three", "pieces of one"])
def piecewise(request: pytest.FixtureRequest, serve: Serve) -> TestClient:
    """Return an app that reads so many results at once."""
    # Whoever loads pyarrow first waits for a while, longer than an answer may take where the machine has much else to do.
    return serve(piece_rows=request.param, answer_seconds=60.0)


def listed(api: TestClient, batch: BatchRecord, **query: Any) -> list[dict[str, Any]]:
    found = api.get(f"{BATCHES}/{batch.uid}/results", params={"limit": 200, **query}).json()["results"]
    return sorted(found, key=lambda each: int(each["index"]))


def get(api: TestClient, path: str, **query: Any) -> Any:
    response = api.get(f"{BATCHES}/{path}", params=query)
    assert response.status_code == 200, response.text
    return response


def test_csv_has_every_result_with_all_that_the_list_shows(piecewise: TestClient, batch: BatchRecord) -> None:
    for query in ({}, {"metrics": "total_trades>4"}, {"parameters": "is_wide=true"}, {"parameters": "side=none"}):
        response = get(piecewise, f"{batch.uid}/results.csv", **query)
        assert response.headers["content-type"].startswith("text/csv")
        assert response.headers["content-disposition"] == 'attachment; filename="rsi-small.csv"'
        rows = list(csv.DictReader(io.StringIO(response.content.decode(), newline="")))
        expected = listed(piecewise, batch, **query)
        assert [int(row["index"]) for row in rows] == [each["index"] for each in expected]
        for row, each in zip(rows, expected, strict=True):
            texts = each["parameters"]["texts"]
            assert row["backtest_id"] == each["backtest_id"]
            assert [row["parameter.drawdown"], row["side"], row["is_wide"]] == list(texts.values())
            assert (row["passed"], row["rejections"].split()) == (str(each["passed"]).lower(), each["rejections"])
            numbers = {name: float(row[name]) if row[name] else None for name in METRICS}
            assert numbers == {name: each["metrics"].get(name) for name in METRICS}
        assert len(rows) == {"": 11, "total_trades>4": 6, "is_wide=true": 6, "side=none": 0}["".join(query.values())]


def test_parquet_has_the_same_rows_with_types(piecewise: TestClient, batch: BatchRecord) -> None:
    response = get(piecewise, f"{batch.uid}/results.parquet", metrics="total_trades>=2")
    table = parquet.read_table(io.BytesIO(response.content)).to_pylist()
    expected = listed(piecewise, batch, metrics="total_trades>=2")
    assert [row["index"] for row in table] == [each["index"] for each in expected]
    for row, each in zip(table, expected, strict=True):
        values = each["parameters"]["values"]
        assert [row["parameter.drawdown"], row["side"], row["is_wide"]] == list(values.values())
        assert row["passed"] is each["passed"]
        assert {name: row[name] for name in METRICS} == {name: each["metrics"].get(name) for name in METRICS}
    empty = parquet.read_table(
        io.BytesIO(get(piecewise, f"{batch.uid}/results.parquet", parameters="side=none").content)
    )
    assert (empty.num_rows, empty.column_names[0]) == (0, "index")


def test_places_come_back_after_streams_and_errors(serve: Serve, batch: BatchRecord) -> None:
    narrow = serve(max_streams=1)
    for _ in range(2):
        assert narrow.get(f"{BATCHES}/{batch.uid}/results.csv").status_code == 200
        assert narrow.get(f"{BATCHES}/none/results.csv").status_code == 404
        assert narrow.get(f"{BATCHES}/{batch.uid}/results.csv", params={"parameters": "x=1"}).status_code == 404


def test_there_are_no_more_streams_than_places(serve: Serve, batch: BatchRecord) -> None:
    response = serve(max_streams=0).get(f"{BATCHES}/{batch.uid}/results.csv")
    assert (response.status_code, response.json()["detail"]) == (503, "too many streams at once")
