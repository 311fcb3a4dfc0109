import pytest

from backfleet.core.criteria import RULES, SuccessCriteria, Verdict, judge, merge
from backfleet.core.metrics import METRICS, fee_share

GOOD = {
    "total_trades": 120,
    "sharpe_ratio": 1.1,
    "drawdown": 0.1,
    "win_rate": 0.5,
    "average_win": 0.02,
    "probabilistic_sharpe_ratio": 0.8,
    "fee_share": 0.2,
    "comparable_sharpe_ratio": 0.9,
    "comparable_sortino_ratio": 1.2,
    "comparable_drawdown": 0.1,
    "comparable_annual_standard_deviation": 0.2,
}
ALL = SuccessCriteria(
    min_trades=100,
    max_trades=150,
    min_sharpe=1.0,
    max_drawdown=0.15,
    min_win_rate=0.45,
    min_avg_win=0.01,
    min_psr=0.7,
    max_fee_share=0.3,
    min_comparable_sharpe=0.7,
    min_comparable_sortino=0.9,
    max_comparable_drawdown=0.15,
    max_comparable_deviation=0.25,
)
CASES = [
    pytest.param("min_trades", "total_trades", 100, 99, "insufficient_trades", id="min trades"),
    pytest.param("max_trades", "total_trades", 150, 151, "too_many_trades", id="max trades"),
    pytest.param("min_sharpe", "sharpe_ratio", 1.0, 0.99, "low_sharpe_ratio", id="sharpe"),
    pytest.param("max_drawdown", "drawdown", 0.15, 0.16, "high_drawdown", id="drawdown"),
    pytest.param("min_win_rate", "win_rate", 0.45, 0.44, "low_win_rate", id="win rate"),
    pytest.param("min_avg_win", "average_win", 0.01, 0.009, "low_average_win", id="average win"),
    pytest.param("min_psr", "probabilistic_sharpe_ratio", 0.7, 0.69, "low_psr", id="psr"),
    pytest.param("max_fee_share", "fee_share", 0.3, 0.31, "high_fees", id="fees"),
    pytest.param(
        "min_comparable_sharpe",
        "comparable_sharpe_ratio",
        0.7,
        0.69,
        "low_comparable_sharpe_ratio",
        id="comparable sharpe",
    ),
    pytest.param(
        "min_comparable_sortino",
        "comparable_sortino_ratio",
        0.9,
        0.89,
        "low_comparable_sortino_ratio",
        id="comparable sortino",
    ),
    pytest.param(
        "max_comparable_drawdown",
        "comparable_drawdown",
        0.15,
        0.16,
        "high_comparable_drawdown",
        id="comparable drawdown",
    ),
    pytest.param(
        "max_comparable_deviation",
        "comparable_annual_standard_deviation",
        0.25,
        0.26,
        "high_comparable_deviation",
        id="comparable deviation",
    ),
]


def test_a_result_within_all_bounds_passes():
    assert judge(GOOD, ALL) == Verdict(passed=True)


@pytest.mark.parametrize(("criterion", "metric", "at_bound", "beyond", "code"), CASES)
def test_a_bound_is_included_and_what_is_beyond_is_rejected(criterion, metric, at_bound, beyond, code):
    only = SuccessCriteria(**{criterion: getattr(ALL, criterion)})
    assert judge({metric: at_bound}, only) == Verdict(passed=True)
    assert judge({metric: beyond}, only) == Verdict(passed=False, rejections=(code,))


@pytest.mark.parametrize(("criterion", "metric", "at_bound", "beyond", "code"), CASES)
@pytest.mark.parametrize("absent", [{}, None, float("nan")], ids=["missing", "null", "NaN"])
def test_an_absent_metric_fails_the_criterion_that_needs_it(criterion, metric, at_bound, beyond, code, absent):
    only = SuccessCriteria(**{criterion: getattr(ALL, criterion)})
    metrics = {} if absent == {} else {metric: absent}
    assert judge(metrics, only).rejections == (code,)


