"""Every metric of `bars` against statistics packages: raptorbt's own, jsharpe's and scipy's; conversions are written out."""

from math import sqrt
from random import Random
from typing import Any

import jsharpe
import numpy
import pytest
from scipy import optimize, stats

from backfleet.core.metrics import METRICS, OWN_OF_LEAN
from backfleet.engines.bars.backtest import load_bars, run, trade
from backfleet.engines.bars.fees import basis_points
from backfleet.engines.bars.lean_folder import day_date
from backfleet.engines.bars.metrics import Calendar, daily_returns, measure
from backfleet.engines.bars.portfolio import Ledger
from backfleet.engines.bars.settings import BarsSettings
from tests.integration.oracles.raptor import Run, holding
from tests.integration.oracles.test_fills import random_case, raptor_run

TOLERANCE = 1e-9
"""Relative. Sums over thousands of returns in another order; the probability's argument is the most sensitive."""


def expected_ratios(equity: list[float], rate: float) -> dict[str, float]:
    """Return the metrics of a path of daily equity, by the packages."""
    path = numpy.array(equity)
    returns = path[1:] / path[:-1] - 1
    # raptorbt spreads no rate over its Sortino ratio, so it is given the path of the excess returns.
    excess = returns - rate / 252
    holdings = holding([*numpy.cumprod([1.0, *(1 + excess)])])
    return {
        "sharpe_ratio": without_first_zero(holdings.sharpe_ratio, excess),
        "sortino_ratio": lean_sortino(holdings.sortino_ratio, returns, excess),
        "probabilistic_sharpe_ratio": probability(excess),
        "annual_standard_deviation": float(stats.tstd(returns)) * sqrt(252),
        "drawdown": holding(equity).max_drawdown_pct / 100,
        "net_profit": holding(equity).total_return_pct / 100,
    }


def without_first_zero(sharpe: float, excess: Any) -> float:
    """Take the first return out of mean and deviation: raptorbt counts a 0 at the first bar, where nothing was held yet."""
    counted = [0.0, *excess]
    mean = sharpe / sqrt(252) * float(stats.tstd(counted)) * len(counted) / len(excess)
    return mean / float(stats.tstd(excess)) * sqrt(252)


def lean_sortino(sortino: float, returns: Any, excess: Any) -> float:
    """Divide by the sample deviation of the losses, as LEAN does. raptorbt takes their root mean square over all days."""
    counted = numpy.array([0.0, *excess])
    mean = sortino * numpy.sqrt(numpy.mean(numpy.minimum(counted, 0) ** 2)) * len(counted) / len(excess)
    return float(mean / stats.tstd(returns[returns < 0]))


def comparable_ratios(equity: list[float], per_year: float, rate: float) -> dict[str, float]:
    """Return the comparable figures, by the packages; raptorbt's Sortino ratio is the textbook's, on a year of 252."""
    path = numpy.array(equity)
    returns = path[1:] / path[:-1] - 1
    excess = returns - rate / per_year
    textbook = holding([*numpy.cumprod([1.0, *(1 + excess)])]).sortino_ratio
    counted = len(excess) + 1
    return {
        "comparable_sharpe_ratio": float(numpy.mean(excess) / stats.tstd(excess)) * sqrt(per_year),
        "comparable_sortino_ratio": textbook * sqrt(counted / len(excess) * per_year / 252),
        "comparable_annual_standard_deviation": float(stats.tstd(returns)) * sqrt(per_year),
        "comparable_drawdown": holding(equity).max_drawdown_pct / 100,
    }


def probability(excess: Any) -> float:
    """Compute with the observed variance over T - 1 (Bailey and López de Prado, 2012). jsharpe's default is another one."""
    observed = float(numpy.mean(excess) / stats.tstd(excess))
    moments = {"gamma3": stats.skew(excess), "gamma4": stats.kurtosis(excess, fisher=False)}
    variance = jsharpe.sharpe_ratio_variance(observed, len(excess) - 1, **moments)
    return jsharpe.probabilistic_sharpe_ratio(observed, 1 / sqrt(252), variance=variance)


def expected_of_trades(ledger_cash: float, theirs: Run) -> dict[str, float | int | None]:
    """Return the metrics of the trades that raptorbt made; LEAN takes a trade's return over the realized capital before it."""
    profits = numpy.array([item.pnl for item in theirs.trades])
    fees = numpy.array([item.fees for item in theirs.trades])
    before = ledger_cash + numpy.concatenate([[0.0], numpy.cumsum(profits)[:-1]])
    is_win = profits > 0
    average_win, average_loss = average((profits / before)[is_win]), average((profits / before)[~is_win])
    open_fee = theirs.open_trade.entry_fees if theirs.open_trade else 0.0
    before_fees = profits + fees
    total_fees, gross = float(fees.sum()) + open_fee, float(before_fees[before_fees > 0].sum())
    return {
        "total_orders": 2 * len(profits) + bool(theirs.open_trade),
        "total_trades": len(profits),
        "win_rate": float(is_win.mean()),
        "average_win": average_win,
        "average_loss": average_loss,
        "profit_loss_ratio": average_win / -average_loss if average_win and average_loss else None,
        "total_fees": total_fees,
        "gross_profit": gross,
        "fee_share": total_fees / gross if gross else None,
        "exposure": theirs.held_days / len(theirs.equity),
        "start_equity": ledger_cash,
        "end_equity": theirs.equity[-1],
    }


