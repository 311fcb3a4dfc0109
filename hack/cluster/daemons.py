"""Builds the command lines and configuration files of a cluster's daemons. It runs nothing.

In its mount namespace a cluster sees its state folder as ROOT and the compiled Kubernetes as
BIN, so no path depends on where they are on the machine.
"""

import json
from dataclasses import dataclass

from hack.cluster.layout import API_PORT, Layout

ROOT = "/run/backfleet"
BIN = "/run/backfleet-bin"
CONTAINERD_SOCKET = "/run/containerd/containerd.sock"
PAUSE_IMAGE = "localhost/backfleet-pause:1"
FEATURE_GATES = "TTLAfterFinished=true"
ETCD = "127.0.0.1:2379"


@dataclass(frozen=True, slots=True)
class Daemon:
    """A program that is kept running. It starts once `after` (host, port) answers."""

    name: str
    command: tuple[str, ...]
    after: tuple[str, int] | None = None


def node_daemons(layout: Layout) -> list[Daemon]:
    api = (layout.node_address, API_PORT)
    return [
        Daemon("etcd", _etcd()),
        Daemon("containerd", ("containerd", "--config", f"{ROOT}/config/containerd.toml")),
        Daemon("dnsmasq", _dnsmasq(layout)),
        Daemon("kube-apiserver", _apiserver(layout), after=("127.0.0.1", 2379)),
        Daemon("kube-controller-manager", _controller_manager(), after=api),
        Daemon("kube-scheduler", _scheduler(), after=api),
        Daemon("kube-proxy", (f"{BIN}/kube-proxy", f"--config={ROOT}/config/proxy.json"), after=api),
        # It first looks for a Docker engine for five seconds, so it need not wait for the API.
        Daemon("kubelet", _kubelet(layout)),
    ]


def _etcd() -> tuple[str, ...]:
    return (
        "etcd",
        f"--data-dir={ROOT}/etcd",
        f"--listen-client-urls=http://{ETCD}",
        f"--advertise-client-urls=http://{ETCD}",
        "--listen-peer-urls=http://127.0.0.1:2380",
        "--unsafe-no-fsync",
    )


def _dnsmasq(layout: Layout) -> tuple[str, ...]:
    return (
        "dnsmasq",
        "--keep-in-foreground",
        "--conf-file=/dev/null",
        "--user=root",
        "--pid-file=/run/dnsmasq.pid",
        "--bind-interfaces",
        f"--listen-address={layout.pod_gateway}",
        "--no-resolv",
        "--no-hosts",
        # Answer for every domain from our own file, so that no query leaves the machine.
        "--local=/#/",
        "--addn-hosts=/run/cluster-hosts",
        "--log-facility=-",
    )


def _apiserver(layout: Layout) -> tuple[str, ...]:
    pki = f"{ROOT}/pki"
    return (
        f"{BIN}/kube-apiserver",
        f"--etcd-servers=http://{ETCD}",
        f"--bind-address={layout.node_address}",
        f"--advertise-address={layout.node_address}",
        f"--secure-port={API_PORT}",
        "--insecure-port=0",
        f"--tls-cert-file={pki}/apiserver.crt",
        f"--tls-private-key-file={pki}/apiserver.key",
        f"--client-ca-file={pki}/ca.crt",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        f"--service-account-key-file={pki}/service-account.pub",
        f"--service-account-signing-key-file={pki}/service-account.key",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-cluster-ip-range={layout.networks[2]}",
        f"--kubelet-certificate-authority={pki}/ca.crt",
        f"--kubelet-client-certificate={pki}/apiserver-kubelet.crt",
        f"--kubelet-client-key={pki}/apiserver-kubelet.key",
        "--kubelet-preferred-address-types=InternalIP",
        "--allow-privileged=true",
        f"--feature-gates={FEATURE_GATES}",
    )


def _controller_manager() -> tuple[str, ...]:
    return (
        f"{BIN}/kube-controller-manager",
        f"--kubeconfig={ROOT}/config/controller-manager.kubeconfig",
        f"--service-account-private-key-file={ROOT}/pki/service-account.key",
        f"--root-ca-file={ROOT}/pki/ca.crt",
        "--use-service-account-credentials=true",
        f"--feature-gates={FEATURE_GATES}",
        "--leader-elect=false",
        "--kube-api-qps=100",
        "--kube-api-burst=200",
        "--bind-address=127.0.0.1",
        "--port=0",
    )


