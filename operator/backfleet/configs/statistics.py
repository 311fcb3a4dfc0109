"""Maps the names of statistics, as researchers and LEAN write them, to metrics."""

import re

from backfleet.configs.wording import near
from backfleet.core.metrics import METRICS

_ALIASES = {
    "sharpe": "sharpe_ratio",
    "sortino": "sortino_ratio",
    "psr": "probabilistic_sharpe_ratio",
    "max_drawdown": "drawdown",
    "maximum_drawdown": "drawdown",
    "trades": "total_trades",
    "number_of_trades": "total_trades",
    "total_number_of_trades": "total_trades",
    "orders": "total_orders",
    "avg_win": "average_win",
    "average_win_rate": "average_win",
    "avg_loss": "average_loss",
    "average_loss_rate": "average_loss",
    "winrate": "win_rate",
    "fee_pct": "fee_share",
    "fees_pct": "fee_share",
    "fee_percentage": "fee_share",
    "total_net_profit": "net_profit",
    "total_return": "net_profit",
    "compounding_annual_return": "annual_return",
    "cagr": "annual_return",
    "profit_loss": "profit_loss_ratio",
}


PORTFOLIO = "TotalPerformance.PortfolioStatistics"
_PORTFOLIO_PATHS = ("", "statistics", "portfoliostatistics", PORTFOLIO.lower())
"""The paths of the whole portfolio's figures in LEAN's result."""
_TRADES_PATHS = ("tradestatistics", "totalperformance.tradestatistics")
_OF_TRADES = {"totalnumberoftrades": "total_trades"}
"""The figures from closed trades that are a metric. The others there share the portfolio's names but mean something else."""


def metric_of(text: str) -> str | None:
    """Return the metric of a name, or None.

    Examples: "Sharpe Ratio", "PSR", "TotalPerformance.PortfolioStatistics.SharpeRatio", sharpe_ratio.
    """
    path, last = _split(text)
    if path in _TRADES_PATHS:
        return _OF_TRADES.get(last.lower())
    if path not in _PORTFOLIO_PATHS:
        return None
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", last)
    plain = re.sub(r"[^a-z0-9]+", "_", spaced.lower()).strip("_")
    plain = _ALIASES.get(plain, plain)
    return plain if plain in METRICS else None


def choose(text: str) -> str:
    """Say what to write instead of a statistic that is not known."""
    path, last = _split(text)
    if path and path not in _PORTFOLIO_PATHS:
        return f"use a figure of {PORTFOLIO}, or its name alone, such as {last or 'Sharpe Ratio'}"
    close = near(last, [name.replace("_", " ") for name in [*METRICS, *_ALIASES]])
    hint = f"Did you mean {close.title()}? " if close else ""
    return f"{hint}Use one of: {', '.join(METRICS)}"


def _split(text: str) -> tuple[str, str]:
    """Return the path in LEAN's result, in lower case, and the name. LEAN also writes ['Statistics'].['Sharpe Ratio']."""
    path, _, last = re.sub(r"[\[\]']", "", text).strip().rpartition(".")
    return path.strip().lower(), last.strip()
