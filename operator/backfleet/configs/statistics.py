"""Names of statistics as researchers and LEAN write them, and the metric that each is."""

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
"""Where LEAN's result has the figures of the whole portfolio."""
_TRADES_PATHS = ("tradestatistics", "totalperformance.tradestatistics")
_OF_TRADES = {"totalnumberoftrades": "total_trades"}
"""What LEAN computes from closed trades alone; all else there has the portfolio's names and another meaning."""


def metric_of(text: str) -> str | None:
    """The metric of "Sharpe Ratio", "PSR", "TotalPerformance.PortfolioStatistics.SharpeRatio" or sharpe_ratio."""
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
    """What to write in place of a statistic that is not known."""
    path, last = _split(text)
    if path and path not in _PORTFOLIO_PATHS:
        return f"figures are read from {PORTFOLIO}, or by name alone, such as {last or 'Sharpe Ratio'}"
    close = near(last, [name.replace("_", " ") for name in [*METRICS, *_ALIASES]])
    hint = f"did you mean {close.title()}? " if close else ""
    return f"{hint}known: {', '.join(METRICS)}"


def _split(text: str) -> tuple[str, str]:
    """The path in LEAN's result, in lower case, and the name; LEAN writes ['Statistics'].['Sharpe Ratio'] as well."""
    path, _, last = re.sub(r"[\[\]']", "", text).strip().rpartition(".")
    return path.strip().lower(), last.strip()