def _scheduler() -> tuple[str, ...]:
    return (
        f"{BIN}/kube-scheduler",
        f"--kubeconfig={ROOT}/config/scheduler.kubeconfig",
        "--leader-elect=false",
        "--bind-address=127.0.0.1",
        "--port=0",
    )


def _kubelet(layout: Layout) -> tuple[str, ...]:
    return (
        f"{BIN}/kubelet",
        f"--config={ROOT}/config/kubelet.json",
        f"--kubeconfig={ROOT}/config/kubelet.kubeconfig",
        f"--root-dir={ROOT}/kubelet",
        "--container-runtime=remote",
        f"--container-runtime-endpoint=unix://{CONTAINERD_SOCKET}",
        f"--node-ip={layout.node_address}",
        f"--hostname-override={layout.node_name}",
    )


def configuration_files(layout: Layout) -> dict[str, str]:
    """Return the configuration files: text by file name below ROOT/config."""
    return {
        "containerd.toml": _containerd_configuration(),
        "cni/10-backfleet.conflist": json.dumps(_network_configuration(layout), indent=2),
        "kubelet.json": json.dumps(_kubelet_configuration(layout), indent=2),
        "proxy.json": json.dumps(_proxy_configuration(layout), indent=2),
        "resolv.conf": "",
    }


def _containerd_configuration() -> str:
    # Without CAP_SYS_RESOURCE, runc fails on an oom_score_adj below its own;
    # restrict_oom_score_adj keeps the runtime from asking for one.
    return f"""version = 2
root = "{ROOT}/containerd"
state = "/run/containerd"

[grpc]
  address = "{CONTAINERD_SOCKET}"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_IMAGE}"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{ROOT}/config/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
"""


def _network_configuration(layout: Layout) -> dict[str, object]:
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "ranges": [[{"subnet": str(layout.networks[1])}]],
            "routes": [{"dst": "0.0.0.0/0"}],
            "dataDir": "/run/cni-addresses",
        },
    }
    port_map = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "0.4.0", "name": "backfleet", "plugins": [bridge, port_map]}


DISK_SIGNALS = ("nodefs.available", "nodefs.inodesFree", "imagefs.available")


def _kubelet_configuration(layout: Layout) -> dict[str, object]:
    pki = f"{ROOT}/pki"
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": layout.node_address,
        "healthzBindAddress": "127.0.0.1",
        "readOnlyPort": 0,
        "tlsCertFile": f"{pki}/kubelet-server.crt",
        "tlsPrivateKeyFile": f"{pki}/kubelet-server.key",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"{pki}/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{layout.cgroup}",
        "clusterDNS": [layout.pod_gateway],
        "clusterDomain": "cluster.local",
        "resolvConf": f"{ROOT}/config/resolv.conf",
        "failSwapOn": False,
        "enforceNodeAllocatable": [],
        "kubeAPIQPS": 50,
        "kubeAPIBurst": 100,
        "serializeImagePulls": False,
        # The interval at which the kubelet checks all pods. It bounds how long a stopped pod stays.
        "syncFrequency": "10s",
        # The interval at which volumes are measured. A pod that overfills one is evicted.
        "volumeStatsAggPeriod": "10s",
        # The node is ready after two seconds instead of ten. An unchanged status is still written rarely.
        "nodeStatusUpdateFrequency": "2s",
        "nodeStatusReportFrequency": "5m",
        # The disk belongs to the machine. If it is full, the images must stay.
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {"memory.available": "100Mi", **dict.fromkeys(DISK_SIGNALS, "0%")},
    }


def _proxy_configuration(layout: Layout) -> dict[str, object]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "iptables",
        "clusterCIDR": str(layout.networks[1]),
        "clientConnection": {"kubeconfig": f"{ROOT}/config/proxy.kubeconfig"},
        "hostnameOverride": layout.node_name,
        "bindAddress": layout.node_address,
        "healthzBindAddress": "127.0.0.1:10256",
        "metricsBindAddress": "127.0.0.1:10249",
        "conntrack": {"maxPerCore": 0},
        # Replies between two pods of the bridge always pass the node, so the machine need
        # not load br_netfilter, which would change its own bridges.
        "iptables": {"masqueradeAll": True, "minSyncPeriod": "100ms"},
    }
