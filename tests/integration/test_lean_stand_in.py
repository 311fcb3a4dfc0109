"""The stand-in for LEAN's launcher under the real shim, and what the engine `lean` makes of what it leaves."""

import json
from contextlib import suppress
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from backfleet.core.backtests import BacktestRequest, Failure, Result
from backfleet.engines.bars.backtest import load_bars, run
from backfleet.engines.lean.engine import LeanEngine
from backfleet.engines.reports import read_report
from tests.lean_stand_in import scenarios
from tests.lean_stand_in.scenarios import SCENARIOS
from tests.support.lean import PROJECT, container_of, run_container, text_of, with_scenario
from tests.support.observer import wait_until

REQUEST = BacktestRequest(
    engine="lean",
    strategy="RSI_MeanReversion_ETF",
    lean_project_path=PROJECT,
    parameter_texts={"rsi_period": "14", "entry_threshold": "30"},
    symbols=("AAPL",),
    start_date=date(2000, 3, 1),
    end_date=date(2013, 3, 1),
    initial_cash=Decimal(1000),
)
ENDS = {
    "success": (0, None),
    "zero_trades": (0, None),
    "runtime_error": (1, "RuntimeError"),
    "runtime_error_exit_0": (0, "RuntimeError"),
    "initialize_error": (1, "InitializeError"),
    "no_data": (0, "NoData"),
    "truncated_json": (0, "ResultInvalid"),
    "no_file": (0, "ResultMissing"),
    "stopped": (0, "EngineError"),
    "quit": (0, "StoppedByStrategy"),
    "quit_in_initialize": (0, "StoppedByStrategy"),
    "data_ends_early": (0, None),
    "order_refused": (0, None),
    "reports_errors": (0, None),
    "logs_much": (0, None),
    "bankrupt": (0, None),
    "hang": (124, "BacktestTimeout"),
    "crash": (139, "EngineCrash"),
}
"""Exit code and reason. Running out of memory is left to the cluster, which alone has a limit on it."""
IN_ITS_PROCESS = {
    "loop": (124, "BacktestTimeout"),
    "exit": (3, "EngineError"),
    "leaves_thread": (0, None),
    "grows": (0, None),
    "leaks": (0, None),
    "sees_others": (0, None),
}
"""What only matters to others in the same process: tests/integration/test_lean_warm.py runs these both ways."""


def outcome_of(request: BacktestRequest, folder: Path, timeout_seconds: float = 30) -> Result | Failure:
    results = run_container(container_of(request, folder), folder, timeout_seconds)
    return LeanEngine().outcome(results, request).ending


def test_every_scenario_is_here_or_on_the_cluster() -> None:
    assert {*ENDS, *IN_ITS_PROCESS, "out_of_memory"} == set(SCENARIOS)


@pytest.mark.parametrize("scenario", ENDS)
def test_a_scenario_ends_with_its_exit_code_and_reason(tmp_path: Path, scenario: str) -> None:
    code, reason = ENDS[scenario]
    ending = outcome_of(with_scenario(REQUEST, scenario), tmp_path, 2 if scenario == "hang" else 30)
    assert read_report(tmp_path / "results/0").exit_code == code
    assert (ending.reason.value if isinstance(ending, Failure) else None) == reason


def test_the_strategy_that_bars_runs_comes_back_through_leans_files(tmp_path: Path) -> None:
    ending = outcome_of(REQUEST, tmp_path)
    assert isinstance(ending, Result)
    bars = replace(REQUEST, engine="bars", lean_project_path=None)
    measured = run(bars, load_bars(bars)).metrics
    for name in ("sharpe_ratio", "net_profit", "drawdown", "win_rate", "annual_return", "average_win", "average_loss"):
        rounded = 0.00051 if name == "sharpe_ratio" else 0.00006  # LEAN shows three decimals of the ratio
        assert ending.metrics[name] == pytest.approx(measured[name], abs=rounded), name
    assert ending.metrics["total_orders"] == measured["total_orders"]
    assert ending.metrics["total_trades"] == measured["total_trades"]
    assert ending.metrics["total_fees"] == pytest.approx(measured["total_fees"], abs=0.006)
    assert ending.statistics["Total Orders"] == str(measured["total_orders"])
    assert not [warning for warning in ending.warnings if "asked" in warning]
    assert len(ending.equity_curve) > 100


def test_zero_trades_is_a_result_with_a_warning(tmp_path: Path) -> None:
    ending = outcome_of(with_scenario(REQUEST, "zero_trades"), tmp_path)
    assert isinstance(ending, Result)
    assert ending.metrics["total_orders"] == 0
    assert "zero orders" in ending.warnings


@pytest.mark.parametrize("scenario", ["runtime_error", "initialize_error"])
def test_leans_own_message_is_kept(tmp_path: Path, scenario: str) -> None:
    ending = outcome_of(with_scenario(REQUEST, scenario), tmp_path)
    assert isinstance(ending, Failure)
    words = {"runtime_error": "has no attribute", "initialize_error": "Algorithm.Initialize() Error"}[scenario]
    assert words in ending.message
    assert "in main.py: line" in ending.message
    assert "log.txt ends with:" in ending.message


def test_a_symbol_without_data_is_no_data(tmp_path: Path) -> None:
    ending = outcome_of(replace(REQUEST, symbols=("ZZZZ",)), tmp_path)
    assert isinstance(ending, Failure)
    assert ending.reason.value == "NoData"


