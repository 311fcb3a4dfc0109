"""Every form of a researcher's config becomes the same batch. Warnings name what it leaves open."""

from typing import Any

import pytest

from backfleet.configs.documents import ConfigInvalid
from tests.support.configs import HEAD, PARAMETERS, read

SPEC: dict[str, Any] = {
    "strategy": {"name": "RSI_MeanReversion_ETF", "leanProjectPath": "STR-001_RSI_MeanReversion_ETF"},
    "engine": {"name": "lean"},
    "data": {"symbols": ["SPY"], "startDate": "2020-01-01", "endDate": "2024-12-31", "initialCash": 1000},
    "parameters": [{"name": "rsi_period", "type": "int", "range": {"start": 14, "end": 16, "step": 1}}],
    "search": {"algorithm": "grid"},
    "objective": {"metric": "sharpe_ratio"},
}
FORMS = {
    "sections": """\
        strategy:
          name: RSI_MeanReversion_ETF
          lean_project_path: STR-001_RSI_MeanReversion_ETF
          category: mean_reversion
          asset_class: etf
          description: words
          revision_of: STR-000
          revision_reason: words
        optimization:
          parameters:
            rsi_period: {start: 14, end: 16, step: 1, type: int, default: 14, description: d, note: n}
        backtest:
          start_date: 2020-01-01
          end_date: 2024-12-31
          initial_capital: 1000
          data_resolution: Daily
          brokerage: Interactive Brokers
        notes: words
        expected_results: {trades: many}
        analysis: [words]
        estimated_runtime: 2 hours
        recommendations: words
        """,
    "backtest_settings": """\
        strategy: {name: RSI_MeanReversion_ETF}
        optimization: {parameters: {rsi_period: {start: 14, end: 16, step: 1}}}
        backtest_settings: {start_date: "2020-01-01", end_date: '2024-12-31', initial_cash: 1000.0, resolution: daily}
        """,
    "all at the top": """\
        strategy: {name: RSI_MeanReversion_ETF, lean_project_path: STR-001_RSI_MeanReversion_ETF}
        parameters:
          rsi_period: {start: 14, end: 16, step: 1}
        symbols: [SPY]
        start_date: 2020-01-01
        end_date: 2024-12-31
        """,
    "a strategy by name, quoted numbers, empty sections": """\
        strategy: RSI_MeanReversion_ETF
        parameters: {rsi_period: {start: "14", end: "16.0", step: '1'}}
        backtest: {start_date: 2020-01-01, end_date: 2024-12-31}
        success_criteria:
        constraints: []
        """,
    "JSON with comments": """\
        // one line
        {"strategy": {"name": "RSI_MeanReversion_ETF"}, /* two
        lines */ "parameters": {"rsi_period": {"start": 14, "end": 16, "step": 1}},
        \t"start_date": "2020-01-01", "end_date": "2024-12-31" // "quoted"
        }
        """,
    "said twice, and the same": """\
        strategy: RSI_MeanReversion_ETF
        symbols: [SPY]
        start_date: 2020-01-01
        parameters: {rsi_period: {start: 14, end: 16, step: 1}}
        backtest: {start_date: 2020-01-01, end_date: 2024-12-31, symbols: [SPY], initial_capital: 1000, cash: 1000}
        """,
}


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_every_form_becomes_the_same_batch(text: str) -> None:
    found = read(text)
    assert (found.spec, found.warnings, found.total) == (SPEC, (), 3)


@pytest.mark.parametrize("ending", ["\r\n", "\r", "\n"], ids=["CRLF", "CR", "LF"])
def test_a_file_from_another_system_is_the_same(ending: str) -> None:
    text = "﻿" + (HEAD + PARAMETERS).replace("\n", ending)
    assert read(text).spec == SPEC


def test_without_dates_the_batch_has_those_of_the_catalog_and_a_warning() -> None:
    found = read(f"strategy: RSI_MeanReversion_ETF\n{PARAMETERS}")
    assert found.spec == SPEC
    assert found.warnings == (
        "line 1: dates are missing; using start_date 2020-01-01 and end_date 2024-12-31, as the catalog's strategies do",
    )
    (warning,) = read(f"strategy: RSI_MeanReversion_ETF\n{PARAMETERS}start_date: 2019-02-03\n").warnings
    assert warning.startswith("line 1: dates are missing; using end_date 2024-12-31, as")


def test_symbols_are_those_of_the_config_or_the_catalog_or_the_caller() -> None:
    assert read(f"{HEAD}{PARAMETERS}symbols: QQQ\n").spec["data"]["symbols"] == ["QQQ"]
    assert read(f"{HEAD}{PARAMETERS}symbols: [NO, ON]\n").spec["data"]["symbols"] == ["NO", "ON"]
    vix = read("strategy: VIX_Market_Timing\nparameters: {vix_entry_threshold: [25]}")
    assert vix.spec["data"]["symbols"] == ["SPY", "VIX"]
    wished = read(f"{HEAD}{PARAMETERS}symbols: [QQQ]\n", symbols=("AAPL", "MSFT"))
    assert wished.spec["data"]["symbols"] == ["AAPL", "MSFT"]


