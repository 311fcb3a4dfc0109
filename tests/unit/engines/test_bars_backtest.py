import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from backfleet.core.backtests import Prices, result_from_json, result_to_json
from backfleet.engines.bars.backtest import load_bars, run, trade
from backfleet.engines.bars.fees import interactive_brokers
from backfleet.engines.bars.market_data import PACKAGED_FOLDER
from backfleet.engines.bars.settings import BarsSettings
from backfleet.engines.bars.shared import curve_points
from backfleet.engines.program import EngineFailure, InvalidCombination, NoData
from backfleet.engines.results import parse_result
from tests.support.engines import make_bars, make_request

NO_DIVIDENDS = "no dividends in the data of AAPL: all price factors are 1"
ALWAYS_IN = {
    "fast_sma": "1",
    "slow_sma": "2",
    "volume_threshold": "0",
    "profit_target_pct": "9",
    "stop_loss_pct": "0.9",
}
"""A position from the first rising close on, in shares of 1 / 90 of equity."""


def test_a_result_is_what_the_recorder_will_accept() -> None:
    request = make_request()
    result = run(request, load_bars(request))
    body = json.loads(json.dumps(result_to_json(result), allow_nan=False))
    assert parse_result("result.json", body) == result == result_from_json(body)


def test_the_same_request_gives_the_same_bits() -> None:
    request = make_request(parameter_texts={"rsi_period": "10", "entry_threshold": "35"})
    texts = {json.dumps(result_to_json(run(request, load_bars(request))), sort_keys=True) for _ in range(3)}
    assert len(texts) == 1


def test_the_provenance_names_engine_rules_strategy_and_data() -> None:
    request = make_request()
    (bars,) = load_bars(request)
    assert run(request, (bars,)).provenance == {
        "engine": "bars",
        "engineVersion": "3",
        "strategy": "RSI_MeanReversion_ETF",
        "prices": "adjusted",
        "riskFreeRate": "0",
        "dataFingerprint": bars.fingerprint,
    }
    assert bars.fingerprint.startswith("b11938f375fe491e")


def test_the_curve_has_at_most_200_points_with_both_ends() -> None:
    bars = range(336)
    curve = list(curve_points(bars))
    assert len(curve) == len(set(curve)) == 200
    assert (curve[0], curve[-1]) == (0, 335)
    assert list(curve_points(bars[:1])) == [0]
    assert list(curve_points(bars[:3])) == [0, 1, 2]


def test_zero_trades_is_a_result_with_a_warning() -> None:
    request = make_request(parameter_texts={"entry_threshold": "0"})
    result = run(request, load_bars(request))
    assert (result.metrics["total_trades"], result.metrics["sharpe_ratio"]) == (0, None)
    assert result.warnings == ("zero trades", NO_DIVIDENDS)


def test_an_open_position_at_the_end_is_told() -> None:
    request = make_request("SMA_Crossover_ETF", ALWAYS_IN, days=(date(2000, 3, 1), date(2000, 3, 6)))
    result = run(request, (make_bars([1, 1, 2, 3, 4, 5]),))
    assert result.warnings == ("a position is still open at the end: it counts in equity, not in trades",)
    assert (result.metrics["total_orders"], result.metrics["total_trades"]) == (1, 0)


def test_data_that_covers_less_than_asked_is_told() -> None:
    request = make_request(parameter_texts={"entry_threshold": "0"}, days=(date(1999, 1, 1), date(2024, 12, 31)))
    assert run(request, load_bars(request)).warnings == (
        "zero trades",
        "data for AAPL starts on 2000-03-01, after the requested 1999-01-01",
        "data for AAPL ends on 2013-03-01, before the requested 2024-12-31",
        NO_DIVIDENDS,
    )


def test_equity_below_zero_is_told_and_no_ratio_computed() -> None:
    # 2 cash buy one share at 1.00 for a fee of 1; it is sold at 0.01, again for a fee of 1.
    parameters = {**ALWAYS_IN, "stop_loss_pct": "0.01", "profit_target_pct": "0.01"}
    bars = make_bars([1, 1, 1.5, 0.01, 0.01, 0.01], opens=[1, 1, 1, 1, 0.01, 0.01])
    request = make_request("SMA_Crossover_ETF", parameters, cash="2", days=(date(2000, 3, 1), date(2000, 3, 6)))
    result = run(request, (bars,))
    assert result.metrics["end_equity"] == pytest.approx(-0.99)
    assert result.metrics["sharpe_ratio"] is None
    assert result.warnings == ("equity fell to zero or below: no ratio is computed",)


