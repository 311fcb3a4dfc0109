"""The views on real rows: nothing vanishes, an absent number is absent, and capital is what the batch had."""

from typing import Any

import pytest

from backfleet.core.records import Counters
from tests.support.changes import SPEC, UID, Life, attempt, batch, fail, launch, succeed

pytestmark = pytest.mark.postgres


@pytest.fixture
def run(life: Life) -> Life:
    """Save two batches: one of a catalogued strategy with 2500 of cash, one of an unknown strategy with 1000."""
    life.save(*(launch(attempt(index)) for index in range(4)), counters=Counters())
    life.save(
        succeed(attempt(0), 1.25),
        succeed(attempt(1), None, ("low_sharpe_ratio",)),
        succeed(attempt(2), -0.5, ("low_sharpe_ratio",)),
        fail(attempt(3)),
    )
    spec = dict(SPEC) | {"strategy": {"name": "Mine"}, "data": {"symbols": ["AAPL"]}}
    other = Life(life.engine, life.epoch, batch(uid=UID.replace("01", "02"), spec=spec))
    mine = attempt(0, batch_uid=other.record.uid, parameter_texts={"rsi_period": "14"})
    other.save(launch(mine))
    other.save(succeed(mine, None, total_trades=0, total_fees=None, win_rate=None))
    return life


def test_the_leaderboard_ranks_what_passed_with_absent_values_last(run: Life) -> None:
    rows = run.query("SELECT rank, strategy_name, category, sharpe_ratio, total_trades FROM strategy_leaderboard")
    assert rows == [
        {
            "rank": 1,
            "strategy_name": "RSI_MeanReversion_ETF",
            "category": "mean_reversion",
            "sharpe_ratio": 1.25,
            "total_trades": 156.0,
        },
        {"rank": 2, "strategy_name": "Mine", "category": None, "sharpe_ratio": None, "total_trades": 0.0},
    ]


def test_parameters_are_averaged_over_present_values(run: Life) -> None:
    rows = run.query(
        "SELECT parameter_value, avg_sharpe, test_count, passed_count FROM parameter_performance "
        "WHERE strategy_name = 'RSI_MeanReversion_ETF' AND parameter_name = 'entry_threshold'"
    )
    assert rows == [{"parameter_value": "25.5", "avg_sharpe": 0.375, "test_count": 3, "passed_count": 1}]
    count = run.query("SELECT count(*) AS n FROM parameter_performance")[0]["n"]
    assert count == 5, "three periods and one threshold of the first strategy, one period of the other"


def test_fees_are_shares_of_the_capital_that_the_batch_had(run: Life) -> None:
    rows = {row["strategy_name"]: row for row in run.query("SELECT * FROM fee_analysis")}
    rsi, mine = rows["RSI_MeanReversion_ETF"], rows["Mine"]
    assert (rsi["avg_fees"], rsi["avg_fee_share_of_capital"], rsi["backtest_count"]) == (25.0, 0.01, 3)
    assert rsi["avg_fee_per_trade"] == pytest.approx(25 / 156)
    absent: dict[str, Any] = {"avg_fees": None, "avg_fee_share_of_capital": None, "avg_fee_per_trade": None}
    assert {name: mine[name] for name in absent} == absent
    assert mine["avg_trades"] == 0


def test_a_day_counts_what_ended_on_it(run: Life) -> None:
    rows = run.query("SELECT * FROM daily_summary ORDER BY date")
    assert sum(row["total_backtests"] for row in rows) == 5
    assert sum(row["failed"] for row in rows) == 1
    first = rows[0]
    assert (str(first["date"]), first["succeeded"], first["passed"]) == ("2026-11-24", 4, 2)
    assert (first["best_sharpe"], first["avg_sharpe"], first["strategies_tested"]) == (1.25, 0.375, 2)
