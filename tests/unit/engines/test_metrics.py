import statistics
from math import isfinite, sqrt
from pathlib import Path

import pytest

from backfleet.core.metrics import METRICS
from backfleet.engines.bars.metrics import (
    Calendar,
    annual_return,
    daily_returns,
    drawdown,
    measure,
    probabilistic_sharpe_ratio,
    return_blocks,
    sharpe_ratio,
    sortino_ratio,
)
from backfleet.engines.bars.portfolio import Ledger, Trade
from backfleet.engines.moments import Moments

ROOT = Path(__file__).parents[3]
EQUITY = [1000.0, 1010.0, 990.0, 1005.0, 1005.0, 980.0, 1040.0, 1030.0]
RETURNS = [EQUITY[day] / EQUITY[day - 1] - 1 for day in range(1, len(EQUITY))]
WIN = Trade(entry_bar=1, exit_bar=2, shares=10, entry_price=10.0, exit_price=12.0, fees=2.0)
LOSS = Trade(entry_bar=3, exit_bar=4, shares=10, entry_price=12.0, exit_price=11.0, fees=2.0)
SMALL_WIN_EATEN_BY_FEES = Trade(entry_bar=5, exit_bar=6, shares=10, entry_price=11.0, exit_price=11.1, fees=2.0)


def make_ledger(equity: list[float] = EQUITY, trades: tuple[Trade, ...] = (), held_bars: int = 0) -> Ledger:
    return Ledger(
        initial_cash=1000.0,
        equity=equity,
        trades=trades,
        order_count=2 * len(trades),
        total_fees=sum(trade.fees for trade in trades),
        held_bars=held_bars,
        open_shares=0,
    )


def measured(ledger: Ledger, rate: float = 0.0) -> dict[str, float | int | None]:
    return measure(ledger, daily_returns(ledger.equity), Calendar(7, 252.0), rate)


def test_every_metric_of_the_contract_is_measured_and_no_other() -> None:
    assert set(measured(make_ledger())) == set(METRICS)


def test_the_documented_table_names_every_metric_once() -> None:
    rows = [line.split("|")[1].strip() for line in (ROOT / "docs/metrics.md").read_text().splitlines() if "| `" in line]
    assert rows == [f"`{name}`" for name in METRICS]


@pytest.mark.parametrize("rate", [0.0, 0.0252])
def test_ratios_restated_with_the_statistics_module(rate: float) -> None:
    metrics = measured(make_ledger(), rate)
    excess = [value - rate / 252 for value in RETURNS]
    mean, deviation = statistics.mean(excess), statistics.stdev(excess)
    below = statistics.stdev([value for value in RETURNS if value < 0])
    assert metrics["sharpe_ratio"] == pytest.approx(mean / deviation * sqrt(252))
    assert metrics["sortino_ratio"] == pytest.approx(mean / below * sqrt(252))
    assert metrics["annual_standard_deviation"] == pytest.approx(statistics.stdev(RETURNS) * sqrt(252))


def test_the_probabilistic_sharpe_ratio_restated_with_the_statistics_module() -> None:
    count, mean, population = len(RETURNS), statistics.mean(RETURNS), statistics.pstdev(RETURNS)
    skewness = statistics.mean(((value - mean) / population) ** 3 for value in RETURNS)
    kurtosis = statistics.mean(((value - mean) / population) ** 4 for value in RETURNS)
    observed = mean / statistics.stdev(RETURNS)
    spread = sqrt((1 - skewness * observed + (kurtosis - 1) / 4 * observed**2) / (count - 1))
    expected = statistics.NormalDist().cdf((observed - 1 / sqrt(252)) / spread)
    assert probabilistic_sharpe_ratio(Moments.of(RETURNS)) == pytest.approx(expected)
    assert measured(make_ledger())["probabilistic_sharpe_ratio"] == pytest.approx(expected)


def test_without_deviation_no_ratio_is_computed() -> None:
    metrics = measured(make_ledger([1000.0] * 5))
    ratios = ("sharpe_ratio", "sortino_ratio", "probabilistic_sharpe_ratio")
    assert [metrics[name] for name in ratios] == [None, None, None]
    assert (metrics["annual_standard_deviation"], metrics["drawdown"], metrics["net_profit"]) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("rate", [0.005, 0.01, 0.02, 0.03, 0.045, -0.005])
def test_equal_excess_returns_have_no_ratio_whatever_their_rounding(rate: float) -> None:
    for length in range(2, 400):
        metrics = measured(make_ledger([1000.0] * (length + 1)), rate)
        ratios = {name: value for name, value in metrics.items() if name.endswith(("sharpe_ratio", "sortino_ratio"))}
        assert set(ratios.values()) == {None}, (length, ratios)


def test_losses_that_differ_by_rounding_alone_have_no_downside_deviation() -> None:
    returns = [0.01, -0.01, 0.02, -0.010000000000000002, 0.0, -0.01]
    assert sortino_ratio(returns, Moments.of(returns)) is None


def test_small_returns_have_a_deviation_of_their_own() -> None:
    returns = [1e-9, -1e-9, 2e-9]
    assert sharpe_ratio(Moments.of(returns)) == pytest.approx(
        statistics.mean(returns) / statistics.stdev(returns) * sqrt(252)
    )


