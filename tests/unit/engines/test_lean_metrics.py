from typing import Any

import pytest

from backfleet.core.metrics import METRICS
from backfleet.engines.lean.document import parse_document
from backfleet.engines.lean.metrics import Measured, measure
from tests.support.lean_results import (
    CONFIGURATION,
    PORTFOLIO,
    STATISTICS,
    TRADES,
    make_empty_run,
    make_old_result,
    make_performance,
    make_result,
)

MORE_DIGITS = {
    "sharpe_ratio": 0.912,
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
}
FEWER_DIGITS = {
    "sortino_ratio": 1.204,
    "annual_standard_deviation": 0.113,
    "win_rate": 0.65,
    "profit_loss_ratio": 1.6,
}


def measured(body: dict[str, Any]) -> Measured:
    return measure(parse_document("x.json", body))


def test_per_metric_the_field_with_more_digits_is_taken() -> None:
    assert measured(make_result()) == Measured(MORE_DIGITS)


def test_the_old_layout_gives_the_same_numbers_but_for_the_equity_that_it_does_not_say() -> None:
    assert measured(make_old_result()) == Measured(MORE_DIGITS | {"start_equity": None})


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
    assert found.warnings == ("portfolioStatistics 'sortinoRatio': 'high' is not a number",)


def test_numbers_that_are_no_texts_are_read_as_well() -> None:
    performance = make_performance(PORTFOLIO | {"sortinoRatio": 1.25, "winRate": None}, {"totalNumberOfTrades": "3"})
    found = measured(make_result(totalPerformance=performance)).metrics
    assert (found["sortino_ratio"], found["win_rate"], found["total_trades"]) == (1.25, 0.65, 3)


def test_the_sharpe_ratio_is_the_one_that_lean_shows() -> None:
    performance = make_performance(PORTFOLIO | {"sharpeRatio": "0.9123"})
    assert measured(make_result(totalPerformance=performance)).metrics["sharpe_ratio"] == 0.912
    unread = make_result(totalPerformance=performance, statistics={**STATISTICS, "Sharpe Ratio": ""})
    assert measured(unread).metrics["sharpe_ratio"] == 0.9123


def test_what_is_nowhere_said_is_absent() -> None:
    found = measured(make_result(totalPerformance=None, statistics={}, runtimeStatistics={}))
    assert found == Measured(dict.fromkeys(METRICS))


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


def test_a_run_without_orders_has_no_ratios_and_no_rates() -> None:
    numbers = {
        "net_profit": 0.0,
        "annual_return": 0.0,
        "drawdown": 0.0,
        "annual_standard_deviation": 0.0,
        "total_orders": 0,
        "total_trades": 0,
        "total_fees": 0.0,
        "gross_profit": 0.0,
        "start_equity": 250000.0,
        "end_equity": 250000.0,
    }
    assert measured(make_empty_run()) == Measured(dict.fromkeys(METRICS) | numbers)


def test_a_ratio_of_zero_is_kept_where_there_was_something_to_compute() -> None:
    performance = make_performance(PORTFOLIO | {"sortinoRatio": "0", "winRate": "0"})
    found = measured(make_result(totalPerformance=performance)).metrics
    assert (found["sortino_ratio"], found["win_rate"]) == (0.0, 0.0)


def test_a_run_too_short_for_ratios_has_the_profit_of_its_equities() -> None:
    zeros = dict.fromkeys(PORTFOLIO, "0") | {"startEquity": "100000", "endEquity": "101250"}
    statistics = {**STATISTICS, "Sharpe Ratio": "0", "Net Profit": "0%", "Compounding Annual Return": "0%"}
    found = measured(make_result(statistics=statistics, totalPerformance=make_performance(zeros))).metrics
    assert (found["net_profit"], found["annual_return"], found["sharpe_ratio"]) == (0.0125, None, None)


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
    performance = make_performance(PORTFOLIO | {"sortinoRatio": "-0"})
    assert str(measured(make_result(totalPerformance=performance)).metrics["sortino_ratio"]) == "0.0"
