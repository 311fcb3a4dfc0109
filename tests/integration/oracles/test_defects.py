"""Files that earlier versions read wrongly, where they are at hand: each gives the right value.

They lie outside the repository; BACKFLEET_DEFECTS names another folder.
"""

import os
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from backfleet import catalog
from backfleet.configs.converting import Wishes, convert
from backfleet.configs.documents import ConfigInvalid
from backfleet.core.backtests import Ending, Failure, Result
from backfleet.core.criteria import SuccessCriteria, judge
from backfleet.core.reasons import FailureReason
from backfleet.core.space.parameters import build_space
from backfleet.core.spec.model import parse_spec
from backfleet.engines.bars.backtest import load_bars, run
from backfleet.engines.bars.market_data import Bars
from backfleet.engines.bars.settings import BarsSettings
from backfleet.engines.lean.outcome import outcome_of_run
from backfleet.engines.lean.placeholders import OF_PERFORMANCE
from tests.support.engines import make_request
from tests.support.lean_results import write_exit

ROOT = Path(__file__).resolve().parents[3]
FOLDER = Path(os.environ.get("BACKFLEET_DEFECTS") or ROOT / "../shared/defects/engines")
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"needs the files of {FOLDER}")


def read(name: str, start: date, end: date) -> tuple[Bars, tuple[str, ...]]:
    """Return the bars of HUNT in a data folder, and the warnings of a run over them."""
    request = make_request("RSI_MeanReversion_ETF", symbols=("HUNT",), days=(start, end))
    settings = BarsSettings(data_folder=FOLDER / name)
    series = load_bars(request, settings)
    return series[0], run(request, series, settings).warnings


def ending_of(name: str, folder: Path) -> Ending:
    shutil.copytree(FOLDER / name, folder, dirs_exist_ok=True)
    write_exit(folder)
    return outcome_of_run(folder, make_request("Hunt", symbols=("AAPL",))).ending


def converted(name: str) -> Any:
    return convert((FOLDER / name).read_text(), catalog.load(), Wishes(strategy="RSI_MeanReversion_ETF"))


@pytest.mark.parametrize("name", ["factor-zip", "factor-csv"])
def test_factors_in_dated_zips_are_those_of_plain_files(name: str) -> None:
    bars, warnings = read(name, date(2020, 7, 1), date(2020, 10, 20))
    assert (len(bars), bars.closes[0], bars.closes[-1]) == (80, pytest.approx(100.0), pytest.approx(126.6992))
    assert max(after / before for before, after in zip(bars.closes, bars.closes[1:], strict=False)) < 1.0031
    assert min(after / before for before, after in zip(bars.closes, bars.closes[1:], strict=False)) > 1.0
    assert not any("no factors" in warning for warning in warnings)


def test_factor_rows_that_lean_skips_are_skipped_and_data_begin_at_the_first_one_left() -> None:
    bars, warnings = read("factor/exponent", date(2020, 1, 2), date(2020, 3, 31))
    assert (bars.days[0], set(bars.closes)) == ("20200130", {10.0})
    assert "factor file hunt.csv: 1 row is skipped, as in LEAN (first: line 1)" in warnings


def test_a_hole_is_a_warning_with_its_dates() -> None:
    _, warnings = read("hole", date(2010, 1, 1), date(2015, 12, 31))
    assert "no bars of HUNT between 2010-12-31 and 2015-01-05" in warnings


def test_a_run_too_short_for_figures_has_none_but_its_loss(tmp_path: Path) -> None:
    found = ending_of("lean-short-run", tmp_path)
    assert isinstance(found, Result)
    shown = {metric: value for metric in OF_PERFORMANCE if (value := found.metrics[metric]) is not None}
    assert shown == {"net_profit": pytest.approx(-0.4), "drawdown": pytest.approx(0.4)}
    assert judge(found.metrics, SuccessCriteria(max_drawdown=0.2)).rejections == ("high_drawdown",)
    assert any("is less than the loss over the whole run" in warning for warning in found.warnings)


def test_without_data_and_statistics_there_is_no_data(tmp_path: Path) -> None:
    found = ending_of("lean-no-statistics", tmp_path)
    assert isinstance(found, Failure)
    assert (found.reason, found.message.startswith("2000 of 2000 data requests failed")) == (
        FailureReason.NO_DATA,
        True,
    )


def test_a_parameter_without_a_step_has_leans_segments() -> None:
    space = build_space(parse_spec(converted("lean-no-step.json").spec).declarations())
    assert [space.combination(index).texts["rsi_period"] for index in range(space.total)] == [
        "10",
        "12",
        "14",
        "16",
        "18",
    ]


def test_a_figure_of_trades_is_never_taken_for_the_portfolios() -> None:
    with pytest.raises(ConfigInvalid) as caught:
        converted("lean-target-trade-statistics.json")
    assert "TotalPerformance.TradeStatistics" in str(caught.value)


def test_every_file_of_the_folder_is_looked_at_here() -> None:
    runners = {path.name for path in FOLDER.glob("*.py")}
    assert {path.name for path in FOLDER.iterdir()} - runners == {
        "factor",
        "factor-csv",
        "factor-zip",
        "hole",
        "lean-no-statistics",
        "lean-no-step.json",
        "lean-short-run",
        "lean-target-trade-statistics.json",
    }
