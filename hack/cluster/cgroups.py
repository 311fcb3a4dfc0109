"""Manages one set of control groups per cluster, in every hierarchy that the machine mounts."""

import os
import time
from pathlib import Path

from hack.cluster.progress import ClusterError

CPUSET_FILES = ("cpuset.cpus", "cpuset.mems")


def parse_hierarchies(mountinfo: str) -> list[Path]:
    """Return the mount points of the control group hierarchies, each hierarchy once."""
    found: dict[str, Path] = {}
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        kind = right.split()[0]
        if kind in ("cgroup", "cgroup2"):
            device, root, mount_point = left.split()[2:5]
            if root == "/":
                found.setdefault(device, Path(mount_point))
    return list(found.values())


def hierarchies() -> list[Path]:
    return parse_hierarchies(Path("/proc/self/mountinfo").read_text())


def create_cgroups(name: str) -> None:
    for hierarchy in hierarchies():
        folder = hierarchy / name
        folder.mkdir(exist_ok=True)
        _inherit_cpuset(hierarchy, folder)
        (folder / "node").mkdir(exist_ok=True)
        _inherit_cpuset(folder, folder / "node")


def _inherit_cpuset(parent: Path, child: Path) -> None:
    # In version 1 a new group has no processor and no memory node, so nothing can run in it.
    for file in CPUSET_FILES:
        if (child / file).exists() and not (child / file).read_text().strip():
            (child / file).write_text((parent / file).read_text())


def enter_cgroups(name: str) -> None:
    """Move this process out of its caller's groups, so that the cluster outlives the session."""
    for hierarchy in hierarchies():
        (hierarchy / name / "node" / "cgroup.procs").write_text(str(os.getpid()))


def members(name: str) -> set[int]:
    """Return every process in the cluster's groups, including containers."""
    found: set[int] = set()
    for hierarchy in hierarchies():
        for file in (hierarchy / name).rglob("cgroup.procs"):
            try:
                found.update(int(line) for line in file.read_text().split())
            except FileNotFoundError:
                continue  # a container's group, removed in the meantime
    return found


def remove_cgroups(name: str, timeout_seconds: float = 10) -> None:
    """Remove the groups. After their last process ends, the kernel needs a moment."""
    deadline = time.monotonic() + timeout_seconds
    for hierarchy in hierarchies():
        while (hierarchy / name).exists():
            try:
                _remove_tree(hierarchy / name)
            except OSError as error:
                if time.monotonic() > deadline:
                    raise ClusterError(f"cannot remove control group {hierarchy / name}: {error}") from error
                time.sleep(0.1)


def _remove_tree(folder: Path) -> None:
    for parent, folders, _ in os.walk(folder, topdown=False):
        for each in folders:
            (Path(parent) / each).rmdir()
    folder.rmdir()
