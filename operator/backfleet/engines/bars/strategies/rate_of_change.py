"""STR-010 and STR-015: buy after a strong rise over some bars, and hold for a number of bars."""

from collections.abc import Callable, Mapping
from typing import Any

from backfleet.engines.bars.indicators import growth
from backfleet.engines.bars.market_data import Bars
from backfleet.engines.bars.portfolio import Signals
from backfleet.engines.bars.strategies.protocol import Strategy, above, exits, signals_of
from backfleet.engines.program import Parameter


def _rise_over(period: str) -> Callable[[tuple[Bars, ...], Mapping[str, Any]], Signals]:
    """Return the rule that measures the rise over as many bars as the named parameter says."""

    def signals(series: tuple[Bars, ...], values: Mapping[str, Any]) -> Signals:
        (bars,) = series
        threshold = above(1 + values["momentum_threshold"])
        return signals_of(values, [rise > threshold for rise in growth(bars.closes, values[period])])

    return signals


def _parameters(period: str, bars: str, threshold: str, holding: str) -> tuple[Parameter, ...]:
    return (
        Parameter(period, bars, int, least=1),
        Parameter("momentum_threshold", threshold, float, least=-1, is_open=True),
        Parameter("holding_period", holding, int, least=1),
        *exits(),
    )


EARNINGS_MOMENTUM = Strategy(
    name="Earnings_Momentum",
    parameters=_parameters("lookback_period", "5", "0.03", "3"),
    signals=_rise_over("lookback_period"),
)
QUALITY_FACTOR = Strategy(
    name="Quality_Factor_Momentum",
    parameters=_parameters("momentum_period", "30", "0.05", "10"),
    signals=_rise_over("momentum_period"),
)
