"""Rows for the page: a batch with a smooth surface of results, a live one with failures, and a suspended one."""

import json
import math
from datetime import date, timedelta
from typing import Any

from backfleet.core.reasons import FailureReason
from backfleet.core.space.parameters import ParameterSpace, build_space
from tests.support.axes import STRING, listed, ranged, whole
from tests.support.clocked import ClockedDatabase
from tests.support.grid_rows import GRID_UID, fill_grid
from tests.support.history import INSTALLATION, History

CURVE_POINTS = 200
LIVE = "rsi-live"
SPEC: dict[str, Any] = {
    "strategy": {"name": "SMA_Crossover"},
    "engine": {"name": "bars"},
    "data": {"symbols": ["AAPL"], "startDate": "2000-03-01", "endDate": "2013-03-01", "initialCash": 1000},
    "parameters": [
        {"name": "fast", "type": "int", "range": {"start": 5, "end": 24, "step": 1}},
        {"name": "slow", "type": "int", "range": {"start": 30, "end": 220, "step": 10}},
        {"name": "stop", "type": "float", "range": {"start": 0.01, "end": 0.05, "step": 0.01}},
        {"name": "side", "type": "string", "values": ["up", "both"]},
    ],
    "successCriteria": {"minTrades": 20, "minSharpe": 0.8, "maxDrawdown": 0.25},
}


def grid_space() -> ParameterSpace:
    """Return a space of 4,000 combinations."""
    return build_space(
        [
            whole("fast", 5, 24, 1),
            whole("slow", 30, 220, 10),
            ranged("stop", 0.01, 0.05, 0.01),
            listed("side", "up", "both", type=STRING),
        ]
    )


def fill(store: ClockedDatabase, history: History, space: ParameterSpace | None = None) -> None:
    """Add the three batches."""
    _add_live(history)
    _add_suspended(history)
    space = space or grid_space()
    fill_grid(store.engine, INSTALLATION, space)
    store.run("UPDATE optimization_batches SET strategy_name = 'SMA_Crossover' WHERE uid = %s", (GRID_UID,))
    batch = "UPDATE optimization_batches SET spec = %s, criteria = %s, name = 'sma-crossover' WHERE uid = %s"
    store.run(batch, (json.dumps(SPEC), json.dumps(SPEC["successCriteria"]), GRID_UID))
    rows = [_row(space, index) for index in range(space.total)]
    curves = [_curve(kind) for kind in range(3)]
    values = {"rows": json.dumps(rows), "uid": GRID_UID, "curves": json.dumps(curves)}
    for statement in _SMOOTH.split(";\n"):
        store.run(statement, values)


def _add_live(history: History) -> None:
    batch = history.accept(LIVE, spec={"maxConcurrent": 4})
    batch = history.succeed(batch, 0, sharpe_ratio=0.41, drawdown=0.12, net_profit=0.6)
    batch = history.succeed(batch, 1, sharpe_ratio=0.73, drawdown=0.09, net_profit=0.9)
    batch = history.fail(batch, 2, FailureReason.BACKTEST_TIMEOUT)
    batch = history.fail(batch, 3, FailureReason.NO_DATA)
    history.run(batch, 4)


def _add_suspended(history: History) -> None:
    batch = history.accept("rsi-suspended")
    history.edit(batch, suspend=True)


def _row(space: ParameterSpace, index: int) -> dict[str, Any]:
    """Return metrics with one plateau, one spike, and a few results without trades."""
    values = space.combination(index).values
    fast, slow, stop = int(values["fast"]), int(values["slow"]), float(values["stop"])
    hill = 1.3 * math.exp(-(((fast - 19) / 7) ** 2) - ((slow - 140) / 60) ** 2)
    spike = 1.1 if (fast, slow) == (8, 60) else 0
    sharpe = hill + spike + (0.1 if values["side"] == "both" else 0) - 4 * abs(stop - 0.03) + 0.05 * math.sin(index)
    trades = 12 + (index * 7) % 140
    return {
        "i": index,
        "sharpe_ratio": round(sharpe, 4),
        "drawdown": round(0.42 - 0.18 * sharpe + 0.02 * math.cos(index), 4),
        "net_profit": round(1.4 * sharpe, 4),
        "annual_return": round(0.11 * sharpe, 4),
        "probabilistic_sharpe_ratio": round(1 / (1 + math.exp(-2 * (sharpe - 0.6))), 4),
        "total_trades": trades,
        "win_rate": round(0.44 + 0.06 * sharpe, 4),
        "average_win": round(0.02 + 0.004 * sharpe, 4),
        "fee_share": round(0.02 + trades / 4000, 4),
        "total_fees": float(trades * 2),
        "end_equity": round(1000 * (1 + 1.4 * sharpe), 2),
    }


def _curve(kind: int) -> list[list[Any]]:
    """Return a sampled curve with falls in it, of one of several kinds."""
    start = date(2000, 3, 1)
    days = [start + timedelta(days=24 * step) for step in range(CURVE_POINTS)]
    return [
        [
            day.isoformat(),
            round(1000 * math.exp(step / (150 + 90 * kind)) * (1 + 0.12 * math.sin(step / (9 + 4 * kind))), 2),
        ]
        for step, day in enumerate(days)
    ]


_SMOOTH = r"""
UPDATE backtest_results r SET metrics = r.metrics || (given - 'i'), objective_value = (given ->> 'sharpe_ratio')::float,
    rank_key = -(given ->> 'sharpe_ratio')::float,
    passed = (given ->> 'total_trades')::int >= 20 AND (given ->> 'sharpe_ratio')::float >= 0.8
        AND (given ->> 'drawdown')::float <= 0.25,
    rejections = array_remove(ARRAY[CASE WHEN (given ->> 'total_trades')::int < 20 THEN 'insufficient_trades' END,
        CASE WHEN (given ->> 'sharpe_ratio')::float < 0.8 THEN 'low_sharpe_ratio' END,
        CASE WHEN (given ->> 'drawdown')::float > 0.25 THEN 'high_drawdown' END], NULL)
FROM jsonb_array_elements(CAST(%(rows)s AS jsonb)) AS given
WHERE r.batch_uid = %(uid)s AND r.index = (given ->> 'i')::int;
UPDATE backtest_outcomes SET body = body || jsonb_build_object('equityCurve',
    CAST(%(curves)s AS jsonb) -> (regexp_replace(attempt_id, '.*-([0-9]+)\..*', '\1')::int %% 3))
WHERE attempt_id LIKE %(uid)s || '-%%';
UPDATE optimization_batches b SET passed = (SELECT count(*) FROM backtest_results WHERE batch_uid = b.uid AND passed),
    best_index = r.index, best_value = r.objective_value, best_parameters = j.parameters
FROM backtest_results r JOIN backtest_jobs j ON j.id = r.backtest_id
WHERE b.uid = %(uid)s AND r.backtest_id = (
    SELECT backtest_id FROM backtest_results WHERE batch_uid = %(uid)s ORDER BY rank_key, index LIMIT 1)
"""