def average(values: Any) -> float | None:
    return float(numpy.mean(values)) if len(values) else None


def compound_rate(start: float, end: float, days: int) -> float:
    """Return the yearly rate that grows start to end, found as a root."""
    found = optimize.brentq(lambda rate: start * (1 + rate) ** (days / 365) - end, -0.999999, 1e6, xtol=1e-15)
    return float(found)


def yearly_returns(days: list[str]) -> float:
    """Return the number of returns per year between the days of the first return and the last."""
    return (len(days) - 2) / (day_date(days[-1]) - day_date(days[1])).days * 365.25


def some_returns(seed: int) -> list[float]:
    """Draw normal, skewed or fat-tailed daily returns, with days on which nothing is held."""
    random = numpy.random.default_rng(seed)
    count = int(random.integers(20, 1500))
    shape = [random.normal(0, 1, count), random.standard_t(4, count), random.exponential(1, count) - 1][seed % 3]
    is_flat = random.random(count) < random.choice([0.0, 0.5, 0.8])
    return [float(value) for value in numpy.where(is_flat, 0.0, 0.0006 + 0.008 * shape)]


@pytest.mark.parametrize("rate", [0.0, 0.03], ids=["no rate", "3 % a year"])
def test_ratios_of_random_returns_are_those_of_the_packages(rate: float) -> None:
    for seed in range(150):
        equity = [1000.0 * float(value) for value in numpy.cumprod([1.0, *(1 + numpy.array(some_returns(seed)))])]
        ledger = Ledger(
            initial_cash=1000.0, equity=equity, trades=(), order_count=0, total_fees=0.0, held_bars=0, open_shares=0
        )
        calendar = Calendar(400 + seed, 250.0 + seed)
        measured = measure(ledger, daily_returns(equity), calendar, rate)
        expected = {
            **expected_ratios(equity, rate),
            **comparable_ratios(equity, 250.0 + seed, rate),
            "annual_return": compound_rate(1000.0, equity[-1], 400 + seed),
        }
        assert {name: measured[name] for name in expected} == pytest.approx(expected, rel=TOLERANCE, abs=1e-12), seed


@pytest.mark.parametrize(
    "strategy", ["RSI_MeanReversion_ETF", "SMA_Crossover_ETF", "Donchian_Breakout_ETF", "Gap_Trading_Overnight"]
)
def test_every_metric_of_a_real_backtest_is_that_of_the_packages(strategy: str) -> None:
    random = Random(strategy)
    for symbol in ("AAPL", "IBM", "MSFT") * 7:
        request, parameters, points = random_case(strategy, (symbol,), random)
        series, rate = load_bars(request), random.choice([0.0, 0.02])
        settings = BarsSettings(fee=basis_points(points), risk_free_rate=rate)
        metrics = run(request, series, settings).metrics
        theirs = raptor_run(request, series, parameters, points)
        cash, dates = float(request.initial_cash), series[0].days
        days = (day_date(dates[-1]) - day_date(dates[0])).days
        expected = {
            **expected_ratios(theirs.equity, rate),
            **comparable_ratios(theirs.equity, yearly_returns(dates), rate),
            **expected_of_trades(cash, theirs),
            "annual_return": compound_rate(cash, theirs.equity[-1], days),
        }
        present = {name: value for name, value in expected.items() if value is not None}
        assert {name for name, value in metrics.items() if value is not None} == set(present), (symbol, parameters)
        assert {name: metrics[name] for name in present} == pytest.approx(present, rel=TOLERANCE, abs=1e-12)
        assert {*expected, *OWN_OF_LEAN.values()} == set(METRICS)


def test_blocks_add_up_to_the_packages_moments() -> None:
    request, _, points = random_case("RSI_MeanReversion_ETF", ("AAPL",), Random(3))
    bars = load_bars(request)
    settings = BarsSettings(fee=basis_points(points))
    returns = numpy.array(daily_returns(trade(request, bars, settings).equity))
    counts, totals, squares = zip(*run(request, bars, settings).blocks, strict=True)
    mean = sum(totals) / sum(counts)
    variance = (sum(squares) - sum(counts) * mean**2) / (sum(counts) - 1)
    assert (sum(counts), mean) == (len(returns), pytest.approx(numpy.mean(returns)))
    assert variance == pytest.approx(float(stats.tvar(returns)))
