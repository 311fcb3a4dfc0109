"""What a strategy of `bars` is, and the rules that they share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from backfleet.engines.bars.market_data import Bars
from backfleet.engines.bars.portfolio import Signals, Size
from backfleet.engines.program import Parameter

RISK_FRACTION = 0.01
CASH_FRACTION = 0.95


@dataclass(frozen=True, slots=True)
class Strategy:
    """A named rule over one symbol: `signals` computes them from the bars and the values of all declared parameters."""

    name: str
    parameters: tuple[Parameter, ...]
    signals: Callable[[Bars, Mapping[str, Any]], Signals]


def exits(stop_loss_pct: str, profit_target_pct: str) -> tuple[Parameter, Parameter]:
    """The two exits that every strategy has, with their defaults."""
    return (
        Parameter("stop_loss_pct", stop_loss_pct, float, least=0, is_open=True),
        Parameter("profit_target_pct", profit_target_pct, float, least=0, is_open=True),
    )


def risk_sized(stop_loss_pct: float) -> Size:
    """Risk 1 % of equity at a risk per share of price x stop, with at most 95 % of the cash."""

    def size(equity: float, cash: float, price: float) -> int:
        by_risk = int(RISK_FRACTION * equity / (price * stop_loss_pct))
        return min(by_risk, int(CASH_FRACTION * cash / price))

    return size


def fraction_sized(stop_loss_pct: float) -> Size:
    """The fraction of equity that risks 1 % of it at the stop, at most all of it."""
    fraction = min(RISK_FRACTION / stop_loss_pct, 1.0)

    def size(equity: float, cash: float, price: float) -> int:
        del cash
        return int(fraction * equity / price)

    return size
