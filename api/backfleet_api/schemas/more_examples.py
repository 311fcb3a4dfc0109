"""Examples of answers about all batches together, comparisons and explanations. A test validates each against its schema."""

from typing import Any

from backfleet_api.schemas.examples import UID

_PARAMETERS: dict[str, Any] = {"values": {"rsi_period": 14}, "texts": {"rsi_period": "14"}}

STRATEGIES: dict[str, Any] = {
    "strategies": [
        {
            "name": "RSI_MeanReversion_ETF",
            "catalog_id": "STR-001",
            "category": "mean_reversion",
            "asset_class": "ETF",
            "lean_project_path": "STR-001_RSI_MeanReversion_ETF",
            "description": "buys when the RSI is low",
            "symbols": ["SPY"],
            "status": "available",
            "priority": 1,
            "batches": 3,
            "last_accepted_at": "2026-11-24T15:00:00Z",
        }
    ],
    "next_cursor": None,
}
CRITERIA: dict[str, Any] = {
    "criteria": [{"strategy": None, "criteria": {"minTrades": 100, "minSharpe": 1.0}, "version": 1}]
}
LEADERBOARD: dict[str, Any] = {
    "order": {"metric": "sharpe_ratio", "direction": "maximize"},
    "leaders": [
        {
            "rank": 1,
            "backtest_id": f"{UID}-0",
            "index": 0,
            "batch_id": UID,
            "batch_name": "rsi-small",
            "namespace": "backfleet",
            "strategy": "RSI_MeanReversion_ETF",
            "category": "mean_reversion",
            "value": 1.2,
            "parameters": _PARAMETERS,
            "metrics": {"sharpe_ratio": 1.2},
            "recorded_at": "2026-11-24T15:00:06Z",
        }
    ],
}
DAYS: dict[str, Any] = {
    "days": [
        {
            "day": "2026-11-24",
            "ended": 6,
            "succeeded": 5,
            "failed": 1,
            "passed": 2,
            "best_sharpe": 1.2,
            "mean_sharpe": 0.4,
            "strategies": 1,
        }
    ]
}
FEES: dict[str, Any] = {
    "strategies": [
        {
            "strategy": "RSI_MeanReversion_ETF",
            "results": 5,
            "mean_fees": 63.8,
            "mean_fee_per_trade": 1.0,
            "mean_share_of_cash": 0.06,
            "mean_share_of_gross_profit": None,
        }
    ]
}
_COMPARED: dict[str, Any] = {
    "backtest_id": f"{UID}-0",
    "batch_id": UID,
    "batch_name": "rsi-small",
    "strategy": "RSI_MeanReversion_ETF",
    "engine": "bars",
    "engine_version": "3",
    "state": "succeeded",
    "passed": True,
    "rejections": [],
}
COMPARISON: dict[str, Any] = {
    "backtests": [_COMPARED, _COMPARED | {"backtest_id": f"{UID}-2"}],
    "parameters": [{"name": "rsi_period", "texts": ["14", "15"], "is_different": True}],
    "metrics": [{"name": "sharpe_ratio", "values": [1.2, None], "best": [0]}],
    "warnings": [],
}
EXPLANATION: dict[str, Any] = {
    "id": UID,
    "state": "running",
    "summary": "The batch runs: 3/6 backtests have ended. Now 2 backtests run or start.",
    "facts": ["3 succeeded, 0 failed."],
    "next": [
        {
            "what": "The batch ends when every backtest has ended, at the recent pace at this time.",
            "at": "2026-11-24T15:01:00Z",
        }
    ],
}
BACKTEST_EXPLANATION: dict[str, Any] = {
    "id": f"{UID}-0",
    "state": "succeeded",
    "summary": "The backtest succeeded, and it does not meet the criteria: low_sharpe_ratio.",
    "facts": [],
    "next": [{"what": "Nothing follows. A succeeded backtest never runs again.", "at": None}],
}
EDITED: dict[str, Any] = {
    "batch_id": UID,
    "name": "rsi-small",
    "namespace": "backfleet",
    "state": "running",
    "changed": ["maxConcurrent"],
    "message": "the operator applies it in its next pass",
    "status_url": f"/api/optimization/batches/{UID}",
}
EDITS: dict[str, Any] = {
    "suspend": {"suspend": True},
    "speed": {"maxConcurrent": 8, "backtestsPerJob": "auto"},
    "criteria": {"successCriteria": {"minTrades": 50, "minSharpe": 0.8}},
    "failures": {"failurePolicy": {"maxFailed": 10, "backtestTimeoutSeconds": 600}},
}
