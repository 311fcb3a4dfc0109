"""The type of a `bars` strategy, and the rules that strategies share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from backfleet.engines.bars.market_data import Bars
from backfleet.engines.bars.portfolio import DayTrades, Signals, Size
from backfleet.engines.program import Parameter

RISK_FRACTION = 0.01
CASH_FRACTION = 0.95
ROUNDING = 1e-12
"""Prices are decimals: numbers that are equal in decimals, and only those, may differ by less than this in binary."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """A named rule. `signals` computes its signals from the bars and the values of all declared parameters.

    `symbols` describes the role of each symbol of a request, in order. The rule trades the first, and all have bars on the same
    days. If a request sets the parameter named by `symbol_parameter`, that parameter chooses the traded symbol.
    """

    name: str
    parameters: tuple[Parameter, ...]
    signals: Callable[[tuple[Bars, ...], Mapping[str, Any]], Signals | DayTrades]
    symbols: tuple[str, ...] = ("the one it trades",)
    symbol_parameter: str | None = None


def exits(stop_loss_pct: str = "0.015", profit_target_pct: str = "0.02") -> tuple[Parameter, Parameter]:
    """Return the parameters of the two exits that every strategy has, with their defaults."""
    return (
        Parameter("stop_loss_pct", stop_loss_pct, float, least=0, is_open=True),
        Parameter("profit_target_pct", profit_target_pct, float, least=0, is_open=True),
    )


def signals_of(
    values: Mapping[str, Any], enter: Sequence[bool], leave: Sequence[bool] | None = None, size: Size | None = None
) -> Signals:
    """Build signals with the shared exits: stop, target and, if the strategy has that parameter, the holding period.

    Without `leave` nothing else closes a position. Without `size` the risk of the stop sizes it.
    """
    return Signals(
        enter=enter,
        leave=[False] * len(enter) if leave is None else leave,
        size=size or risk_sized(values["stop_loss_pct"]),
        stop_loss_pct=values["stop_loss_pct"],
        profit_target_pct=values["profit_target_pct"],
        holding_bars=values.get("holding_period", inf),
    )


def above(threshold: float) -> float:
    """Return a number that a value exceeds only if it also exceeds the positive threshold in decimals."""
    return threshold * (1 + ROUNDING)


def at_least(threshold: float) -> float:
    """Return a number that every value reaches that reaches the positive threshold in decimals."""
    return threshold * (1 - ROUNDING)


def risk_sized(stop_loss_pct: float) -> Size:
    """Size a position to risk 1 % of equity, at price x stop per share, with at most 95 % of the cash."""

    def size(bar: int, cash: float, price: float) -> int:
        del bar
        by_risk, by_cash = RISK_FRACTION * cash / (price * stop_loss_pct), CASH_FRACTION * cash / price
        return int(by_risk if by_risk < by_cash else by_cash)

    return size


def range_sized(risks: Sequence[float]) -> Size:
    """Size a position to risk 1 % of equity, at the risk per share of its bar, with at most 95 % of the cash."""

    def size(bar: int, cash: float, price: float) -> int:
        return int(min(RISK_FRACTION * cash / risks[bar], CASH_FRACTION * cash / price))

    return size


def fraction_sized(fraction: float) -> Size:
    """Size a position as a fraction of equity, at most all of it."""
    bounded = min(fraction, 1.0)

    def size(bar: int, cash: float, price: float) -> int:
        del bar
        return int(bounded * cash / price)

    return size
