"""What the fake control plane does with nodes: it places pods on them, and gives up those whose kubelet is silent."""

from collections import Counter
from datetime import timedelta

from tests.world.clock import parse, text
from tests.world.job_controller import condition_of
from tests.world.kinds import Json
from tests.world.objects import Objects, is_running

LEASES = "kube-node-lease"
SILENCE = timedelta(seconds=40)
"""So long a lease may be old before its node counts as lost."""
PATIENCE = timedelta(seconds=300)
"""So long pods stay on a lost node before they are deleted."""
UNREACHABLE = "node.kubernetes.io/unreachable"


def watch_nodes(objects: Objects) -> None:
    """Mark nodes whose lease is old as lost, delete their pods after a while, and end the pods of nodes that are gone."""
    now = objects.clock.now()
    nodes = {node["metadata"]["name"]: node for node in objects.all("nodes")}
    for name, node in nodes.items():
        lease = objects.stored.get(("leases", LEASES, name))
        is_silent = lease is None or now > parse(lease["spec"]["renewTime"]) + SILENCE
        if is_silent and (ready := condition_of(node, "Ready")) is not None:
            lost = {**ready, "status": "Unknown", "reason": "NodeStatusUnknown", "lastTransitionTime": text(now)}
            others = [each for each in node["status"]["conditions"] if each["type"] != "Ready"]
            objects.set_status("nodes", "", name, {"conditions": [*others, lost]})
    for pod in objects.all("pods"):
        if is_running(pod):
            _give_up(objects, pod, nodes.get(pod["spec"]["nodeName"]))


def _give_up(objects: Objects, pod: Json, node: Json | None) -> None:
    where = ("pods", pod["metadata"]["namespace"], pod["metadata"]["name"])
    if node is None:
        reason = "DeletionByPodGC"
        objects.set_status(*where, {"phase": "Failed", "conditions": _disrupted(objects, pod, reason)})
        objects.delete(*where, pod["metadata"]["uid"], grace_seconds=0)
        return
    lost_at = next(
        (parse(each["lastTransitionTime"]) for each in node["status"]["conditions"] if each["status"] == "Unknown"),
        None,
    )
    is_over = lost_at is not None and objects.clock.now() >= lost_at + PATIENCE
    if is_over and "deletionTimestamp" not in pod["metadata"]:
        objects.set_status(*where, {"conditions": _disrupted(objects, pod, "DeletionByTaintManager")})
        objects.delete(*where, pod["metadata"]["uid"])


def _disrupted(objects: Objects, pod: Json, reason: str) -> list[Json]:
    others = [each for each in pod.get("status", {}).get("conditions", []) if each["type"] != "DisruptionTarget"]
    moment = text(objects.clock.now())
    return [*others, {"type": "DisruptionTarget", "status": "True", "reason": reason, "lastTransitionTime": moment}]


def schedule(objects: Objects) -> None:
    """Bind every waiting pod to the node with the fewest pods that takes it; where none does, say so."""
    nodes = [node for node in objects.all("nodes") if condition_of(node, "Ready") is not None]
    load = Counter(pod["spec"]["nodeName"] for pod in objects.all("pods") if is_running(pod))
    for pod in objects.all("pods"):
        spec, meta = pod.get("spec", {}), pod["metadata"]
        if spec.get("nodeName") or "deletionTimestamp" in meta or pod.get("status", {}).get("phase") != "Pending":
            continue
        where = ("pods", meta["namespace"], meta["name"])
        fit = [(load[name], name) for name in (_fitting(node, spec, load) for node in nodes) if name]
        now = text(objects.clock.now())
        if fit:
            _, name = min(fit)
            load[name] += 1
            objects.merge(*where, {"spec": {"nodeName": name}})
            bound = {"type": "PodScheduled", "status": "True", "lastTransitionTime": now}
            objects.set_status(*where, {"conditions": [bound]})
        elif not pod["status"].get("conditions"):
            message = f"0/{len(nodes)} nodes are available"
            waits = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
            objects.set_status(*where, {"conditions": [waits | {"lastTransitionTime": now}]})


def _fitting(node: Json, spec: Json, load: Counter[str]) -> str | None:
    """Return the node's name if it takes such a pod."""
    name, labels = node["metadata"]["name"], node["metadata"].get("labels", {})
    is_chosen = all(labels.get(key) == value for key, value in spec.get("nodeSelector", {}).items())
    taints = [each for each in node.get("spec", {}).get("taints", []) if each["effect"] != "PreferNoSchedule"]
    is_tolerated = all(any(_tolerates(each, taint) for each in spec.get("tolerations", [])) for taint in taints)
    has_room = load[name] < int(node["status"]["allocatable"]["pods"])
    return name if is_chosen and is_tolerated and has_room else None


def _tolerates(toleration: Json, taint: Json) -> bool:
    if toleration.get("effect") not in (None, "", taint["effect"]):
        return False
    if toleration.get("operator") == "Exists":
        return toleration.get("key") in (None, taint["key"])
    return toleration.get("key") == taint["key"] and toleration.get("value", "") == taint.get("value", "")
