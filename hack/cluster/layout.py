"""Names, folders and addresses of a cluster: all of it follows from the cluster's name."""

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
    """Where one cluster lives on the machine and in its own network namespace."""

    name: str
    state: Path

    @property
    def slot(self) -> int:
        return hashlib.sha256(self.name.encode()).digest()[0]

    @property
    def networks(self) -> tuple[IPv4Network, IPv4Network, IPv4Network]:
        """Link to the machine, pods, services."""
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
        """The bridge's address, where the cluster's DNS listens too."""
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
        """Held by `up` and `down`; it stays, since removing a lock races with those who wait."""
        return self.state.parent.parent / "locks" / f"{self.name}.lock"

    @property
    def logs(self) -> Path:
        """Logs of the daemons; /var/log inside the cluster."""
        return self.state / "var-log"


def state_home() -> Path:
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "backfleet" / "clusters"


def cache_home() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "backfleet"


def layout_for(name: str) -> Layout:
    """The layout of a cluster; a name that no interface or node could carry is an error."""
    if not NAME_PATTERN.fullmatch(name):
        raise ClusterError(f"cluster name {name!r}: 1 to 12 lower-case letters, digits and inner hyphens")
    return Layout(name=name, state=state_home() / name)
