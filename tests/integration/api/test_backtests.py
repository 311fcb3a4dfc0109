"""Single backtests: launched ones from their rows, the others computed."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from backfleet.core.reasons import FailureReason
from tests.support.history import History, uid_of

COMMAND = (
    "backfleet-bars --strategy RSI_MeanReversion_ETF --symbol AAPL --start 2000-03-01 --end 2013-03-01 --cash 1000 "
    "--set rsi_period=14 --set entry_threshold=0.005 --results result"
)
FIRST = {
    "values": {"rsi_period": 14, "entry_threshold": 0.005},
    "texts": {"rsi_period": "14", "entry_threshold": "0.005"},
}


def get(api: TestClient, identifier: str) -> Any:
    response = api.get(f"/api/backtests/{identifier}")
    assert response.status_code == 200, response.text
    return response.json()


def detail(api: TestClient, identifier: str) -> str:
    response = api.get(f"/api/backtests/{identifier}")
    assert response.status_code == 404
    return str(response.json()["detail"])


def test_a_succeeded_backtest_in_full(api: TestClient, history: History) -> None:
    batch = history.accept(spec={"successCriteria": {"minSharpe": 1}})
    batch = history.succeed(batch, 0, sharpe_ratio=0.5, win_rate=None)
    assert get(api, f"{batch.uid}-0") == {
        "backtest_id": f"{batch.uid}-0",
        "batch_id": batch.uid,
        "batch_name": "rsi-small",
        "index": 0,
        "state": "succeeded",
        "parameters": FIRST,
        "attempts": [
            {
                "number": 1,
                "job_name": "rsi-small-00000000-0-1",
                "pod_name": "rsi-small-00000000-0-1-pod",
                "launched_at": "2026-11-24T15:01:00Z",
                "engine_started_at": "2026-11-24T15:01:00Z",
                "ended_at": "2026-11-24T15:02:00Z",
                "exit_code": 0,
                "reason": None,
                "message": None,
            }
        ],
        "log_tail": None,
        "command": COMMAND,
        "result": {
            "metrics": {"sharpe_ratio": 0.5, "win_rate": None, "total_trades": 9},
            "passed": False,
            "rejections": ["low_sharpe_ratio"],
            "criteria_version": 1,
            "run": "fresh",
            "statistics": {"Total Orders": "224"},
            "equity_curve": [{"date": "2000-03-01", "equity": 1000.0}, {"date": "2013-03-01", "equity": 1873.5}],
            "warnings": ["few trades"],
            "provenance": {"engine": "bars"},
            "analysis": [
                {"name": "FlatEquityCurveAnalysis", "issue": "The equity is flat.", "sample": "[]", "count": 2}
            ],
        },
    }


def test_a_failed_backtest_has_its_reasons_attempt_by_attempt(api: TestClient, history: History) -> None:
    batch = history.fail(history.accept(), 0, FailureReason.OOM_KILLED)
    found = get(api, f"{batch.uid}-0")
    assert (found["state"], found["result"]) == ("launching", None)
    assert [(each["number"], each["reason"], each["message"]) for each in found["attempts"]] == [
        (1, "OOMKilled", "out of memory"),
        (2, None, None),
    ]


def test_an_index_that_was_never_launched_is_queued_with_its_combination(api: TestClient, history: History) -> None:
    batch = history.accept()
    found = get(api, f"{batch.uid}-5")
    assert (found["state"], found["attempts"], found["result"]) == ("queued", [], None)
    assert found["parameters"] == {
        "values": {"rsi_period": 16, "entry_threshold": 25.0},
        "texts": {"rsi_period": "16", "entry_threshold": "25"},
    }


def test_an_index_that_a_finished_batch_never_launched_is_cancelled(api: TestClient, history: History) -> None:
    batch = history.finish(history.accept(), "Cancelled")
    assert get(api, f"{batch.uid}-5")["state"] == "cancelled"


def test_an_index_outside_is_told_the_range(api: TestClient, history: History) -> None:
    batch = history.accept()
    assert detail(api, f"{batch.uid}-6") == "index 6 is outside the batch's parameter space: 0 to 5"
    assert detail(api, f"{batch.uid}-999999999").startswith("index 999999999 is outside")


def test_an_index_that_no_constraint_lets_in_is_told_which(api: TestClient, history: History) -> None:
    batch = history.accept(spec={"constraints": ["rsi_period < 16"]})
    assert get(api, f"{batch.uid}-3")["state"] == "queued"
    assert "does not meet the constraint rsi_period < 16" in detail(api, f"{batch.uid}-4")


@pytest.mark.parametrize("identifier", [f"{uid_of(7)}-0", "rsi-small-0"])
def test_an_unknown_batch_is_told_and_a_name_is_no_uid(api: TestClient, history: History, identifier: str) -> None:
    history.accept()
    assert "no batch has the uid" in detail(api, identifier)


@pytest.mark.parametrize(
    "identifier", ["0", "x", f"{uid_of(1)}-", f"{uid_of(1)}-x", f"{uid_of(1)}--1", "a%00b-1", "x" * 300 + "-1"]
)
def test_what_is_no_id_is_refused_with_its_field(api: TestClient, identifier: str) -> None:
    response = api.get(f"/api/backtests/{identifier}")
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "backtest_id"


def test_types_of_parameters_survive(api: TestClient, history: History) -> None:
    parameters = [
        {"name": "is_on", "type": "bool", "value": True},
        {"name": "side", "type": "string", "values": ["up", "both"]},
        {"name": "big", "type": "int", "value": 123456789012345},
        {"name": "small", "type": "float", "range": {"start": 0.005, "end": 0.015, "step": 0.005}},
    ]
    batch = history.accept(spec={"engine": {"name": "lean"}, "parameters": parameters, "maxConcurrent": 6})
    expected = {
        "values": {"is_on": True, "side": "both", "big": 123456789012345, "small": 0.015},
        "texts": {"is_on": "true", "side": "both", "big": "123456789012345", "small": "0.015"},
    }
    assert get(api, f"{batch.uid}-5")["parameters"] == expected
    history.run(batch, 5)
    assert get(api, f"{batch.uid}-5")["parameters"] == expected
