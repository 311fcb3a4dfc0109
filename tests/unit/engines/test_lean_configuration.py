"""LEAN's configuration: the whole of it once, what a batch changes in it, and how it arrives."""

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backfleet.core.backtests import BacktestRequest
from backfleet.core.packs import PackRequest
from backfleet.core.space.scalars import MAX_TEXT_LENGTH
from backfleet.core.spec.model import BatchSpec
from backfleet.engines.lean.configuration import build_config, build_configuration, parameter_texts_of
from backfleet.engines.protocol import EngineConfig
from tests.support.lean import text_of
from tests.support.packs import pack_of, pack_of_all
from tests.unit.engines.test_shim import run_shim

REQUEST = BacktestRequest(
    engine="lean",
    strategy="RSI_MeanReversion_ETF",
    lean_project_path="STR-001_RSI_MeanReversion_ETF",
    parameter_texts={"rsi_period": "14", "stop_loss_pct": "0.005", "require_trend": "true", "symbol": "SPY"},
    symbols=("SPY", "QQQ"),
    start_date=date(2020, 1, 1),
    end_date=date(2021, 3, 31),
    initial_cash=Decimal("100000.5"),
)
LARGEST_VARIABLE = 128 * 1024
"""Linux' MAX_ARG_STRLEN: the name, the equals sign, the value and the NUL at its end."""
HANDLERS = {
    "setup-handler": "QuantConnect.Lean.Engine.Setup.ConsoleSetupHandler",
    "result-handler": "QuantConnect.Lean.Engine.Results.BacktestingResultHandler",
    "data-feed-handler": "QuantConnect.Lean.Engine.DataFeeds.FileSystemDataFeed",
    "real-time-handler": "QuantConnect.Lean.Engine.RealTime.BacktestingRealTimeHandler",
    "history-provider": "QuantConnect.Lean.Engine.HistoricalData.SubscriptionDataReaderHistoryProvider",
    "transaction-handler": "QuantConnect.Lean.Engine.TransactionHandlers.BacktestingTransactionHandler",
}
"""What LEAN runs a backtest with."""
PARTS = {
    "log-handler": "QuantConnect.Logging.CompositeLogHandler",
    "messaging-handler": "QuantConnect.Messaging.Messaging",
    "job-queue-handler": "QuantConnect.Queues.JobQueue",
    "api-handler": "QuantConnect.Api.Api",
    "map-file-provider": "QuantConnect.Data.Auxiliary.LocalDiskMapFileProvider",
    "factor-file-provider": "QuantConnect.Data.Auxiliary.LocalDiskFactorFileProvider",
    "data-provider": "QuantConnect.Lean.Engine.DataFeeds.DefaultDataProvider",
    "alpha-handler": "QuantConnect.Lean.Engine.Alphas.DefaultAlphaHandler",
}
"""What LEAN needs in every environment: nothing of it calls QuantConnect."""


def config_of(pack: PackRequest) -> EngineConfig:
    return build_config(pack, build_configuration(pack.common, projects_folder="/projects", data_folder="/Lean/Data"))


def build(request: BacktestRequest = REQUEST) -> dict:
    """Return the file of a pack of one."""
    body: dict = json.loads(text_of(config_of(pack_of(request))))
    return body


def test_the_whole_configuration_of_a_python_project() -> None:
    assert build() == {
        "environment": "backtesting",
        "environments": {"backtesting": {"live-mode": False, **HANDLERS}},
        "live-mode": False,
        "close-automatically": True,
        "debugging": False,
        "python-venv": "",
        "algorithm-language": "Python",
        "algorithm-location": "/projects/STR-001_RSI_MeanReversion_ETF/main.py",
        "algorithm-type-name": "main",
        "algorithm-id": "backtest",
        "backtest-name": "RSI_MeanReversion_ETF",
        "parameters": {
            "rsi_period": "14",
            "stop_loss_pct": "0.005",
            "require_trend": "true",
            "symbol": "SPY",
            "symbols": "SPY,QQQ",
            "start_date": "2020-01-01",
            "end_date": "2021-03-31",
            "initial_cash": "100000.5",
        },
        "data-folder": "/Lean/Data",
        "results-destination-folder": "/results/0",
        "object-store-root": "/tmp/lean-storage",
        "object-store": "QuantConnect.Lean.Engine.Storage.LocalObjectStore",
        "data-feed-workers-count": 1,
        "algorithm-creation-timeout": 300,
        "initialization-timeout": 300,
        **PARTS,
        "job-user-id": "0",
        "api-access-token": "",
        "job-organization-id": "",
    }


