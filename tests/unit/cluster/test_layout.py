from pathlib import Path

import pytest

from hack.cluster.collisions import find_collision
from hack.cluster.layout import Layout, layout_for
from hack.cluster.progress import ClusterError

DEMO = Layout("demo", Path("/state/demo"))


def test_addresses_follow_from_the_name() -> None:
    link, pods, services = DEMO.networks
    assert (str(link), str(pods), str(services)) == ("10.213.42.0/30", "10.214.42.0/24", "10.215.42.0/24")
    assert (DEMO.machine_address, DEMO.node_address) == ("10.213.42.1", "10.213.42.2")
    assert (DEMO.pod_gateway, DEMO.api_service_address) == ("10.214.42.1", "10.215.42.1")


def test_the_clusters_in_use_do_not_share_addresses() -> None:
    names = ["demo", "test", "probe", "other"]
    assert len({Layout(name, Path("/")).slot for name in names}) == len(names)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("", id="empty"),
        pytest.param("a" * 13, id="longer than an interface's name allows"),
        pytest.param("Demo", id="upper case"),
        pytest.param("-demo", id="leading hyphen"),
        pytest.param("a/b", id="a path"),
    ],
)
def test_names_that_are_not_valid_are_refused(name: str) -> None:
    with pytest.raises(ClusterError, match="cluster name"):
        layout_for(name)


def test_longest_name_fits_an_interface() -> None:
    assert len(layout_for("a" * 12).link_name) == 15


def address(interface: str, local: str, length: int) -> dict[str, object]:
    return {"ifname": interface, "addr_info": [{"local": local, "prefixlen": length}]}


def test_unrelated_networks_are_no_collision() -> None:
    addresses = [address("eth0", "192.0.2.7", 24)]
    routes: list[dict[str, object]] = [{"dst": "default", "dev": "eth0"}, {"dst": "192.0.2.0/24", "dev": "eth0"}]
    assert find_collision(DEMO, addresses, routes, {"eth0": ""}) is None


def test_an_address_in_use_names_the_cluster_that_owns_it() -> None:
    owners = {"bf-same": "backfleet cluster same, state /home/ann"}
    found = find_collision(DEMO, [address("bf-same", "10.213.42.1", 30)], [], owners)
    assert found is not None
    assert "10.213.42.0/30 is on interface bf-same (backfleet cluster same, state /home/ann)" in found


def test_a_foreign_route_in_use_names_its_interface() -> None:
    found = find_collision(DEMO, [], [{"dst": "10.214.0.0/16", "dev": "tun0"}], {"tun0": ""})
    assert found is not None
    assert "10.214.0.0/16 is on interface tun0 (not made by Backfleet)" in found


def test_an_interface_of_our_name_names_its_owner() -> None:
    found = find_collision(DEMO, [], [], {"bf-demo": "backfleet cluster demo, state /home/ann"})
    assert found is not None
    assert found.startswith("interface bf-demo already exists: backfleet cluster demo, state /home/ann")
