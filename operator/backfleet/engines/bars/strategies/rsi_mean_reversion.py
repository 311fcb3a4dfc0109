"""STR-001: buy when Wilder's RSI is low, and sell when it is high again."""

from collections.abc import Mapping
from typing import Any

from backfleet.engines.bars.indicators import wilder_rsi
from backfleet.engines.bars.market_data import Bars
from backfleet.engines.bars.portfolio import Signals
from backfleet.engines.bars.strategies.protocol import Strategy, exits, signals_of
from backfleet.engines.program import Parameter


def _signals(series: tuple[Bars, ...], values: Mapping[str, Any]) -> Signals:
    (bars,) = series
    strength = wilder_rsi(bars.closes, values["rsi_period"])
    entry, exit_ = values["entry_threshold"], values["exit_threshold"]
    return signals_of(values, [value < entry for value in strength], [value > exit_ for value in strength])


STRATEGY = Strategy(
    name="RSI_MeanReversion_ETF",
    parameters=(
        Parameter("rsi_period", "14", int, least=1),
        Parameter("entry_threshold", "30", float),
        Parameter("exit_threshold", "70", float),
        *exits("0.01"),
    ),
    signals=_signals,
)
