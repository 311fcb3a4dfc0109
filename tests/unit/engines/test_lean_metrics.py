from math import isfinite
from typing import Any

import pytest

from backfleet.core.metrics import METRICS
from backfleet.engines.lean.metrics import LeanMetrics
from tests.support.lean_outcomes import measured
from tests.support.lean_results import (
    CONFIGURATION,
    PORTFOLIO,
    STATISTICS,
    TRADES,
    make_old_result,
    make_performance,
    make_result,
    pascal,
)

MORE_DIGITS = {
    "sharpe_ratio": 0.9123,
    "sortino_ratio": 1.2041,
    "probabilistic_sharpe_ratio": 0.44321,
    "net_profit": 0.12345,
    "annual_return": 0.12345,
    "drawdown": 0.071,
    "annual_standard_deviation": 0.1128,
    "total_orders": 41,
    "total_trades": 20,
    "win_rate": 0.6471,
    "average_win": 0.0123,
    "average_loss": -0.0077,
    "profit_loss_ratio": 1.5974,
    "total_fees": 41.55,
    "gross_profit": 55400.25,
    "fee_share": 41.55 / 55400.25,
    "exposure": None,
    "start_equity": 250000.0,
    "end_equity": 280862.5,
    "comparable_sharpe_ratio": None,
    "comparable_sortino_ratio": None,
    "comparable_annual_standard_deviation": None,
    "comparable_drawdown": None,
    "lean_win_rate": 0.6471,
    "lean_average_win": 0.0123,
    "lean_average_loss": -0.0077,
    "lean_profit_loss_ratio": 1.5974,
}
FEWER_DIGITS = {
    "sharpe_ratio": 0.912,
    "sortino_ratio": 1.204,
    "annual_standard_deviation": 0.113,
    "win_rate": 0.65,
    "profit_loss_ratio": 1.6,
    "lean_win_rate": 0.65,
    "lean_profit_loss_ratio": 1.6,
}


def test_per_metric_the_field_with_more_digits_is_taken() -> None:
    assert measured(make_result()) == LeanMetrics(MORE_DIGITS)


def test_the_old_layout_gives_the_same_numbers_but_for_the_equity_that_it_does_not_say() -> None:
    assert measured(make_old_result()) == LeanMetrics(MORE_DIGITS | {"start_equity": None})


def test_the_old_casing_may_have_the_new_name_for_orders() -> None:
    statistics = {"Total Orders": "7", "Net Profit": "361.374%"}
    found = measured(make_old_result(Statistics=statistics, TotalPerformance=None, RuntimeStatistics={})).metrics
    assert {name: value for name, value in found.items() if value is not None} == {
        "total_orders": 7,
        "net_profit": 3.61374,
    }


def test_without_the_finer_field_the_other_one_is_taken() -> None:
    found = measured(make_result(totalPerformance=None)).metrics
    absent = {"total_trades": None, "gross_profit": None, "fee_share": None}
    assert found == MORE_DIGITS | FEWER_DIGITS | absent


def test_an_unreadable_text_gives_way_to_the_other_field_with_a_warning() -> None:
    performance = make_performance(PORTFOLIO | {"sortinoRatio": "high"})
    found = measured(make_result(totalPerformance=performance))
    assert found.metrics["sortino_ratio"] == 1.204
    assert found.warnings == ("portfolioStatistics 'sortinoRatio': expected a number, got 'high'",)


def test_numbers_that_are_no_texts_are_read_as_well() -> None:
    performance = make_performance(PORTFOLIO | {"sortinoRatio": 1.25, "winRate": None}, {"totalNumberOfTrades": "3"})
    found = measured(make_result(totalPerformance=performance)).metrics
    assert (found["sortino_ratio"], found["win_rate"], found["total_trades"]) == (1.25, 0.65, 3)


def test_the_sharpe_ratio_has_the_digits_that_tell_two_runs_apart() -> None:
    """LEAN shows three decimals, and two runs that differ in the fourth would tie."""
    ratios = []
    for text in ("0.9116", "0.9124"):
        performance = make_performance(PORTFOLIO | {"sharpeRatio": text})
        ratios.append(measured(make_result(totalPerformance=performance)).metrics["sharpe_ratio"])
    assert ratios == [0.9116, 0.9124]


def test_what_is_nowhere_said_is_absent() -> None:
    found = measured(make_result(totalPerformance=None, statistics={}, runtimeStatistics={}))
    assert found == LeanMetrics(dict.fromkeys(METRICS))


@pytest.mark.parametrize(
    ("fees", "currency", "value"),
    [("€1.02", "EUR", 1.02), ("BUSD99.75", "BUSD", 99.75), ("C985.00", "C98", 5.0), ("$1,041.55", "USD", 1041.55)],
)
def test_fees_are_in_account_currency_whatever_its_symbol(fees: str, currency: str, value: float) -> None:
    configuration = {**CONFIGURATION, "accountCurrency": currency}
    found = measured(make_result(statistics={**STATISTICS, "Total Fees": fees}, algorithmConfiguration=configuration))
    assert found.metrics["total_fees"] == value


def test_fees_are_those_of_all_orders_not_of_the_closed_trades() -> None:
    performance = make_performance(trades=TRADES | {"totalFees": "1.00"})
    assert measured(make_result(totalPerformance=performance)).metrics["total_fees"] == 41.55


