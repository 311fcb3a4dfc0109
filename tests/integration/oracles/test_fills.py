"""`bars` against raptorbt: the same trades and the same equity, over hundreds of random parameter sets on the real bars."""

from random import Random
from typing import Any

import pytest

from backfleet.core.backtests import BacktestRequest
from backfleet.engines.bars.backtest import load_bars, trade
from backfleet.engines.bars.fees import basis_points
from backfleet.engines.bars.market_data import Bars
from backfleet.engines.bars.portfolio import Ledger
from backfleet.engines.bars.settings import BarsSettings
from backfleet.engines.bars.strategies import STRATEGIES
from tests.integration.oracles.raptor import Run, run_rule
from tests.integration.oracles.rules import rule_of
from tests.support.bars.parameters import days_for, random_parameters, symbols_for
from tests.support.engines import make_request, texts_of

SETS_PER_CASE = 10
TOLERANCE = 1e-12
"""Relative, of money: both add the same numbers, perhaps in another order. Days, shares and prices are equal."""


def random_case(
    strategy: str, symbols: tuple[str, ...], random: Random
) -> tuple[BacktestRequest, dict[str, Any], float]:
    parameters = random_parameters(strategy, random)
    cash = random.choice(["1000", "25000.50", "1000000"])
    request = make_request(strategy, texts_of(parameters), symbols, cash, days_for(strategy))
    return request, parameters, random.choice([0.0, 5.0, 30.0])


def raptor_run(request: BacktestRequest, series: tuple[Bars, ...], parameters: dict[str, Any], points: float) -> Run:
    rule = rule_of(request.strategy, series, parameters)
    return run_rule(series[0], rule, float(request.initial_cash), points / 10_000)


def seen_by_us(ledger: Ledger) -> list[tuple[Any, ...]]:
    return [(t.entry_bar, t.exit_bar, t.shares, t.entry_price, t.exit_price) for t in ledger.trades]


def seen_by_raptor(run: Run) -> list[tuple[Any, ...]]:
    """Convert raptorbt's bars to days: an open is its bar 2 x day, a close the one after it."""
    return [(t.entry_idx // 2, t.exit_idx // 2, t.size, t.entry_price, t.exit_price) for t in run.trades]


CASES = [
    pytest.param(strategy, symbols, id=f"{strategy}-{'-'.join(symbols)}")
    for strategy in STRATEGIES
    for symbols in symbols_for(strategy)
]


@pytest.mark.parametrize(("strategy", "symbols"), CASES)
def test_trades_and_equity_are_those_of_an_independent_broker(strategy: str, symbols: tuple[str, ...]) -> None:
    random = Random(f"{strategy} {symbols}")
    trade_count = 0
    for _ in range(SETS_PER_CASE):
        request, parameters, points = random_case(strategy, symbols, random)
        series = load_bars(request)
        ledger = trade(request, series, BarsSettings(fee=basis_points(points)))
        run = raptor_run(request, series, parameters, points)
        assert seen_by_us(ledger) == seen_by_raptor(run), parameters
        assert [t.fees for t in ledger.trades] == pytest.approx([t.fees for t in run.trades], rel=TOLERANCE)
        assert ledger.open_shares == (run.open_trade.size if run.open_trade else 0)
        assert ledger.held_bars == run.held_days
        assert max_difference(ledger.equity, run.equity) < TOLERANCE
        trade_count += len(ledger.trades)
    # Neither side agrees by doing nothing.
    assert trade_count > 5 * SETS_PER_CASE


def max_difference(ours: list[float], theirs: list[float]) -> float:
    return max(abs(our - their) / abs(their) for our, their in zip(ours, theirs, strict=True))
