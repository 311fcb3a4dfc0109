"""Backtests that LEAN ran too, on the package's own bars: fills and equity are equal.

LEAN is of commit 24863901d (2026-08-21); the strategies were written for it with market-on-open orders, its default fees and the
symbol as benchmark. Every 50th close is kept here; where the shared folder is there, all of them are compared.
"""

import csv
import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from backfleet.core.backtests import BacktestRequest, Prices
from backfleet.engines.bars.backtest import load_bars, run, trade
from backfleet.engines.bars.market_data import PACKAGED_FOLDER
from backfleet.engines.bars.portfolio import Ledger
from backfleet.engines.bars.settings import BarsSettings

TWINS = Path(__file__).parent / "twins"
SHARED = Path(__file__).parents[4] / "shared/lean-results/twins"
NAMES = sorted(path.parent.name for path in TWINS.glob("*/request.json"))
Fill = tuple[str, int, float]


def rows_of(path: Path) -> list[list[str]]:
    with path.open() as file:
        return list(csv.reader(file, delimiter="\t"))[1:]


def request_of(name: str) -> tuple[BacktestRequest, str]:
    body: dict[str, Any] = json.loads((TWINS / name / "request.json").read_text())
    request = BacktestRequest(
        engine="bars",
        strategy=body["strategy"],
        parameter_texts=body["parameters"],
        symbols=tuple(body["symbols"]),
        start_date=date.fromisoformat(body["startDate"]),
        end_date=date.fromisoformat(body["endDate"]),
        initial_cash=Decimal(body["initialCash"]),
        prices=Prices(body["prices"]),
    )
    return request, body["data"]


def settings_of(data: str, folder: Path) -> BarsSettings:
    """Return the package's data, or its bars with the factor files of `data`."""
    if data == "packaged":
        return BarsSettings()
    usa = folder / "equity/usa"
    usa.mkdir(parents=True)
    (usa / "daily").symlink_to(PACKAGED_FOLDER / "equity/usa/daily")
    for kind in ("factor_files", "map_files"):
        (usa / kind).symlink_to(TWINS / data / "equity/usa" / kind)
    return BarsSettings(data_folder=folder)


def fills_of(ledger: Ledger, days: list[str]) -> list[Fill]:
    found: list[Fill] = []
    for closed in ledger.trades:
        found.append((days[closed.entry_bar], closed.shares, closed.entry_price))
        found.append((days[closed.exit_bar], -closed.shares, closed.exit_price))
    return found


@pytest.mark.parametrize("name", NAMES)
def test_fills_fees_and_equity_are_those_of_lean(name: str, tmp_path: Path) -> None:
    request, data = request_of(name)
    settings = settings_of(data, tmp_path)
    series = load_bars(request, settings)
    days = series[0].days
    ledger = trade(request, series, settings)
    theirs = rows_of(TWINS / name / "fills.tsv")
    mine = fills_of(ledger, days)
    # The entry of a position that is open at the end is LEAN's last fill, and no trade here.
    assert [(day, int(shares)) for day, shares, *_ in theirs][: len(mine)] == [fill[:2] for fill in mine]
    assert [int(shares) for _, shares, *_ in theirs][len(mine) :] == [ledger.open_shares][: len(theirs) - len(mine)]
    assert [fill[2] for fill in mine] == pytest.approx([float(row[2]) for row in theirs[: len(mine)]], abs=1e-4)
    assert [settings.fee(abs(int(row[1])), float(row[2])) for row in theirs] == pytest.approx(
        [float(row[3]) for row in theirs], abs=0.005
    )
    assert ledger.total_fees == pytest.approx(sum(float(row[3]) for row in theirs), abs=0.005)
    assert_equity(name, dict(zip(days, ledger.equity, strict=True)))


def assert_equity(name: str, mine: dict[str, float]) -> None:
    folders = [TWINS, SHARED] if SHARED.is_dir() else [TWINS]
    for folder in folders:
        theirs = {day: float(value) for day, value in rows_of(folder / name / "equity.tsv")}
        assert {day: mine[day] for day in theirs} == pytest.approx(theirs, rel=1e-6)
    if SHARED.is_dir():
        assert len(mine) == len(rows_of(SHARED / name / "equity.tsv"))


@pytest.mark.parametrize("name", NAMES)
def test_the_figures_of_trades_and_equity_are_those_that_lean_wrote(name: str, tmp_path: Path) -> None:
    request, data = request_of(name)
    settings = settings_of(data, tmp_path)
    metrics = run(request, load_bars(request, settings), settings).metrics
    body = json.loads((TWINS / name / "statistics.json").read_text())
    portfolio, trades = body["portfolioStatistics"], body["tradeStatistics"]
    assert metrics["total_orders"] == int(body["statistics"]["Total Orders"])
    assert metrics["total_trades"] == trades["totalNumberOfTrades"]
    assert metrics["gross_profit"] == pytest.approx(
        float(trades["totalProfit"]), abs=0.011
    )  # LEAN rounds each to a cent
    assert metrics["end_equity"] == pytest.approx(float(portfolio["endEquity"]), abs=0.0001)
    four_digits = {
        "win_rate": "winRate",
        "average_win": "averageWinRate",
        "average_loss": "averageLossRate",
        "profit_loss_ratio": "profitLossRatio",
        "net_profit": "totalNetProfit",
        "annual_return": "compoundingAnnualReturn",
    }
    theirs = {metric: float(portfolio[field]) for metric, field in four_digits.items()}
    assert {metric: metrics[metric] for metric in theirs} == pytest.approx(theirs, abs=0.00006)
    assert metrics["drawdown"] == pytest.approx(float(portfolio["drawdown"]), abs=0.0006)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared folder is not there")
def test_every_twin_of_the_shared_folder_is_kept_here() -> None:
    assert {path.parent.name for path in SHARED.glob("*/request.json")} == set(NAMES)
