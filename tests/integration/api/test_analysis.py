"""Parameters, heat maps and columns against what the list of results says."""

import json
import math
import struct
from collections import defaultdict
from statistics import fmean, median
from typing import Any

import pytest
from fastapi.testclient import TestClient

from backfleet.core.records import BatchRecord
from tests.support.axes import STRING
from tests.support.custom_resources import CustomResources
from tests.support.history import History

BATCHES = "/api/optimization/batches"
PARAMETERS: list[dict[str, Any]] = [
    {"name": "fast", "type": "int", "range": {"start": 10, "end": 30, "step": 10}},
    {"name": "slow", "type": "float", "values": [0.5, 0.25]},
    {"name": "side", "type": STRING, "values": ["up", "both"]},
]
SHARPE = [0.1, 0.4, -0.3, 0.8, 1.1, 0.2, 0.0, 0.6, 0.5, 0.9, -0.7, 0.3]
"""By index; the best is index 4: fast 20, slow 0.5, side up."""
SPEC: dict[str, Any] = {
    "strategy": {"name": "Mine", "leanProjectPath": "Mine"},
    "engine": {"name": "lean"},
    "parameters": PARAMETERS,
    "successCriteria": {"minSharpe": 0.5},
    "maxConcurrent": 12,
}


@pytest.fixture
def batch(history: History) -> BatchRecord:
    record = history.accept(spec=SPEC)
    for index, value in enumerate(SHARPE):
        record = history.succeed(record, index, sharpe_ratio=value, drawdown=None if index == 3 else index / 100)
    return record


def get(api: TestClient, path: str, **query: Any) -> Any:
    response = api.get(f"{BATCHES}/{path}", params=query)
    assert response.status_code == 200, response.text
    return response.json() if response.headers["content-type"] == "application/json" else read(response.content)


def read(body: bytes) -> dict[str, Any]:
    """Read a header with its numbers as a page would: the blocks are little endian, after the header."""
    (length,) = struct.unpack_from("<I", body)
    header: dict[str, Any] = json.loads(body[4 : 4 + length])
    assert (4 + length) % 4 == 0
    kinds = (
        [each["dtype"] for each in header["columns"]] if "columns" in header else ["float32"] * len(header["layers"])
    )
    count = header["rows"] if "columns" in header else header["width"] * header["height"]
    assert len(body) == 4 + length + 4 * count * len(kinds)
    blocks = []
    for number, kind in enumerate(kinds):
        form = f"<{count}{'i' if kind == 'int32' else 'f'}"
        blocks.append(list(struct.unpack_from(form, body, 4 + length + 4 * count * number)))
    return {**header, "blocks": blocks}


def whole(api: TestClient, batch: BatchRecord) -> list[dict[str, Any]]:
    return sorted(get(api, f"{batch.uid}/results", limit=200)["results"], key=lambda each: int(each["index"]))


def test_figures_by_value_are_those_of_its_results(api: TestClient, batch: BatchRecord) -> None:
    found = get(api, f"{batch.uid}/parameters")
    assert [each["name"] for each in found["parameters"]] == ["fast", "slow", "side"]
    results = whole(api, batch)
    for parameter in found["parameters"]:
        groups = defaultdict(list)
        for each in results:
            groups[each["parameters"]["texts"][parameter["name"]]].append(each)
        assert [each["value"] for each in parameter["values"]] == list(groups)
        for each in parameter["values"]:
            group = groups[each["value"]]
            values = [one["value"] for one in group]
            assert (each["count"], each["passed"]) == (len(group), sum(one["passed"] for one in group))
            assert (each["mean"], each["median"], each["best"]) == (
                pytest.approx(fmean(values)),
                median(values),
                max(values),
            )
            assert each["passing_share"] == each["passed"] / each["count"]
    assert found["results"] == 12
    assert found["note"] is None
    assert 0 < found["explained"] <= 1
    assert [pair["importance"] for pair in found["pairs"]] == sorted(
        (p["importance"] for p in found["pairs"]), reverse=True
    )


def test_the_best_has_its_neighbourhood_and_its_edges(api: TestClient, batch: BatchRecord) -> None:
    found = get(api, f"{batch.uid}/parameters")
    # One step from index 4: fast 10 or 30 (0 and 8), and the other slow (6). side is text.
    assert (found["best"]["index"], found["best"]["value"], found["best"]["neighbours"]) == (4, 1.1, 3)
    assert found["best"]["neighbourhood"] == pytest.approx(fmean([SHARPE[0], SHARPE[8], SHARPE[6]]))
    edges = {each["name"]: (each["edge"], each["advice"]) for each in found["parameters"]}
    assert edges == {
        "fast": (None, None),
        "slow": ("high", "the best result has the highest value of slow, 0.5: try values above it"),
        "side": (None, None),
    }


def test_importance_needs_every_result(api: TestClient, batch: BatchRecord) -> None:
    incomplete = get(api, f"{batch.uid}/parameters", order_by="drawdown")
    assert (incomplete["order"]["direction"], incomplete["explained"], incomplete["pairs"]) == ("minimize", None, [])
    assert "11 of 12 have one" in incomplete["note"]
    filtered = get(api, f"{batch.uid}/parameters", parameters="side=up")
    assert (filtered["results"], filtered["parameters"][0]["importance"]) == (6, None)
    assert "leave the filters out" in filtered["note"]


