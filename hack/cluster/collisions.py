"""Finds who has the addresses or the interface that a new cluster wants."""

import json
from collections.abc import Sequence
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from hack.cluster.layout import Layout
from hack.cluster.progress import ClusterError, capture


def refuse_collisions(layout: Layout) -> None:
    """Raise an error that names the owner of what is in the way."""
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
    """What stands in the way, in words; `owners` says which cluster made an interface."""

    def owner(interface: str) -> str:
        return owners.get(interface) or "not one of ours"

    if layout.link_name in owners:
        return f"interface {layout.link_name} is there already: {owner(layout.link_name)}"
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