@pytest.mark.parametrize(
    ("file", "type_name", "wanted"),
    [
        pytest.param(None, None, ("Python", "/projects/mine/main.py", "main"), id="nothing said"),
        pytest.param("src/algo.py", None, ("Python", "/projects/mine/src/algo.py", "algo"), id="another Python file"),
        pytest.param(
            "bin/Mine.dll", "Mine.Algo", ("CSharp", "/projects/mine/bin/Mine.dll", "Mine.Algo"), id="a DLL with a class"
        ),
        pytest.param("Mine.dll", None, ("CSharp", "/projects/mine/Mine.dll", ""), id="a DLL with one class"),
    ],
)
def test_the_file_says_the_language(file: str | None, type_name: str | None, wanted: tuple[str, str, str]) -> None:
    request = replace(REQUEST, lean_project_path="mine", lean_algorithm_file=file, lean_algorithm_type=type_name)
    keys = ("algorithm-language", "algorithm-location", "algorithm-type-name")
    assert tuple(build(request)[key] for key in keys) == wanted


def test_a_request_without_a_project_is_refused() -> None:
    with pytest.raises(ValueError, match="does not name a LEAN project"):
        build(replace(REQUEST, lean_project_path=None))


@pytest.mark.parametrize("cash", ["1", "1000", "1E+3", "0.01", "999999999999.99"])
def test_cash_has_no_exponent(cash: str) -> None:
    text = parameter_texts_of(replace(REQUEST, initial_cash=Decimal(cash)))["initial_cash"]
    assert "E" not in text
    assert Decimal(text) == Decimal(cash)


def test_every_parameter_is_a_text() -> None:
    assert {type(value) for value in build()["parameters"].values()} == {str}


AWKWARD = "a,b:c;d \"quoted\" 'single' \\ back $HOME $(id) `id` %s %% // /* {} é 漢 \U0001f600 \t"


@settings(max_examples=15, deadline=None)
@given(
    st.one_of(st.just(AWKWARD), st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40))
)
def test_any_value_arrives_in_the_file_through_the_real_shim(value: str) -> None:
    request = replace(REQUEST, parameter_texts={"p": value})
    with TemporaryDirectory() as name:  # the shim runs no member that has a report
        assert written_by_shim(config_of(pack_of(request)), Path(name)) == build(request)


def written_by_shim(config: EngineConfig, folder: Path, **more: str) -> dict:
    """Return the file of a pack of one, with /results in place of the test's folder."""
    path = folder / "lean-config.json"
    run_shim(folder, "true", **variables_of(config), BACKFLEET_ENGINE_CONFIG_PATH=str(path), **more)
    body: dict = json.loads(path.read_text(encoding="utf-8").replace(f'"{folder}/0"', '"/results/0"'))
    return body


def variables_of(config: EngineConfig) -> dict[str, str]:
    return {"BACKFLEET_ENGINE_CONFIG": config.common, "BACKFLEET_ENGINE_CONFIG_LINES": "\n".join(config.lines)}


def test_the_members_of_a_pack_share_all_but_their_folders_and_their_own_parameters() -> None:
    texts = ({"a": "1", "b": "x"}, {"a": "2", "b": "y"}, {"a": "3", "b": "z"})
    config = config_of(pack_of_all(REQUEST, *texts))
    for position, own in enumerate(texts):
        body = json.loads(text_of(config, position))
        expected = build(replace(REQUEST, parameter_texts=own))
        assert body == {**expected, "results-destination-folder": f"/results/{position}"}


def test_no_parameter_of_a_batch_takes_the_place_of_one_that_all_share() -> None:
    body = build(replace(REQUEST, parameter_texts={"symbols": "mine", "a": "1"}))
    assert body["parameters"]["symbols"] == "SPY,QQQ"


def test_a_batch_without_parameters_has_the_shared_ones() -> None:
    alone = replace(REQUEST, parameter_texts={})
    assert build(alone)["parameters"] == parameter_texts_of(alone)


# four bytes each, or two for the escape
@pytest.mark.parametrize("character", ["\U0001f600", '"', "\\"], ids=["emoji", "quote", "backslash"])
def test_the_largest_batch_fits_in_a_variable_and_through_the_shim(tmp_path: Path, character: str) -> None:
    schema = BatchSpec.model_json_schema(by_alias=True)
    count = schema["properties"]["parameters"]["maxItems"]
    longest_name = schema["$defs"]["ParameterSpec"]["properties"]["name"]["maxLength"]
    symbols = schema["$defs"]["DataSpec"]["properties"]["symbols"]
    request = replace(
        REQUEST,
        strategy="x" * 100,
        lean_project_path="x" * 255,
        lean_algorithm_file="x" * 252 + ".py",
        lean_algorithm_type="x" * 255,
        parameter_texts={f"{n:0>{longest_name}}": character * MAX_TEXT_LENGTH for n in range(count)},
        symbols=tuple(f"{n:X>{symbols['items']['maxLength']}}" for n in range(symbols["maxItems"])),
    )
    pack = pack_of(request)
    texts = {**variables_of(config_of(pack)), "BACKFLEET_PACK": pack.to_json()}
    assert all(len(f"{name}={text}\0".encode()) < LARGEST_VARIABLE for name, text in texts.items())
    assert written_by_shim(config_of(pack), tmp_path, BACKFLEET_PACK=pack.to_json()) == build(request)