def test_a_figure_beyond_all_numbers_is_absent() -> None:
    statistics = {**STATISTICS, "Compounding Annual Return": "1e999%", "Net Profit": "79228162514264337593543950335%"}
    found = measured(make_result(statistics=statistics)).metrics
    assert found["annual_return"] is None
    assert found["net_profit"] == 7.9228162514264337593543950335e26


def test_what_is_computed_of_huge_trades_and_returns_is_a_number_or_absent() -> None:
    trades = [{"profitLoss": 1e308, "totalFees": 0, "exitTime": f"2020-01-0{day}"} for day in range(1, 4)]
    returns = [[day * 86_400, value] for day, value in enumerate((1e308, -1e308, 1e308, 5.0))]
    charts = {"Strategy Equity": {"series": {"Return": {"values": returns}}}}
    performance = make_performance() | {"closedTrades": trades}
    found = measured(make_result(totalPerformance=performance, charts=charts)).metrics
    assert [name for name, value in found.items() if value is not None and not isfinite(value)] == []
    assert found["win_rate"] == 1.0


@pytest.mark.parametrize(
    ("end", "drawdown"),
    [("231500", 0.074), ("232125", 0.071), ("280000", 0.071)],
    ids=["a loss deeper than the drawdown", "within LEAN's rounding", "a profit"],
)
def test_no_drawdown_is_less_than_the_loss_of_the_whole_run(end: str, drawdown: float) -> None:
    performance = make_performance(PORTFOLIO | {"endEquity": end})
    found = measured(make_result(totalPerformance=performance))
    assert found.metrics["drawdown"] == pytest.approx(drawdown)
    assert [text.startswith("LEAN's drawdown of 0.071") for text in found.warnings] == [True] * (drawdown == 0.074)


@pytest.mark.parametrize("end", ["0", "-151284.6"])
def test_a_bankrupt_run_has_no_annual_return(end: str) -> None:
    figures = PORTFOLIO | {
        "startEquity": "100000",
        "endEquity": end,
        "compoundingAnnualReturn": "0",
        "drawdown": "2.513",
    }
    statistics = {**STATISTICS, "Compounding Annual Return": "0%", "Net Profit": "-251.285%", "Drawdown": "251.300%"}
    found = measured(make_result(statistics=statistics, totalPerformance=make_performance(figures))).metrics
    assert (found["annual_return"], found["net_profit"], found["drawdown"]) == (None, -2.51285, 2.513)


def trade(profit: float, fees: float, day: int) -> dict[str, Any]:
    return {"profitLoss": profit, "totalFees": fees, "exitTime": f"2020-02-{day:02d}T21:00:00Z"}


@pytest.mark.parametrize("in_layout", [dict, pascal], ids=["today's layout", "the old layout"])
def test_rates_are_computed_from_the_closed_trades_after_fees(in_layout: Any) -> None:
    """The one of 1.50 is no win after its fees of 2; capital before the trades is 1,000, 1,098 and 1,097.50."""
    trades = [in_layout(each) for each in (trade(1.5, 2, 4), trade(100, 2, 3), trade(-50, 2, 5))]
    performance = make_performance(PORTFOLIO | {"startEquity": "1000"}, TRADES | {"totalNumberOfTrades": 3})
    found = measured(make_result(totalPerformance=performance | {"closedTrades": trades})).metrics
    win, loss = 98 / 1000, -(0.5 / 1098 + 52 / 1097.5) / 2
    assert (found["win_rate"], found["average_win"]) == (pytest.approx(1 / 3), pytest.approx(win))
    assert (found["average_loss"], found["profit_loss_ratio"]) == (pytest.approx(loss), pytest.approx(win / -loss))
    own = ("lean_win_rate", "lean_average_win", "lean_average_loss", "lean_profit_loss_ratio")
    assert [found[name] for name in own] == [0.6471, 0.0123, -0.0077, 1.5974], "LEAN's own figures, of its portfolio"


def test_without_readable_closed_trades_the_rates_are_those_of_lean() -> None:
    performance = make_performance() | {"closedTrades": [trade(1.0, 0.0, 1), {"profitLoss": "much"}]}
    assert measured(make_result(totalPerformance=performance)) == LeanMetrics(MORE_DIGITS)


def test_profit_without_a_losing_trade_has_no_ratio_of_win_to_loss() -> None:
    performance = make_performance(PORTFOLIO | {"averageLossRate": "0", "profitLossRatio": "0"})
    found = measured(make_result(totalPerformance=performance)).metrics
    assert (found["average_loss"], found["profit_loss_ratio"]) == (0.0, None)


@pytest.mark.parametrize("start", ["0", "-5", "1e-9999", ""])
def test_no_profit_is_computed_from_an_equity_that_is_none(start: str) -> None:
    figures = {"startEquity": start, "endEquity": "1e9999", "totalNetProfit": "0"}
    found = measured(make_result(statistics={}, totalPerformance=make_performance(figures))).metrics
    assert found["net_profit"] in (0.0, None)


def test_a_negative_zero_is_zero() -> None:
    performance = make_performance(PORTFOLIO | {"sortinoRatio": "-0.0000"})
    assert str(measured(make_result(totalPerformance=performance)).metrics["sortino_ratio"]) == "0.0"
