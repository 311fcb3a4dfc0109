"""What the supervisor has to run, from the variables of the shim and of the engine. It imports nothing of Backfleet."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DEFAULT_MEMBERS, DEFAULT_MEMORY_MIB, DEFAULT_START_SECONDS = 50, 1400, 300
NO_LIMIT_SECONDS = 10**7


class OrdersInvalid(Exception):
    """A variable that is not what it should be."""


@dataclass(frozen=True, kw_only=True)
class Orders:
    """The members of the pack (index and number of the attempt), what they run with, and the limits of a process.

    `first` is the first position to run. `start_seconds` limits the time until a process can take a member, or the next one.
    `data_folder` is set if LEAN must read another one than the configuration names.
    """

    members: tuple[tuple[int, int], ...]
    first: int
    left_seconds: float
    timeout_seconds: float
    results: Path
    termination_log: Path
    scratch: tuple[Path, ...]
    kept_file: Path | None
    config_parts: tuple[str, str, str]
    config_lines: tuple[str, ...]
    config_path: Path
    members_per_process: int
    memory_mib: int
    start_seconds: int
    launcher: tuple[str, ...]
    data_folder: str | None

    def configuration(self, position: int) -> dict[str, Any]:
        """Return LEAN's configuration of a member."""
        head, middle, tail = self.config_parts
        body: dict[str, Any] = json.loads(f"{head}{self.results}/{position}{middle}{self.config_lines[position]}{tail}")
        return body if self.data_folder is None else {**body, "data-folder": self.data_folder}

    @property
    def limit_seconds(self) -> float:
        """A member's limit as a number that can be added to a time: 0 means none."""
        return self.timeout_seconds or NO_LIMIT_SECONDS


def read_orders(variables: Mapping[str, str], arguments: Sequence[str]) -> Orders:
    """Read the variables, and the launcher's command from the arguments. OrdersInvalid names the first invalid one."""
    launcher, data_folder = tuple(arguments), None
    if launcher[-2:-1] == ("--data-folder",):
        launcher, data_folder = launcher[:-2], launcher[-1]
    head, middle, tail = _lines(variables, "BACKFLEET_ENGINE_CONFIG", 3)
    members = tuple(_members(variables.get("BACKFLEET_PACK_MEMBERS", "")))
    kept = variables.get("BACKFLEET_KEPT_FILE")
    scratch = variables.get("BACKFLEET_SCRATCH_PATHS", "").split("\n")
    return Orders(
        members=members,
        first=_number(variables, "BACKFLEET_PACK_FIRST", 0),
        left_seconds=_number(variables, "BACKFLEET_PACK_LEFT_MS", 0) / 1000,
        timeout_seconds=_number(variables, "BACKFLEET_BACKTEST_TIMEOUT_SECONDS", 0),
        results=Path(variables.get("BACKFLEET_RESULTS_PATH") or "/results"),
        termination_log=Path(variables.get("BACKFLEET_TERMINATION_LOG") or "/dev/termination-log"),
        scratch=tuple(Path(each) for each in scratch if each),
        kept_file=Path(kept) if kept else None,
        config_parts=(head, middle, tail),
        config_lines=_lines(variables, "BACKFLEET_ENGINE_CONFIG_LINES", len(members)),
        config_path=Path(variables.get("BACKFLEET_ENGINE_CONFIG_PATH", "")),
        members_per_process=max(1, _number(variables, "BACKFLEET_WARM_MEMBERS", DEFAULT_MEMBERS)),
        memory_mib=_number(variables, "BACKFLEET_WARM_MEMORY_MIB", DEFAULT_MEMORY_MIB),
        start_seconds=_number(variables, "BACKFLEET_WARM_START_SECONDS", DEFAULT_START_SECONDS),
        launcher=launcher,
        data_folder=data_folder,
    )


def _members(text: str) -> list[tuple[int, int]]:
    """Return index and attempt of each member, from runs `first index:count:number of the attempt`."""
    found = []
    for run in text.split():
        if not re.fullmatch("[0-9]+:[0-9]+:[0-9]+", run):
            raise OrdersInvalid(f"BACKFLEET_PACK_MEMBERS: expected index:count:attempt, got {run[:40]!r}")
        first, count, number = map(int, run.split(":"))
        found += [(first + offset, number) for offset in range(count)]
    return found


def _lines(variables: Mapping[str, str], name: str, count: int) -> tuple[str, ...]:
    lines = tuple(variables.get(name, "").split("\n"))
    if len(lines) != count:
        raise OrdersInvalid(f"{name}: expected {count} lines, got {len(lines)}")
    return lines


def _number(variables: Mapping[str, str], name: str, default: int) -> int:
    text = variables.get(name) or str(default)
    if not re.fullmatch("[0-9]{1,12}", text):
        raise OrdersInvalid(f"{name}: expected a whole number, got {text[:40]!r}")
    return int(text)