def test_a_version_from_half_way_is_there_while_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # In this process: ended from outside, a slow machine's file would be half written.
    results, seen = tmp_path / "results", []

    def look(_scenario: str) -> None:
        def is_whole() -> bool:
            with suppress(FileNotFoundError, json.JSONDecodeError):
                seen.append(json.loads((results / "backtest.json").read_text()))
            return bool(seen)

        wait_until("a version is written", is_whole, 30)
        assert not (results / "backtest-summary.json").exists()

    monkeypatch.setattr(scenarios, "misbehave", look)
    container = container_of(REQUEST, tmp_path)
    assert container.config is not None
    assert scenarios.run(json.loads(text_of(container.config)) | {"results-destination-folder": str(results)}) == 0
    body = seen[0]
    assert (body["statistics"], body["state"]["EndTime"], body["state"]["Status"]) == ({}, "", "Running")
    assert "algorithmConfiguration" not in body


def test_the_files_are_those_of_lean(tmp_path: Path) -> None:
    outcome_of(REQUEST, tmp_path)
    names = {path.name for path in (tmp_path / "results/0").iterdir()}
    report = next(name for name in names if name.startswith("data-monitor-report-"))
    stamp = report.removeprefix("data-monitor-report-").removesuffix(".json")
    assert names == {
        "backfleet-exit", "backfleet-stderr", "backtest.json", "backtest-summary.json", "backtest-order-events.json",
        "backtest-log.txt", "log.txt", report, f"failed-data-requests-{stamp}.txt", f"succeeded-data-requests-{stamp}.txt",
    }  # fmt: skip


CRASHES = [
    pytest.param({"command": ("dotnet", "QuantConnect.Lean.Launcher.dll", "--symbols", "SPY")}, id="unknown option"),
    pytest.param({"head": '{"environment": '}, id="configuration that is no JSON"),
    pytest.param({"head": '{"environment": "live", "environments": {}, "r": "'}, id="environment that is not defined"),
]


@pytest.mark.parametrize("changes", CRASHES)
def test_what_lean_does_not_take_is_an_abort_before_any_file(tmp_path: Path, changes: dict) -> None:
    container = container_of(REQUEST, tmp_path)
    assert container.config is not None
    head = changes.pop("head", container.config.head)
    container = replace(container, **changes, config=replace(container.config, head=head))
    results = run_container(container, tmp_path)
    assert read_report(results).exit_code == 134
    assert {path.name for path in results.iterdir()} == {"backfleet-exit", "backfleet-stderr"}
    ending = LeanEngine().outcome(results, REQUEST).ending
    assert isinstance(ending, Failure)
    assert ending.reason.value == "EngineCrash"
    assert "stderr ends with:\nUnhandled exception. " in ending.message


@pytest.mark.parametrize(
    ("shutdown", "code"), [("abort", 134), ("wait", 137)], ids=["an abort", "a wait that the shim ends"]
)
@pytest.mark.parametrize("scenario", ["success", "runtime_error", "initialize_error", "quit"])
def test_a_run_is_the_same_whatever_becomes_of_its_process_after_the_results(
    tmp_path: Path, scenario: str, shutdown: str, code: int
) -> None:
    request = with_scenario(REQUEST, scenario)
    request = replace(request, parameter_texts={**request.parameter_texts, "shutdown": shutdown})
    ending = outcome_of(request, tmp_path)
    report = read_report(tmp_path / "results/0")
    assert (report.exit_code, report.is_ended) == (code, shutdown == "wait")
    said, ended = (tmp_path / "results/0" / name for name in ("log.txt", "backfleet-exit"))
    # The shim gives two seconds and looks every half one: 3 on a machine of its own. The stand-in would take ten.
    assert ended.stat().st_mtime - said.stat().st_mtime < scenarios.SHUTDOWN_SECONDS / 2
    assert (ending.reason.value if isinstance(ending, Failure) else None) == ENDS[scenario][1]
    if isinstance(ending, Result):
        assert any("ended by signal 6 (SIGABRT)" in text for text in ending.warnings) is (shutdown == "abort")
        assert ending.provenance.get("shutdown") == (
            "ended by Backfleet after it had reported its files complete" if shutdown == "wait" else None
        )


def test_a_project_that_is_not_there_is_named_before_lean_starts(tmp_path: Path) -> None:
    container = container_of(REQUEST, tmp_path)
    (tmp_path / "projects" / PROJECT / "main.py").unlink()
    ending = LeanEngine().outcome(run_container(container, tmp_path), REQUEST).ending
    assert isinstance(ending, Failure)
    assert ending.reason.value == "EngineError"
    assert f"{PROJECT}/main.py. The engine was not started." in ending.message
    assert not (tmp_path / "results/0" / "log.txt").exists()


def test_a_configuration_that_is_not_there_leaves_nothing(tmp_path: Path) -> None:
    container = replace(
        container_of(REQUEST, tmp_path), command=("dotnet", "QuantConnect.Lean.Launcher.dll", "--config", "/nowhere")
    )
    ending = LeanEngine().outcome(run_container(container, tmp_path), REQUEST).ending
    assert isinstance(ending, Failure)
    assert ending.reason.value == "ResultMissing"
