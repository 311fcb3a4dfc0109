"""What an engine is: how its container runs, and how the files it left become an outcome. Both halves are pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from backfleet.core.backtests import BacktestRequest, Recorded
from backfleet.core.strategies import StrategyInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeMount:
    """A read-only folder in the engine's container; `source` is a Kubernetes volume source from the operator's values."""

    name: str
    mount_path: str
    source: Mapping[str, object]
    sub_path: str | None = None


def mount_path(mounts: Iterable[VolumeMount], name: str) -> str | None:
    """Where the mount of that name is; None when there is none."""
    return next((mount.mount_path for mount in mounts if mount.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """An engine's part of the operator's settings: image, requests, volumes and the security it needs beyond restricted."""

    image: str
    image_pull_policy: str = "IfNotPresent"
    requests: Mapping[str, str] = field(default_factory=dict)
    mounts: tuple[VolumeMount, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    security_context: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineContainer:
    """The container that runs one backtest: the shim wraps `command`, and writes `config` to `config_path` if both are given.

    `working_folder` None means the image's own.
    """

    image: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    working_folder: str | None = None
    config: str | None = None
    config_path: str | None = None
    mounts: tuple[VolumeMount, ...] = ()


class Engine(Protocol):
    """One way to compute a backtest."""

    name: str

    def strategies(self) -> Mapping[str, StrategyInfo] | None:
        """The strategies it knows by name; None when any project may be run (LEAN)."""

    def container(self, request: BacktestRequest, settings: EngineSettings) -> EngineContainer:
        """The container that computes `request`."""

    def outcome(self, folder: Path, request: BacktestRequest) -> Recorded:
        """Judge the files that the engine and the shim left in `folder`; hostile content gives a Failure, never an exception."""
