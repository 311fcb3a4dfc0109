"""Runs process 1 of a cluster's namespaces, which sets up mounts and network and keeps the daemons running.

When this process ends, the kernel kills everything in the namespaces and removes mounts,
interfaces, firewall rules and pod networks. So `down` leaves nothing behind.
"""

import os
import platform
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hack.cluster import dns
from hack.cluster.daemons import BIN, ROOT, Daemon, node_daemons
from hack.cluster.layout import Layout

RESTART_SECONDS = 1.0
# The kubelet requires these values and would write them for the whole machine. Our own
# files, mounted over the real ones, already have them.
KERNEL_SETTINGS = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}


def run_node(layout: Layout, binaries: Path) -> None:
    """Run process 1. It never returns, since it lives as long as the cluster."""
    if os.getpid() != 1:
        raise SystemExit("`node` is for internal use as process 1 of a cluster; run `up` instead")
    socket.sethostname(layout.node_name)
    lay_mounts(layout, binaries)
    lay_network(layout)
    watcher = Service("dns", lambda: _fork(lambda: dns.watch(layout)))
    services = [Service(each.name, _starter(each), each.after) for each in node_daemons(layout)]
    supervise([*services, watcher])


def _run(*command: str) -> None:
    subprocess.run(command, check=True)


def _mount(*arguments: str) -> None:
    # -n: mount's own table is in /run, which is about to change.
    _run("mount", "-n", *arguments)


def lay_mounts(layout: Layout, binaries: Path) -> None:
    staging = layout.state / "run"
    staging.mkdir(exist_ok=True)
    _mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", str(staging))
    for source, target in ((layout.state, ROOT), (binaries, BIN)):
        place = staging / Path(target).name
        place.mkdir()
        _mount("--bind", str(source), str(place))
    for name in ("var-log", "var-lib"):
        (layout.state / name).mkdir(exist_ok=True)
    _mount("--move", str(staging), "/run")
    _mount("--bind", f"{ROOT}/var-log", "/var/log")
    _mount("--bind", f"{ROOT}/var-lib", "/var/lib")
    for setting, value in KERNEL_SETTINGS.items():
        _cover_setting(Path("/proc/sys") / setting, value)
    # The kubelet shares mounts with containers. The sharing ends at this namespace.
    _mount("--make-rshared", "/")


def _cover_setting(setting: Path, value: str) -> None:
    if not setting.exists():
        return
    cover = Path("/run") / setting.name
    cover.write_text(value + "\n")
    _mount("--bind", str(cover), str(setting))


def lay_network(layout: Layout) -> None:
    """Wait until `up` moves eth0 into this namespace, then set up link, bridge and forwarding."""
    _run("ip", "link", "set", "lo", "up")
    deadline = time.monotonic() + 15
    while not Path("/proc/sys/net/ipv4/conf/eth0").exists():
        if time.monotonic() > deadline:
            raise SystemExit("interface eth0 did not appear within 15 s")
        time.sleep(0.02)
    link, pods, services = layout.networks
    _run("ip", "address", "add", f"{layout.node_address}/{link.prefixlen}", "dev", "eth0")
    _run("ip", "link", "set", "eth0", "up")
    _run("ip", "link", "add", "cni0", "type", "bridge")
    _run("ip", "address", "add", f"{layout.pod_gateway}/{pods.prefixlen}", "dev", "cni0")
    _run("ip", "link", "set", "cni0", "up")
    # A service address is rewritten on output, but the route is looked up before.
    _run("ip", "route", "add", str(services), "dev", "cni0")
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1\n")


@dataclass(slots=True)
class Service:
    """One process that is kept running, and when it may start next."""

    name: str
    start: Callable[[], int]
    after: tuple[str, int] | None = None
    pid: int | None = None
    not_before: float = 0.0


def supervise(services: list[Service]) -> None:
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while True:
        reap(services, time.monotonic())
        for each in services:
            if each.pid is None and time.monotonic() >= each.not_before and _answers(each.after):
                each.pid = each.start()
                _note(f"{each.name} started")
        is_waiting = any(each.pid is None for each in services)
        signal.sigtimedwait([signal.SIGCHLD], 0.05 if is_waiting else 2.0)


def reap(services: list[Service], now: float) -> None:
    """Collect every dead child, including orphans of containers, and schedule our own to start again."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        for each in services:
            if each.pid == pid:
                each.pid, each.not_before = None, now + RESTART_SECONDS
                _note(f"{each.name} ended with {os.waitstatus_to_exitcode(status)}")


def _answers(address: tuple[str, int] | None) -> bool:
    if address is None:
        return True
    try:
        socket.create_connection(address, timeout=0.5).close()
    except OSError:
        return False
    return True


def _starter(daemon: Daemon) -> Callable[[], int]:
    def start() -> int:
        log = f"/var/log/{daemon.name}.log"
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        actions = [
            (os.POSIX_SPAWN_OPEN, 1, log, flags, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ]
        return os.posix_spawnp(daemon.command[0], daemon.command, _environment(), file_actions=actions, setsigmask=[])

    return start


def _environment() -> dict[str, str]:
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    environment = {"PATH": path, "HOME": "/run", "LANG": "C.UTF-8"}
    # At its start the kubelet looks for cloud credentials, which wastes five seconds.
    environment["AWS_EC2_METADATA_DISABLED"] = "true"
    if platform.machine() == "aarch64":
        environment["ETCD_UNSUPPORTED_ARCH"] = "arm64"
    return environment


def _fork(work: Callable[[], None]) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException:  # noqa: BLE001 - the child must not fall back into the parent's code
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(1)
    return pid


def _note(message: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {message}", flush=True)
