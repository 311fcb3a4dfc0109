"""Removal of LEAN's placeholders: LEAN writes 0 for a figure that it did not compute, and such a 0 could win a ranking."""

from collections.abc import Mapping
from decimal import Decimal

Exact = dict[str, Decimal | None]

LEAST_RETURN = Decimal("0.00001")
"""The smallest return that LEAN's text for a net profit can show."""
DRAWDOWN_TOLERANCE = Decimal("0.0005")
"""LEAN rounds its drawdown to three places."""
LEAST_SAMPLES = 2
"""With fewer samples of daily performance, LEAN computes no figure except the equities."""
LEAST_FOR_KURTOSIS = 4
"""With fewer daily returns, LEAN's probabilistic Sharpe ratio is 0 (Statistics.cs: NaN becomes 0)."""
OF_PERFORMANCE = (
    "sharpe_ratio", "sortino_ratio", "probabilistic_sharpe_ratio", "net_profit", "annual_return", "drawdown",
    "annual_standard_deviation", "win_rate", "average_win", "average_loss", "profit_loss_ratio",
)  # fmt: skip
"""The figures that LEAN computes from its samples of performance."""


def correct(exact: Exact, portfolio: Mapping[str, str], samples: int | None) -> tuple[str, ...]:
    """Drop the placeholders from `exact`, correct figures that contradict the equities, and return a warning for each.

    `portfolio` has LEAN's texts; `samples` is the number of its daily returns (None if unknown).
    """
    profit = _profit(exact)
    drawdown = exact["drawdown"]
    if _is_nothing_computed(exact, profit, samples):
        _drop_zeros(exact, *OF_PERFORMANCE)
        exact["net_profit"] = profit if exact["net_profit"] is None else exact["net_profit"]
    _drop_without_trades(exact)
    _drop_ratios(exact, portfolio, samples)
    if profit is not None and abs(profit) >= LEAST_RETURN and not exact["sharpe_ratio"]:
        # Equity that moves has a deviation. Without a ratio, LEAN did not compute it.
        _drop_zeros(exact, "annual_standard_deviation")
    end = exact["end_equity"]
    if end is not None and end <= 0:
        # No annual rate leads to an equity of 0 or below; LEAN writes 0.
        exact["annual_return"] = None
    end_to_end = exact["net_profit"] if profit is None else profit
    if drawdown is None or end_to_end is None or -end_to_end - drawdown <= DRAWDOWN_TOLERANCE:
        return ()
    loss = exact["drawdown"] = -end_to_end
    return (f"LEAN's drawdown of {drawdown:f} is less than the loss over the whole run: {loss:.4f} is used instead",)


def _profit(exact: Exact) -> Decimal | None:
    start, end = exact["start_equity"], exact["end_equity"]
    return end / start - 1 if start is not None and end is not None and start > 0 else None


def _is_nothing_computed(exact: Exact, profit: Decimal | None, samples: int | None) -> bool:
    if samples is not None and samples < LEAST_SAMPLES:
        return True
    is_empty = not exact["net_profit"] and not exact["annual_standard_deviation"]
    return is_empty and profit is not None and abs(profit) >= LEAST_RETURN


def _drop_without_trades(exact: Exact) -> None:
    if exact["total_trades"] == 0:
        _drop_zeros(exact, "win_rate", "average_win", "average_loss", "profit_loss_ratio")
    if exact["average_loss"] == 0:
        _drop_zeros(exact, "profit_loss_ratio")


def _drop_ratios(exact: Exact, portfolio: Mapping[str, str], samples: int | None) -> None:
    """Drop the ratios of a run without any deviation. Keep them if the deviation only rounds to 0."""
    if not exact["annual_standard_deviation"] and not exact["sharpe_ratio"]:
        _drop_zeros(exact, "sharpe_ratio", "sortino_ratio", "probabilistic_sharpe_ratio")
    if portfolio.get("sortinoRatio", "0") == "0":
        # LEAN writes this for fewer than two losing days; a computed ratio has four decimals.
        _drop_zeros(exact, "sortino_ratio")
    if (exact["sharpe_ratio"] or 0) > 0 or (samples is not None and samples < LEAST_FOR_KURTOSIS):
        # With a negative Sharpe ratio, LEAN may really have computed 0.
        _drop_zeros(exact, "probabilistic_sharpe_ratio")


def _drop_zeros(exact: Exact, *metrics: str) -> None:
    for metric in metrics:
        if exact[metric] == 0:
            exact[metric] = None
