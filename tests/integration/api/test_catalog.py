"""Strategies, criteria, leaderboard, days, fees and comparisons, each of one installation alone."""

from statistics import fmean
from typing import Any

import pytest
from fastapi.testclient import TestClient

from backfleet import catalog
from backfleet.core.metrics import METRICS
from backfleet.core.records import BatchRecord
from tests.integration.api.conftest import Serve
from tests.support.clocked import ClockedDatabase
from tests.support.history import NOW, History

BATCHES = "/api/optimization/batches"
RSI = "RSI_MeanReversion_ETF"


@pytest.fixture
def batches(history: History, clocked_database: ClockedDatabase) -> list[BatchRecord]:
    """Save two batches with results, and one of another installation of the database with the best result of all."""
    first, second = (
        history.accept(),
        history.accept("later", spec={"data": {**history.accept("x").spec["data"], "initialCash": 500}}),
    )
    first = history.succeed(first, 0, sharpe_ratio=0.5, total_fees=20.0, total_trades=10, drawdown=0.3)
    first = history.succeed(first, 1, sharpe_ratio=1.5, total_fees=40.0, total_trades=10, drawdown=0.2)
    first = history.fail(first, 2)
    second = history.succeed(second, 0, sharpe_ratio=1.0, total_fees=5.0, total_trades=5, drawdown=0.1)
    second = history.succeed(second, 1, sharpe_ratio=9.0, total_fees=0.0, total_trades=1, drawdown=0.0)
    others = History(clocked_database, installation="elsewhere/backfleet", count=70)
    others.succeed(others.accept("theirs"), 0, sharpe_ratio=99.0, total_fees=1000.0)
    return [first, second]


def get(api: TestClient, path: str, **query: Any) -> Any:
    response = api.get(f"/api/{path}", params=query)
    assert response.status_code == 200, response.text
    return response.json()


def test_strategies_are_listed_by_name_with_their_batches(api: TestClient, batches: list[BatchRecord]) -> None:
    seen: list[Any] = []
    cursor = None
    while cursor is not None or not seen:
        page = get(api, "strategies", limit=4, **({"cursor": cursor} if cursor else {}))
        seen += page["strategies"]
        cursor = page["next_cursor"]
    names = [each["name"] for each in seen]
    assert names == sorted(each.name for each in catalog.load().strategies)
    (rsi,) = (each for each in seen if each["name"] == RSI)
    assert (rsi["batches"], rsi["status"], rsi["catalog_id"]) == (3, "available", "STR-001")
    assert rsi["last_accepted_at"] == batches[1].accepted_at.isoformat().replace("+00:00", "Z")
    assert api.get("/api/strategies", params={"cursor": "0" * 12 + ".x"}).status_code == 409


def test_criteria_are_the_default_ones_and_then_those_of_strategies(api: TestClient, history: History) -> None:
    found = get(api, "criteria")["criteria"]
    default = catalog.load().default_criteria.to_json()
    assert (found[0]["strategy"], found[0]["criteria"]) == (None, default)
    own = {each.name: each.criteria.to_json() for each in catalog.load().strategies if each.criteria is not None}
    assert {each["strategy"]: each["criteria"] for each in found[1:]} == own
    assert history.count == 0


def test_the_leaderboard_has_what_meets_its_criteria_best_first(api: TestClient, batches: list[BatchRecord]) -> None:
    def leaders(**query: Any) -> list[tuple[int, str]]:
        found = get(api, "leaderboard", **query)["leaders"]
        assert [each["rank"] for each in found] == list(range(1, len(found) + 1))
        return [(each["index"], each["batch_name"]) for each in found]

    # The result with one trade does not meet its criteria, and the best is of another installation.
    assert leaders() == [(1, "rsi-small"), (0, "later"), (0, "rsi-small")]
    assert leaders(order_by="drawdown") == [(0, "later"), (1, "rsi-small"), (0, "rsi-small")]
    assert leaders(order_by="drawdown", direction="maximize", limit=1) == [(0, "rsi-small")]
    assert leaders(strategy="Another") == []
    first = get(api, "leaderboard", limit=1)["leaders"][0]
    assert (first["value"], first["strategy"], first["category"]) == (1.5, RSI, "mean_reversion")
    assert first["parameters"]["texts"] == {"rsi_period": "14", "entry_threshold": "25"}


