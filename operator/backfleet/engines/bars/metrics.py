"""The metrics of a finished backtest, by LEAN's definitions. A metric that cannot be computed is None, never 0 or NaN.

LEAN's definitions are those of Common/Statistics/PortfolioStatistics.cs and Statistics.cs in QuantConnect/Lean. A function that
differs from LEAN documents it; docs/metrics.md has a table of all metrics.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from math import erf, fsum, sqrt, sumprod
from operator import truediv

from backfleet.core.metrics import OWN_OF_LEAN, fee_share
from backfleet.engines.bars.lean_folder import day_date
from backfleet.engines.bars.portfolio import Ledger
from backfleet.engines.comparable import excess_returns, figures_of, returns_per_year
from backfleet.engines.moments import Moments

TRADING_DAYS = 252
DAYS_PER_YEAR = 365
BLOCKS = 16

Number = float | int | None


@dataclass(frozen=True, slots=True)
class Calendar:
    """Calendar days from the first bar to the last, and the number of daily returns per year."""

    days: int
    returns_per_year: float

    @staticmethod
    def of(days: Sequence[str]) -> "Calendar":
        """Compute the calendar of the bars' days, YYYYMMDD."""
        first, last = day_date(days[0]), day_date(days[-1])
        per_year = returns_per_year(day_date(days[1]), last, len(days) - 1) if len(days) > 1 else 0.0
        return Calendar((last - first).days, per_year)


def measure(
    ledger: Ledger, returns: Sequence[float], calendar: Calendar, risk_free: float | Sequence[float] = 0.0
) -> dict[str, Number]:
    """Compute all of `core.metrics.METRICS` for a ledger and its returns. `risk_free` is one annual rate, or one per return."""
    end = ledger.equity[-1]
    deepest = drawdown(ledger.equity)
    plain = Moments.of(returns)
    risk_free = risk_free if returns else 0.0
    return {
        **_ratios(returns, plain, risk_free),
        **_trade_metrics(ledger),
        "net_profit": end / ledger.initial_cash - 1,
        "annual_return": annual_return(ledger.initial_cash, end, calendar.days),
        "drawdown": deepest,
        "exposure": ledger.held_bars / len(ledger.equity),
        "start_equity": ledger.initial_cash,
        "end_equity": end,
        **dict.fromkeys(OWN_OF_LEAN.values()),
        **figures_of(returns, plain, calendar.returns_per_year, risk_free, deepest),
    }


def daily_returns(equity: Sequence[float]) -> list[float]:
    """Compute the returns from close to close; empty if equity ever reaches zero, since ratios are then meaningless."""
    if min(equity) <= 0:
        return []
    return [ratio - 1.0 for ratio in map(truediv, islice(equity, 1, None), equity)]


def annual_return(start: float, end: float, days: int) -> float | None:
    """Compute the compounding annual return over calendar days / 365, like LEAN's CompoundingAnnualPerformance."""
    if days < 1 or end <= 0:
        return None
    try:
        return float((end / start) ** (DAYS_PER_YEAR / days)) - 1
    except OverflowError:
        return None


def drawdown(equity: Sequence[float]) -> float:
    """Return the largest fall from an earlier peak of closing equity, as a positive fraction; LEAN rounds it to 3 places."""
    peak = trough = equity[0]
    deepest = 0.0
    for value in equity:
        if value > peak:
            deepest = max(deepest, 1.0 - trough / peak)
            peak = trough = value
        elif value < trough:
            trough = value
    return max(deepest, 1 - trough / peak)


def sharpe_ratio(excess: Moments | None) -> float | None:
    """Compute mean / sample deviation of daily excess returns x sqrt(252); LEAN compounds the mean to a year instead."""
    return excess.mean / excess.deviation * sqrt(TRADING_DAYS) if excess and excess.deviation else None


