"""LEAN's own optimizer config, which tests change."""

import json
from typing import Any

TEXT = """\
{
    // what is ranked by
    "optimization-criterion": {"target": "TotalPerformance.PortfolioStatistics.SharpeRatio", "extremum": "max"},
    "optimization-strategy": "QuantConnect.Optimizer.Strategies.GridSearchOptimizationStrategy",
    "optimization-strategy-settings": {"$type": "Settings, Optimizer", "default-segment-amount": 10},
    "algorithm-language": "Python",
    "algorithm-location": "../STR-003_SMA_Crossover_ETF/main.py", // with a comment
    "algorithm-type-name": "main",
    "maximum-concurrent-backtests": 2,
    "results-destination-folder": "/Results", "optimizer-close-automatically": true,
    "parameters": [
        {"name": "fast_sma", "min": 20, "max": 50, "step": 15},
        {"key": "slow_sma", "min": 100, "max": 200, "step": 50, "min-step": 50},
        {"name": "stop_loss_pct", "value": 0.01}
    ],
    /* what a result
       must meet */
    "constraints": [{"target": "Drawdown", "operator": "lessOrEqual", "target-value": 0.15},
                    {"target": "Total Trades", "operator": "greater", "target-value": 20}],
\t"optimization-update-interval": 10
}
"""


def changed(**fields: Any) -> str:
    """Return the same config without comments, with these fields replaced. Underscores in their names become hyphens."""
    lines = [line.partition("//")[0] for line in TEXT.replace("/* what a result\n       must meet */", "").splitlines()]
    body = json.loads("\n".join(lines), strict=False)
    return json.dumps(body | {name.replace("_", "-"): value for name, value in fields.items()})
