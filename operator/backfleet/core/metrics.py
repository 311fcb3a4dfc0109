"""The metrics that every engine reports, with unit and meaning. Their names are LEAN's, in snake case."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, unique
from math import isfinite


@unique
class Unit(StrEnum):
    RATIO = "ratio"
    FRACTION = "fraction"
    MONEY = "money"
    COUNT = "count"


@dataclass(frozen=True, slots=True)
class Metric:
    """One number of a result. `is_better_high` gives an objective's default direction."""

    unit: Unit
    meaning: str
    is_better_high: bool = True


METRICS: Mapping[str, Metric] = {
    "sharpe_ratio": Metric(Unit.RATIO, "annualized Sharpe ratio of daily returns"),
    "sortino_ratio": Metric(Unit.RATIO, "annualized Sortino ratio of daily returns"),
    "probabilistic_sharpe_ratio": Metric(Unit.FRACTION, "probability that the true annual Sharpe ratio exceeds 1"),
    "net_profit": Metric(Unit.FRACTION, "total return over the whole period"),
    "annual_return": Metric(Unit.FRACTION, "compounding annual return"),
    "drawdown": Metric(Unit.FRACTION, "largest fall from a peak of equity, positive", is_better_high=False),
    "annual_standard_deviation": Metric(Unit.FRACTION, "annualized deviation of daily returns", is_better_high=False),
    "total_orders": Metric(Unit.COUNT, "orders: all that were submitted in LEAN, all that were filled in bars"),
    "total_trades": Metric(Unit.COUNT, "closed trades"),
    "win_rate": Metric(Unit.FRACTION, "closed trades with a profit after fees, of all closed trades"),
    "average_win": Metric(Unit.FRACTION, "mean profit of the winning trades over the realized capital before each"),
    "average_loss": Metric(
        Unit.FRACTION, "mean loss of the losing trades over the realized capital before each, negative"
    ),
    "profit_loss_ratio": Metric(Unit.RATIO, "average win over average loss, positive"),
    "total_fees": Metric(Unit.MONEY, "fees of all orders", is_better_high=False),
    "gross_profit": Metric(Unit.MONEY, "sum of profits before fees over the closed trades that have one"),
    "fee_share": Metric(
        Unit.FRACTION, "total fees over gross profit; absent without gross profit", is_better_high=False
    ),
    "exposure": Metric(Unit.FRACTION, "time in the market: bars with an open position, of all bars"),
    "start_equity": Metric(Unit.MONEY, "equity before the first bar"),
    "end_equity": Metric(Unit.MONEY, "equity at the last bar"),
    "comparable_sharpe_ratio": Metric(Unit.RATIO, "Sharpe ratio of the daily series by one formula for every engine"),
    "comparable_sortino_ratio": Metric(
        Unit.RATIO, "Sortino ratio (Sortino and Price) of the daily series by one formula for every engine"
    ),
    "comparable_annual_standard_deviation": Metric(
        Unit.FRACTION,
        "annualized deviation of the daily series by one formula for every engine",
        is_better_high=False,
    ),
    "comparable_drawdown": Metric(
        Unit.FRACTION,
        "largest fall from a peak of the daily series by one formula for every engine, positive",
        is_better_high=False,
    ),
    "lean_win_rate": Metric(Unit.FRACTION, "LEAN's own win rate, of its portfolio; absent in other engines"),
    "lean_average_win": Metric(Unit.FRACTION, "LEAN's own average win, of its portfolio; absent in other engines"),
    "lean_average_loss": Metric(Unit.FRACTION, "LEAN's own average loss, of its portfolio; absent in other engines"),
    "lean_profit_loss_ratio": Metric(Unit.RATIO, "LEAN's own profit-loss ratio; absent in other engines"),
}
OWN_OF_LEAN: Mapping[str, str] = {
    name: f"lean_{name}" for name in ("win_rate", "average_win", "average_loss", "profit_loss_ratio")
}
"""Metrics for which LEAN has its own figure, in addition to the one computed from closed trades."""


RATIO_DECIMALS = 3


def as_shown(metric: str, value: float) -> float:
    """Round a figure for people: a ratio to LEAN's three decimals. Ranking and verdicts use all digits."""
    known = METRICS.get(metric)
    return round(value, RATIO_DECIMALS) if known is not None and known.unit is Unit.RATIO else value


def fee_share(total_fees: float | None, gross_profit: float | None) -> float | None:
    """Return fees over gross profit, both in account currency, for every engine. None without a gross profit.

    It is not a share of capital, or of net profit: that may be negative, and then no share would mean anything.
    """
    if total_fees is None or gross_profit is None or not gross_profit > 0:
        return None
    share = total_fees / gross_profit
    return share if isfinite(share) else None
