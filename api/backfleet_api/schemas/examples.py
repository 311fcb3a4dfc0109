"""One example of every answer and body, for OpenAPI and the docs. A test validates each against its schema."""

from typing import Any

UID = "3f2b7c1e-5a4d-4f6e-9b8a-0c1d2e3f4a5b"

_PARAMETERS: dict[str, Any] = {
    "values": {"rsi_period": 14, "entry_threshold": 25.5},
    "texts": {"rsi_period": "14", "entry_threshold": "25.5"},
}
_METRICS: dict[str, Any] = {
    "sharpe_ratio": 0.412,
    "net_profit": 0.873,
    "drawdown": 0.156,
    "total_trades": 112,
    "win_rate": 0.625,
    "profit_loss_ratio": None,
}

HEALTH: dict[str, Any] = {
    "status": "ok",
    "service": "backfleet-api",
    "version": "0.2.0",
    "database": "ok",
    "reason": None,
    "warnings": [],
}
HEALTH_UNAVAILABLE = HEALTH | {
    "status": "unavailable",
    "database": "unavailable",
    "reason": "Postgres does not answer",
}
LIVENESS: dict[str, Any] = {"status": "ok"}

SUMMARY: dict[str, Any] = {
    "batch_id": UID,
    "name": "rsi-small",
    "namespace": "backfleet",
    "state": "running",
    "strategy": "RSI_MeanReversion_ETF",
    "engine": "bars",
    "objective": {"metric": "sharpe_ratio", "direction": "maximize"},
    "counts": {
        "total": 6,
        "queued": 1,
        "active": 2,
        "succeeded": 3,
        "failed": 0,
        "cancelled": 0,
        "passed": 1,
    },
    "progress": "3/6",
    "best": {"backtest_id": f"{UID}-0", "index": 0, "value": 0.412, "parameters": _PARAMETERS},
    "accepted_at": "2026-11-24T15:00:00Z",
    "finished_at": None,
    "finish": None,
}
BATCH: dict[str, Any] = SUMMARY | {
    "max_concurrent": 4,
    "backtests_per_job": 1,
    "started_at": "2026-11-24T15:00:04Z",
    "pace": "12.5 per minute",
    "backtests_per_minute": 12.5,
    "estimated_finish_at": "2026-11-24T15:01:00Z",
    "criteria": {"minTrades": 100, "maxDrawdown": 0.2},
    "criteria_version": 1,
    "stale_verdicts": 0,
    "engine_versions": ["3"],
    "warnings": [],
    "advice": [],
    "labels": {"team": "research"},
    "submitter": None,
    "message": None,
    "spec": {"strategy": {"name": "RSI_MeanReversion_ETF"}, "engine": {"name": "bars"}},
}
BATCHES: dict[str, Any] = {"batches": [SUMMARY], "next_cursor": None}

RESULTS: dict[str, Any] = {
    "batch_id": UID,
    "order": {"metric": "sharpe_ratio", "direction": "maximize"},
    "succeeded": 3,
    "passed": 1,
    "criteria_version": 1,
    "stale_verdicts": 0,
    "engine_versions": ["3"],
    "warnings": [],
    "results": [
        {
            "rank": 1,
            "backtest_id": f"{UID}-0",
            "index": 0,
            "value": 0.412,
            "parameters": _PARAMETERS,
            "metrics": _METRICS,
            "passed": False,
            "rejections": ["low_sharpe_ratio"],
            "criteria_version": 1,
            "run": "fresh",
            "engine_version": "3",
            "engine_image": "registry.example/backfleet:0.3.0",
        }
    ],
    "next_cursor": None,
}

_VALUE: dict[str, Any] = {
    "value": "14",
    "last_value": "14",
    "count": 2,
    "passed": 1,
    "passing_share": 0.5,
    "mean": 0.25,
    "median": 0.25,
    "best": 0.412,
    "best_index": 0,
}
PARAMETER_ANALYSIS: dict[str, Any] = {
    "batch_id": UID,
    "order": {"metric": "sharpe_ratio", "direction": "maximize"},
    "results": 6,
    "best": {
        "backtest_id": f"{UID}-0",
        "index": 0,
        "value": 0.412,
        "parameters": _PARAMETERS,
        "neighbours": 2,
        "neighbourhood": 0.35,
    },
    "parameters": [
        {
            "name": "rsi_period",
            "type": "int",
            "importance": 0.6,
            "edge": "low",
            "advice": "the best result has the lowest value of rsi_period, 14: try values below it",
            "values": [_VALUE],
        }
    ],
    "pairs": [{"parameters": ["rsi_period", "entry_threshold"], "importance": 0.1}],
    "variance": 0.02,
    "explained": 1.0,
    "note": None,
}