def test_zero_trades_are_a_number_like_any_other():
    assert judge({"total_trades": 0}, SuccessCriteria(min_trades=1)).rejections == ("insufficient_trades",)
    assert judge({"total_trades": 0}, SuccessCriteria(min_trades=0)).passed


def test_all_rejections_are_named_in_order():
    assert judge({"total_trades": 200}, ALL).rejections == tuple(
        rule.rejection for rule in RULES if rule.field != "min_trades"
    )


def test_without_criteria_everything_passes():
    assert judge({}, SuccessCriteria()) == Verdict(passed=True)


def test_every_rule_reads_a_metric_that_engines_report():
    assert {rule.metric for rule in RULES} <= set(METRICS)


BATCH, STRATEGY, DEFAULT = SuccessCriteria(min_sharpe=2), SuccessCriteria(min_trades=5), ALL


def test_the_batchs_set_replaces_the_strategys_which_replaces_the_default():
    assert merge(BATCH, STRATEGY, DEFAULT) is BATCH
    assert merge(None, STRATEGY, DEFAULT) is STRATEGY
    assert merge(None, None, DEFAULT) is DEFAULT


def test_an_empty_set_of_the_batch_counts_as_given():
    assert merge(SuccessCriteria(), STRATEGY, DEFAULT) == SuccessCriteria()


@pytest.mark.parametrize(
    "criteria", [ALL, SuccessCriteria(), SuccessCriteria(min_trades=0)], ids=["all", "none", "zero"]
)
def test_criteria_survive_json(criteria):
    assert SuccessCriteria.from_json(criteria.to_json()) == criteria


def test_json_uses_the_custom_resources_names_and_leaves_out_what_is_not_set():
    criteria = SuccessCriteria(min_trades=0, max_fee_share=0.3)
    assert criteria.to_json() == {"minTrades": 0, "maxFeeShare": 0.3}
    assert SuccessCriteria.from_json({"minTrades": 0, "maxFeeShare": 0.3, "minPsr": None}) == criteria


def test_a_drawdown_of_fifteen_percent_is_a_fraction_on_both_sides():
    fifteen = SuccessCriteria(max_drawdown=0.15)
    assert judge({"drawdown": 0.15}, fifteen).passed
    assert judge({"drawdown": 0.152}, fifteen).rejections == ("high_drawdown",)
    assert judge({"drawdown": 15.2}, fifteen).rejections == ("high_drawdown",)


FEES = [
    pytest.param(30.0, 50.0, ("high_fees",), id="3 % of a capital of 1000, and more than half of the gross profit"),
    pytest.param(
        5.0, 50.0, (), id="a net profit below zero since the losers lost more, and a tenth of the gross profit"
    ),
    pytest.param(15.0, 50.0, (), id="a third of a net profit of 45, and exactly 0.3 of the gross profit"),
    pytest.param(5.0, 0.0, ("high_fees",), id="no winner at all"),
    pytest.param(0.0, 0.0, ("high_fees",), id="no trade at all"),
]


@pytest.mark.parametrize(("fees", "gross_profit", "rejections"), FEES)
def test_fees_are_judged_as_a_share_of_gross_profit_and_of_nothing_else(fees, gross_profit, rejections):
    metrics = {"fee_share": fee_share(fees, gross_profit)}
    assert judge(metrics, SuccessCriteria(max_fee_share=0.3)).rejections == rejections


def test_no_default_lets_a_result_without_trades_pass():
    """What an engine reports without a trade: counts and the drawdown are 0, all else is absent."""
    idle = {"total_trades": 0, "total_orders": 0, "drawdown": 0.0, "net_profit": 0.0, "total_fees": 0.0}
    assert judge(idle, ALL).rejections == (
        "insufficient_trades",
        "low_sharpe_ratio",
        "low_win_rate",
        "low_average_win",
        "low_psr",
        "high_fees",
        "low_comparable_sharpe_ratio",
        "low_comparable_sortino_ratio",
        "high_comparable_drawdown",
        "high_comparable_deviation",
    )
