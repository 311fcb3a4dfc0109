from datetime import UTC, date, datetime, timedelta
from math import isfinite, sqrt
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import pytest

from backfleet.core.metrics import METRICS
from backfleet.engines.lean.curve import chart_points, daily_returns
from backfleet.engines.lean.document import parse_document
from backfleet.engines.lean.metrics import LeanMetrics, measure
from backfleet.engines.lean.placeholders import OF_PERFORMANCE
from tests.support.lean_outcomes import result
from tests.support.lean_results import (
    CONFIGURATION,
    PORTFOLIO,
    STATISTICS,
    TRADES,
    make_empty_run,
    make_old_result,
    make_performance,
    make_result,
    pascal,
    write_run,
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


def measured(body: dict[str, Any]) -> LeanMetrics:
    return measure(parse_document("x.json", body))


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
    assert measured(make_empty_run()) == LeanMetrics(dict.fromkeys(METRICS) | numbers)


@pytest.mark.parametrize(("text", "value"), [("0", None), ("0.0000", 0.0), ("-0.0000", 0.0), ("0.5", 0.5)])
def test_a_sortino_ratio_of_a_bare_0_is_leans_placeholder_and_a_computed_one_is_kept(
    text: str, value: float | None
) -> None:
    performance = make_performance(PORTFOLIO | {"sortinoRatio": text})
    assert measured(make_result(totalPerformance=performance)).metrics["sortino_ratio"] == value


def test_without_the_finer_field_a_sortino_ratio_of_0_is_the_placeholder() -> None:
    body = make_result(totalPerformance=None, statistics={**STATISTICS, "Sortino Ratio": "0"})
    assert measured(body).metrics["sortino_ratio"] is None


def test_a_win_rate_of_0_is_kept_where_there_were_trades() -> None:
    performance = make_performance(PORTFOLIO | {"winRate": "0"})
    assert measured(make_result(totalPerformance=performance)).metrics["win_rate"] == 0.0


RATIOS = ("sharpe_ratio", "sortino_ratio", "probabilistic_sharpe_ratio")


@pytest.mark.parametrize(("sharpe", "are_there"), [("-590.1", True), ("0", False)], ids=["rounds to 0", "is 0"])
def test_one_rule_decides_for_all_ratios_whether_there_was_any_deviation(sharpe: str, are_there: bool) -> None:
    figures = {"annualStandardDeviation": "0", "sharpeRatio": sharpe, "sortinoRatio": "-0.0000"}
    statistics = {**STATISTICS, "Sharpe Ratio": sharpe, "Sortino Ratio": "0", "Probabilistic Sharpe Ratio": "0%"}
    found = measured(make_result(statistics=statistics, totalPerformance=make_performance(PORTFOLIO | figures))).metrics
    assert [found[name] is not None for name in RATIOS] == [are_there] * 3


SHORT = dict.fromkeys(PORTFOLIO, "0") | {"startEquity": "100000"}
SHORT_STATISTICS = {
    key: "0%" if "%" in text else "0" if key not in ("Total Orders", "Total Fees") else text
    for key, text in STATISTICS.items()
    if "Equity" not in key
}


@pytest.mark.parametrize(("end", "drawdown", "warned"), [("101250", None, False), ("60000", 0.4, True)])
def test_a_run_too_short_for_any_figure_has_only_what_its_equities_say(
    end: str, drawdown: float | None, warned: bool
) -> None:
    performance = make_performance(SHORT | {"endEquity": end})
    found = measured(make_result(statistics=SHORT_STATISTICS, totalPerformance=performance))
    profit = float(end) / 100_000 - 1
    computed = {"net_profit": pytest.approx(profit), "drawdown": drawdown, "total_orders": 41, "total_trades": 20}
    assert {name: found.metrics[name] for name in OF_PERFORMANCE} == dict.fromkeys(OF_PERFORMANCE) | {
        name: value for name, value in computed.items() if name in OF_PERFORMANCE
    }
    assert found.metrics["total_trades"] == 20
    assert bool(found.warnings) is warned


def test_a_run_of_one_sample_without_a_move_has_no_figures_either() -> None:
    curve = {"Strategy Equity": {"series": {"Return": {"values": [[1577941200, 0.0]]}}}}
    performance = make_performance(SHORT | {"endEquity": "100000"})
    body = make_result(statistics=SHORT_STATISTICS, totalPerformance=performance, charts=curve)
    found = measured(body).metrics
    assert {name: found[name] for name in OF_PERFORMANCE} == dict.fromkeys(OF_PERFORMANCE) | {"net_profit": 0.0}


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


def returns_of(percents: list[float], name: str = "Return") -> dict[str, Any]:
    """A value for every calendar day from Thursday, January 2, 2020, stamped at the next midnight in New York."""
    start = datetime(2020, 1, 3, 5, tzinfo=UTC)
    values = [[int((start + timedelta(days=day)).timestamp()), percent] for day, percent in enumerate(percents)]
    return {"Strategy Equity": {"series": {name: {"values": values}}}}


@pytest.mark.parametrize("name", ["Return", "Daily Performance"])
def test_comparable_figures_come_from_the_daily_returns_without_their_idle_weekends(name: str) -> None:
    """Fourteen days with two weekends are ten weekdays, from a Thursday to a Wednesday: nine of them in thirteen days."""
    percents = [1.0, -0.5, 0.0, 0.0, 0.25, 0.0, -1.5, 2.0, 0.5, 0.0, 0.0, -0.25, 1.25, 0.75]
    weekdays = [value / 100 for day, value in enumerate(percents) if day not in (2, 3, 9, 10)]
    found = measured(make_result(charts=returns_of(percents, name))).metrics
    year = 9 / 13 * 365.25
    deviation = stdev(weekdays)
    assert found["comparable_sharpe_ratio"] == pytest.approx(mean(weekdays) / deviation * sqrt(year))
    assert found["comparable_annual_standard_deviation"] == pytest.approx(deviation * sqrt(year))
    assert found["comparable_drawdown"] == pytest.approx(1 - 0.995 * 1.0025 * 0.985)


def test_two_returns_of_one_day_are_one() -> None:
    charts = returns_of([1.0, 2.0])
    charts["Strategy Equity"]["series"]["Return"]["values"].append(
        [int(datetime(2020, 1, 3, 21, tzinfo=UTC).timestamp()), 3.0]
    )
    assert daily_returns(chart_points(charts, "Strategy Equity", "Return")) == (
        (date(2020, 1, 2), pytest.approx(0.01)),
        (date(2020, 1, 3), pytest.approx(1.02 * 1.03 - 1)),
    )


def test_comparable_figures_take_the_daily_rates_that_the_shim_kept(tmp_path: Path) -> None:
    write_run(tmp_path, make_result(charts=returns_of([1.0, -0.5, 0.0, 0.0, 0.25])))
    plain = result(tmp_path)
    (tmp_path / "backfleet-kept").write_text("date,rate\n2020-01-01,10\n")
    found = result(tmp_path)
    year = 2 / 4 * 365.25
    excess = [value - 0.1 / year for value in (0.01, -0.005, 0.0025)]
    assert found.metrics["comparable_sharpe_ratio"] == pytest.approx(mean(excess) / stdev(excess) * sqrt(year))
    assert (found.provenance["riskFreeRate"], "riskFreeRate" in plain.provenance) == ("file", False)
    assert found.metrics["sharpe_ratio"] == plain.metrics["sharpe_ratio"]
