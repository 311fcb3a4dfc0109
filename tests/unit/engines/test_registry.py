from dataclasses import replace

import pytest

from backfleet.core.backtests import BacktestRequest
from backfleet.engines.bars.engine import BarsEngine
from backfleet.engines.bars.strategies import STRATEGIES
from backfleet.engines.noop import PARAMETERS
from backfleet.engines.program import parse_parameters
from backfleet.engines.protocol import EngineContainer, EngineSettings, StrategyInfo, VolumeMount
from backfleet.engines.registry import ENGINES
from tests.unit.engines.builders import make_request

SETTINGS = EngineSettings(
    image="registry.example/backfleet:1",
    mounts=(VolumeMount(name="data", mount_path="/data", source={"emptyDir": {}}),),
    environment={"BACKFLEET_DATA_FOLDER": "/data"},
)


def test_engines_are_listed_under_their_own_names() -> None:
    assert {name: engine.name for name, engine in ENGINES.items()} == {"bars": "bars", "noop": "noop"}


@pytest.mark.parametrize(
    ("engine", "command"),
    [("bars", ("backfleet-bars",)), ("noop", ("python", "-m", "backfleet.engines.noop"))],
)
def test_a_container_is_the_product_s_image_with_the_request_in_a_variable(
    engine: str, command: tuple[str, ...]
) -> None:
    request = replace(make_request(parameters={"rsi_period": "14"}), engine=engine)
    container = ENGINES[engine].container(request, SETTINGS)
    assert container == EngineContainer(
        image="registry.example/backfleet:1",
        command=command,
        environment={"BACKFLEET_DATA_FOLDER": "/data", "BACKFLEET_REQUEST": request.to_json()},
        mounts=SETTINGS.mounts,
    )
    assert BacktestRequest.from_json(container.environment["BACKFLEET_REQUEST"]) == request


def test_strategies_are_known_with_their_defaults() -> None:
    known = BarsEngine().strategies()
    assert set(known) == set(STRATEGIES)
    assert {name: known[name] for name in ("RSI_MeanReversion_ETF", "SMA_Crossover_ETF")} == {
        "RSI_MeanReversion_ETF": StrategyInfo(
            name="RSI_MeanReversion_ETF",
            parameters={
                "rsi_period": "14",
                "entry_threshold": "30",
                "exit_threshold": "70",
                "stop_loss_pct": "0.01",
                "profit_target_pct": "0.02",
            },
        ),
        "SMA_Crossover_ETF": StrategyInfo(
            name="SMA_Crossover_ETF",
            parameters={
                "fast_sma": "30",
                "slow_sma": "150",
                "volume_threshold": "1.5",
                "stop_loss_pct": "0.015",
                "profit_target_pct": "0.02",
            },
        ),
    }
    noop = ENGINES["noop"].strategies()
    assert noop is not None
    assert list(noop) == ["Noop"]


@pytest.mark.parametrize("name", [*STRATEGIES, "Noop"])
def test_every_default_is_a_value_of_its_own_type(name: str) -> None:
    declared = PARAMETERS if name == "Noop" else STRATEGIES[name].parameters
    assert set(parse_parameters(declared, {})) == {parameter.name for parameter in declared}