@pytest.mark.parametrize("cash", ["0", "-1", "1e16", "NaN", "Infinity"])
def test_cash_outside_the_range_is_an_invalid_combination(cash: str) -> None:
    with pytest.raises(InvalidCombination, match="initialCash: expected a number above 0 and at most 1e15, got "):
        run(make_request(cash=cash), (make_bars([1, 2, 3]),))


def test_an_unknown_strategy_is_an_invalid_combination_that_names_the_known() -> None:
    with pytest.raises(
        InvalidCombination, match="unknown strategy 'X': expected one of RSI_MeanReversion_ETF, Bollinger"
    ):
        run(make_request("X"), (make_bars([1, 2, 3]),))


@pytest.mark.parametrize(
    ("strategy", "symbols", "message"),
    [
        (
            "RSI_MeanReversion_ETF",
            (),
            r"symbols: expected one symbol for RSI_MeanReversion_ETF \(the one it trades\), got 0",
        ),
        ("RSI_MeanReversion_ETF", ("AAPL", "IBM"), "symbols: expected one symbol for "),
        ("Breakout_Momentum_Equity", ("AAPL", "IBM"), "symbols: expected one symbol for "),
        (
            "VIX_Market_Timing",
            ("AAPL",),
            r"symbols: expected 2 symbols for \w+ \(the one it trades, then the volatility index\), got 1",
        ),
        ("Statistical_Pairs_Trading", ("AAPL", "IBM", "MSFT"), "symbols: expected 2 symbols for "),
    ],
    ids=["none", "two", "two without a choice", "one of two", "three"],
)
def test_a_strategy_takes_exactly_its_symbols(strategy: str, symbols: tuple[str, ...], message: str) -> None:
    with pytest.raises(InvalidCombination, match=message):
        load_bars(make_request(strategy, symbols=symbols))


def test_a_parameter_may_choose_the_symbol_among_those_of_the_request() -> None:
    request = make_request("Breakout_Momentum_Equity", {"symbol": "IBM"}, symbols=("AAPL", "IBM"))
    (bars,) = load_bars(request)
    assert bars.symbol == "IBM"
    assert run(request, (bars,)).metrics["total_trades"]
    with pytest.raises(InvalidCombination, match="parameter symbol: expected one of AAPL, IBM, got 'QQQ'"):
        load_bars(make_request("Breakout_Momentum_Equity", {"symbol": "QQQ"}, symbols=("AAPL", "IBM")))


def test_a_fraction_of_equity_is_at_most_all_of_it() -> None:
    request = make_request("VIX_Market_Timing", {"position_size_pct": "1.5"}, symbols=("AAPL", "IBM"))
    with pytest.raises(InvalidCombination, match=r"parameter position_size_pct: expected at most 1, got 1\.5"):
        run(request, load_bars(request))


def test_the_provenance_of_a_pair_has_the_fingerprints_of_both_and_warnings_are_passed_on() -> None:
    request = make_request("Statistical_Pairs_Trading", symbols=("AAPL", "IBM"))
    aapl, ibm = load_bars(request)
    result = run(request, (replace(aapl, warnings=("a",)), replace(ibm, warnings=("b",))))
    assert result.provenance["dataFingerprint"] == f"{aapl.fingerprint} {ibm.fingerprint}"
    assert result.warnings == ("a", "b")
    assert parse_result("result.json", result_to_json(result)) == result


def test_an_unknown_symbol_is_no_data() -> None:
    with pytest.raises(NoData):
        load_bars(make_request(symbols=("SPY",)))


def test_settings_come_from_the_environment() -> None:
    settings = BarsSettings.from_environment(
        {
            "BACKFLEET_BARS_FEES": "none",
            "BACKFLEET_BARS_RISK_FREE_RATE": "0.02",
            "BACKFLEET_BARS_FACTOR_FILES": "ignore",
            "BACKFLEET_DATA_FOLDER": "/data",
        }
    )
    assert settings.prices is Prices.RAW
    assert (settings.fee(1, 1.0), settings.risk_free_rate, settings.data_folder) == (0.0, 0.02, Path("/data"))
    default = BarsSettings.from_environment({})
    assert default == BarsSettings(fee=interactive_brokers, data_folder=PACKAGED_FOLDER, prices=Prices.ADJUSTED)


