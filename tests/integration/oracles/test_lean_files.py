"""Files as LEAN wrote them in other people's runs, where they are at hand: exactly the numbers and verdicts of their page.

They lie outside the repository, since they are not ours to give away; BACKFLEET_LEAN_RESULTS names another folder.
"""

import json
import os
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from backfleet.core.backtests import PROVENANCE_FINGERPRINT, Failure, Result
from backfleet.core.reasons import FailureReason
from backfleet.engines.lean.outcome import outcome_of_run
from tests.support.engines import make_request
from tests.support.lean_results import write_exit

ROOT = Path(__file__).resolve().parents[3]
FOLDER = Path(os.environ.get("BACKFLEET_LEAN_RESULTS") or ROOT / "../shared/lean-results")
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"needs results of LEAN in {FOLDER}")

TOLERANCE = 0.00006
ASKED = {
    "rsi_period": "14",
    "oversold_threshold": "30",
    "overbought_threshold": "70",
    "max_position_size": "0.95",
    "stop_loss_pct": "0.02",
    "take_profit_pct": "0.04",
    "max_daily_loss": "0.05",
    "min_signal_interval": "5",
}
REQUEST = replace(
    make_request("Other", ASKED, days=(date(2023, 1, 1), date(2023, 1, 31))), engine="lean", symbols=("SPY",)
)
EXPECTED: dict[str, dict[str, float | int | None]] = {
    "camelcase-52-orders": {
        "sharpe_ratio": 1.4803,
        "net_profit": 0.01831,
        "drawdown": 0.026,
        "total_orders": 52,
        "total_trades": 26,
        "win_rate": 0.6538,
        "total_fees": 63.82,
    },
    "pascalcase-total-trades": {
        "sharpe_ratio": -0.9772,
        "net_profit": -0.09344,
        "drawdown": 0.193,
        "total_orders": 21,
        "total_trades": 10,
    },
    "pascalcase-large": {"sharpe_ratio": -1.6399, "net_profit": -0.53926, "total_orders": 2230, "total_trades": 2229},
    "pascalcase-total-orders": {"sharpe_ratio": 2.034, "net_profit": 3.61374, "total_orders": 7, "total_trades": None},
}


def copy(name: str, to: Path, code: int = 0) -> Path:
    for file in (FOLDER / name).iterdir():
        shutil.copy(file, to)
    write_exit(to, code)
    return to


def result_file(name: str) -> Any:
    files = [file for file in (FOLDER / name).glob("*.json") if "order-events" not in file.name]
    return json.loads(max(files, key=lambda file: file.stat().st_size).read_text(encoding="utf-8-sig"))


@pytest.mark.parametrize("name", list(EXPECTED))
def test_every_number_is_the_one_that_must_come_out(tmp_path: Path, name: str) -> None:
    ending = outcome_of_run(copy(name, tmp_path), REQUEST).ending
    assert isinstance(ending, Result), ending
    for metric, value in EXPECTED[name].items():
        assert ending.metrics[metric] == (value if value is None else pytest.approx(value, abs=TOLERANCE)), metric


@pytest.mark.parametrize("name", list(EXPECTED))
def test_the_statistics_are_stored_text_for_text(tmp_path: Path, name: str) -> None:
    ending = outcome_of_run(copy(name, tmp_path), REQUEST).ending
    body = result_file(name)
    assert isinstance(ending, Result)
    assert ending.statistics == (body.get("statistics") or body["Statistics"])
    # These runs were not started by the adapter, which sends four more parameters.
    assert all(text.endswith("LEAN did not receive it") for text in ending.warnings)
    assert len(ending.warnings) == (4 if body.get("algorithmConfiguration") else 0)


def test_a_full_result_alone_gives_what_it_gives_beside_its_summary(tmp_path: Path) -> None:
    both = outcome_of_run(copy("camelcase-52-orders", tmp_path), REQUEST).ending
    next(tmp_path.glob("*-summary.json")).unlink()
    assert outcome_of_run(tmp_path, REQUEST).ending == both


def test_the_equity_curve_is_that_of_the_chart(tmp_path: Path) -> None:
    ending = outcome_of_run(copy("camelcase-52-orders", tmp_path), REQUEST).ending
    assert isinstance(ending, Result)
    assert len(ending.equity_curve) == 31
    assert ending.equity_curve[0] == (date(2023, 1, 1), 100000.0)
    assert ending.equity_curve[-1] == (date(2023, 1, 31), 101831.37)


def test_a_runtime_error_is_failed_with_its_message(tmp_path: Path) -> None:
    ending = outcome_of_run(copy("runtime-error", tmp_path, code=1), REQUEST).ending
    assert isinstance(ending, Failure)
    assert ending.reason is FailureReason.RUNTIME_ERROR
    assert ending.message.startswith(result_file("runtime-error")["state"]["RuntimeError"].strip())


def test_a_run_without_data_is_failed_though_it_completed(tmp_path: Path) -> None:
    ending = outcome_of_run(copy("no-data", tmp_path), REQUEST).ending
    assert isinstance(ending, Failure)
    assert ending.reason is FailureReason.NO_DATA
    assert ending.message.startswith("11355 of 11356 data requests failed")


def fingerprint(name: str, to: Path) -> str:
    to.mkdir()
    ending = outcome_of_run(copy(name, to), REQUEST).ending
    assert isinstance(ending, Result), ending
    return ending.provenance[PROVENANCE_FINGERPRINT]


def test_twins_have_one_fingerprint_and_different_runs_have_different_ones(tmp_path: Path) -> None:
    """Two of LEAN's folders are two runs of one backtest; all others differ in everything."""
    twins = ["today/python-success", "today/shutdown-abort"]
    others = [
        "today/bankrupt", "today/data-ends-early", "today/one-symbol-of-two-missing", "today/order-refused",
        "today/other-currency-no-order", "today/strategy-reports-errors", *EXPECTED,
    ]  # fmt: skip
    first, second = (fingerprint(name, tmp_path / str(n)) for n, name in enumerate(twins))
    assert first == second
    found = [first, *(fingerprint(name, tmp_path / f"other-{n}") for n, name in enumerate(others))]
    for part in range(3):
        assert len({text.split()[part] for text in found}) == len(found), part
    assert "absent" not in " ".join(found)