def sortino_ratio(returns: Sequence[float], excess: Moments | None) -> float | None:
    """Compute mean excess / sample deviation of the negative returns alone, like LEAN's AnnualDownsideStandardDeviation.

    This is LEAN's formula, not Sortino and Price's: theirs is `comparable_sortino_ratio`.
    """
    losses = Moments.of([value for value in returns if value < 0.0])
    return excess.mean / losses.deviation * sqrt(TRADING_DAYS) if excess and losses and losses.deviation else None


def probabilistic_sharpe_ratio(excess: Moments | None, annual_benchmark: float = 1.0) -> float | None:
    """Compute the probability that the true Sharpe ratio exceeds an annual benchmark.

    Bailey and López de Prado, The Sharpe Ratio Efficient Frontier (2012): with the observed daily ratio s, skewness g3
    and kurtosis g4 (population moments), N((s - benchmark) sqrt(T - 1) / sqrt(1 - g3 s + (g4 - 1) / 4 s²)). LEAN takes
    sample moments and the excess kurtosis.
    """
    if not excess or not excess.deviation:
        return None
    count = len(excess.distances)
    squares = [distance * distance for distance in excess.distances]
    variance = excess.deviation**2 * (count - 1) / count
    skewness = sumprod(squares, excess.distances) / (count * variance**1.5)
    kurtosis = sumprod(squares, squares) / (count * variance**2)
    observed = excess.mean / excess.deviation
    spread = 1 - skewness * observed + (kurtosis - 1) / 4 * observed**2
    if spread <= 0:
        return None
    score = (observed - annual_benchmark / sqrt(TRADING_DAYS)) * sqrt(count - 1) / sqrt(spread)
    return 0.5 * (1 + erf(score / sqrt(2)))


def return_blocks(returns: Sequence[float]) -> tuple[tuple[int, float, float], ...]:
    """Split the daily returns into 16 equal parts; return count, sum and sum of squares of each."""
    edges = [len(returns) * block // BLOCKS for block in range(BLOCKS + 1)]
    parts = [returns[low:high] for low, high in pairwise(edges)]
    return tuple((len(part), fsum(part), sumprod(part, part)) for part in parts)


def _ratios(returns: Sequence[float], plain: Moments | None, risk_free: float | Sequence[float]) -> dict[str, Number]:
    excess = excess_returns(returns, risk_free, TRADING_DAYS)
    moments = plain if excess is returns else Moments.of(excess)
    return {
        "sharpe_ratio": sharpe_ratio(moments),
        "sortino_ratio": sortino_ratio(returns, moments),
        "probabilistic_sharpe_ratio": probabilistic_sharpe_ratio(moments),
        "annual_standard_deviation": plain.deviation * sqrt(TRADING_DAYS) if plain else None,
    }


def _trade_metrics(ledger: Ledger) -> dict[str, Number]:
    """Compute the metrics of trades. A win has a profit after fees.

    As in LEAN, a trade's return is its profit / the realized capital before it, and the gross profit sums the trades with a
    profit before fees. Dividends count in equity but in no trade.
    """
    wins: list[float] = []
    losses: list[float] = []
    capital = ledger.initial_cash
    gross_profits: list[float] = []
    for _, _, shares, entry_price, exit_price, fees in ledger.trades:
        gross = shares * (exit_price - entry_price)
        profit = gross - fees
        if gross > 0:
            gross_profits.append(gross)
        (wins if profit > 0 else losses).append(profit / capital if capital > 0 else 0.0)
        capital += profit
    average_win = _mean(wins) if wins else None
    average_loss = _mean(losses) if losses else None
    gross_profit = fsum(gross_profits)
    return {
        "total_orders": ledger.order_count,
        "total_trades": len(ledger.trades),
        "win_rate": len(wins) / len(ledger.trades) if ledger.trades else None,
        "average_win": average_win,
        "average_loss": average_loss,
        "profit_loss_ratio": average_win / -average_loss if average_win and average_loss else None,
        "total_fees": ledger.total_fees,
        "gross_profit": gross_profit,
        "fee_share": fee_share(ledger.total_fees, gross_profit),
    }


def _mean(values: Sequence[float]) -> float:
    return fsum(values) / len(values)
