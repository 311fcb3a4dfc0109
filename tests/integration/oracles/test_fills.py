"""`bars` against raptorbt: the same trades and the same equity, over hundreds of random parameter sets on the real bars."""

from random import Random
from typing import Any

import pytest

from backfleet.core.backtests import BacktestRequest
from backfleet.engines.bars.backtest import BarsSettings, load_bars, trade
from backfleet.engines.bars.fees import basis_points
from backfleet.engines.bars.market_data import Bars
from backfleet.engines.bars.portfolio import Ledger
from tests.integration.oracles.raptor import Run, rsi_rule, run_rule, sma_rule
from tests.unit.engines.builders import make_request

SETS_PER_CASE = 60
TOLERANCE = 1e-12
"""Relative, of money: both add the same numbers, perhaps in another order. Days, shares and prices are equal."""


def random_parameters(strategy: str, random: Random) -> dict[str, float]:
    """Around the ranges of the strategy's page, and beyond."""
    exits = {
        "stop_loss_pct": round(random.uniform(0.004, 0.05), 4),
        "profit_target_pct": round(random.uniform(0.01, 0.08), 4),
    }
    if strategy == "RSI_MeanReversion_ETF":
        return exits | {
            "rsi_period": random.randint(2, 25),
            "entry_threshold": random.randint(20, 45),
            "exit_threshold": random.randint(50, 80),
        }
    return exits | {
        "fast_sma": random.randint(2, 60),
        "slow_sma": random.randint(40, 220),
        "volume_threshold": round(random.uniform(0.5, 2.0), 2),
    }


def random_case(strategy: str, symbol: str, random: Random) -> tuple[BacktestRequest, dict[str, float], float]:
    parameters = random_parameters(strategy, random)
    cash = random.choice(["1000", "25000.50", "1000000"])
    texts = {name: str(value) for name, value in parameters.items()}
    return make_request(strategy, texts, (symbol,), cash), parameters, random.choice([0.0, 5.0, 30.0])


def raptor_run(request: BacktestRequest, bars: Bars, parameters: dict[str, float], points: float) -> Run:
    rule = (rsi_rule if request.strategy == "RSI_MeanReversion_ETF" else sma_rule)(bars, parameters)
    return run_rule(bars, rule, float(request.initial_cash), points / 10_000)


def seen_by_us(ledger: Ledger) -> list[tuple[Any, ...]]:
    return [(t.entry_bar, t.exit_bar, t.shares, t.entry_price, t.exit_price) for t in ledger.trades]


def seen_by_raptor(run: Run) -> list[tuple[Any, ...]]:
    """In whole days: a fill at the open is on raptorbt's bar 2 x day."""
    return [(t.entry_idx / 2, t.exit_idx / 2, t.size, t.entry_price, t.exit_price) for t in run.trades]


@pytest.mark.parametrize("symbol", ["AAPL", "IBM", "MSFT"])
@pytest.mark.parametrize("strategy", ["RSI_MeanReversion_ETF", "SMA_Crossover_ETF"])
def test_trades_and_equity_are_those_of_an_independent_broker(strategy: str, symbol: str) -> None:
    random = Random(f"{strategy} {symbol}")
    trade_count = open_count = 0
    for _ in range(SETS_PER_CASE):
        request, parameters, points = random_case(strategy, symbol, random)
        bars = load_bars(request)
        ledger = trade(request, bars, BarsSettings(fee=basis_points(points)))
        run = raptor_run(request, bars, parameters, points)
        assert seen_by_us(ledger) == seen_by_raptor(run), parameters
        assert [t.fees for t in ledger.trades] == pytest.approx([t.fees for t in run.trades], rel=TOLERANCE)
        assert ledger.open_shares == (run.open_trade.size if run.open_trade else 0)
        assert ledger.held_bars == run.held_days
        assert max_difference(ledger.equity, run.equity) < TOLERANCE
        trade_count += len(ledger.trades)
        open_count += run.open_trade is not None
    # Neither side agrees by doing nothing.
    assert trade_count > 20 * SETS_PER_CASE
    assert open_count > 0


def max_difference(ours: list[float], theirs: list[float]) -> float:
    return max(abs(our - their) / abs(their) for our, their in zip(ours, theirs, strict=True))
