import itertools
from collections.abc import Sequence
from functools import partial
from math import isclose
from random import Random

import pytest

from backfleet.engines.bars.backtest import BarsSettings, load_bars, trade
from backfleet.engines.bars.portfolio import Ledger
from backfleet.engines.bars.strategies import STRATEGIES
from tests.unit.engines.builders import make_bars, make_request
from tests.unit.engines.naive import NaiveBroker, read_days, run_rsi, run_sma

RSI_GRID = list(itertools.product((10, 14), (25, 35), (50, 70), (0.01, 0.02), (0.025,)))
SMA_GRID = list(itertools.product((20, 50), (100,), (1.2,), (0.0105, 0.02), (0.015, 0.025)))

RSI_NAMES = ("rsi_period", "entry_threshold", "exit_threshold", "stop_loss_pct", "profit_target_pct")
SMA_NAMES = ("fast_sma", "slow_sma", "volume_threshold", "stop_loss_pct", "profit_target_pct")
RANDOM_SETS = 60
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
        ledger = trade(make_request(parameters=texts(RSI_NAMES, values)), bars, BarsSettings())
        assert_same(ledger, run_rsi(days, *values))
        count += len(ledger.trades)
    assert count > 1000


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
    assert count > 1000


def test_a_batch_that_sets_no_parameter_gets_the_defaults() -> None:
    rsi = make_request()
    assert_same(trade(rsi, load_bars(rsi), BarsSettings()), run_rsi(read_days("aapl")))
    sma = make_request("SMA_Crossover_ETF")
    assert_same(trade(sma, load_bars(sma), BarsSettings()), run_sma(read_days("aapl")))


def test_leaving_by_rsi_needs_neither_stop_nor_target() -> None:
    parameters = {"rsi_period": "2", "exit_threshold": "60", "stop_loss_pct": "0.9", "profit_target_pct": "9"}
    bars = make_bars([10, 9, 8, 8, 9, 10, 10])
    ledger = trade(make_request(parameters=parameters), bars, BarsSettings())
    assert [(item.entry_bar, item.exit_bar) for item in ledger.trades] == [(3, 5)]


def test_equal_averages_neither_enter_nor_leave() -> None:
    values = {"fast_sma": 2, "slow_sma": 3, "volume_threshold": 0.0, "stop_loss_pct": 0.1, "profit_target_pct": 0.1}
    signals = STRATEGIES["SMA_Crossover_ETF"].signals(make_bars([10.1] * 8), values)
    assert not any(signals.enter)
    assert not any(signals.leave)
