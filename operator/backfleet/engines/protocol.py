"""The two halves of an engine: how its container runs, and how the files that it leaves become an outcome. Both are pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from backfleet.core.backtests import BacktestRequest, Outcome
from backfleet.core.packs import PackRequest
from backfleet.core.spec.strategy_info import StrategyInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeMount:
    """A read-only folder in the engine's container. `source` is a Kubernetes volume source from the operator's values."""

    name: str
    mount_path: str
    source: Mapping[str, object]
    sub_path: str | None = None


def mount_path(mounts: Iterable[VolumeMount], name: str) -> str | None:
    """Return the path of the mount with that name, or None."""
    return next((mount.mount_path for mount in mounts if mount.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """An engine's part of the operator's settings: image, requests, volumes, and its exceptions to restricted security."""

    image: str
    image_pull_policy: str = "IfNotPresent"
    requests: Mapping[str, str] = field(default_factory=dict)
    mounts: tuple[VolumeMount, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    security_context: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """A file that the shim writes before each backtest. None of its texts has a line break.

    It is `head`, the path of the backtest's results folder, `middle`, the backtest's line, and `tail`.
    """

    path: str
    head: str
    middle: str
    tail: str
    lines: tuple[str, ...]

    @property
    def common(self) -> str:
        """The parts that all backtests share, one a line."""
        return f"{self.head}\n{self.middle}\n{self.tail}"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineContainer:
    """The container that runs a pack of backtests.

    The shim wraps `command`, and writes `config` before each backtest. The command runs one backtest; or, if it `runs_packs`,
    several as a supervisor does (`engines.forking`). Without `working_folder` the container uses the image's own.
    """

    image: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    working_folder: str | None = None
    config: EngineConfig | None = None
    mounts: tuple[VolumeMount, ...] = ()
    runs_packs: bool = False


class Engine(Protocol):
    """One way to compute a backtest."""

    name: str
    usual_seconds: float | None
    """What a backtest of any strategy takes, about; None where that depends on the strategy."""

    def strategies(self) -> Mapping[str, StrategyInfo] | None:
        """Return the engine's strategies by name, or None if it runs any project (LEAN)."""

    def container(self, pack: PackRequest, settings: EngineSettings) -> EngineContainer:
        """Return the container that computes the requests of `pack`."""

    def outcome(self, folder: Path, request: BacktestRequest) -> Outcome:
        """Read one member's outcome, which engine and shim left in `folder`.

        Hostile content gives a Failure, never an exception.
        """
