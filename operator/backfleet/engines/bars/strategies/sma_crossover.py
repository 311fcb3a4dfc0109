"""STR-003: hold while the fast average is above the slow one, entered on unusual volume."""

from collections.abc import Mapping
from itertools import accumulate
from typing import Any

from backfleet.engines.bars.indicators import simple_moving_average
from backfleet.engines.bars.market_data import Bars
from backfleet.engines.bars.portfolio import Signals
from backfleet.engines.bars.strategies.protocol import Strategy, exits, fraction_sized
from backfleet.engines.program import Parameter


def _signals(bars: Bars, values: Mapping[str, Any]) -> Signals:
    fast = simple_moving_average(bars.closes, values["fast_sma"])
    slow = simple_moving_average(bars.closes, values["slow_sma"])
    # The average volume counts the bars since both averages are ready, this bar's own volume included.
    ready = max(values["fast_sma"], values["slow_sma"]) - 1
    totals = accumulate(bars.volumes[ready:])
    unusual = [False] * min(ready, len(bars)) + [
        volume > values["volume_threshold"] * total / count
        for count, (volume, total) in enumerate(zip(bars.volumes[ready:], totals, strict=True), start=1)
    ]
    return Signals(
        enter=[above > below and loud for above, below, loud in zip(fast, slow, unusual, strict=True)],
        leave=[above < below for above, below in zip(fast, slow, strict=True)],
        size=fraction_sized(values["stop_loss_pct"]),
        stop_loss_pct=values["stop_loss_pct"],
        profit_target_pct=values["profit_target_pct"],
    )


STRATEGY = Strategy(
    "SMA_Crossover_ETF",
    (
        Parameter("fast_sma", "30", int, least=1),
        Parameter("slow_sma", "150", int, least=1),
        Parameter("volume_threshold", "1.5", float, least=0),
        *exits("0.015", "0.02"),
    ),
    _signals,
)
