"""STR-001: buy what fell too far by Wilder's RSI, leave when it has recovered."""

from collections.abc import Mapping
from typing import Any

from backfleet.engines.bars.indicators import wilder_rsi
from backfleet.engines.bars.market_data import Bars
from backfleet.engines.bars.portfolio import Signals
from backfleet.engines.bars.strategies.protocol import Strategy, exits, risk_sized
from backfleet.engines.program import Parameter


def _signals(bars: Bars, values: Mapping[str, Any]) -> Signals:
    strength = wilder_rsi(bars.closes, values["rsi_period"])
    entry, exit_ = values["entry_threshold"], values["exit_threshold"]
    return Signals(
        enter=[value < entry for value in strength],
        leave=[value > exit_ for value in strength],
        size=risk_sized(values["stop_loss_pct"]),
        stop_loss_pct=values["stop_loss_pct"],
        profit_target_pct=values["profit_target_pct"],
    )


STRATEGY = Strategy(
    "RSI_MeanReversion_ETF",
    (
        Parameter("rsi_period", "14", int, least=1),
        Parameter("entry_threshold", "30", float),
        Parameter("exit_threshold", "70", float),
        *exits("0.01", "0.02"),
    ),
    _signals,
)
