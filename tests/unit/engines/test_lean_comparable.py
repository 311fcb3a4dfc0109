"""The figures that compare runs of LEAN with runs of other engines: computed from LEAN's daily returns."""

from datetime import UTC, date, datetime, timedelta
from math import sqrt
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import pytest

from backfleet.engines.lean.curve import chart_points, daily_returns
from tests.support.lean_outcomes import measured, result
from tests.support.lean_results import make_result, write_run


def returns_of(percents: list[float], name: str = "Return") -> dict[str, Any]:
    """Return a value for every calendar day from Thursday, January 2, 2020, stamped at the next midnight in New York."""
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
