"""Runs a real Kubernetes from Debian packages, in its own namespaces on this machine."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from hack.cluster import cgroups, packages, processes
from hack.cluster.caches import locked
from hack.cluster.certificates import create_certificates, kubeconfig_text, write_private
from hack.cluster.collisions import refuse_collisions
from hack.cluster.daemons import configuration_files
from hack.cluster.forward import end_all_forwards
from hack.cluster.images import Buildah, build_images, load_images
from hack.cluster.kubectl import Kubectl
from hack.cluster.kubernetes_build import kubernetes_binaries
from hack.cluster.layout import Layout
from hack.cluster.programs import pause_archive
from hack.cluster.progress import ClusterError, capture, say, step, wait_until
from hack.cluster.selftest import run_selftest
from hack.cluster.volumes import offer_volumes

READY_SECONDS = 120.0
IDENTITIES = ("controller-manager", "scheduler", "kubelet", "proxy")


class HermeticCluster:
    """One named cluster. Every method is safe to repeat."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.kubectl = Kubectl(layout.kubeconfig)
        self._record = layout.state / "node.json"
        self._tested = layout.state / "tested"

    def up(self) -> None:
        layout = self.layout
        packages.install(packages.RUNTIME)
        binaries, pause = kubernetes_binaries(), pause_archive()
        with locked(layout.lock, f"cluster {layout.name}"):
            if processes.recorded_alive(self._record) is not None:
                say(f"-- cluster {layout.name} is already running")
                if self._tested.exists() and self._is_node_ready():
                    offer_volumes(self.kubectl, layout)
                    return
            else:
                self._start(binaries)
            self._wait_ready(pause)

    def _start(self, binaries: Path) -> None:
        layout = self.layout
        self._clear_remains()
        refuse_collisions(layout)
        with step(f"starting cluster {layout.name} ({layout.node_address})", "20 s"):
            self._write_state()
            cgroups.create_cgroups(layout.cgroup)
            self._start_node(binaries)
            self._hand_in_link()

    def _clear_remains(self) -> None:
        """Remove the control groups of a dead cluster. Its namespaces are already gone."""
        remains = cgroups.members(self.layout.cgroup)
        if remains:
            raise ClusterError(
                f"processes {sorted(remains)} of an earlier cluster {self.layout.name} still run; "
                f"run: python hack/cluster down --name {self.layout.name}"
            )
        cgroups.remove_cgroups(self.layout.cgroup)

    def _write_state(self) -> None:
        layout = self.layout
        layout.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        pki, config = layout.state / "pki", layout.state / "config"
        create_certificates(layout, pki)
        for name, text in configuration_files(layout).items():
            (config / name).parent.mkdir(parents=True, exist_ok=True)
            (config / name).write_text(text)
        for identity in IDENTITIES:
            write_private(config / f"{identity}.kubeconfig", kubeconfig_text(layout, pki, identity))
        write_private(layout.kubeconfig, kubeconfig_text(layout, pki, "admin"))

    def _start_node(self, binaries: Path) -> None:
        layout = self.layout
        log = layout.logs / "node.log"
        program = [sys.executable, str(Path(__file__).parent), "node", "--name", layout.name]
        unshare = ["unshare", "--mount", "--net", "--pid", "--ipc", "--uts", "--fork"]
        command = [*unshare, "--mount-proc", "--propagation", "private", "--", *program]
        command += ["--state", str(layout.state), "--binaries", str(binaries)]
        parent = processes.start_detached(command, log, prepare=lambda: cgroups.enter_cgroups(layout.cgroup))
        wait_until("the cluster's first process", lambda: bool(processes.first_child(parent)), 10, log)
        processes.record(self._record, processes.first_child(parent) or 0)

    def _hand_in_link(self) -> None:
        layout, pid = self.layout, str(self._alive().pid)
        link, address = layout.link_name, f"{layout.machine_address}/30"
        owner = f"backfleet cluster {layout.name}, state {layout.state}"
        peer = ["peer", "name", "eth0", "netns", pid]
        capture(["ip", "link", "add", link, "type", "veth", *peer])
        capture(["ip", "link", "set", link, "alias", owner[:255]])
        capture(["ip", "address", "add", address, "dev", link])
        capture(["ip", "link", "set", link, "up"])
        for network in layout.networks[1:]:
            route = [str(network), "via", layout.node_address, "dev", link]
            capture(["ip", "route", "add", *route])

    def _wait_ready(self, pause: Path) -> None:
        _layout, logs = self.layout, self.layout.logs
        ready = "the API server answers"
        with step(ready, "6 s"):
            api_log = logs / "kube-apiserver.log"
            wait_until(ready, self._is_api_ready, READY_SECONDS, api_log)
        with step("loading the pause image", "1 s"):
            containerd_log = logs / "containerd.log"
            wait_until("containerd", self._has_containerd, READY_SECONDS, containerd_log)
            self.load_archive(pause)
        with step("node and default service account are ready", "8 s"):
            kubelet_log = logs / "kubelet.log"
            wait_until("the node is Ready", self._is_node_ready, READY_SECONDS, kubelet_log)
            manager_log = logs / "kube-controller-manager.log"
            has_account = self.kubectl.has_default_account
            wait_until("the default service account", has_account, READY_SECONDS, manager_log)
        with step("offering volumes", "1 s"):
            offer_volumes(self.kubectl, self.layout)
        with step("self-test: a custom resource, a Job, the cluster's DNS", "6 s"):
            run_selftest(self.kubectl, logs)
        self._tested.touch()

    def down(self) -> None:
        layout = self.layout
        with locked(layout.lock, f"cluster {layout.name}"):
            end_all_forwards(layout)
            node = processes.recorded_alive(self._record)
            if node is not None:
                with step(f"ending cluster {layout.name}", "3 s"):
                    processes.end(node, signal.SIGKILL, 30)
            self._wait_gone()
            cgroups.remove_cgroups(layout.cgroup)
            if layout.state.exists():
                shutil.rmtree(layout.state)

    def _wait_gone(self) -> None:
        layout = self.layout
        for pid in cgroups.members(layout.cgroup):
            os.kill(pid, signal.SIGKILL)
        wait_until("the last process has ended", lambda: not cgroups.members(layout.cgroup), 30)
        link = Path("/sys/class/net") / layout.link_name
        wait_until(f"interface {layout.link_name} is gone", lambda: not link.exists(), 30)

    def status(self) -> dict[str, object]:
        node = processes.recorded_alive(self._record)
        return {
            "provider": "hermetic",
            "name": self.layout.name,
            "running": node is not None,
            "ready": node is not None and self._is_node_ready(),
            "kubeconfig": str(self.layout.kubeconfig) if node else None,
            "logs": str(self.layout.logs),
        }

    def load_archive(self, archive: Path) -> None:
        """Load a docker archive from the machine's file system."""
        log = self.layout.logs / "images.log"
        with archive.open("rb") as content:
            done = subprocess.run(
                self.inside("ctr", "-n", "k8s.io", "images", "import", "-"),
                stdin=content, capture_output=True, text=True, check=False,
            )  # fmt: skip
        log.write_text(done.stdout + done.stderr)
        if done.returncode != 0:
            raise ClusterError(f"cannot load {archive.name} into cluster {self.layout.name}", log)

    def images(self) -> set[str]:
        return set(capture(self.inside("ctr", "-n", "k8s.io", "images", "list", "-q")).split())

    def inside(self, *command: str) -> list[str]:
        """Return the command line that runs `command` in the cluster's namespaces."""
        target = str(self._alive().pid)
        return ["nsenter", "--target", target, "--mount", "--net", "--pid", "--uts", "--", *command]

    def _alive(self) -> processes.Recorded:
        node = processes.recorded_alive(self._record)
        if node is None:
            raise ClusterError(
                f"cluster {self.layout.name} is not running; run: python hack/cluster up --name {self.layout.name}",
                self.layout.logs / "node.log",
            )
        return node

    def _is_api_ready(self) -> bool:
        self._refuse_unreachable()
        return self.kubectl.is_api_ready()

    def _is_node_ready(self) -> bool:
        self._refuse_unreachable()
        return self.kubectl.is_node_ready(self.layout.node_name)

    def _refuse_unreachable(self) -> None:
        # Without the node and the link, requests to the address would leave the machine.
        self._alive()
        layout = self.layout
        if not (Path("/sys/class/net") / layout.link_name).exists():
            raise ClusterError(
                f"interface {layout.link_name} of cluster {layout.name} is gone; "
                f"make the cluster again: python hack/cluster down --name {layout.name}, then up"
            )

    def alive_record(self) -> Path | None:
        return self._record

    def build_images(self, root: Path, *, for_tests: bool = False) -> dict[str, str]:
        """Build and load the missing images. Return the image references by target."""
        buildah = Buildah()
        built = build_images(root, buildah, for_tests=for_tests)
        load_images(list(built.values()), buildah, self.images(), self.load_archive)
        return built

    def _has_containerd(self) -> bool:
        probe: Sequence[str] = self.inside("ctr", "version")
        return subprocess.run(probe, capture_output=True, check=False).returncode == 0
