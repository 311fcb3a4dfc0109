"""Figures that LEAN's own C# regression algorithms expect (`ExpectedStatistics` in Algorithm.CSharp of QuantConnect/Lean).

Every row is a run of LEAN's. What it writes as 0 without having computed it is absent here, and no drawdown is less than the
loss over the whole run by more than its rounding.
"""

import pytest

from backfleet.engines.lean.document import parse_document
from backfleet.engines.lean.metrics import LeanMetrics, measure
from backfleet.engines.lean.placeholders import DRAWDOWN_TOLERANCE, OF_PERFORMANCE
from tests.support.lean_results import make_result

FIELDS = (
    "Total Orders", "Compounding Annual Return", "Drawdown", "Start Equity", "End Equity", "Net Profit", "Sharpe Ratio",
    "Sortino Ratio", "Probabilistic Sharpe Ratio",
)  # fmt: skip
COMPUTED = """\
2 -0.359% 0.000% 100000 99995.41 -0.005% 0 0 0%
94 18.903% 0.800% 100000 100221.61 0.222% 6.406 0 69.072%
1 29.610% 0.600% 100000 100281.67 0.282% 7.023 0 0%
3 15.617% 1.600% 100000 107578.9 7.579% 1.706 0.919 88.924%
3 -2.594% 0.000% 100000 99966.4 -0.034% -10.666 0 1.216%
2 -0.142% 0.000% 100000 99990 -0.010% -15.959 -124989.863 0.015%
35 3.632% 0.000% 100000 100045.62 0.046% 4.618 13.697 73.517%
3 0.929% 0.000% 100000 100011.83 0.012% 0 0 0%
36 -2.237% 0.000% 1000000000 999762433.94 -0.024% -8.397 -11.384 0%
1 16.086% 0.100% 100000 100148.25 0.148% 7.182 0 0%
12 73.899% 0.100% 100000 100709.93 0.710% 12.469 429.347 99.495%
16 -0.111% 0.100% 10000000 9988860.24 -0.111% -10.413 -0.961 0.000%
5 -36.910% 0.600% 100000 99412.82 -0.587% -14.31 -19.441 1.568%
156 -0.024% 0.400% 1000000 999754.94 -0.025% -1.602 -1.913 11.172%
2 -39.406% 0.700% 100000 99498 -0.502% 0 0 0%
2 -21.622% 0.300% 100000 99689 -0.311% 0 0 0%
1 -3.591% 0.000% 100000 99969.95 -0.030% -11.996 0 0%
6 -36.270% 1.400% 100000 99303 -0.697% -8.675 -6.769 0.012%
6 -50.796% 1.900% 100000 98457.63 -1.542% -4.343 -3.19 4.159%
4 -67.963% 2.900% 100000 98248.35 -1.752% -6.542 0 1.125%
6 -72.241% 2.900% 100000 98259.71 -1.740% -3.018 -3.766 24.616%
7 -65.964% 3.000% 100000 97665.47 -2.335% -3.693 -2.881 6.625%
718 -1.720% 1.700% 1000000 982676.58 -1.732% -8.877 -5.476 0.000%
199 -12.611% 0.200% 100000 99827.80 -0.172% -11.13 -16.704 12.075%
6 -15.350% 1.200% 100000 99552.05 -0.448% -1.457 -2.62 33.743%
57 -47.380% 2.500% 50000 48726.48 -2.547% -3.372 -3.889 10.352%
33 -25.889% 2.200% 50000 49401.67 -1.197% -1.036 -0.681 31.423%
1 -100.000% 19.500% 100000 88402.7 -11.597% -0.687 0 0%
9 -99.870% 38.200% 100000 81850 -18.150% -0.482 -0.495 31.192%
1 -99.907% 11.000% 100000 89657.2 -10.343% -1.708 -1.361 0.009%
8282 -100.000% 13.900% 1000000 861260.7 -13.874% -19.346 -19.346 0%
1 -78.316% 31.700% 100000 83636.96 -16.363% -0.498 -0.507 25.138%
57 -99.930% 23.000% 100000 80330 -19.670% -1.298 -1.254 1.073%
2 -99.801% 46.200% 100000 73985 -26.015% -0.605 -0.24 19.498%
85 -3.119% 52.900% 100000 70553.97 -29.446% -0.223 -0.243 0.001%
24 -15.280% 30.100% 100000 71786.23 -28.214% -1.107 -1.357 0.024%
3 -44.262% 26.200% 100000 75242.9 -24.757% -0.965 0 0.060%
10 -100.000% 33.200% 100000 79014 -20.986% -0.537 0 18.566%
"""
NOT_COMPUTED = """\
450 0% 0% 100000 65398.86 0% 0 0 0%
450 0% 0% 100000 80983.36 0% 0 0 0%
1 0% 0% 100000 99864 0% 0 0 0%
1 0% 0% 100000 99764 0% 0 0 0%
2 0% 0% 200000 200671.1 0% 0 0 0%
2 0% 0% 200000 199643 0% 0 0 0%
4 0% 0% 200000 197924 0% 0 0 0%
5 0% 0% 1000.00 955.69 0% 0 0 0%
4 0% 0% 1000000 999494.8 0% 0 0 0%
3 0% 0% 500000 499792 0% 0 0 0%
"""
WITHOUT_EQUITIES = """\
0 -9.062% 0.100% - - -0.121% 0 - 0%
5433 -3.894% 0.100% - - -0.054% -30.322 - -
140 -38.171% 0.400% - - -0.394% -24.82 - 0%
1638 -1.204% 0.000% - - -0.017% -8.74 - 0.002%
21 -8.289% 16.700% - - -15.892% -1.225 - -
56 -15.100% 15.200% - - -15.207% -1.13 - 0.000%
671 -80.820% 12.200% - - -12.180% -13.121 - 0%
"""
"""LEAN's layouts before 2023 do not write them."""


