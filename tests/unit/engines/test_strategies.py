import itertools
from collections.abc import Sequence
from functools import partial
from math import isclose
from random import Random
from typing import Any

import pytest

from backfleet.engines.bars.backtest import load_bars, trade
from backfleet.engines.bars.portfolio import Ledger, Signals
from backfleet.engines.bars.settings import BarsSettings
from backfleet.engines.bars.strategies import STRATEGIES
from tests.support.bars.naive import NaiveBroker, read_days, run_rsi, run_sma
from tests.support.engines import make_bars, make_request

RSI_GRID = list(itertools.product((10, 14), (25, 35), (50, 70), (0.01, 0.02), (0.025,)))
SMA_GRID = list(itertools.product((20, 50), (100,), (1.2,), (0.0105, 0.02), (0.015, 0.025)))

RSI_NAMES = ("rsi_period", "entry_threshold", "exit_threshold", "stop_loss_pct", "profit_target_pct")
SMA_NAMES = ("fast_sma", "slow_sma", "volume_threshold", "stop_loss_pct", "profit_target_pct")
RANDOM_SETS = 20
"""Of each strategy on each symbol, around the ranges of its page and beyond."""


def texts(names: Sequence[str], values: Sequence[float]) -> dict[str, str]:
    return {name: str(value) for name, value in zip(names, values, strict=True)}


def assert_same(ledger: Ledger, naive: NaiveBroker) -> None:
    assert all(map(partial(isclose, rel_tol=1e-12), ledger.equity, naive.equity))
    assert len(ledger.equity) == len(naive.equity)
    trades = [(item.entry_bar, item.exit_bar, item.shares) for item in ledger.trades]
    assert trades == [item[:3] for item in naive.trades]
    assert ledger.open_shares == naive.shares


def random_exits(random: Random) -> tuple[float, float]:
    return round(random.uniform(0.004, 0.05), 4), round(random.uniform(0.01, 0.08), 4)


@pytest.mark.parametrize("symbol", ["aapl", "ibm", "msft"])
def test_rsi_mean_reversion_is_its_rule_restated(symbol: str) -> None:
    days, bars, random, count = read_days(symbol), load_bars(make_request(symbols=(symbol,))), Random(symbol), 0
    anywhere = [
        (random.randint(1, 30), random.randint(15, 50), random.randint(45, 85), *random_exits(random))
        for _ in range(RANDOM_SETS)
    ]
    for values in RSI_GRID + anywhere:
        ledger = trade(make_request(parameter_texts=texts(RSI_NAMES, values)), bars, BarsSettings())
        assert_same(ledger, run_rsi(days, *values))
        count += len(ledger.trades)
    assert count > 500


@pytest.mark.parametrize("symbol", ["aapl", "ibm", "msft"])
def test_sma_crossover_is_its_rule_restated(symbol: str) -> None:
    days, bars, random, count = read_days(symbol), load_bars(make_request(symbols=(symbol,))), Random(symbol), 0
    anywhere = [
        (random.randint(2, 60), random.randint(30, 250), round(random.uniform(0, 2.5), 2), *random_exits(random))
        for _ in range(RANDOM_SETS)
    ]
    for values in SMA_GRID + anywhere:
        ledger = trade(make_request("SMA_Crossover_ETF", texts(SMA_NAMES, values)), bars, BarsSettings())
        assert_same(ledger, run_sma(days, *values))
        count += len(ledger.trades)
    assert count > 500


def test_a_batch_that_sets_no_parameter_gets_the_defaults() -> None:
    rsi = make_request()
    assert_same(trade(rsi, load_bars(rsi), BarsSettings()), run_rsi(read_days("aapl")))
    sma = make_request("SMA_Crossover_ETF")
    assert_same(trade(sma, load_bars(sma), BarsSettings()), run_sma(read_days("aapl")))


def test_leaving_by_rsi_needs_neither_stop_nor_target() -> None:
    parameters = {"rsi_period": "2", "exit_threshold": "60", "stop_loss_pct": "0.9", "profit_target_pct": "9"}
    bars = make_bars([10, 9, 8, 8, 9, 10, 10])
    ledger = trade(make_request(parameter_texts=parameters), (bars,), BarsSettings())
    assert [(item.entry_bar, item.exit_bar) for item in ledger.trades] == [(3, 5)]


def test_equal_averages_neither_enter_nor_leave() -> None:
    values = {"fast_sma": 2, "slow_sma": 3, "volume_threshold": 0.0, "stop_loss_pct": 0.1, "profit_target_pct": 0.1}
    signals = STRATEGIES["SMA_Crossover_ETF"].signals((make_bars([10.1] * 8),), values)
    assert not any(signals.enter)
    assert isinstance(signals, Signals)
    assert not any(signals.leave)