def test_a_map_holds_the_others_at_the_best(api: TestClient, batch: BatchRecord) -> None:
    found = get(api, f"{batch.uid}/heat-map", x="fast", y="slow")
    assert (found["width"], found["height"], found["layers"]) == (3, 2, ["value", "neighbourhood", "count"])
    assert (found["held"], found["aggregated"], found["best"]["index"]) == ({"side": "up"}, [], 4)
    assert found["x"] == {"name": "fast", "type": "int", "range": {"start": "10", "step": "10", "count": 3}}
    assert found["words"] == "sharpe_ratio by fast (x) and slow (y); where side is up"
    values, near, counts = found["blocks"]
    # side up has the even indexes; fast is 4 apart, slow 2.
    assert values == pytest.approx([SHARPE[at] for at in (0, 4, 8, 2, 6, 10)], abs=1e-6)
    assert near[1] == pytest.approx(fmean([SHARPE[0], SHARPE[8], SHARPE[6]]), abs=1e-6)
    assert counts == [1.0] * 6


def test_a_map_holds_what_is_given_and_aggregates_the_rest(api: TestClient, batch: BatchRecord) -> None:
    held = get(api, f"{batch.uid}/heat-map", x="slow", y="fast", at="side=both")
    assert held["held"] == {"side": "both"}
    assert held["blocks"][0] == pytest.approx([SHARPE[at] for at in (1, 3, 5, 7, 9, 11)], abs=1e-6)
    passing = get(api, f"{batch.uid}/heat-map", x="slow", y="fast", others="passing")
    assert passing["aggregated"] == ["side"]
    assert passing["words"] == (
        "the share of results that meet the criteria, by slow (x) and fast (y); over all values of side"
    )
    cells = [(0, 1), (2, 3), (4, 5), (6, 7), (8, 9), (10, 11)]
    assert passing["blocks"][0] == [fmean(SHARPE[at] >= 0.5 for at in cell) for cell in cells]
    for others, summary in (("min", min), ("max", max), ("median", median)):
        found = get(api, f"{batch.uid}/heat-map", x="slow", y="fast", others=others)
        expected = [summary([SHARPE[at] for at in cell]) for cell in cells]
        assert found["blocks"][0] == pytest.approx(expected, abs=1e-6)
        assert found["blocks"][2] == [2.0] * 6


def test_a_map_of_filtered_results_leaves_cells_empty(api: TestClient, batch: BatchRecord) -> None:
    found = get(api, f"{batch.uid}/heat-map", x="slow", y="fast", others="max", passed="true")
    assert (found["results"], found["blocks"][2]) == (5, [0.0, 1.0, 1.0, 1.0, 2.0, 0.0])
    assert [math.isnan(value) for value in found["blocks"][0]] == [True, False, False, False, False, True]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"x": "speed", "y": "fast"}, "x"),
        ({"x": "fast", "y": "speed"}, "y"),
        ({"x": "fast", "y": "fast"}, "y"),
        ({"x": "fast", "y": "slow", "at": "fast=10"}, "at"),
        ({"x": "fast", "y": "slow", "at": "side=down"}, "at"),
        ({"x": "fast", "y": "slow", "at": "speed=1"}, "at"),
    ],
    ids=["unknown x", "unknown y", "one axis twice", "an axis is held", "unknown value", "unknown held"],
)
def test_what_a_map_cannot_show_is_a_404_with_its_field(
    api: TestClient, batch: BatchRecord, query: dict[str, str], field: str
) -> None:
    response = api.get(f"{BATCHES}/{batch.uid}/heat-map", params=query)
    assert response.status_code == 404
    assert [each["field"] for each in response.json()["errors"]] == [field]


def test_columns_have_every_result_by_index(api: TestClient, batch: BatchRecord) -> None:
    found = get(api, f"{batch.uid}/columns", columns="drawdown,sharpe_ratio,exposure")
    names = ["index", "passed", "fast", "slow", "side", "drawdown", "sharpe_ratio", "exposure"]
    assert [each["name"] for each in found["columns"]] == names
    assert found["columns"][4]["values"] == ["up", "both"]
    blocks = dict(zip(names, found["blocks"], strict=True))
    assert blocks["index"] == list(range(12))
    assert blocks["passed"] == [float(value >= 0.5) for value in SHARPE]
    assert blocks["fast"] == [10.0] * 4 + [20.0] * 4 + [30.0] * 4
    assert blocks["slow"] == [0.5, 0.5, 0.25, 0.25] * 3
    assert blocks["side"] == [0.0, 1.0] * 6
    assert blocks["sharpe_ratio"] == pytest.approx(SHARPE, abs=1e-6)
    assert [at for at, value in enumerate(blocks["drawdown"]) if math.isnan(value)] == [3]
    assert all(map(math.isnan, blocks["exposure"]))
    first = get(api, f"{batch.uid}/columns", limit=5, parameters="side=both")
    second = get(api, f"{batch.uid}/columns", limit=5, parameters="side=both", cursor=first["next_cursor"])
    assert (first["blocks"][0], second["blocks"][0], second["next_cursor"]) == ([1, 3, 5, 7, 9], [11], None)


def test_a_batch_without_results_is_analysed_too(api: TestClient, history: History) -> None:
    uid = history.accept(spec=SPEC).uid
    found = get(api, f"{uid}/parameters")
    assert (found["results"], found["best"], found["parameters"][0]["values"][0]["count"]) == (0, None, 0)
    drawn = get(api, f"{uid}/heat-map", x="fast", y="slow")
    assert (drawn["best"], drawn["blocks"][2]) == (None, [0.0] * 6)
    assert get(api, f"{uid}/columns")["rows"] == 0


def test_a_batch_that_is_not_accepted_has_nothing_to_analyse(
    serve: Any, history: History, cluster: CustomResources
) -> None:
    uid = cluster.add(1, "waiting").uid
    api = serve(cluster=cluster)
    assert history.count == 0
    for path in ("parameters", "heat-map?x=fast&y=slow", "columns"):
        response = api.get(f"{BATCHES}/{uid}/{path}")
        assert (response.status_code, "not accepted yet" in response.json()["detail"]) == (404, True)
