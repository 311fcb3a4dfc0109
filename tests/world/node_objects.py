"""The objects by which a fake kubelet's node shows itself. Its taint keeps away all pods that are not made for it."""

from datetime import UTC, datetime

from tests.world.clock import text
from tests.world.kinds import Json
from tests.world.nodes import LEASES as LEASE_NAMESPACE

LABEL = "backfleet.test/fake"
VALUE = "simulated"
"""Of that label on every fake node, and of the taint of that name, whose effect is NoSchedule."""
TOLERATION = {"key": LABEL, "operator": "Exists", "effect": "NoSchedule"}
LEASES = f"/apis/coordination.k8s.io/v1/namespaces/{LEASE_NAMESPACE}/leases"
LEASE_SECONDS = 40
CAPACITY = {"cpu": "1000", "memory": "4000Gi", "ephemeral-storage": "40000Gi", "pods": "110"}


def build_node(name: str, now: datetime) -> Json:
    """Build a node that is ready."""
    conditions = [
        _condition("Ready", "True", "KubeletReady", now),
        _condition("MemoryPressure", "False", "KubeletHasSufficientMemory", now),
        _condition("DiskPressure", "False", "KubeletHasNoDiskPressure", now),
        _condition("PIDPressure", "False", "KubeletHasSufficientPID", now),
    ]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {LABEL: VALUE, "kubernetes.io/hostname": name}},
        "spec": {"taints": [{"key": LABEL, "value": VALUE, "effect": "NoSchedule"}]},
        "status": {"capacity": CAPACITY, "allocatable": CAPACITY, "conditions": conditions},
    }


def build_lease(name: str, now: datetime) -> Json:
    meta = {"name": name, "namespace": LEASE_NAMESPACE}
    spec = {"holderIdentity": name, "leaseDurationSeconds": LEASE_SECONDS, **renewal(now)["spec"]}
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta, "spec": spec}


def renewal(now: datetime) -> Json:
    """Build the change by which a lease is renewed."""
    return {"spec": {"renewTime": f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"}}


def _condition(kind: str, status: str, reason: str, now: datetime) -> Json:
    stamps = {"lastHeartbeatTime": text(now), "lastTransitionTime": text(now)}
    return {"type": kind, "status": status, "reason": reason, "message": "", **stamps}
