"""Runs LEAN's stand-in on this machine: the container of the operator, as processes in folders of a test."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from backfleet.core import wire
from backfleet.core.backtests import BacktestRequest
from backfleet.engines import shim
from backfleet.engines.bars.market_data import PACKAGED_FOLDER
from backfleet.engines.lean.engine import LAUNCHER_FOLDER, LeanEngine
from backfleet.engines.protocol import EngineContainer, EngineSettings, VolumeMount
from tests.support.packs import pack_of

STAND_IN = Path(__file__).resolve().parents[1] / "lean_stand_in"
PROJECT = "STR-001_RSI_MeanReversion_ETF"


def container_of(request: BacktestRequest, folder: Path) -> EngineContainer:
    """Return the engine's container with its project and data on this machine."""
    project = folder / "projects" / (request.lean_project_path or PROJECT)
    project.mkdir(parents=True, exist_ok=True)
    (project / "main.py").write_text("# the stand-in runs the strategy of this name by `bars`\n")
    mounts = (
        VolumeMount(name=wire.VOLUME_PROJECTS, mount_path=str(folder / "projects"), source={}),
        VolumeMount(name=wire.VOLUME_DATA, mount_path=str(PACKAGED_FOLDER), source={}),
    )
    return LeanEngine().container(pack_of(request), EngineSettings(image="lean-stand-in", mounts=mounts))


def run_container(container: EngineContainer, folder: Path, timeout_seconds: float = 30) -> Path:
    """Run it under the real shim. Return the results folder. What is absolute in the pod lies below `folder` here."""
    results, launcher = folder / "results", folder / "launcher"
    results.mkdir(exist_ok=True)
    launcher.mkdir(exist_ok=True)
    (launcher / "QuantConnect.Lean.Launcher.dll").touch()
    (folder / "bin").mkdir(exist_ok=True)
    for name, target in (("dotnet", STAND_IN / "dotnet"), ("python3", Path(sys.executable))):
        (folder / "bin" / name).unlink(missing_ok=True)
        (folder / "bin" / name).symlink_to(target)
    assert container.config is not None
    assert container.config_path is not None
    config_path = str(folder / "lean-config.json")
    words = [word.replace(container.config_path, config_path) for word in container.command]
    words = [str(results) if word == wire.RESULTS_PATH else word for word in words]
    environment = {
        **{key: text.replace(f"{wire.RESULTS_PATH}/", f"{results}/") for key, text in container.environment.items()},
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": f"{STAND_IN.parent}:{STAND_IN.parents[1] / 'operator'}:{':'.join(sys.path)}",
        wire.ENV_BACKTEST_TIMEOUT: str(timeout_seconds),
        wire.ENV_ENGINE_CONFIG: container.config.replace(json.dumps(wire.RESULTS_PATH), json.dumps(str(results))),
        wire.ENV_ENGINE_CONFIG_PATH: config_path,
    }
    command = [word.replace(f"{wire.RESULTS_PATH}/", f"{results}/") for word in shim.command(tuple(words))]
    done = subprocess.run(command, cwd=launcher, env=environment, check=False, timeout=60, capture_output=True)
    assert container.working_folder == LAUNCHER_FOLDER
    assert done.returncode == 0
    return results


def with_scenario(request: BacktestRequest, scenario: str) -> BacktestRequest:
    """Return the request with the parameter that the stand-in, and the projects of `make verify-lean`, obey."""
    return replace(request, parameter_texts={**request.parameter_texts, "scenario": scenario})
