"""STR-003: buy on unusual volume while the fast average is above the slow one, and hold while it stays there."""

from collections.abc import Mapping
from itertools import accumulate, count, islice
from typing import Any

from backfleet.engines.bars.indicators import moving_average_gap
from backfleet.engines.bars.market_data import Bars
from backfleet.engines.bars.portfolio import Signals
from backfleet.engines.bars.strategies.protocol import RISK_FRACTION, Strategy, exits, fraction_sized, signals_of
from backfleet.engines.program import Parameter


def _signals(series: tuple[Bars, ...], values: Mapping[str, Any]) -> Signals:
    (bars,) = series
    gaps = moving_average_gap(bars.closes, values["fast_sma"], values["slow_sma"])
    # The average volume counts the bars since both averages became ready, including this bar.
    first = min(max(values["fast_sma"], values["slow_sma"]) - 1, len(bars))
    volumes, threshold = islice(bars.volumes, first, None), values["volume_threshold"]
    totals = accumulate(islice(bars.volumes, first, None))
    enter = [False] * first
    enter += [
        gap > 0.0 and volume > threshold * total / bar_count
        for gap, volume, total, bar_count in zip(islice(gaps, first, None), volumes, totals, count(1), strict=False)
    ]
    leave = [gap < 0.0 for gap in gaps]
    return signals_of(values, enter, leave, fraction_sized(RISK_FRACTION / values["stop_loss_pct"]))


STRATEGY = Strategy(
    name="SMA_Crossover_ETF",
    parameters=(
        Parameter("fast_sma", "30", int, least=1),
        Parameter("slow_sma", "150", int, least=1),
        Parameter("volume_threshold", "1.5", float, least=0),
        *exits(),
    ),
    signals=_signals,
)
