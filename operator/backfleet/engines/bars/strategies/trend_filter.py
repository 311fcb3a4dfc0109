"""STR-009: buy on a low RSI, optionally only above a long average; only stop and target sell."""

from collections.abc import Mapping
from typing import Any

from backfleet.engines.bars.indicators import moving_average_gap, wilder_rsi
from backfleet.engines.bars.market_data import Bars
from backfleet.engines.bars.portfolio import Signals
from backfleet.engines.bars.strategies.protocol import Strategy, exits, signals_of
from backfleet.engines.program import Parameter


def _signals(series: tuple[Bars, ...], values: Mapping[str, Any]) -> Signals:
    (bars,) = series
    entry = values["rsi_entry"]
    enter = [strength < entry for strength in wilder_rsi(bars.closes, values["rsi_period"])]
    if values["require_trend"]:
        # Close minus average: NaN, and therefore no entry, until the average is ready.
        trend = moving_average_gap(bars.closes, 1, values["trend_sma"])
        enter = [is_low and gap > 0.0 for is_low, gap in zip(enter, trend, strict=True)]
    return signals_of(values, enter)


STRATEGY = Strategy(
    name="MeanReversion_TrendFilter_ETF",
    parameters=(
        Parameter("rsi_period", "14", int, least=1),
        Parameter("rsi_entry", "30", float),
        Parameter("trend_sma", "200", int, least=1),
        Parameter("require_trend", "true", bool),
        *exits(),
    ),
    signals=_signals,
)
