"""`down` leaves the machine as it was before `up`: looked at from outside, while other clusters may run."""

import json
import os
import re
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
NAME = "probe"
PORT = 18232
MANIFESTS = {
    "apiVersion": "v1",
    "kind": "List",
    "items": [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "server", "labels": {"app": "server"}},
            "spec": {
                "containers": [
                    {"name": "server", "image": "localhost/backfleet-pause:1", "command": ["/probe", "serve", ":8080"]}
                ],
                "volumes": [{"name": "scratch", "emptyDir": {"medium": "Memory"}}],
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "server"},
            "spec": {"selector": {"app": "server"}, "ports": [{"port": 8080}]},
        },
    ],
}
# What any busy machine changes by itself.
VOLATILE_SETTINGS = re.compile(r"nf_conntrack_(count|buckets)|/neigh/|/conf/(?!all|default)|route/|tcp_mem|udp_mem")
FOLDERS = ("/run/containerd", "/run/netns", "/var/lib/cni", "/var/lib/kubelet", "/etc/cni", "/var/log/pods")

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(900),
    pytest.mark.skipif(os.geteuid() != 0, reason="the hermetic cluster needs root"),
]


def cluster(*arguments: str) -> str:
    environment = {key: value for key, value in os.environ.items() if key != "BACKFLEET_CONTEXT"}
    command = [sys.executable, "hack/cluster", *arguments, "--name", NAME]
    done = subprocess.run(
        command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, text=True, timeout=800, check=True
    )
    return done.stdout


@dataclass(frozen=True, slots=True)
class Machine:
    """What a cluster could leave behind, as the machine's own namespaces show it."""

    mounts: set[str]
    links: set[str]
    routes: set[str]
    firewall: set[str]
    cgroups: set[str]
    folders: set[str]
    settings: dict[str, str]


def observe_machine() -> Machine:
    mounts = {line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()}
    routes = subprocess.run(["ip", "-4", "route"], capture_output=True, text=True, check=True).stdout
    cgroups = {str(each) for pattern in ("*", "*/*") for each in Path("/sys/fs/cgroup").glob(pattern) if each.is_dir()}
    return Machine(
        mounts=mounts,
        links={each.name for each in Path("/sys/class/net").iterdir()},
        routes=set(routes.splitlines()),
        firewall=observe_firewall(),
        cgroups=cgroups,
        folders={folder for folder in FOLDERS if Path(folder).exists()},
        settings=observe_settings(),
    )


def observe_firewall() -> set[str]:
    saved = subprocess.run(["iptables-save"], capture_output=True, text=True, check=False).stdout
    return {re.sub(r"\[\d+:\d+\]", "", line) for line in saved.splitlines() if not line.startswith("#")}


def observe_settings() -> dict[str, str]:
    found: dict[str, str] = {}
    for folder in ("vm", "kernel", "net/ipv4", "net/bridge", "net/netfilter"):
        for file in Path("/proc/sys", folder).rglob("*"):
            if file.is_file() and os.access(file, os.R_OK) and not VOLATILE_SETTINGS.search(str(file)):
                try:
                    found[str(file)] = file.read_text()
                except OSError:  # some may be written but not read
                    continue
    # Counters and secrets under kernel/ change by themselves.
    stable = ("/proc/sys/vm", "/proc/sys/net", "/proc/sys/kernel/panic", "/proc/sys/kernel/keys")
    return {name: value for name, value in found.items() if name.startswith(stable)}


def members() -> set[int]:
    files = Path("/sys/fs/cgroup").glob(f"**/backfleet-{NAME}/**/cgroup.procs")
    return {int(line) for file in files for line in file.read_text().split()}


def namespaces_of(pid: int) -> set[str]:
    try:
        return {os.readlink(f"/proc/{pid}/ns/{kind}") for kind in ("net", "mnt", "pid")}
    except (FileNotFoundError, PermissionError):
        return set()


@dataclass(frozen=True, slots=True)
class Traces:
    """The machine before `up` and after `down`, and what ran in between."""

    before: Machine
    after: Machine
    pids: set[int]
    namespaces: set[str]
    state: Path


@pytest.fixture(scope="module")
def traces() -> Traces:
    cluster("down")
    before = observe_machine()
    try:
        cluster("up")
        kubeconfig = Path(cluster("kubeconfig").strip())
        use_cluster(kubeconfig)
        pids = members()
        own = namespaces_of(os.getpid())
        namespaces = {each for pid in pids for each in namespaces_of(pid)} - own
    finally:
        cluster("down")
    return Traces(before, observe_machine(), pids, namespaces, kubeconfig.parent)


def use_cluster(kubeconfig: Path) -> None:
    kubectl = ["kubectl", f"--kubeconfig={kubeconfig}", "--request-timeout=60s"]
    subprocess.run([*kubectl, "apply", "-f", "-"], input=json.dumps(MANIFESTS), text=True, timeout=60, check=True)
    subprocess.run([*kubectl, "wait", "--for=condition=Ready", "pod/server", "--timeout=60s"], timeout=90, check=True)
    cluster("forward", "--service", "server", "--service-port", "8080", "--port", str(PORT))
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/", timeout=10) as answer:
        assert answer.read() == b"hello"


def test_the_cluster_was_really_there(traces: Traces) -> None:
    assert len(traces.pids) >= 9
    assert len(traces.namespaces) >= 3


def test_down_leaves_no_process(traces: Traces) -> None:
    running = {int(each.name): each for each in Path("/proc").iterdir() if each.name.isdigit()}
    in_namespaces = {pid for pid in running if namespaces_of(pid) & traces.namespaces}
    assert in_namespaces == set()
    mentions = [pid for pid in running if f"{traces.state}/" in command_line(pid)]
    assert mentions == []


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def test_down_leaves_no_mount(traces: Traces) -> None:
    new = traces.after.mounts - traces.before.mounts
    assert {each for each in new if "netns" in each or "kubelet" in each or "backfleet" in each} == set()


def test_down_leaves_no_interface_and_no_route(traces: Traces) -> None:
    others = re.compile(rf"bf-(?!{NAME}(?:\s|$))")  # another cluster may have come up meanwhile
    links = {each for each in traces.after.links - traces.before.links if not others.match(each)}
    routes = {each for each in traces.after.routes - traces.before.routes if not others.search(each)}
    assert (links, routes) == (set(), set())


def test_down_leaves_no_firewall_rule(traces: Traces) -> None:
    assert traces.after.firewall == traces.before.firewall


def test_down_leaves_no_control_group(traces: Traces) -> None:
    new = traces.after.cgroups - traces.before.cgroups
    assert {each for each in new if f"backfleet-{NAME}" in Path(each).parts or "kubepods" in Path(each).name} == set()


def test_down_leaves_every_kernel_setting_as_it_was(traces: Traces) -> None:
    both = traces.before.settings.keys() & traces.after.settings.keys()
    changed = {key for key in both if traces.before.settings[key] != traces.after.settings[key]}
    assert changed == set()


def test_down_leaves_no_file(traces: Traces) -> None:
    assert traces.after.folders == traces.before.folders
    assert not traces.state.exists()


def test_down_closes_the_forwarded_port(traces: Traces) -> None:
    listening = subprocess.run(["ss", "-Hltn", f"sport = :{PORT}"], capture_output=True, text=True, check=True).stdout
    assert listening == ""
