"""A config in the form of the predecessor's STR-002: sentences and rules among the criteria, fees with three meanings."""

from pathlib import Path

import pytest
import yaml

from backfleet.core.space.parameters import build_space
from backfleet.core.spec.model import parse_spec
from backfleet_client.main import run

Captured = pytest.CaptureFixture[str]

OLD = """\
strategy:
  name: BollingerBand_ETF_LowFreq
  lean_project_path: STR-002_BollingerBand_ETF_LowFreq
  category: mean_reversion
  asset_class: etf
  description: Seldom trades.
  revision_of: BollingerBand_ETF
  revision_reason: too many fees
optimization:
  type: Euler Search
  target_metric: Sharpe Ratio
  target_direction: max
  total_combinations: 432
  parameters:
    bb_period: {start: 15, end: 30, step: 5, default: 20}
    bb_std_dev: {start: 2.0, end: 3.0, step: 0.5, default: 2.5}
    entry_distance_pct: {start: 0.0, end: 0.02, step: 0.01, note: of the half width}
    profit_target_pct: {start: 0.015, end: 0.03, step: 0.005}
    stop_loss_pct: {start: 0.01, end: 0.02, step: 0.005}
  constraints: [Drawdown < 0.20, Total Trades >= 50]
success_criteria:
  min_trades: 50
  max_trades: 150
  min_sharpe: 0.8
  max_drawdown: 0.20
  min_win_rate: 0.50
  min_avg_win: 0.01
  max_fee_pct: 0.25  # % of capital
  target_trades_per_year: 10 to 30
  fee_control_strategy: Trade at the outer band only.
  max_risk_per_trade: 0.01
  max_leverage: 1.0
  review: Fees must not eat what the trades win.
backtest: {start_date: "2020-01-01", end_date: "2024-12-31", initial_capital: 1000, resolution: daily}
notes: Few trades on purpose.
"""
NOT_JUDGED = {
    30: "success_criteria.fee_control_strategy: ignored: this is a note, not a criterion",
    31: "success_criteria.max_risk_per_trade: ignored: this is a rule for the strategy's own code, not a criterion",
    32: "success_criteria.max_leverage: ignored: this is a rule for the strategy's own code, not a criterion",
    33: "success_criteria.review: ignored: this is a note, not a criterion",
}


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "STR-002.yaml"
    path.write_text(OLD)
    return path


def test_it_is_converted_with_all_its_combinations_and_criteria(old: Path, capsys: Captured) -> None:
    assert run(["convert", str(old)]) == 0
    spec = yaml.safe_load(capsys.readouterr().out)["spec"]
    assert build_space(parse_spec(spec).declarations()).total == 432
    assert spec["data"]["symbols"] == ["SPY"], "the catalog's"
    assert spec["successCriteria"] == {
        "minTrades": 50,
        "maxTrades": 150,
        "minSharpe": 0.8,
        "maxDrawdown": 0.2,
        "minWinRate": 0.5,
        "minAvgWin": 0.01,
        "maxFeeShare": 0.25,
    }


def test_notes_and_rules_of_the_strategy_are_warnings_with_their_line(old: Path, capsys: Captured) -> None:
    assert run(["convert", str(old)]) == 0
    said = capsys.readouterr().err
    for line, text in NOT_JUDGED.items():
        assert f"warning: {old}: line {line}: {text}\n" in said
    assert (
        f"{old}: line 28: success_criteria.max_fee_pct: read as total fees over gross profit; some files mean fees"
        in said
    )
    assert "did you mean" not in said


def test_its_symbols_can_be_given(old: Path, capsys: Captured) -> None:
    assert run(["convert", str(old), "--symbols", "QQQ,IWM"]) == 0
    assert yaml.safe_load(capsys.readouterr().out)["spec"]["data"]["symbols"] == ["QQQ", "IWM"]


def test_all_its_errors_come_in_one_run(old: Path, capsys: Captured) -> None:
    old.write_text(
        OLD.replace("min_trades: 50\n", "min_trades: a few\n")
        .replace("step: 0.5", "step: 0")
        .replace("type: Euler Search", "type: Random Search")
        .replace("  min_sharpe: 0.8", "  min_profit_factor: 1.5")
    )
    assert run(["convert", str(old)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    errors = [line for line in captured.err.splitlines() if line.startswith("backfleet: ")]
    assert [line.partition(": line ")[2].partition(": ")[0] for line in errors] == ["10", "16", "22", "24"]
    assert "did you mean" not in errors[3], "no criterion is near"
