"""STR-014: buy on a close at the top of the earlier bars' Donchian channel, and sell at its bottom."""

from collections.abc import Mapping
from typing import Any

from backfleet.engines.bars.indicators import highest_before
from backfleet.engines.bars.market_data import Bars
from backfleet.engines.bars.portfolio import Signals
from backfleet.engines.bars.strategies.protocol import Strategy, at_least, exits, signals_of
from backfleet.engines.program import Parameter


def _signals(series: tuple[Bars, ...], values: Mapping[str, Any]) -> Signals:
    (bars,) = series
    period, factor = values["donchian_period"], at_least(values["breakout_threshold"])
    tops = highest_before(bars.highs, period)
    # The lowest low is the negated highest of the negated lows.
    bottoms = highest_before([-low for low in bars.lows], period)
    return signals_of(
        values,
        [close >= factor * top for close, top in zip(bars.closes, tops, strict=True)],
        [-close >= bottom for close, bottom in zip(bars.closes, bottoms, strict=True)],
    )


STRATEGY = Strategy(
    name="Donchian_Breakout_ETF",
    parameters=(
        Parameter("donchian_period", "30", int, least=1),
        Parameter("breakout_threshold", "1", float, least=0, is_open=True),
        *exits(),
    ),
    signals=_signals,
)
