"""Makes the volumes of a hermetic cluster: the default StorageClass, and folders of the node as PersistentVolumes."""

import shutil
from pathlib import Path
from typing import Any

from hack.cluster.daemons import ROOT
from hack.cluster.kubectl import Kubectl
from hack.cluster.layout import Layout

STORAGE_CLASS = "backfleet-local"
COUNT = 40
SIZE = "20Gi"
FOLDER = "volumes"
SPENT = ("Released", "Failed")
"""Phases of a volume whose claim is gone. Kubernetes does not bind it again, since it is not empty."""


def offer_volumes(kubectl: Kubectl, layout: Layout) -> None:
    """Make the missing class and volumes. Empty a volume whose claim is gone, and offer it again."""
    phases = {each["metadata"]["name"]: each["status"].get("phase") for each in kubectl.get("pv")["items"]}
    spent = [name for name in volume_names() if phases.get(name) in SPENT]
    missing = [name for name in volume_names() if name not in phases or name in spent]
    if spent:
        kubectl.run("delete", "pv", *spent, "--wait=true", "--timeout=30s")
    if not missing:
        return
    for name in missing:
        _make_empty(layout.state / FOLDER / name)
    objects = [storage_class(), *(persistent_volume(layout, name) for name in missing)]
    kubectl.run("apply", "-f", "-", manifest={"apiVersion": "v1", "kind": "List", "items": objects})


def volume_names() -> list[str]:
    return [f"backfleet-{number:02}" for number in range(COUNT)]


def storage_class() -> dict[str, Any]:
    """Return the cluster's default class. It binds a claim when a pod uses it."""
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {
            "name": STORAGE_CLASS,
            "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
        },
        "provisioner": "kubernetes.io/no-provisioner",
        "volumeBindingMode": "WaitForFirstConsumer",
    }


def persistent_volume(layout: Layout, name: str) -> dict[str, Any]:
    """Return a volume in a folder of the node. It is `local`, not `hostPath`, so the kubelet applies fsGroup."""
    on_the_node = {"key": "kubernetes.io/hostname", "operator": "In", "values": [layout.node_name]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "capacity": {"storage": SIZE},
            "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": STORAGE_CLASS,
            "local": {"path": f"{ROOT}/{FOLDER}/{name}"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [on_the_node]}]}},
        },
    }


def _make_empty(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
