"""STR-004: buy on a close above the recent high with heavy volume, and hold for a number of bars."""

from collections.abc import Mapping
from typing import Any

from backfleet.engines.bars.indicators import highest_before, moving_sum
from backfleet.engines.bars.market_data import Bars
from backfleet.engines.bars.portfolio import Signals
from backfleet.engines.bars.strategies.protocol import Strategy, above, exits, signals_of
from backfleet.engines.program import Parameter


def _signals(series: tuple[Bars, ...], values: Mapping[str, Any]) -> Signals:
    (bars,) = series
    period = values["lookback_period"]
    factor = above(1 + values["breakout_threshold"])
    weight = values["volume_multiplier"] / period
    columns = (bars.closes, highest_before(bars.highs, period - 1), bars.volumes, moving_sum(bars.volumes, period))
    enter = [
        close > high * factor and volume > weight * total for close, high, volume, total in zip(*columns, strict=True)
    ]
    return signals_of(values, enter)


STRATEGY = Strategy(
    name="Breakout_Momentum_Equity",
    parameters=(
        Parameter("symbol", "QQQ", str),
        Parameter("lookback_period", "30", int, least=2),
        Parameter("breakout_threshold", "0.02", float, least=-1, is_open=True),
        Parameter("volume_multiplier", "2", float, least=0),
        Parameter("holding_period", "5", int, least=1),
        *exits(),
    ),
    signals=_signals,
    symbol_parameter="symbol",
)