def test_days_count_what_ended_on_them(api: TestClient, batches: list[BatchRecord], serve: Serve) -> None:
    (day,) = get(api, "daily-summary")["days"]
    sharpes = [0.5, 1.5, 1.0, 9.0]
    assert day == {
        "day": NOW.date().isoformat(),
        "ended": 5,
        "succeeded": 4,
        "failed": 1,
        "passed": 3,
        "best_sharpe": 9.0,
        "mean_sharpe": pytest.approx(fmean(sharpes)),
        "strategies": 1,
    }
    later = serve(now=lambda: NOW.replace(day=NOW.day + 1))
    assert get(later, "daily-summary", days=1)["days"] == []
    assert len(get(later, "daily-summary", days=2)["days"]) == 1


def test_fees_are_means_over_the_cash_that_each_batch_had(api: TestClient, batches: list[BatchRecord]) -> None:
    (found,) = get(api, "fees", strategy=RSI)["strategies"]
    assert found == {
        "strategy": RSI,
        "results": 4,
        "mean_fees": pytest.approx(65 / 4),
        "mean_fee_per_trade": pytest.approx(fmean([2.0, 4.0, 1.0, 0.0])),
        "mean_share_of_cash": pytest.approx(fmean([20 / 1000, 40 / 1000, 5 / 500, 0.0])),
        "mean_share_of_gross_profit": None,
    }
    assert get(api, "fees", strategy="Another") == {"strategies": []}


def test_backtests_are_compared_side_by_side(api: TestClient, batches: list[BatchRecord]) -> None:
    first, second = batches
    ids = [f"{first.uid}-0", f"{second.uid}-0", f"{first.uid}-2"]
    found = get(api, "compare", ids=",".join(ids))
    assert [(each["backtest_id"], each["state"], each["passed"]) for each in found["backtests"]] == [
        (ids[0], "succeeded", True),
        (ids[1], "succeeded", True),
        (ids[2], "failed", None),
    ]
    parameters = {each["name"]: (each["texts"], each["is_different"]) for each in found["parameters"]}
    assert parameters == {
        "rsi_period": (["14", "14", "15"], True),
        "entry_threshold": (["0.005"] * 3, False),
    }
    metrics = {each["name"]: (each["values"], each["best"]) for each in found["metrics"]}
    assert list(metrics) == list(METRICS)
    assert metrics["sharpe_ratio"] == ([0.5, 1.0, None], [1])
    assert metrics["drawdown"] == ([0.3, 0.1, None], [1])
    assert metrics["exposure"] == ([None] * 3, [])
    assert found["warnings"] == ["the batches have different cash: see `spec.data` of each"]


@pytest.mark.parametrize(
    ("ids", "status"),
    [
        pytest.param("a-1", 422, id="one"),
        pytest.param(",".join(f"a-{number}" for number in range(9)), 422, id="nine"),
        pytest.param("a-1,nothing", 422, id="no index"),
        pytest.param("a-1,b-2", 404, id="unknown"),
    ],
)
def test_what_cannot_be_compared_is_refused(api: TestClient, ids: str, status: int) -> None:
    assert api.get("/api/compare", params={"ids": ids}).status_code == status


def test_backtests_of_another_installation_are_unknown(api: TestClient, batches: list[BatchRecord]) -> None:
    theirs = "00000000-0000-4000-8000-000000000071-0"
    assert api.get("/api/compare", params={"ids": f"{theirs},{batches[0].uid}-0"}).status_code == 404
    assert api.get(f"/api/backtests/{theirs}/explain").status_code == 404
