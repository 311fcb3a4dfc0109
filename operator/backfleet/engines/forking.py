"""Runs the members of a pack from one warm process: each in a process forked from it, with its own limit, folder and report.

The reports are those of the shim. What a member does, or what becomes of it, does not touch the next one. A member is the
leader of its own process group, and what it left running there ends with it.
"""

import os
import re
import stat
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from backfleet.core import wire
from backfleet.core.backtests import BacktestRequest
from backfleet.core.packs import Member, PackRequest
from backfleet.engines.member_processes import Compute, MemberProcesses, write_all
from backfleet.engines.program import EXIT_ERROR, EXIT_OK, EngineFailure
from backfleet.engines.reports import MEMBER_LINE, MEMBER_REPORT

Prepare = Callable[[BacktestRequest], Compute]
"""Runs in the shared process, right before the member begins: loads what members have in common."""

KILLS_OF_CGROUP = (Path("/sys/fs/cgroup/memory.events"), Path("/sys/fs/cgroup/memory/memory.oom_control"))


@dataclass(frozen=True, slots=True, kw_only=True)
class PackOrders:
    """What a supervisor has to run: the pack, from which position on, for how long, and where."""

    pack: PackRequest
    first: int
    left_seconds: float
    timeout_seconds: int
    folder: Path
    termination_log: Path
    scratch_folders: tuple[Path, ...]


def read_pack_orders(environment: Mapping[str, str]) -> PackOrders:
    """Read the variables of the shim. EngineFailure names the first invalid one."""
    try:
        pack = PackRequest.from_json(environment.get(wire.ENV_PACK, ""))
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, LookupError, RecursionError) as error:
        raise EngineFailure(f"{wire.ENV_PACK}: expected a pack as JSON: {error!r}") from error
    return PackOrders(
        pack=pack,
        first=_number(environment, wire.ENV_PACK_FIRST),
        left_seconds=_number(environment, wire.ENV_PACK_LEFT) / 1000,
        timeout_seconds=_number(environment, wire.ENV_BACKTEST_TIMEOUT),
        folder=results_folder(environment),
        termination_log=Path(environment.get(wire.ENV_TERMINATION_LOG) or wire.TERMINATION_LOG),
        scratch_folders=tuple(map(Path, filter(None, environment.get(wire.ENV_SCRATCH_PATHS, "").split("\n")))),
    )


def results_folder(environment: Mapping[str, str]) -> Path:
    """Return the results folder of the pack."""
    return Path(environment.get(wire.ENV_RESULTS_PATH) or wire.RESULTS_PATH)


def run_pack(program: str, environment: Mapping[str, str], prepare: Prepare) -> int:
    """Run the members from the first one on until the pack's time is over, and return the exit code of the command."""
    began = time.monotonic()
    try:
        orders = read_pack_orders(environment)
    except EngineFailure as error:
        print(f"{program}: {error}", file=sys.stderr)
        return EXIT_ERROR
    # All at once: between two forks, each page that this process touches is copied.
    members = list(zip(range(len(orders.pack.members)), orders.pack.members, orders.pack.requests, strict=True))
    with MemberProcesses() as processes, Supervisor(orders, processes) as supervisor:
        for position, member, request in members[orders.first :]:
            if position > orders.first:
                if time.monotonic() - began >= orders.left_seconds:
                    break
                supervisor.empty_scratch()
            supervisor.run_member(position, member, prepare, request)
    return EXIT_OK


class Supervisor:
    """Runs members one after the other, and leaves their reports.

    Paths are texts here: what `pathlib` touches between two forks costs more than what it does.
    """

    def __init__(self, orders: PackOrders, processes: MemberProcesses) -> None:
        self.orders = orders
        self._processes = processes
        self._files = ExitStack()
        self._results = os.fspath(orders.folder)
        self._scratch = [os.fspath(each) for each in orders.scratch_folders]

    def __enter__(self) -> "Supervisor":
        # Without its file a death of the whole container names no member, and without the other a kill has no cause.
        self._termination_log = self._open(os.O_WRONLY | os.O_CREAT | os.O_TRUNC, self.orders.termination_log)
        self._memory_events = self._open(os.O_RDONLY, *KILLS_OF_CGROUP)
        self._kills = self._oom_kills()
        return self

    def __exit__(self, *_: object) -> None:
        self._files.close()

    def _open(self, flags: int, *paths: Path) -> int | None:
        """Open the first of the files that can be opened, once for all members: it would be a tenth of a member's cost."""
        for path in paths:
            with suppress(OSError):
                descriptor = os.open(path, flags, 0o644)
                self._files.callback(os.close, descriptor)
                return descriptor
        return None

    def run_member(self, position: int, member: Member, prepare: Prepare, request: BacktestRequest) -> None:
        """Run one member, and leave its report."""
        folder = f"{self._results}/{position}"
        _make_empty_folder(folder)
        if self._termination_log is not None:
            # The number never gets shorter, so it always covers the one before.
            os.pwrite(self._termination_log, b"%d" % position, 0)
        line = MEMBER_LINE % (member.index, member.number, position + 1, len(self.orders.pack.members))
        write_all(1, line.encode())
        started, began = time.time(), time.monotonic()
        compute = prepare(request)
        code, words = self._processes.run(compute, Path(folder), self.orders.timeout_seconds)
        kills, self._kills = self._kills, self._oom_kills()
        times = [int(1000 * each) for each in (started, time.time(), time.monotonic() - began)]
        limit = 1000 * self.orders.timeout_seconds
        text = MEMBER_REPORT % (code, times[0], times[1], self._kills - kills, 0, times[2], limit)
        if not _is_folder(folder):
            _make_empty_folder(folder)
        if words:
            _write_new(f"{folder}/{wire.SHIM_STDERR_FILE}", words)
        _write_new(f"{folder}/{wire.SHIM_EXIT_FILE}", text.encode())

    def empty_scratch(self) -> None:
        """Remove what members left in the scratch folders."""
        for folder in self._scratch:
            if os.path.isdir(folder):
                for each in os.listdir(folder):
                    _remove(f"{folder}/{each}")

    def _oom_kills(self) -> int:
        """Return how many processes of this container were killed for its memory so far."""
        if self._memory_events is None:
            return 0
        lines = os.pread(self._memory_events, 4096, 0).splitlines()
        return next((int(line.split()[1]) for line in lines if line.startswith(b"oom_kill ")), 0)


def _make_empty_folder(path: str) -> None:
    try:
        os.mkdir(path)
    except FileExistsError:
        _remove(path)
        os.mkdir(path)


def _is_folder(path: str) -> bool:
    """Report whether it is a folder, and not a link to one."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        return False


def _write_new(path: str, content: bytes) -> None:
    """Write a file in place of whatever a member put there: never through a link."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, 0o644)
    except FileExistsError:
        _remove(path)
        descriptor = os.open(path, flags, 0o644)
    try:
        write_all(descriptor, content)
    finally:
        os.close(descriptor)


def _remove(path: str) -> None:
    if not _is_folder(path):
        os.unlink(path)
        return
    # Seldom needed, and not cheap to import.
    import shutil  # noqa: PLC0415

    folder = Path(path)
    folder.chmod(0o700)
    for root, folders, _ in folder.walk():
        for each in folders:
            (root / each).chmod(0o700)
    shutil.rmtree(folder)


def _number(environment: Mapping[str, str], name: str) -> int:
    text = environment.get(name) or "0"
    if not re.fullmatch(r"[0-9]{1,12}", text):
        raise EngineFailure(f"{name}: expected a whole number, got {text[:40]!r}")
    return int(text)
