"""Where LEAN writes 0 because it computed nothing, the metric is absent; a 0 that it computed stays."""

import pytest

from backfleet.core.metrics import METRICS
from backfleet.engines.lean.metrics import LeanMetrics
from backfleet.engines.lean.placeholders import OF_PERFORMANCE
from tests.support.lean_outcomes import measured
from tests.support.lean_results import PORTFOLIO, STATISTICS, make_empty_run, make_performance, make_result


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
