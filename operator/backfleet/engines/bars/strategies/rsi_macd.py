"""STR-008: buy on a low RSI with the MACD above its signal line, and sell on a high RSI or with the MACD below the line."""

from collections.abc import Mapping
from typing import Any

from backfleet.engines.bars.indicators import macd_histogram, wilder_rsi
from backfleet.engines.bars.market_data import Bars
from backfleet.engines.bars.portfolio import Signals
from backfleet.engines.bars.strategies.protocol import Strategy, exits, signals_of
from backfleet.engines.program import Parameter


def _signals(series: tuple[Bars, ...], values: Mapping[str, Any]) -> Signals:
    (bars,) = series
    strength = wilder_rsi(bars.closes, values["rsi_period"])
    confirmation = macd_histogram(bars.closes, values["macd_fast"], values["macd_slow"], values["macd_signal"])
    entry, exit_ = values["rsi_threshold"], values["rsi_exit_threshold"]
    return signals_of(
        values,
        [rsi < entry and above > 0.0 for rsi, above in zip(strength, confirmation, strict=True)],
        [rsi > exit_ or above < 0.0 for rsi, above in zip(strength, confirmation, strict=True)],
    )


STRATEGY = Strategy(
    name="RSI_MACD_Combo_ETF",
    parameters=(
        Parameter("rsi_period", "14", int, least=1),
        Parameter("rsi_threshold", "30", float),
        Parameter("rsi_exit_threshold", "65", float),
        Parameter("macd_fast", "12", int, least=1),
        Parameter("macd_slow", "26", int, least=1),
        Parameter("macd_signal", "9", int, least=1),
        *exits(),
    ),
    signals=_signals,
)
