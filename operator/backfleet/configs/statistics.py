"""Names of statistics as researchers and LEAN write them, and the metric that each is."""

import re
from difflib import get_close_matches

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


def metric_of(text: str) -> str | None:
    """The metric of "Sharpe Ratio", "PSR", "TotalPerformance.PortfolioStatistics.SharpeRatio" or sharpe_ratio."""
    last = text.strip().rpartition(".")[2]
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", last)
    plain = re.sub(r"[^a-z0-9]+", "_", spaced.lower()).strip("_")
    plain = _ALIASES.get(plain, plain)
    return plain if plain in METRICS else None


def choose(text: str) -> str:
    """A mend for a statistic that is none."""
    titles = {name.replace("_", " "): None for name in [*METRICS, *_ALIASES]}
    close = get_close_matches(text.strip().lower(), titles, n=1)
    hint = f"did you mean {close[0].title()}? " if close else ""
    return f"{hint}known: {', '.join(METRICS)}"
