import itertools
from functools import partial
from math import isclose

import pytest

from backfleet.engines.bars.backtest import BarsSettings, load_bars, trade
from backfleet.engines.bars.portfolio import Ledger
from tests.unit.engines.builders import make_bars, make_request
from tests.unit.engines.naive import NaiveBroker, read_days, run_rsi, run_sma

RSI_GRID = list(itertools.product((10, 14), (25, 35), (50, 70), (0.01, 0.02), (0.025,)))
SMA_GRID = list(itertools.product((20, 50), (100,), (1.2,), (0.0105, 0.02), (0.015, 0.025)))


def assert_same(ledger: Ledger, naive: NaiveBroker) -> None:
    assert all(map(partial(isclose, rel_tol=1e-12), ledger.equity, naive.equity))
    assert len(ledger.equity) == len(naive.equity)
    trades = [(item.entry_bar, item.exit_bar, item.shares) for item in ledger.trades]
    assert trades == [item[:3] for item in naive.trades]
    assert ledger.open_shares == naive.shares


@pytest.mark.parametrize("symbol", ["aapl", "ibm", "msft"])
def test_rsi_mean_reversion_is_its_rule_restated(symbol: str) -> None:
    days, count = read_days(symbol), 0
    for period, entry, exit_, stop, target in RSI_GRID:
        parameters = {"rsi_period": period, "entry_threshold": entry, "exit_threshold": exit_}
        parameters |= {"stop_loss_pct": stop, "profit_target_pct": target}
        request = make_request(parameters={name: str(value) for name, value in parameters.items()}, symbols=(symbol,))
        ledger = trade(request, load_bars(request), BarsSettings())
        assert_same(ledger, run_rsi(days, period, entry, exit_, stop, target))
        count += len(ledger.trades)
    assert count > 250


@pytest.mark.parametrize("symbol", ["aapl", "ibm", "msft"])
def test_sma_crossover_is_its_rule_restated(symbol: str) -> None:
    days, count = read_days(symbol), 0
    for fast, slow, volume, stop, target in SMA_GRID:
        parameters = {"fast_sma": fast, "slow_sma": slow, "volume_threshold": volume}
        parameters |= {"stop_loss_pct": stop, "profit_target_pct": target}
        texts = {name: str(value) for name, value in parameters.items()}
        request = make_request("SMA_Crossover_ETF", texts, (symbol,))
        ledger = trade(request, load_bars(request), BarsSettings())
        assert_same(ledger, run_sma(days, fast, slow, volume, stop, target))
        count += len(ledger.trades)
    assert count > 250


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
    parameters = {"fast_sma": "2", "slow_sma": "3", "volume_threshold": "0"}
    bars = make_bars([10.1] * 8)
    ledger = trade(make_request("SMA_Crossover_ETF", parameters), bars, BarsSettings())
    assert ledger.order_count == 0
