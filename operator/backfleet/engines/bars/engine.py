"""The engine `bars` for the controller and the recorder."""

from collections.abc import Mapping
from pathlib import Path

from backfleet.core import wire
from backfleet.core.backtests import BacktestRequest, Outcome
from backfleet.core.packs import PackRequest
from backfleet.core.spec.strategy_info import StrategyInfo
from backfleet.engines.outcomes import outcome_of_program
from backfleet.engines.program import parameter_types
from backfleet.engines.protocol import EngineContainer, EngineSettings, mount_path


class BarsEngine:
    """The built-in engine: daily bars, next-open fills."""

    name = "bars"
    usual_seconds: float | None = 0.006

    def strategies(self) -> Mapping[str, StrategyInfo] | None:
        """Return every strategy with its parameters and symbols."""
        # The recorder needs none of them, and half of its start would be their imports.
        from backfleet.engines.bars.strategies import STRATEGIES  # noqa: PLC0415

        return {
            name: StrategyInfo(
                parameters=parameter_types(strategy.parameters),
                symbols=strategy.symbols,
                symbol_parameter=strategy.symbol_parameter,
            )
            for name, strategy in STRATEGIES.items()
        }

    def container(self, pack: PackRequest, settings: EngineSettings) -> EngineContainer:
        """Run Backfleet's image and command with the pack in a variable. A mount named `data` is the market data."""
        folder = mount_path(settings.mounts, wire.VOLUME_DATA)
        data = {wire.ENV_DATA_FOLDER: folder} if folder else {}
        return EngineContainer(
            image=settings.image,
            command=("backfleet-bars",),
            environment={**data, **settings.environment, wire.ENV_PACK: pack.to_json()},
            mounts=settings.mounts,
            runs_packs=True,
        )

    def outcome(self, folder: Path, request: BacktestRequest) -> Outcome:
        """Read the outcome from the shim's report and result.json."""
        del request
        return outcome_of_program(folder)