def rows(table: str) -> list[dict[str, str]]:
    lines = [dict(zip(FIELDS, line.split(), strict=True)) for line in table.splitlines()]
    return [{field: text for field, text in row.items() if text != "-"} for row in lines]


def read(row: dict[str, str]) -> LeanMetrics:
    return measure(parse_document("x.json", make_result(statistics=row, totalPerformance=None, runtimeStatistics={})))


def loss_of(measured: LeanMetrics) -> float:
    profit = measured.metrics["net_profit"]
    assert profit is not None
    return -profit


@pytest.mark.parametrize(
    "row", [*rows(COMPUTED), *rows(NOT_COMPUTED), *rows(WITHOUT_EQUITIES)], ids=lambda row: " ".join(row.values())
)
def test_no_run_has_a_loss_deeper_than_its_drawdown(row: dict[str, str]) -> None:
    measured = read(row)
    drawdown = measured.metrics["drawdown"]
    if drawdown is None:
        assert loss_of(measured) <= float(DRAWDOWN_TOLERANCE)
    else:
        assert drawdown >= loss_of(measured) - float(DRAWDOWN_TOLERANCE)


@pytest.mark.parametrize("row", rows(COMPUTED), ids=lambda row: " ".join(row.values()))
def test_what_lean_computed_is_taken_as_it_wrote_it(row: dict[str, str]) -> None:
    measured = read(row)
    assert measured.warnings == ()
    written = {field: float(row[field].rstrip("%")) / 100 for field in ("Drawdown", "Net Profit")}
    assert (measured.metrics["drawdown"], measured.metrics["net_profit"]) == pytest.approx(
        (written["Drawdown"], written["Net Profit"])
    )
    assert (measured.metrics["sharpe_ratio"] or 0.0) == float(row["Sharpe Ratio"])


@pytest.mark.parametrize("row", rows(NOT_COMPUTED), ids=lambda row: " ".join(row.values()))
def test_what_lean_did_not_compute_is_absent_but_for_what_the_equities_show(row: dict[str, str]) -> None:
    measured = read(row)
    profit = float(row["End Equity"]) / float(row["Start Equity"]) - 1
    shown = {"net_profit": profit, "drawdown": -profit if -profit > float(DRAWDOWN_TOLERANCE) else None}
    assert {metric: measured.metrics[metric] for metric in OF_PERFORMANCE} == {
        metric: None if (value := shown.get(metric)) is None else pytest.approx(value) for metric in OF_PERFORMANCE
    }
    assert len(measured.warnings) == (shown["drawdown"] is not None)


@pytest.mark.parametrize("row", [*rows(COMPUTED), *rows(WITHOUT_EQUITIES)], ids=lambda row: " ".join(row.values()))
def test_a_probability_of_0_beside_a_positive_sharpe_ratio_is_absent(row: dict[str, str]) -> None:
    """LEAN writes 0 where it has too few returns for a kurtosis; next to a negative ratio 0 may be what it computed."""
    written, sharpe = row.get("Probabilistic Sharpe Ratio"), float(row["Sharpe Ratio"])
    found = read(row).metrics["probabilistic_sharpe_ratio"]
    if written is None or (float(written.rstrip("%")) == 0 and sharpe >= 0):
        assert found is None
    else:
        assert found == pytest.approx(float(written.rstrip("%")) / 100)


@pytest.mark.parametrize(
    ("sharpe", "expected"), [("0", None), ("-15.959", 0.0)], ids=["not computed", "computed, and rounded to 0"]
)
def test_a_deviation_of_0_is_kept_only_where_lean_computed_a_ratio_of_it(sharpe: str, expected: float | None) -> None:
    (row,) = rows(f"2 -39.406% 0.700% 100000 99498 -0.502% {sharpe} 0 0%\n")
    assert read(row | {"Annual Standard Deviation": "0"}).metrics["annual_standard_deviation"] == expected


def test_a_drawdown_below_the_net_profit_is_put_right_where_the_equities_are_not_written() -> None:
    (row,) = rows("9 -40.000% 5.000% - - -20.000% -1.5 - 0%\n")
    measured = read(row)
    assert measured.metrics["drawdown"] == pytest.approx(0.2)
    assert measured.warnings == (
        "LEAN's drawdown of 0.05000 is less than the loss over the whole run: 0.2000 is used instead",
    )
