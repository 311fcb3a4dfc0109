"""The fingerprint of a LEAN result: equal for two runs of one backtest, whatever differs by nature, and for no others."""

import json
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from backfleet.core.backtests import PROVENANCE_FINGERPRINT
from backfleet.engines.files import FileProblem, digest_bytes
from backfleet.engines.lean.digests import digest, digest_order_events, digest_orders
from tests.support.lean_outcomes import result
from tests.support.lean_results import (
    equity_values,
    make_old_result,
    make_performance,
    make_result,
    pascal,
    write_json,
    write_run,
)

ORDERS = {
    "1": {"type": 0, "id": 1, "quantity": 10.0, "price": 9.5, "status": 3, "time": "2020-01-02T21:00:00Z"},
    "2": {"type": 0, "id": 2, "quantity": -10.0, "price": 9.75, "status": 3, "time": "2020-02-03T21:00:00Z"},
}
EVENTS = [{"orderId": 1, "orderEventId": 1, "status": "filled", "fillPrice": 9.5, "fillQuantity": 10.0}]
FULL = make_result(orders=ORDERS, analysis=[{"name": "AlgorithmSpeedAnalysis", "issue": "slow", "sample": 3.1}])


def prints(folder: Path, full: object, events: object = EVENTS, summary: object = None) -> dict[str, str]:
    """Return the parts of the fingerprint of a run."""
    folder.mkdir(exist_ok=True)
    if events is not None:
        write_json(folder, "backtest-order-events.json", events)
    text = result(write_run(folder, full, summary)).provenance[PROVENANCE_FINGERPRINT]
    return dict(part.split("=") for part in text.split())


def changed(**parts: Any) -> dict[str, Any]:
    body = deepcopy(FULL)
    body.update(parts)
    return body


def curve(values: list[list[float]]) -> dict[str, Any]:
    return {"Strategy Equity": {"series": {"Equity": {"values": values}}}}


def test_each_part_has_sixteen_digits(tmp_path: Path) -> None:
    found = prints(tmp_path, FULL)
    assert list(found) == ["orders", "statistics", "equity"]
    assert all(len(text) == 16 and int(text, 16) for text in found.values())


BY_NATURE: list[Any] = [
    pytest.param(
        {"state": FULL["state"] | {"StartTime": "2027-01-01T00:00:00Z", "Hostname": "other"}}, id="times and host"
    ),
    pytest.param({"serverStatistics": {"CPU Usage": "93%", "Used RAM (MB)": "412"}}, id="host's figures"),
    pytest.param({"analysis": []}, id="LEAN's analysis of its speed"),
    pytest.param(
        {"orders": {number: dict(reversed(order.items())) for number, order in reversed(ORDERS.items())}},
        id="the order of keys",
    ),
    pytest.param(
        {"totalPerformance": {**make_performance(), "closedTrades": [{"id": "6f9619ff-8b86-d011-b42d-00cf4fc964ff"}]}},
        id="GUIDs of closed trades",
    ),
]


@pytest.mark.parametrize("parts", BY_NATURE)
def test_what_differs_between_two_runs_by_nature_is_left_out(tmp_path: Path, parts: Mapping[str, Any]) -> None:
    assert prints(tmp_path / "one", FULL) == prints(tmp_path / "other", changed(**parts))


OTHERS: list[Any] = [
    pytest.param({"orders": {"1": ORDERS["1"], "2": ORDERS["2"] | {"price": 9.76}}}, "orders", id="a price"),
    pytest.param({"orders": {"1": ORDERS["1"]}}, "orders", id="an order less"),
    pytest.param({"statistics": FULL["statistics"] | {"Alpha": "0.051"}}, "statistics", id="a statistic"),
    pytest.param({"totalPerformance": make_performance(trades={"totalNumberOfTrades": 20, "averageMAE": "1"})}, "statistics",
                 id="a trade statistic"),
    pytest.param({"charts": curve(equity_values(last=280862.51))}, "equity", id="a value of the curve"),
]  # fmt: skip


@pytest.mark.parametrize(("parts", "name"), OTHERS)
def test_another_run_differs_in_its_part_alone(tmp_path: Path, parts: Mapping[str, Any], name: str) -> None:
    one, other = prints(tmp_path / "one", FULL), prints(tmp_path / "other", changed(**parts))
    assert [part for part in one if one[part] != other[part]] == [name]


def test_order_events_count_as_orders(tmp_path: Path) -> None:
    late = [EVENTS[0] | {"fillPrice": 9.51}]
    found = [prints(tmp_path / str(n), FULL, events) for n, events in enumerate((EVENTS, late, None))]
    assert len({each["orders"] for each in found}) == 3
    assert len({each["statistics"] + each["equity"] for each in found}) == 1


def test_the_old_layout_has_all_parts(tmp_path: Path) -> None:
    orders = {number: pascal(order) for number, order in ORDERS.items()}
    one = prints(tmp_path / "one", make_old_result(Orders=orders))
    other = prints(tmp_path / "other", make_old_result(Orders={"1": orders["1"]}))
    assert "absent" not in one.values()
    assert one["orders"] != other["orders"]


def test_what_the_files_do_not_have_is_absent(tmp_path: Path) -> None:
    summary = make_result(orders=None, charts={})
    assert prints(tmp_path, None, None, summary) | {"statistics": ""} == {
        "orders": "absent", "statistics": "", "equity": "absent",
    }  # fmt: skip


def test_an_intermediate_version_next_to_the_summary_has_no_orders(tmp_path: Path) -> None:
    """LEAN writes the last 100 orders of it every 30 s: which ones depends on the machine."""
    half = changed(statistics={}, state=FULL["state"] | {"EndTime": "", "Status": "Running"})
    assert prints(tmp_path, half, EVENTS, make_result(orders=None))["orders"] == "absent"


def test_events_that_are_no_regular_file_are_unreadable(tmp_path: Path) -> None:
    (tmp_path / "events").symlink_to("/dev/zero")
    assert digest_order_events(tmp_path, "events") == "unreadable"
    assert digest_order_events(tmp_path, "no-such") == digest_order_events(tmp_path, None) == "absent"


def test_a_file_is_digested_up_to_its_limit(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 10)
    assert digest_bytes(tmp_path, "file", 10) == digest_bytes(tmp_path, "file", 3_000_000)
    with pytest.raises(FileProblem, match="expected at most 9 bytes, got more"):
        digest_bytes(tmp_path, "file", 9)


def test_values_that_are_nested_without_end_are_unreadable() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    assert digest([deep]) == "unreadable"
    assert digest_orders([1]) is None
    assert digest([json.loads("1e999")]) != digest([1])
