"""Proves that a new cluster works before anyone builds on it."""

import json
from pathlib import Path

from cluster.daemons import PAUSE_IMAGE
from cluster.kubectl import Kubectl
from cluster.progress import wait_until

GROUP = "selftest.backfleet.io"
NAMESPACE = "backfleet-selftest"
DEADLINE_SECONDS = 60.0


def crd() -> dict[str, object]:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"probes.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {"plural": "probes", "singular": "probe", "kind": "Probe"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": schema},
                }
            ],
        },
    }


def run_selftest(kubectl: Kubectl, logs: Path) -> None:
    api_log = logs / "kube-apiserver.log"
    kubectl.run("apply", "-f", "-", manifest=crd(), log=api_log)
    kubectl.run("wait", "--for=condition=Established", f"crd/probes.{GROUP}", log=api_log)
    probe = {"apiVersion": f"{GROUP}/v1", "kind": "Probe", "metadata": {"name": "selftest"}}
    kubectl.run("apply", "-f", "-", manifest={**probe, "spec": {"number": 1}}, log=api_log)
    kubectl.run("label", f"probes.{GROUP}/selftest", "tried=yes", "--overwrite", log=api_log)
    patch = json.dumps({"spec": {"number": 2}})
    kubectl.run("patch", f"probes.{GROUP}/selftest", "--type=merge", "-p", patch, log=api_log)
    kubectl.run("delete", f"probes.{GROUP}/selftest", log=api_log)
    kubectl.run("delete", f"crd/probes.{GROUP}", log=api_log)