def test_days_without_a_movement_are_no_losses_under_a_risk_free_rate() -> None:
    equity = [1000.0, 1000.0, 1010.0, 1000.0, 1000.0, 990.0, 990.0]
    losses = [1000 / 1010 - 1, 990 / 1000 - 1]
    mean = statistics.mean(value - 0.0252 / 252 for value in daily_returns(equity))
    expected = mean / statistics.stdev(losses) * sqrt(252)
    assert measured(make_ledger(equity), 0.0252)["sortino_ratio"] == pytest.approx(expected)


def test_one_bar_has_no_returns_to_judge() -> None:
    metrics = measure(make_ledger([1000.0]), [], Calendar(0, 0.0), 0.0)
    absent = {name for name, value in metrics.items() if value is None}
    assert {"sharpe_ratio", "annual_standard_deviation", "annual_return"} <= absent
    assert metrics["end_equity"] == 1000.0


def test_one_loss_alone_has_no_downside_deviation() -> None:
    assert sortino_ratio([0.1, -0.1, 0.2], Moments.of([0.1, -0.1, 0.2])) is None
    assert sharpe_ratio(Moments.of([0.1, -0.1, 0.2])) is not None


def test_moments_that_leave_no_spread_give_no_probability() -> None:
    # The kurtosis is the least that the skewness allows, and the mean the one at which the estimate has no spread.
    distances = [-1.0, -1.0, -1.0, 3.0]
    assert probabilistic_sharpe_ratio(Moments(3.4641016151377575, 2.0, distances)) is None
    assert probabilistic_sharpe_ratio(Moments(3.0, 2.0, distances)) is not None


def test_equity_at_zero_ends_all_ratios() -> None:
    assert daily_returns([1000.0, 0.0, 10.0]) == []
    metrics = measured(make_ledger([1000.0, -1.0]))
    assert (metrics["sharpe_ratio"], metrics["annual_return"]) == (None, None)
    assert metrics["drawdown"] == pytest.approx(1.001)


def test_the_annual_return_compounds_over_calendar_days() -> None:
    assert annual_return(1000.0, 1210.0, 730) == pytest.approx(0.10)
    assert annual_return(1000.0, 1000.0, 10) == 0.0
    assert annual_return(1000.0, 1100.0, 0) is None
    assert annual_return(1.0, 1e15, 1) is None


def test_the_drawdown_is_the_deepest_fall_from_an_earlier_peak() -> None:
    assert drawdown([100.0, 120.0, 90.0, 110.0, 130.0, 100.0]) == pytest.approx(0.25)
    assert drawdown([100.0, 101.0, 102.0]) == 0.0
    assert drawdown(EQUITY) == pytest.approx(1 - 980 / 1010)


def test_trades_are_counted_after_fees_over_the_capital_before_them() -> None:
    metrics = measured(make_ledger(trades=(WIN, LOSS, SMALL_WIN_EATEN_BY_FEES), held_bars=4))
    # Profits 18, -12, -1; capital before each 1000, 1018, 1006.
    expected = {
        "total_orders": 6,
        "total_trades": 3,
        "win_rate": 1 / 3,
        "average_win": 0.018,
        "average_loss": statistics.mean([-12 / 1018, -1 / 1006]),
        "profit_loss_ratio": 0.018 / -statistics.mean([-12 / 1018, -1 / 1006]),
        "total_fees": 6.0,
        "gross_profit": 21.0,  # 20 + 1: the second is a profit before fees alone
        "fee_share": 6 / 21,
        "exposure": 0.5,
        "net_profit": 0.03,
        "start_equity": 1000.0,
        "end_equity": 1030.0,
    }
    assert {name: metrics[name] for name in expected} == pytest.approx(expected)


def test_without_trades_their_metrics_are_absent_and_not_zero() -> None:
    metrics = measured(make_ledger())
    names = ("win_rate", "average_win", "average_loss", "profit_loss_ratio", "fee_share")
    assert [metrics[name] for name in names] == [None] * 5
    assert (metrics["total_trades"], metrics["total_fees"], metrics["gross_profit"]) == (0, 0.0, 0.0)


def test_only_losses_leave_the_win_and_the_fee_share_absent() -> None:
    metrics = measured(make_ledger(trades=(LOSS,)))
    assert (metrics["win_rate"], metrics["average_win"], metrics["profit_loss_ratio"]) == (0.0, None, None)
    assert (metrics["fee_share"], metrics["average_loss"]) == (None, -0.012)


def test_blocks_are_sixteen_equal_parts_that_hold_all_returns() -> None:
    returns = [value / 1000 for value in range(100)]
    blocks = return_blocks(returns)
    assert [count for count, _, _ in blocks] == [6, 6, 6, 7] * 4
    assert sum(total for _, total, _ in blocks) == pytest.approx(sum(returns))
    assert sum(squares for _, _, squares in blocks) == pytest.approx(sum(value**2 for value in returns))
    assert blocks[1] == (6, pytest.approx(sum(returns[6:12])), pytest.approx(sum(value**2 for value in returns[6:12])))


@pytest.mark.parametrize(
    "equity", [[1000.0], [1000.0, 1e-300], [1e-300, 1e300], [1000.0, 1000.0, 1001.0], [1000.0, -5.0]], ids=str
)
def test_no_metric_is_nan_or_infinite(equity: list[float]) -> None:
    values = measured(make_ledger(equity)).values()
    assert [value for value in values if value is not None and not isfinite(value)] == []