@pytest.mark.parametrize(
    ("environment", "prices", "warnings"),
    [
        ({}, Prices.ADJUSTED, ()),
        ({"BACKFLEET_BARS_PRICES": "raw", "BACKFLEET_BARS_FACTOR_FILES": "apply"}, Prices.RAW, ()),
        (
            {"BACKFLEET_BARS_FACTOR_FILES": "apply"},
            Prices.SPLIT_ADJUSTED,
            ("BACKFLEET_BARS_FACTOR_FILES=apply is deprecated. Set BACKFLEET_BARS_PRICES=splitAdjusted instead.",),
        ),
        (
            {"BACKFLEET_BARS_FACTOR_FILES": "ignore"},
            Prices.RAW,
            ("BACKFLEET_BARS_FACTOR_FILES=ignore is deprecated. Set BACKFLEET_BARS_PRICES=raw instead.",),
        ),
    ],
    ids=["neither", "the new one goes first", "apply", "ignore"],
)
def test_the_old_variable_of_prices_counts_with_a_warning_where_the_new_one_is_not_set(
    environment: dict[str, str], prices: Prices, warnings: tuple[str, ...]
) -> None:
    settings = BarsSettings.from_environment(environment)
    assert (settings.prices, settings.warnings) == (prices, warnings)
    request = make_request()
    assert set(warnings) <= set(run(request, load_bars(request, settings), settings).warnings)


def test_a_batch_s_prices_go_before_the_installation_s_and_stand_in_the_provenance() -> None:
    settings = BarsSettings(prices=Prices.ADJUSTED)
    request = replace(make_request(days=(date(2005, 2, 25), date(2005, 2, 28))), prices=Prices.RAW)
    bars = load_bars(request, settings)
    assert bars[0].closes == [88.99, 44.86]
    assert run(request, bars, settings).provenance["prices"] == "raw"
    assert run(replace(request, prices=None), bars, settings).provenance["prices"] == "adjusted"


def test_the_rates_of_the_data_folder_are_taken_unless_a_number_is_set(tmp_path: Path) -> None:
    path = tmp_path / "alternative/interest-rate/usa/interest-rate.csv"
    path.parent.mkdir(parents=True)
    path.write_text("date,rate\n2000-01-01,5.0\n2003-01-01,1.0\n")
    folder = {"BACKFLEET_DATA_FOLDER": str(tmp_path)}
    of_file = BarsSettings.from_environment(folder | {"BACKFLEET_BARS_RISK_FREE_RATE": "file"})
    assert of_file == BarsSettings.from_environment(folder)
    assert of_file.risk_free.of(["20020101", "20040101"]) == [0.05, 0.01]
    of_number = BarsSettings.from_environment(folder | {"BACKFLEET_BARS_RISK_FREE_RATE": "0.02"})
    assert of_number.risk_free.of(["20020101", "20040101"]) == 0.02
    request = make_request()
    found = [run(request, load_bars(request), settings) for settings in (of_file, of_number, BarsSettings())]
    assert [result.provenance["riskFreeRate"] for result in found] == ["file", "0.02", "0"]
    for name in ("sharpe_ratio", "comparable_sharpe_ratio"):
        assert len({result.metrics[name] for result in found}) == 3


def test_settings_decide_whether_splits_are_adjusted() -> None:
    request = make_request(days=(date(2005, 2, 25), date(2005, 2, 28)))
    (raw,) = load_bars(request, BarsSettings.from_environment({"BACKFLEET_BARS_FACTOR_FILES": "ignore"}))
    (adjusted,) = load_bars(request, BarsSettings.from_environment({"BACKFLEET_BARS_FACTOR_FILES": "apply"}))
    assert raw.closes == [88.99, 44.86]
    assert adjusted.closes == [88.99 / 2, 44.86]
    with pytest.raises(EngineFailure, match="BACKFLEET_BARS_FACTOR_FILES: expected apply or ignore, got 'no'"):
        BarsSettings.from_environment({"BACKFLEET_BARS_FACTOR_FILES": "no"})
    with pytest.raises(
        EngineFailure, match="BACKFLEET_BARS_PRICES: expected one of adjusted, splitAdjusted, raw, got 'x'"
    ):
        BarsSettings.from_environment({"BACKFLEET_BARS_PRICES": "x"})


@pytest.mark.parametrize("rate", ["x", "nan", "1", "-1", "inf"])
def test_a_bad_rate_names_its_variable(rate: str) -> None:
    with pytest.raises(EngineFailure, match="BACKFLEET_BARS_RISK_FREE_RATE"):
        BarsSettings.from_environment({"BACKFLEET_BARS_RISK_FREE_RATE": rate})


def test_the_risk_free_rate_lowers_the_sharpe_ratio() -> None:
    request = make_request()
    bars = load_bars(request)
    plain, dear = run(request, bars), run(request, bars, BarsSettings(risk_free_rate=0.02))
    ratios = [each.metrics["sharpe_ratio"] or 0.0 for each in (plain, dear)]
    assert ratios[0] > ratios[1] > 0
    assert plain.equity_curve == dear.equity_curve


def test_the_request_s_cash_is_the_start_equity() -> None:
    ledger = trade(make_request(cash="2500.50"), (make_bars([1.0, 2.0]),), BarsSettings())
    assert ledger.equity == [float(Decimal("2500.50"))] * 2
