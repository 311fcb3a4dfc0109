"""The engine `lean` for the controller and the recorder: QuantConnect's image and its launcher."""

from collections.abc import Mapping
from pathlib import Path

from backfleet.core import wire
from backfleet.core.backtests import BacktestRequest, Outcome
from backfleet.core.packs import WARM_START_SECONDS, PackRequest
from backfleet.core.spec.strategy_info import StrategyInfo
from backfleet.engines.lean.configuration import CONFIG_PATH, build_config, build_configuration
from backfleet.engines.lean.data_folder import prepared
from backfleet.engines.lean.layout import LOG_FILE
from backfleet.engines.lean.warm.delivery import program, supervised
from backfleet.engines.protocol import EngineContainer, EngineSettings, mount_path
from backfleet.engines.risk_free import RATES_PATH

LAUNCHER_FOLDER = "/Lean/Launcher/bin/Debug"
LAUNCHER = ("dotnet", "QuantConnect.Lean.Launcher.dll")
"""The image's own entry point, which it runs in `LAUNCHER_FOLDER`."""
IMAGE_DATA_FOLDER = "/Lean/Data"
"""LEAN's sample data, used without a volume."""
DONE_TEXT = "TRACE:: LeanEngineAlgorithmHandlers.Dispose(): Disposed of algorithm handlers."
"""LEAN has written all its files. Its Python shutdown may then wait ten seconds for nothing."""

_ENVIRONMENT: Mapping[str, str] = {
    # The server garbage collector keeps a heap per CPU of the node, but this process has one CPU.
    "DOTNET_gcServer": "0",
    # Profile-guided optimization costs more than it gains in a backtest of a minute.
    "DOTNET_TieredPGO": "0",
    # The project's folder is read-only.
    "PYTHONDONTWRITEBYTECODE": "1",
}
# Of the limit of 2 GiB, one backtest takes 1.2 at most.
_WARM: Mapping[str, str] = {
    wire.ENV_WARM_MEMBERS: "50",
    wire.ENV_WARM_MEMORY: "1400",
    wire.ENV_WARM_START: str(WARM_START_SECONDS),
}
# The supervisor of a warm pack would be ended with its first member.
_DONE: Mapping[str, str] = {wire.ENV_DONE_FILE: LOG_FILE, wire.ENV_DONE_TEXT: DONE_TEXT}


class LeanEngine:
    """QuantConnect's LEAN: a process for each backtest, or one for the members of a warm pack."""

    name = "lean"
    usual_seconds: float | None = None

    def strategies(self) -> Mapping[str, StrategyInfo] | None:
        """Return None: any project may run, and only the project knows its parameters."""
        return None

    def container(self, pack: PackRequest, settings: EngineSettings) -> EngineContainer:
        """Run the image's launcher with our configuration. It reads the volumes named `projects` and `data`.

        A warm pack has a supervisor that runs its members in one process. A pack of one is never warm.
        """
        is_warm = pack.is_warm and len(pack.members) > 1
        data_folder = mount_path(settings.mounts, wire.VOLUME_DATA) or IMAGE_DATA_FOLDER
        configuration = build_configuration(
            pack.common,
            projects_folder=mount_path(settings.mounts, wire.VOLUME_PROJECTS) or wire.PROJECTS_PATH,
            data_folder=data_folder,
        )
        command = supervised(LAUNCHER) if is_warm else (*LAUNCHER, "--config", CONFIG_PATH)
        return EngineContainer(
            image=settings.image,
            command=prepared(data_folder, command),
            working_folder=LAUNCHER_FOLDER,
            environment={
                **_ENVIRONMENT,
                **(_WARM if is_warm else {}),
                **settings.environment,
                wire.ENV_KEPT_FILE: f"{configuration['data-folder']}/{RATES_PATH}",
                wire.ENV_NEEDED_FILE: configuration["algorithm-location"],
                **({wire.ENV_WARM_PROGRAM: program()} if is_warm else _DONE),
            },
            config=build_config(pack, configuration),
            mounts=settings.mounts,
            runs_packs=is_warm,
        )

    def outcome(self, folder: Path, request: BacktestRequest) -> Outcome:
        """Read the outcome from all of LEAN's files: an exit code of 0 proves nothing."""
        # These are a tenth of the recorder's imports, and pods of other engines do not need them.
        from backfleet.engines.lean.outcome import outcome_of_run  # noqa: PLC0415

        return outcome_of_run(folder, request)
