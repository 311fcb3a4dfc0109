"""A member's results folder and its report, and the scratch folders between members. It imports nothing of Backfleet."""

import os
import shutil
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

EXIT_FILE, STDERR_FILE, KEPT_FILE = "backfleet-exit", "backfleet-stderr", "backfleet-kept"
MAX_KEPT_BYTES = 1024 * 1024
REPORT = "code=%s\nstarted_ms=%s\nfinished_ms=%s\noom=%s\nended=%s\nran_ms=%s\nlimit_ms=%s\n"
"""The shim's own format, see `engines.reports`."""
MEMBER_LINE = "== backtest %s, attempt %s (%s of %s)\n"
KILLS_OF_CGROUP = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")
MAX_SEALED = 10_000


def oom_kills() -> int:
    """Return how many processes of this container were killed for its memory so far."""
    for path in KILLS_OF_CGROUP:
        with suppress(OSError):
            lines = Path(path).read_text(encoding="ascii").splitlines()
            return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)
    return 0


def make_empty(folder: Path) -> None:
    """Make an empty folder in place of whatever is there."""
    remove(folder)
    folder.mkdir()


def copy_kept(source: Path | None, folder: Path) -> None:
    """Copy the file that the recorder needs into a member's results."""
    if source is None:
        return
    with suppress(OSError), source.open("rb") as file:
        write_new(folder / KEPT_FILE, file.read(MAX_KEPT_BYTES))


def leave_report(folder: Path, report: str, words: bytes) -> None:
    """Leave a member's report and the end of its stderr, and seal its folder."""
    if folder.is_symlink() or not folder.is_dir():
        make_empty(folder)
    if words:
        write_new(folder / STDERR_FILE, words)
    write_new(folder / EXIT_FILE, report.encode())
    seal(folder)


def seal(folder: Path) -> None:
    """Take the right to write from a member's results: no later member changes them by mistake.

    One that wants to can: it runs as the same user.
    """
    for number, path in enumerate(_tree(folder)):
        if number >= MAX_SEALED:
            return
        with suppress(OSError):
            mode = path.lstat().st_mode
            if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
                path.chmod(stat.S_IMODE(mode) & ~0o222)


def _tree(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder, topdown=False):
        yield from (Path(root, name) for name in (*files, *folders))
    yield folder


def write_new(path: Path, content: bytes) -> None:
    """Write a file, all of it or nothing, in place of whatever a member put there: never through a link."""
    draft = path.with_name(path.name + ".new")
    for each in (draft, path):
        if each.is_symlink() or os.path.lexists(each):
            remove(each)
    with draft.open("xb") as file:
        file.write(content)
    draft.replace(path)


def names_in(folders: Iterable[Path]) -> dict[Path, set[str]]:
    """Return the names in each of the folders that exist."""
    found: dict[Path, set[str]] = {}
    for folder in folders:
        with suppress(OSError):
            found[folder] = set(os.listdir(folder))
    return found


def empty(folders: Iterable[Path], kept: Mapping[Path, Collection[str]]) -> None:
    """Remove from scratch folders what was not there before, by name."""
    for folder in folders:
        for name in names_in([folder]).get(folder, set()) - set(kept.get(folder, ())):
            with suppress(OSError):
                remove(folder / name)


def remove(path: Path) -> None:
    """Remove a file, a link or a folder, whatever its rights."""
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    path.chmod(0o700)
    for root, folders, _ in os.walk(path):
        for each in folders:
            inner = Path(root, each)
            if not inner.is_symlink():
                inner.chmod(0o700)
    shutil.rmtree(path)
