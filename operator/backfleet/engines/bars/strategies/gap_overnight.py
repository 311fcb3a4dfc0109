"""STR-013: buy at an open far from the close before, and sell at the same day's close.

Stop and target are checked on closes, where the strategy sells anyway: the stop only sizes the position, the target does nothing.
"""

from collections.abc import Mapping
from math import inf
from typing import Any

from backfleet.engines.bars.indicators import earlier
from backfleet.engines.bars.market_data import Bars
from backfleet.engines.bars.portfolio import DayTrades
from backfleet.engines.bars.strategies.protocol import ROUNDING, Strategy, exits, risk_sized
from backfleet.engines.program import Parameter


def _signals(series: tuple[Bars, ...], values: Mapping[str, Any]) -> DayTrades:
    (bars,) = series
    threshold, direction = values["gap_threshold"], values["gap_direction"]
    upper = 1 + threshold + ROUNDING if direction != "down" else inf
    lower = 1 - threshold - ROUNDING if direction != "up" else 0.0
    steps = [open_ / before for open_, before in zip(bars.opens, earlier(bars.closes), strict=True)]
    return DayTrades(enter=[step > upper or step < lower for step in steps], size=risk_sized(values["stop_loss_pct"]))


STRATEGY = Strategy(
    name="Gap_Trading_Overnight",
    parameters=(
        Parameter("gap_threshold", "0.015", float, least=0),
        Parameter("gap_direction", "up", str, choices=("up", "down", "both")),
        *exits(),
    ),
    signals=_signals,
)