def test_the_engine_is_lean_unless_the_config_or_the_caller_says_otherwise() -> None:
    text = HEAD + PARAMETERS
    assert read(text).spec["engine"] == {"name": "lean"}
    assert read(f"{text}engine: bars\n").spec["engine"] == {"name": "bars"}
    assert read(f"{text}engine: bars\n", engine="lean").spec["engine"] == {"name": "lean"}


def test_a_strategy_outside_the_catalog_needs_a_project_and_symbols_and_is_a_warning() -> None:
    found = read(
        """\
        strategy: {name: RSI_MeanReversion, lean_project_path: mine/rsi}
        symbols: [SPY]
        start_date: 2020-01-01
        end_date: 2020-12-31
        parameters: {anything: [1, 2]}
        """
    )
    assert found.spec["strategy"] == {"name": "RSI_MeanReversion", "leanProjectPath": "mine/rsi"}
    (warning,) = found.warnings
    assert warning.startswith("line 1: strategy.name: the catalog has no strategy 'RSI_MeanReversion'")
    assert warning.endswith("Did you mean RSI_MeanReversion_ETF?")


def test_a_project_may_name_its_file_and_class() -> None:
    text = f"{PARAMETERS}strategy: {{name: RSI_MeanReversion_ETF, lean_algorithm_file: bin/A.dll, lean_algorithm_type: N.A}}\n"
    strategy = read(f"{text}start_date: 2020-01-01\nend_date: 2020-12-31\n").spec["strategy"]
    assert strategy == SPEC["strategy"] | {"leanAlgorithmFile": "bin/A.dll", "leanAlgorithmType": "N.A"}
    wanted = r"line 3: strategy\.lean_algorithm_file: expected text that matches .*, got 'bin/A\.cs'"
    with pytest.raises(ConfigInvalid, match=wanted):
        read(text.replace(".dll", ".cs"))


def test_the_callers_strategy_wins() -> None:
    found = read(f"{HEAD}parameters: {{fast_sma: [20, 30]}}\n", strategy="SMA_Crossover_ETF")
    assert found.spec["strategy"] == {"name": "SMA_Crossover_ETF", "leanProjectPath": "STR-003_SMA_Crossover_ETF"}
    assert found.warnings == ()


def test_a_strategy_on_hold_is_converted_with_a_warning() -> None:
    found = read(
        """\
        strategy: {name: MicroFutures_Momentum_MESNQ, lean_project_path: STR-007_MicroFutures}
        symbols: [MES]
        backtest: {start_date: 2020-01-01, end_date: 2020-12-31}
        parameters: {period: [5]}
        """
    )
    (warning,) = found.warnings
    assert "MicroFutures_Momentum_MESNQ is on hold; the operator refuses the batch" in warning


def test_bars_has_no_strategy_that_is_on_hold() -> None:
    text = "symbols: [MES]\nparameters: {period: [5]}\nstrategy:\n  name: MicroFutures_Momentum_MESNQ\n"
    with pytest.raises(ConfigInvalid, match=r"line 4: strategy\.name: MicroFutures_Momentum_MESNQ is on hold"):
        read(text, engine="bars")


@pytest.mark.parametrize(
    ("line", "spec"),
    [
        ("target_metric: Sharpe Ratio", {"metric": "sharpe_ratio"}),
        ("target_metric: PSR", {"metric": "probabilistic_sharpe_ratio"}),
        ("target_metric: TotalPerformance.PortfolioStatistics.SharpeRatio", {"metric": "sharpe_ratio"}),
        ("target_metric: Compounding Annual Return", {"metric": "annual_return"}),
        ("target_metric: profit_loss_ratio", {"metric": "profit_loss_ratio"}),
        ("target_metric: Profit-Loss Ratio", {"metric": "profit_loss_ratio"}),
        ("target_direction: min", {"metric": "sharpe_ratio", "direction": "minimize"}),
        ("target_direction: Maximize", {"metric": "sharpe_ratio", "direction": "maximize"}),
        ("{target_metric: Drawdown, target_direction: min}", {"metric": "drawdown", "direction": "minimize"}),
    ],
)
def test_the_objective_by_any_of_its_names(line: str, spec: dict[str, str]) -> None:
    found = read(f"{HEAD}{PARAMETERS}optimization:\n  {line}\n")
    assert (found.spec["objective"], found.warnings) == (spec, ())


