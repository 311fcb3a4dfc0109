"""The comparable figures are equal from LEAN's daily series and from the curve of `bars`, on the backtests that both ran.

LEAN's series `Return` is built from its equity at each close as LEAN stamps it: a return for every calendar day, in percent with
four decimals, at the next midnight of the exchange, and the last one at the close. That it is LEAN's is seen by what LEAN wrote:
its deviation and its Sharpe ratio follow from the series.
"""

import json
import statistics
from datetime import date, datetime, time, timedelta
from math import sqrt
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from backfleet.core.criteria import SuccessCriteria, judge
from backfleet.engines.bars.backtest import load_bars, run, trade
from backfleet.engines.bars.lean_folder import day_date
from backfleet.engines.bars.settings import BarsSettings
from backfleet.engines.lean.document import parse_document
from backfleet.engines.lean.metrics import measure
from backfleet.engines.risk_free import NO_RATE, RiskFreeRates
from tests.unit.engines.test_bars_twins import NAMES, SHARED, TWINS, request_of, rows_of, settings_of

EXCHANGE = ZoneInfo("America/New_York")
Metrics = dict[str, float | int | None]
Closes = dict[date, float]
LEANS_RATE = 0.02488
"""The mean of the rates in the file that LEAN ran with; of 2000-03-01 to 2012-12-31."""
COMPARABLE = (
    "comparable_sharpe_ratio",
    "comparable_sortino_ratio",
    "comparable_annual_standard_deviation",
    "comparable_drawdown",
)


def of_bars(name: str, folder: Path, rate: float) -> tuple[Metrics, Closes]:
    """Return what `bars` measures, and its equity at each close."""
    request, data = request_of(name)
    given = settings_of(data, folder)
    settings = BarsSettings(data_folder=given.data_folder, risk_free_rate=rate)
    series = load_bars(request, settings)
    equity = trade(request, series, settings).equity
    return dict(run(request, series, settings).metrics), dict(zip(map(day_date, series[0].days), equity, strict=True))


def closes_of_lean(name: str, mine: Closes) -> Closes:
    """Return LEAN's equity at each close; without the shared folder that of `bars`, which is equal."""
    if not SHARED.is_dir():
        return mine
    return {day_date(day): float(value) for day, value in rows_of(SHARED / name / "equity.tsv")}


def stamped(closes: Closes, start: date, cash: float) -> list[list[float]]:
    """Return LEAN's series of the run: [seconds, percent] for each calendar day."""
    points = [[int(datetime.combine(start, time(), EXCHANGE).timestamp()), 0.0]]
    before, last = cash, max(closes)
    for place in range((last - start).days + 1):
        day = start + timedelta(days=place)
        now = closes.get(day, before)
        moment = (day, time(16)) if day == last else (day + timedelta(days=1), time())
        points.append([int(datetime.combine(*moment, EXCHANGE).timestamp()), round((now / before - 1) * 100, 4)])
        before = now
    return points


def result_of_lean(name: str, closes: Closes) -> dict[str, Any]:
    """Return LEAN's full result, as far as figures are read from it."""
    written = json.loads((TWINS / name / "statistics.json").read_text())
    performance = {"portfolioStatistics": written["portfolioStatistics"], "tradeStatistics": written["tradeStatistics"]}
    request, _ = request_of(name)
    values = stamped(closes, request.start_date, float(request.initial_cash))
    charts = {"Strategy Equity": {"series": {"Return": {"values": values}}}}
    return {"statistics": written["statistics"], "totalPerformance": performance, "charts": charts}


@pytest.mark.parametrize("name", NAMES)
def test_the_series_is_lean_s_its_own_figures_follow_from_it(name: str, tmp_path: Path) -> None:
    body = result_of_lean(name, closes_of_lean(name, of_bars(name, tmp_path, 0.0)[1]))
    returns = [percent / 100 for _, percent in body["charts"]["Strategy Equity"]["series"]["Return"]["values"]]
    deviation = statistics.stdev(returns) * sqrt(252)
    sharpe = ((1 + statistics.mean(returns)) ** 252 - 1 - LEANS_RATE) / deviation
    portfolio = body["totalPerformance"]["portfolioStatistics"]
    assert deviation == pytest.approx(float(portfolio["annualStandardDeviation"]), abs=0.00011)
    assert sharpe == pytest.approx(float(portfolio["sharpeRatio"]), abs=0.002)


@pytest.mark.parametrize("rate", [0.0, LEANS_RATE], ids=["no rate", "LEAN's mean rate"])
@pytest.mark.parametrize("name", NAMES)
def test_the_comparable_figures_of_both_engines_are_equal(name: str, rate: float, tmp_path: Path) -> None:
    mine, closes = of_bars(name, tmp_path, rate)
    rates = RiskFreeRates.constant(rate) if rate else NO_RATE
    body = result_of_lean(name, closes_of_lean(name, closes))
    theirs = measure(parse_document("backtest.json", body), rates=rates).metrics
    assert {figure: theirs[figure] for figure in COMPARABLE} == pytest.approx(
        {figure: mine[figure] for figure in COMPARABLE}, rel=0.002
    )


def test_one_bound_judges_both_engines_alike_where_their_own_figures_do_not(tmp_path: Path) -> None:
    name = "packaged-sma-aapl-split"
    mine, closes = of_bars(name, tmp_path, 0.0)
    theirs = measure(parse_document("backtest.json", result_of_lean(name, closes_of_lean(name, closes)))).metrics
    assert (round(mine["comparable_sharpe_ratio"] or 0, 3), round(theirs["comparable_sharpe_ratio"] or 0, 3)) == (
        0.718,
        0.718,
    )
    assert theirs["sharpe_ratio"] == 0.13
    own, comparable = SuccessCriteria(min_sharpe=0.5), SuccessCriteria(min_comparable_sharpe=0.5)
    assert [judge(metrics, own).passed for metrics in (mine, theirs)] == [True, False]
    assert [judge(metrics, comparable).passed for metrics in (mine, theirs)] == [True, True]
