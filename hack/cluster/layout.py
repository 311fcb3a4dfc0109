"""Derives the names, folders and addresses of a cluster from its name."""

import hashlib
import os
import re
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

from hack.cluster.progress import ClusterError

LINK_NETWORKS = "10.213.{slot}.0/30"
POD_NETWORKS = "10.214.{slot}.0/24"
SERVICE_NETWORKS = "10.215.{slot}.0/24"
API_PORT = 6443
NAME_PATTERN = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,10}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Layout:
    """The names, folders and addresses of one cluster on the machine and in its network namespace."""

    name: str
    state: Path

    @property
    def slot(self) -> int:
        return hashlib.sha256(self.name.encode()).digest()[0]

    @property
    def networks(self) -> tuple[IPv4Network, IPv4Network, IPv4Network]:
        """Return the networks of the link to the machine, the pods and the Services."""
        templates = (LINK_NETWORKS, POD_NETWORKS, SERVICE_NETWORKS)
        link, pods, services = (IPv4Network(each.format(slot=self.slot)) for each in templates)
        return link, pods, services

    @property
    def machine_address(self) -> str:
        return str(self.networks[0][1])

    @property
    def node_address(self) -> str:
        return str(self.networks[0][2])

    @property
    def pod_gateway(self) -> str:
        """Return the address of the bridge, where the cluster's DNS also listens."""
        return str(self.networks[1][1])

    @property
    def api_service_address(self) -> str:
        return str(self.networks[2][1])

    @property
    def api_url(self) -> str:
        return f"https://{self.node_address}:{API_PORT}"

    @property
    def node_name(self) -> str:
        return f"backfleet-{self.name}"

    @property
    def link_name(self) -> str:
        return f"bf-{self.name}"

    @property
    def cgroup(self) -> str:
        return f"backfleet-{self.name}"

    @property
    def kubeconfig(self) -> Path:
        return self.state / "kubeconfig"

    @property
    def lock(self) -> Path:
        """Return the lock of `up` and `down`. It is never removed, since removal races with waiting processes."""
        return self.state.parent.parent / "locks" / f"{self.name}.lock"

    @property
    def logs(self) -> Path:
        """Return the folder of the daemons' logs, /var/log in the cluster."""
        return self.state / "var-log"


def state_home() -> Path:
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "backfleet" / "clusters"


def cache_home() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "backfleet"


def layout_for(name: str) -> Layout:
    """Return the layout of a cluster. Raise ClusterError if an interface or a node cannot have the name."""
    if not NAME_PATTERN.fullmatch(name):
        raise ClusterError(f"cluster name: expected 1 to 12 lower-case letters, digits and inner hyphens, got {name!r}")
    return Layout(name=name, state=state_home() / name)
