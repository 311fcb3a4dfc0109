from dataclasses import replace

import pytest

from backfleet.core.packs import PackRequest
from backfleet.core.space.scalars import ParameterType
from backfleet.core.spec.strategy_info import StrategyInfo
from backfleet.engines.bars.engine import BarsEngine
from backfleet.engines.bars.strategies import STRATEGIES
from backfleet.engines.noop import PARAMETERS
from backfleet.engines.program import parse_texts
from backfleet.engines.protocol import EngineContainer, EngineSettings, VolumeMount
from backfleet.engines.registry import ENGINES
from tests.support.engines import make_request
from tests.support.packs import pack_of_all

SETTINGS = EngineSettings(
    image="registry.example/backfleet:1",
    mounts=(VolumeMount(name="data", mount_path="/data", source={"emptyDir": {}}),),
    environment={"BACKFLEET_DATA_FOLDER": "/data"},
)


def test_engines_are_listed_under_their_own_names() -> None:
    assert {name: engine.name for name, engine in ENGINES.items()} == {
        "bars": "bars",
        "lean": "lean",
        "noop": "noop",
    }


@pytest.mark.parametrize(
    ("engine", "command"),
    [("bars", ("backfleet-bars",)), ("noop", ("python", "-m", "backfleet.engines.noop"))],
)
def test_a_container_is_the_product_s_image_with_the_pack_in_a_variable(engine: str, command: tuple[str, ...]) -> None:
    request = replace(make_request(parameter_texts={"rsi_period": "14"}), engine=engine)
    pack = pack_of_all(request, *({"rsi_period": str(period)} for period in range(10, 20)))
    container = ENGINES[engine].container(pack, SETTINGS)
    assert container == EngineContainer(
        image="registry.example/backfleet:1",
        command=command,
        environment={"BACKFLEET_DATA_FOLDER": "/data", "BACKFLEET_PACK": pack.to_json()},
        mounts=SETTINGS.mounts,
        runs_packs=True,
    )
    assert PackRequest.from_json(container.environment["BACKFLEET_PACK"]) == pack


def test_strategies_are_known_with_the_types_of_their_parameters_and_their_symbols() -> None:
    known = BarsEngine().strategies()
    assert known is not None
    assert list(known) == list(STRATEGIES)
    assert known["MeanReversion_TrendFilter_ETF"] == StrategyInfo(
        parameters={
            "rsi_period": ParameterType.INT,
            "rsi_entry": ParameterType.FLOAT,
            "trend_sma": ParameterType.INT,
            "require_trend": ParameterType.BOOL,
            "stop_loss_pct": ParameterType.FLOAT,
            "profit_target_pct": ParameterType.FLOAT,
        },
        symbols=("the one it trades",),
    )
    assert known["VIX_Market_Timing"].symbols == ("the one it trades", "the volatility index")
    assert known["Breakout_Momentum_Equity"].symbol_parameter == "symbol"
    noop = ENGINES["noop"].strategies()
    assert noop is not None
    assert {name: info.symbols for name, info in noop.items()} == {"Noop": None}


@pytest.mark.parametrize("name", [*STRATEGIES, "Noop"])
def test_every_default_is_a_value_of_its_own_type(name: str) -> None:
    declared = PARAMETERS if name == "Noop" else STRATEGIES[name].parameters
    assert set(parse_texts(declared, {})) == {parameter.name for parameter in declared}