BACKTESTS: dict[str, Any] = {
    "batch_id": UID,
    "backtests": [
        {
            "backtest_id": f"{UID}-1",
            "index": 1,
            "state": "failed",
            "parameters": _PARAMETERS,
            "attempts": 2,
            "reason": "OOMKilled",
            "message": "the container was killed: out of memory",
            "started_at": "2026-11-24T15:00:04Z",
            "finished_at": "2026-11-24T15:00:09Z",
        }
    ],
    "next_cursor": None,
}

BACKTEST: dict[str, Any] = {
    "backtest_id": f"{UID}-0",
    "batch_id": UID,
    "batch_name": "rsi-small",
    "index": 0,
    "state": "succeeded",
    "parameters": _PARAMETERS,
    "attempts": [
        {
            "number": 1,
            "job_name": "rsi-small-3f2b7c1e-0-1",
            "pod_name": "rsi-small-3f2b7c1e-0-1-x7k2p",
            "launched_at": "2026-11-24T15:00:01Z",
            "engine_started_at": "2026-11-24T15:00:04Z",
            "ended_at": "2026-11-24T15:00:06Z",
            "exit_code": 0,
            "reason": None,
            "message": None,
        }
    ],
    "log_tail": None,
    "command": "backfleet-bars --strategy RSI_MeanReversion_ETF --symbol AAPL --start 2000-03-01 --end 2013-03-01 --cash 1000 "
    "--set rsi_period=14 --set entry_threshold=25.5 --results result",
    "result": {
        "metrics": _METRICS,
        "passed": False,
        "rejections": ["low_sharpe_ratio"],
        "criteria_version": 1,
        "run": "fresh",
        "statistics": {"Total Orders": "224"},
        "equity_curve": [{"date": "2000-03-01", "equity": 1000.0}, {"date": "2013-03-01", "equity": 1873.0}],
        "warnings": [],
        "provenance": {
            "engine": "bars",
            "engineVersion": "3",
            "engineImage": "registry.example/backfleet:0.3.0",
        },
        "analysis": [],
    },
}

RUN_REQUEST: dict[str, Any] = {
    "batch": {
        "strategy": {"name": "RSI_MeanReversion_ETF"},
        "engine": {"name": "bars"},
        "data": {"symbols": ["AAPL"], "startDate": "2000-03-01", "endDate": "2013-03-01"},
        "parameters": [
            {"name": "rsi_period", "type": "int", "range": {"start": 14, "end": 16, "step": 1}},
            {"name": "entry_threshold", "type": "float", "values": [25.5, 30]},
        ],
    },
    "max_concurrent": 4,
    "name": "rsi-small",
}
CONFIG = """strategy: {name: RSI_MeanReversion_ETF}
engine: bars
parameters:
  rsi_period: {start: 14, end: 16, step: 1, type: int}
  entry_threshold: {values: [25.5, 30]}
symbols: [AAPL]
start_date: 2000-03-01
end_date: 2013-03-01
"""
RUN_REQUESTS: dict[str, dict[str, Any]] = {
    "batch": RUN_REQUEST,
    "config": {"config": CONFIG, "max_concurrent": 4, "name": "rsi-small"},
    "config_path": {"config_path": "optimizations/test_config.yaml", "engine": "bars", "dry_run": True},
}
SUBMITTED: dict[str, Any] = {
    "batch_id": UID,
    "name": "rsi-small",
    "namespace": "backfleet",
    "total": 6,
    "max_concurrent": 4,
    "is_new": True,
    "status_url": f"/api/optimization/batches/{UID}",
    "warnings": [],
}
PREVIEW: dict[str, Any] = {
    "total": 6,
    "combinations": 6,
    "counted": 6,
    "first": {"index": 0, "parameters": _PARAMETERS},
    "last": {
        "index": 5,
        "parameters": {
            "values": {"rsi_period": 16, "entry_threshold": 30.0},
            "texts": {"rsi_period": "16", "entry_threshold": "30"},
        },
    },
    "max_concurrent": 4,
    "estimate": {"seconds": 4.8, "seconds_per_backtest": 2.4, "backtests": 50},
    "warnings": [],
}
CANCELLATION: dict[str, Any] = {
    "batch_id": UID,
    "name": "rsi-small",
    "namespace": "backfleet",
    "state": "running",
    "message": "the operator deletes running backtests and cancels all others; existing results stay",
    "status_url": f"/api/optimization/batches/{UID}",
}
OVER: dict[str, Any] = CANCELLATION | {
    "state": "complete",
    "message": "the batch had already ended; nothing was changed",
}
