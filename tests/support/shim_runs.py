"""Packs under the real shim, in folders of a test: any command with one member, or a supervisor with all of them."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from backfleet.core.packs import PackRequest
from backfleet.engines import shim
from backfleet.engines.reports import ShimReport, read_begun, read_report
from tests.support.packs import command_environment, shim_environment

ROOT = Path(__file__).resolve().parents[2]
SUPERVISORS = {"noop": ("-m", "backfleet.engines.noop"), "bars": ("-m", "backfleet.engines.bars.main")}


@dataclass(frozen=True)
class ShimRun:
    """A pack after its run."""

    folder: Path
    size: int
    output: str

    @property
    def begun(self) -> int | None:
        return read_begun(self.folder)

    @property
    def reports(self) -> list[ShimReport]:
        return [read_report(self.folder / str(position)) for position in range(self.size)]

    @property
    def codes(self) -> list[int | None]:
        return [each.exit_code for each in self.reports]

    def words(self, position: int) -> str:
        return (self.folder / str(position) / "backfleet-stderr").read_text()


def run_supervisor(pack: PackRequest, folder: Path, timeout: int = 30, seconds: int = 300, **more: str) -> ShimRun:
    """Run a pack of `bars` or `noop`, whose command runs several members."""
    return run_command(pack, folder, SUPERVISORS[pack.common.engine], timeout, seconds, **more)


def run_command(
    pack: PackRequest, folder: Path, program: Sequence[str], timeout: int = 30, seconds: int = 300, **more: str
) -> ShimRun:
    """Run a pack by a Python program, from its arguments, that runs several members."""
    environment = command_environment(pack, folder, timeout, seconds) | more
    return _run(pack, folder, (sys.executable, *program), environment)


def run_each(
    pack: PackRequest, folder: Path, program: Sequence[str], timeout: int = 30, seconds: int = 300, **more: str
) -> ShimRun:
    """Run a command that runs one member, once for each."""
    return _run(pack, folder, program, shim_environment(pack, folder, timeout, seconds) | more)


def _run(pack: PackRequest, folder: Path, program: Sequence[str], variables: dict[str, str]) -> ShimRun:
    folder.mkdir(exist_ok=True)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "operator"), **variables}
    for made_by_the_shim in ("BACKFLEET_PACK_FIRST", "BACKFLEET_PACK_LEFT_MS"):
        environment.pop(made_by_the_shim, None)
    words = shim.command(tuple(program))
    done = subprocess.run(words, env=environment, check=True, timeout=300, stdout=subprocess.PIPE, text=True)
    return ShimRun(folder, len(pack.members), done.stdout)
