from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hack.cluster.cgroups import parse_hierarchies
from hack.cluster.daemons import configuration_files, node_daemons
from hack.cluster.dns import hosts_text
from hack.cluster.layout import Layout
from hack.cluster.pip_settings import build_settings, parse_listed
from hack.cluster.processes import parse_started_ticks, parse_state
from hack.cluster.selftest import finished_condition

LAYOUT = Layout("demo", Path("/somewhere/demo"))


def service(name: str, address: str) -> dict[str, object]:
    return {"metadata": {"name": name, "namespace": "lab"}, "spec": {"clusterIP": address}}


def test_hosts_hold_cluster_addresses_and_the_pods_of_headless_services() -> None:
    endpoints: list[Mapping[str, Any]] = [
        {
            "metadata": {"name": name, "namespace": "lab"},
            "subsets": [{"addresses": [{"ip": "10.0.0.8", "hostname": "db-0"}, {"ip": "10.0.0.9"}]}],
        }
        for name in ("db", "web")
    ]
    empty = {"metadata": {"name": "db", "namespace": "other"}, "subsets": None}
    services: list[Mapping[str, Any]] = [service("web", "10.9.0.5"), service("db", "None"), service("outside", "")]
    assert hosts_text(services, [*endpoints, empty]).splitlines() == [
        "10.0.0.8 db-0.db.lab.svc.cluster.local",
        "10.0.0.8 db.lab.svc.cluster.local",
        "10.0.0.9 db.lab.svc.cluster.local",
        "10.9.0.5 web.lab.svc.cluster.local",
    ]


def test_no_command_or_configuration_depends_on_where_the_state_lies() -> None:
    texts = [word for daemon in node_daemons(LAYOUT) for word in daemon.command]
    texts += configuration_files(LAYOUT).values()
    assert not [text for text in texts if "/somewhere" in text]


def test_nothing_listens_on_every_address() -> None:
    texts = [word for daemon in node_daemons(LAYOUT) for word in daemon.command]
    texts += [text for name, text in configuration_files(LAYOUT).items() if "cni" not in name]
    assert not [text for text in texts if "0.0.0.0" in text]


def test_hierarchies_are_whole_and_named_once() -> None:
    mounts = (
        "25 24 0:22 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
        "26 24 0:22 / /mnt/again rw - cgroup cgroup rw,memory\n"
        "27 24 0:23 /inner /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
        "28 24 0:24 / /sys/fs/cgroup/unified rw shared:5 - cgroup2 cgroup2 rw\n"
        "29 24 0:25 / /tmp rw - tmpfs tmpfs rw\n"
    )
    assert parse_hierarchies(mounts) == [Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup/unified")]


def test_start_and_state_are_read_past_a_strange_process_name() -> None:
    fields = ["S", *[str(number) for number in range(4, 53)]]
    stat = f"77 (odd) name 1) {' '.join(fields)}"
    assert (parse_state(stat), parse_started_ticks(stat)) == ("S", 22)


def test_pip_settings_hand_on_addresses_and_the_bundle_but_no_local_path(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.crt"
    bundle.touch()
    listed = (
        ":env:.timeout='180'\n"
        "global.timeout='15'\n"
        f"global.cert='{bundle}'\n"
        "global.index-url='https://index.test/simple'\n"
        "global.extra-index-url='file:///opt/local https://extra.test/simple'\n"
        "global.find-links='/opt/wheels'\n"
    )
    settings = build_settings(parse_listed(listed))
    assert settings.certificates == bundle.resolve().parent
    assert settings.text.splitlines() == [
        "[global]",
        "index-url = https://index.test/simple",
        "extra-index-url = https://extra.test/simple",
        "timeout = 180",
        "cert = /run/backfleet-certificates/bundle.crt",
    ]


def test_a_job_is_finished_only_by_a_true_condition() -> None:
    failed = {"status": {"conditions": [{"type": "Failed", "status": "True"}]}}
    undecided = {"status": {"conditions": [{"type": "Failed", "status": "False"}]}}
    assert (finished_condition({}), finished_condition(undecided), finished_condition(failed)) == (None, None, "Failed")
