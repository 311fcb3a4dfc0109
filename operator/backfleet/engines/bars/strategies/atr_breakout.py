"""STR-005: buy after a daily rise of several average true ranges, sized by that range, and hold for a number of bars."""

from collections.abc import Mapping
from typing import Any

from backfleet.engines.bars.indicators import average_true_range, earlier
from backfleet.engines.bars.market_data import Bars
from backfleet.engines.bars.portfolio import Signals
from backfleet.engines.bars.strategies.protocol import Strategy, exits, range_sized, signals_of
from backfleet.engines.program import Parameter


def _signals(series: tuple[Bars, ...], values: Mapping[str, Any]) -> Signals:
    (bars,) = series
    multiplier = values["breakout_multiplier"]
    ranges = average_true_range(bars.highs, bars.lows, bars.closes, values["atr_period"])
    risks = [multiplier * average for average in ranges]
    enter = [
        close - before > risk for close, before, risk in zip(bars.closes, earlier(bars.closes), risks, strict=True)
    ]
    return signals_of(values, enter, size=range_sized(risks))


STRATEGY = Strategy(
    name="ATR_Breakout_ETF",
    parameters=(
        Parameter("atr_period", "14", int, least=1),
        Parameter("breakout_multiplier", "2.5", float, least=0, is_open=True),
        Parameter("holding_period", "5", int, least=1),
        *exits(),
    ),
    signals=_signals,
)