@pytest.mark.parametrize(
    "kind", ["Grid Search", "grid", "QuantConnect.Optimizer.Strategies.GridSearchOptimizationStrategy"]
)
def test_the_grid_is_the_grid(kind: str) -> None:
    found = read(f"{HEAD}{PARAMETERS}optimization: {{type: {kind}}}\n")
    assert (found.spec["search"], found.warnings) == ({"algorithm": "grid"}, ())


def test_euler_without_a_minimum_step_is_the_grid_with_a_warning() -> None:
    for more in ("", ", min_step: 1"):
        parameters = f"parameters: {{rsi_period: {{start: 14, end: 16, step: 1{more}}}}}\n"
        found = read(f"{HEAD}{parameters}optimization: {{type: Euler Search}}\n")
        assert found.spec == SPEC
        (warning,) = found.warnings
        assert warning.startswith(
            "line 4: optimization.type: Euler Search without a minimum step is the same as the grid"
        )


def test_euler_with_a_minimum_step_is_the_grid_at_its_step_with_a_warning() -> None:
    parameters = "parameters: {rsi_period: {start: 14, end: 16, step: 1, min_step: 0.25}}\n"
    found = read(f"{HEAD}{parameters}optimization: {{type: Euler Search}}\n")
    assert found.spec == SPEC
    (warning,) = found.warnings
    assert warning.startswith("line 3: parameters.rsi_period.min_step: only the grid at `step` runs; the finer steps")


def test_how_many_backtests_a_job_carries() -> None:
    assert read(f"{HEAD}{PARAMETERS}backtests_per_job: auto\n").spec["backtestsPerJob"] == "auto"
    assert read(f"{HEAD}{PARAMETERS}optimization: {{backtests_per_job: 20}}\n").spec["backtestsPerJob"] == 20


def test_the_limit_of_backtests_at_once() -> None:
    assert read(f"{HEAD}{PARAMETERS}max_concurrent: 8\n").spec["maxConcurrent"] == 8
    assert read(f"{HEAD}{PARAMETERS}optimization: {{max_concurrent: 2}}\n").spec["maxConcurrent"] == 2


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("reporting: {save_top_n: 10, plot_metrics: true}", "line 6: reporting: ignored: Backfleet writes no reports"),
        ("risk_management: {max_positions: 1}", "line 6: risk_management: ignored: the strategy's own code"),
        ("fee_assumptions: {commission: 1.0}", "line 6: fee_assumptions: ignored: the engine's settings decide"),
        ("fees: {commission: 1.0}", "line 6: fees: ignored: the engine's settings decide"),
        ("notifications: {on_error: mail}", "line 6: notifications: ignored: Backfleet sends no notifications"),
        ("surprise: 1", "line 6: surprise: ignored: the key is unknown"),
        (
            "resolution: Minute",
            "line 6: resolution: 'Minute' is ignored: the strategy decides its resolution (bars: daily)",
        ),
        ("brokerage: Binance", "line 6: brokerage: 'Binance' is ignored: the engine decides the brokerage model"),
        (
            "optimization: {total_combinations: 27}",
            "line 6: optimization.total_combinations: 27 combinations are declared, but the parameters make 2",
        ),
        (
            "parameters: {rsi_perod: [1]}",
            "line 6: parameters.rsi_perod: the catalog does not list it for RSI_MeanReversion_ETF. Did",
        ),
        (
            "strategy: {name: SMA_Crossover_ETF, lean_project_path: mine}",
            "line 6: strategy.lean_project_path: the catalog has STR-003_SMA_Crossover_ETF; the config's project is used",
        ),
    ],
)
def test_what_is_ignored_is_a_warning_with_its_line(lines: str, said: str) -> None:
    sections = {
        "strategy": "strategy: {name: RSI_MeanReversion_ETF}",
        "parameters": "parameters: {fast_sma: [20]}" if "SMA" in lines else "parameters: {rsi_period: [14, 15]}",
        "backtest": "backtest:\n  start_date: 2020-01-01\n  end_date: 2024-12-31",
    }
    kept = [text for name, text in sections.items() if not lines.startswith(name)]
    text = "\n".join(kept)
    padded = text + "\n" * (5 - text.count("\n"))
    found = read(f"{padded}{lines}\n")
    assert [warning[: len(said)] for warning in found.warnings] == [said]


def test_a_space_over_the_usual_limit_is_a_warning_since_an_installation_may_allow_it() -> None:
    found = read(f"{HEAD}parameters: {{rsi_period: {{start: 1, end: 2000001, step: 1}}}}\n")
    assert found.total == 2_000_001
    assert found.warnings == (
        "line 3: parameters: 2,000,001 combinations exceed 1,000,000, the default limit of an installation",
    )


def test_warnings_are_bounded() -> None:
    found = read(HEAD + PARAMETERS + "".join(f"zzz{number}: 1\n" for number in range(80)))
    assert len(found.warnings) == 51
    assert found.warnings[-1] == "further warnings are not shown"
