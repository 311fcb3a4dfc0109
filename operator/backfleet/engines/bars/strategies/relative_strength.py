"""STR-012: hold the first symbol while it rises faster than the second, for at most a number of bars."""

from collections.abc import Mapping
from operator import gt, lt
from typing import Any

from backfleet.engines.bars.indicators import growth
from backfleet.engines.bars.market_data import Bars
from backfleet.engines.bars.portfolio import Signals
from backfleet.engines.bars.strategies.protocol import Strategy, exits, signals_of
from backfleet.engines.program import Parameter


def _signals(series: tuple[Bars, ...], values: Mapping[str, Any]) -> Signals:
    traded, other = series
    period = values["lookback_period"]
    rises = growth(traded.closes, period), growth(other.closes, period)
    return signals_of(values, list(map(gt, *rises)), list(map(lt, *rises)))


STRATEGY = Strategy(
    name="Relative_Strength_Leaders",
    parameters=(
        Parameter("lookback_period", "30", int, least=1),
        Parameter("holding_period", "5", int, least=1),
        *exits(),
    ),
    signals=_signals,
    symbols=("the one it trades", "the one it is compared with"),
)