def test_a_trend_filter_holds_back_until_its_average_is_ready() -> None:
    values = {"rsi_period": 1, "rsi_entry": 101.0, "trend_sma": 3, "stop_loss_pct": 0.1, "profit_target_pct": 0.1}
    bars = make_bars([1.0, 2.0, 3.0, 4.0, 1.0])
    rule = STRATEGIES["MeanReversion_TrendFilter_ETF"].signals
    assert rule((bars,), values | {"require_trend": True}).enter == [False, False, True, True, False]
    assert rule((bars,), values | {"require_trend": False}).enter == [False, True, True, True, True]


@pytest.mark.parametrize(
    ("strategy", "own", "entering"),
    [
        ("Earnings_Momentum", {"lookback_period": 1, "momentum_threshold": 0.03, "holding_period": 1}, [0, 0, 0, 1]),
        ("Donchian_Breakout_ETF", {"donchian_period": 1, "breakout_threshold": 1.03}, [0, 1, 0, 1]),
        (
            "Breakout_Momentum_Equity",
            {"lookback_period": 2, "breakout_threshold": 0.03, "volume_multiplier": 0.0, "holding_period": 1},
            [0, 0, 0, 1],
        ),
        ("Gap_Trading_Overnight", {"gap_threshold": 0.03, "gap_direction": "both"}, [0, 0, 0, 1]),
    ],
)
def test_what_equals_a_threshold_in_decimals_equals_it_here(
    strategy: str, own: dict[str, Any], entering: list[int]
) -> None:
    # 10.30 is exactly 3 % above 10.00, and more in binary; then no change; then more than 3 %.
    prices = [10.0, 10.3, 10.3, 10.61]
    bars = make_bars(prices, opens=prices)
    signals = STRATEGIES[strategy].signals((bars,), own | {"stop_loss_pct": 0.1, "profit_target_pct": 0.1})
    assert list(map(int, signals.enter)) == entering


def test_a_gap_counts_in_the_direction_chosen_and_never_on_the_first_bar() -> None:
    bars = make_bars([10.0, 10.0, 10.0], opens=[10.0, 11.0, 9.0])
    for direction, entering in (("up", [0, 1, 0]), ("down", [0, 0, 1]), ("both", [0, 1, 1])):
        values = {"gap_threshold": 0.05, "gap_direction": direction, "stop_loss_pct": 0.1}
        assert list(map(int, STRATEGIES["Gap_Trading_Overnight"].signals((bars,), values).enter)) == entering


def test_a_pair_without_deviation_neither_enters_nor_leaves() -> None:
    values = {"sma_period": 3, "std_dev_threshold": 0.0, "stop_loss_pct": 0.1, "profit_target_pct": 0.1}
    signals = STRATEGIES["Statistical_Pairs_Trading"].signals((make_bars([10.1] * 8), make_bars([3.3] * 8)), values)
    assert not any(signals.enter)
    assert isinstance(signals, Signals)
    assert not any(signals.leave)


def test_fear_at_a_threshold_neither_enters_nor_leaves() -> None:
    values = {"vix_entry_threshold": 25.0, "vix_exit_threshold": 18.0, "position_size_pct": 0.5}
    values |= {"stop_loss_pct": 0.1, "profit_target_pct": 0.1}
    levels = make_bars([25.0, 25.01, 18.0, 17.99])
    signals = STRATEGIES["VIX_Market_Timing"].signals((make_bars([10.0] * 4), levels), values)
    assert isinstance(signals, Signals)
    assert (signals.enter, signals.leave) == ([False, True, False, False], [False, False, False, True])


def test_a_breakout_needs_more_volume_than_its_multiple_of_the_average() -> None:
    values = {"lookback_period": 2, "breakout_threshold": 0.0, "volume_multiplier": 1.5, "holding_period": 1}
    values |= {"stop_loss_pct": 0.1, "profit_target_pct": 0.1}
    for volume, is_entered in ((300.0, False), (301.0, True)):
        # With 100 before it, 300 is exactly 1.5 times the average of both.
        bars = make_bars([10.0, 11.0], volumes=[100.0, volume])
        assert STRATEGIES["Breakout_Momentum_Equity"].signals((bars,), values).enter == [False, is_entered]


def test_a_rise_that_rounds_above_its_threshold_in_binary_is_not_above_it() -> None:
    values = {"lookback_period": 1, "momentum_threshold": 0.005, "holding_period": 1}
    values |= {"stop_loss_pct": 0.1, "profit_target_pct": 0.1}
    assert 10.05 / 10.0 > 1 + 0.005
    for close, is_entered in ((10.05, False), (10.0501, True)):
        bars = make_bars([10.0, close])
        assert STRATEGIES["Earnings_Momentum"].signals((bars,), values).enter == [False, is_entered]
