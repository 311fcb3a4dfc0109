"""Finds out whether the addresses or the interface of a new cluster are already in use, and by whom."""

import json
from collections.abc import Sequence
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from hack.cluster.layout import Layout
from hack.cluster.progress import ClusterError, capture


def refuse_collisions(layout: Layout) -> None:
    """Raise ClusterError if an address or the interface is in use. The error names the owner."""
    addresses = json.loads(capture(["ip", "-json", "-4", "address", "show"]))
    routes = json.loads(capture(["ip", "-json", "-4", "route", "show", "table", "main"]))
    found = find_collision(layout, addresses, routes, _aliases())
    if found:
        raise ClusterError(found)


def find_collision(
    layout: Layout,
    addresses: Sequence[dict[str, Any]],
    routes: Sequence[dict[str, Any]],
    owners: dict[str, str],
) -> str | None:
    """Describe the first collision, or return None. `owners` maps interfaces to the clusters that made them."""

    def owner(interface: str) -> str:
        return owners.get(interface) or "not made by Backfleet"

    if layout.link_name in owners:
        return f"interface {layout.link_name} already exists: {owner(layout.link_name)}; give the cluster another name"
    taken = [
        (IPv4Network(f"{info['local']}/{info['prefixlen']}", strict=False), each["ifname"])
        for each in addresses
        for info in each.get("addr_info", [])
    ]
    taken += [
        (IPv4Network(each["dst"]), each.get("dev", "?")) for each in routes if each.get("dst", "default") != "default"
    ]
    for wanted in layout.networks:
        for network, interface in taken:
            if wanted.overlaps(network):
                return (
                    f"cluster {layout.name} needs {wanted}, but {network} is on interface "
                    f"{interface} ({owner(interface)}); give the cluster another name"
                )
    return None


def _aliases() -> dict[str, str]:
    links = Path("/sys/class/net").iterdir()
    return {each.name: (each / "ifalias").read_text().strip() for each in links if each.is_dir()}
