"""Checks that a new cluster works before anyone uses it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hack.cluster.daemons import PAUSE_IMAGE
from hack.cluster.kubectl import Kubectl
from hack.cluster.progress import ClusterError, wait_until

GROUP = "selftest.backfleet.io"
JOB = "backfleet-selftest"
API_SERVICE = "kubernetes.default.svc:443"
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


def job() -> dict[str, object]:
    """Return a pod that finds the API with the cluster's DNS, in an init container and after it."""
    container = {
        "name": "probe",
        "image": PAUSE_IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": ["/probe", "dial", API_SERVICE],
    }
    pod = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "initContainers": [{**container, "name": "first"}],
        "containers": [container],
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": JOB, "namespace": "default"},
        "spec": {"backoffLimit": 0, "template": {"spec": pod}},
    }


def run_selftest(kubectl: Kubectl, logs: Path) -> None:
    """Run the self-test and remove what it made. An error names the log of what failed."""
    _try_custom_resource(kubectl, logs / "kube-apiserver.log")
    _try_job(kubectl, logs / "kubelet.log")


def _try_custom_resource(kubectl: Kubectl, log: Path) -> None:
    name = f"probes.{GROUP}/selftest"
    probe = {"apiVersion": f"{GROUP}/v1", "kind": "Probe", "metadata": {"name": "selftest"}}
    patch = json.dumps({"spec": {"number": 2}})
    kubectl.run("apply", "-f", "-", manifest=crd(), log=log)
    kubectl.run("wait", "--for=condition=Established", "--timeout=30s", f"crd/probes.{GROUP}", log=log)
    kubectl.run("apply", "-f", "-", manifest={**probe, "spec": {"number": 1}}, log=log)
    kubectl.run("label", name, "tried=yes", "--overwrite", log=log)
    kubectl.run("patch", name, "--type=merge", "-p", patch, log=log)
    kubectl.run("delete", name, log=log)
    kubectl.run("delete", f"crd/probes.{GROUP}", log=log)


def _try_job(kubectl: Kubectl, log: Path) -> None:
    kubectl.run("delete", "job", JOB, "-n", "default", "--ignore-not-found", log=log)
    kubectl.run("create", "-f", "-", manifest=job(), log=log)

    def is_finished() -> bool:
        return finished_condition(kubectl.get("job", JOB, "-n", "default")) is not None

    wait_until("the self-test's Job finishes", is_finished, DEADLINE_SECONDS, log)
    if finished_condition(kubectl.get("job", JOB, "-n", "default")) != "Complete":
        pods = kubectl.run("get", "pods", "-n", "default", "-l", f"job-name={JOB}", "-o", "yaml")
        raise ClusterError(f"the self-test's Job failed; its pod:\n{pods}", log)
    kubectl.run("delete", "job", JOB, "-n", "default", log=log)


def finished_condition(seen: Mapping[str, Any]) -> str | None:
    """Return `Complete` or `Failed` once a Job has ended, else None."""
    for each in seen.get("status", {}).get("conditions", []):
        if each["type"] in ("Complete", "Failed") and each["status"] == "True":
            return str(each["type"])
    return None
