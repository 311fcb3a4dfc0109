"""Twelve strategies against `restated`, on real bars, over random parameters around the ranges of their page and beyond."""

from random import Random
from typing import Any

import pytest

from backfleet.engines.bars.backtest import load_bars, trade
from backfleet.engines.bars.settings import BarsSettings
from backfleet.engines.bars.strategies import STRATEGIES
from tests.support.bars.indexes import read_index
from tests.support.bars.naive import Day, NaiveBroker, read_days
from tests.support.bars.parameters import days_for, random_parameters, symbols_for
from tests.support.bars.restated import RULES, run_gap, run_rule
from tests.support.engines import make_request, texts_of
from tests.unit.engines.test_strategies import assert_same

SETS_PER_CASE = 12


SERIES = {symbol: read_days(symbol.lower()) for symbol in ("AAPL", "IBM", "MSFT")} | {
    symbol: read_index(symbol) for symbol in ("SPX", "VIX")
}
TWELVE = [strategy for strategy in STRATEGIES if strategy not in ("RSI_MeanReversion_ETF", "SMA_Crossover_ETF")]
CASES = [
    pytest.param(strategy, symbols, id=f"{strategy}-{'-'.join(symbols)}")
    for strategy in TWELVE
    for symbols in symbols_for(strategy)
]


def restated(strategy: str, days: list[list[Day]], parameters: dict[str, Any], cash: float) -> NaiveBroker:
    if strategy == "Gap_Trading_Overnight":
        return run_gap(days[0], parameters, cash)
    return run_rule(RULES[strategy](days[0], parameters, *days[1:]), days[0], parameters, cash)


@pytest.mark.parametrize(("strategy", "symbols"), CASES)
def test_a_strategy_is_its_rule_restated(strategy: str, symbols: tuple[str, ...]) -> None:
    random, trades, days = Random(f"{strategy} {symbols}"), 0, days_for(strategy)
    series = load_bars(make_request(strategy, symbols=symbols, days=days))
    for _ in range(SETS_PER_CASE):
        parameters = random_parameters(strategy, random)
        cash = random.choice(["1000", "25000.50", "1000000"])
        request = make_request(strategy, texts_of(parameters), symbols, cash, days)
        ledger = trade(request, series, BarsSettings())
        assert_same(ledger, restated(strategy, [SERIES[each] for each in symbols], parameters, float(cash)))
        trades += len(ledger.trades)
    # Neither side agrees by doing nothing.
    assert trades > 5 * SETS_PER_CASE


@pytest.mark.parametrize("strategy", TWELVE)
def test_what_a_batch_does_not_set_has_the_page_s_default(strategy: str) -> None:
    symbols = symbols_for(strategy)[0]
    request = make_request(strategy, symbols=symbols, cash="100000", days=days_for(strategy))
    ledger = trade(request, load_bars(request), BarsSettings())
    defaults = DEFAULTS[strategy] | {"stop_loss_pct": 0.015, "profit_target_pct": 0.02}
    assert_same(ledger, restated(strategy, [SERIES[each] for each in symbols], defaults, 100_000.0))
    assert ledger.trades


DEFAULTS: dict[str, dict[str, Any]] = {
    "BollingerBand_ETF_LowFreq": {"bb_period": 20, "bb_std_dev": 2.5, "entry_distance_pct": 0.01},
    "Breakout_Momentum_Equity": {
        "lookback_period": 30,
        "breakout_threshold": 0.02,
        "volume_multiplier": 2.0,
        "holding_period": 5,
    },
    "ATR_Breakout_ETF": {"atr_period": 14, "breakout_multiplier": 2.5, "holding_period": 5},
    "VIX_Market_Timing": {"vix_entry_threshold": 25, "vix_exit_threshold": 18, "position_size_pct": 0.75},
    "RSI_MACD_Combo_ETF": {
        "rsi_period": 14,
        "rsi_threshold": 30,
        "rsi_exit_threshold": 65,
        "macd_fast": 12,
        "macd_slow": 26,
        "macd_signal": 9,
    },
    "MeanReversion_TrendFilter_ETF": {"rsi_period": 14, "rsi_entry": 30, "trend_sma": 200, "require_trend": True},
    "Earnings_Momentum": {"lookback_period": 5, "momentum_threshold": 0.03, "holding_period": 3},
    "Statistical_Pairs_Trading": {"sma_period": 50, "std_dev_threshold": 2.0},
    "Relative_Strength_Leaders": {"lookback_period": 30, "holding_period": 5},
    "Gap_Trading_Overnight": {"gap_threshold": 0.015, "gap_direction": "up"},
    "Donchian_Breakout_ETF": {"donchian_period": 30, "breakout_threshold": 1.0},
    "Quality_Factor_Momentum": {"momentum_period": 30, "momentum_threshold": 0.05, "holding_period": 10},
}
