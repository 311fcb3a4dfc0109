"""STR-006: buy the market with a fraction of equity when a volatility index is high, and sell when it is low."""

from collections.abc import Mapping
from typing import Any

from backfleet.engines.bars.market_data import Bars
from backfleet.engines.bars.portfolio import Signals
from backfleet.engines.bars.strategies.protocol import Strategy, exits, fraction_sized, signals_of
from backfleet.engines.program import Parameter


def _signals(series: tuple[Bars, ...], values: Mapping[str, Any]) -> Signals:
    _, volatility = series
    entry, exit_ = values["vix_entry_threshold"], values["vix_exit_threshold"]
    return signals_of(
        values,
        [level > entry for level in volatility.closes],
        [level < exit_ for level in volatility.closes],
        fraction_sized(values["position_size_pct"]),
    )


STRATEGY = Strategy(
    name="VIX_Market_Timing",
    parameters=(
        Parameter("vix_entry_threshold", "25", float),
        Parameter("vix_exit_threshold", "18", float),
        Parameter("position_size_pct", "0.75", float, least=0, is_open=True, most=1),
        *exits(),
    ),
    signals=_signals,
    symbols=("the one it trades", "the volatility index"),
)
