"""Runs LEAN's stand-in on this machine: the container of the operator, as processes in folders of a test."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from backfleet.core import wire
from backfleet.core.backtests import BacktestRequest
from backfleet.core.packs import PackRequest
from backfleet.engines import shim
from backfleet.engines.bars.market_data import PACKAGED_FOLDER
from backfleet.engines.lean.configuration import OBJECT_STORE
from backfleet.engines.lean.engine import LAUNCHER_FOLDER, LeanEngine
from backfleet.engines.protocol import EngineConfig, EngineContainer, EngineSettings, VolumeMount
from tests.support.packs import pack_of

STAND_IN = Path(__file__).resolve().parents[1] / "lean_stand_in"
PROJECT = "STR-001_RSI_MeanReversion_ETF"


def text_of(config: EngineConfig, position: int = 0, results: str = wire.RESULTS_PATH) -> str:
    """Return the file that the shim writes before the backtest at a position."""
    return f"{config.head}{results}/{position}{config.middle}{config.lines[position]}{config.tail}"


def config_of(environment: Mapping[str, str]) -> EngineConfig:
    """Return the file that the variables of an engine's container describe."""
    head, middle, tail = environment[wire.ENV_ENGINE_CONFIG].split("\n")
    lines = tuple(environment[wire.ENV_ENGINE_CONFIG_LINES].split("\n"))
    path = environment[wire.ENV_ENGINE_CONFIG_PATH]
    return EngineConfig(path=path, head=head, middle=middle, tail=tail, lines=lines)


def container_of(request: BacktestRequest | PackRequest, folder: Path) -> EngineContainer:
    """Return the engine's container of a pack (of one) with its project and data on this machine."""
    pack = request if isinstance(request, PackRequest) else pack_of(request)
    project = folder / "projects" / (pack.common.lean_project_path or PROJECT)
    project.mkdir(parents=True, exist_ok=True)
    (project / "main.py").write_text("# the stand-in runs the strategy of this name by `bars`\n")
    mounts = (
        VolumeMount(name=wire.VOLUME_PROJECTS, mount_path=str(folder / "projects"), source={}),
        VolumeMount(name=wire.VOLUME_DATA, mount_path=str(PACKAGED_FOLDER), source={}),
    )
    return LeanEngine().container(pack, EngineSettings(image="lean-stand-in", mounts=mounts))


def run_container(container: EngineContainer, folder: Path, timeout_seconds: float = 30) -> Path:
    """Run a pack of one under the real shim. Return its results folder."""
    return run_pack_container(container, folder, timeout_seconds) / "0"


def run_pack_container(
    container: EngineContainer, folder: Path, timeout_seconds: float = 30, pack_seconds: int = 300
) -> Path:
    """Run all under the real shim. Return the pack's results folder. What is absolute in the pod lies below `folder` here."""
    results, launcher, scratch = folder / "results", folder / "launcher", folder / "tmp"
    for each in (results, launcher, scratch, folder / "bin"):
        each.mkdir(exist_ok=True)
    (launcher / "QuantConnect.Lean.Launcher.dll").touch()
    for name, target in (("dotnet", STAND_IN / "dotnet"), ("python3", Path(sys.executable))):
        (folder / "bin" / name).unlink(missing_ok=True)
        (folder / "bin" / name).symlink_to(target)
    words = [word.replace(f"{wire.SCRATCH_PATH}/lean-", f"{scratch}/lean-") for word in container.command]
    environment = {
        **container.environment,
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        "TMPDIR": str(scratch),
        "PYTHONPATH": f"{STAND_IN.parent}:{STAND_IN.parents[1] / 'operator'}:{':'.join(sys.path)}",
        wire.ENV_BACKTEST_TIMEOUT: str(timeout_seconds),
        wire.ENV_RESULTS_PATH: str(results),
        wire.ENV_TERMINATION_LOG: str(folder / "termination-log"),
        wire.ENV_PACK_SECONDS: str(pack_seconds),
        wire.ENV_SCRATCH_PATHS: str(scratch),
        **_config_variables(container, scratch),
    }
    if container.runs_packs:
        limit = shim.command_timeout_seconds(int(timeout_seconds), pack_seconds)
        environment[wire.ENV_COMMAND_TIMEOUT] = str(limit)
    command = shim.command(tuple(words))
    done = subprocess.run(command, cwd=launcher, env=environment, check=False, timeout=200, capture_output=True)
    assert container.working_folder == LAUNCHER_FOLDER
    assert done.returncode == 0
    (folder / "output").write_bytes(done.stdout + done.stderr)
    return results


def _config_variables(container: EngineContainer, scratch: Path) -> dict[str, str]:
    """Return the variables of members and configuration. As in the pod, LEAN's file and object store are in scratch."""
    config = container.config
    assert config is not None
    return {
        wire.ENV_PACK_MEMBERS: f"0:{len(config.lines)}:1",
        wire.ENV_ENGINE_CONFIG: config.common.replace(f'"{OBJECT_STORE}"', f'"{scratch}/lean-storage"'),
        wire.ENV_ENGINE_CONFIG_LINES: "\n".join(config.lines),
        wire.ENV_ENGINE_CONFIG_PATH: str(scratch / Path(config.path).name),
    }


def with_scenario(request: BacktestRequest, scenario: str) -> BacktestRequest:
    """Return the request with the parameter that the stand-in, and the projects of `make verify-lean`, obey."""
    return replace(request, parameter_texts={**request.parameter_texts, "scenario": scenario})
