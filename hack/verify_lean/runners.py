"""Runs cases with Docker or on a cluster, and fetches their results folders."""

import base64
import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from backfleet.settings import Settings
from hack.cluster.kubectl import Kubectl
from hack.cluster.progress import ClusterError
from hack.verify_lean.cases import Case
from hack.verify_lean.manifests import FILES, LABELS, PROJECTS, build_config_map, build_pod, build_pod_spec

SELECTOR = ",".join(f"{key}={value}" for key, value in LABELS.items())


class Runner(Protocol):
    """A place to run cases."""

    def run(self, chosen: Sequence[Case], settings: Settings, into: Path) -> Iterator[tuple[Case, bool]]:
        """Run each case, with results in `into / case.name`. True means that the container was killed for its memory."""


@dataclass(frozen=True)
class DockerRunner:
    """Docker, with one container at a time that is as similar to the pod as possible."""

    deadline_seconds: int

    def run(self, chosen: Sequence[Case], settings: Settings, into: Path) -> Iterator[tuple[Case, bool]]:
        for case in chosen:
            (engine,) = build_pod_spec(case, settings)["initContainers"]
            folder = into / case.name
            for part in ("results", "tmp"):
                (folder / part).mkdir(parents=True)
                (folder / part).chmod(0o777)
            command = docker_command(engine, folder)
            done = subprocess.run(command, capture_output=True, text=True, timeout=self.deadline_seconds, check=False)
            if done.returncode not in (0, 137):
                raise ClusterError(
                    f"{case.name}: docker run ended with {done.returncode}: {done.stderr.strip()[-500:]}"
                )
            yield case, done.returncode == 137


def docker_command(engine: dict[str, Any], folder: Path) -> list[str]:
    """Return a `docker run` command with the settings of the container's manifest."""
    context, limits = engine["securityContext"], engine["resources"]["limits"]
    flags = ["--rm", "--network", "none", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
    memory = limits["memory"].removesuffix("i")
    flags += ["--cpus", limits["cpu"], "--memory", memory, "--memory-swap", memory]
    flags += ["--workdir", engine["workingDir"]]
    flags += ["--user", f"{context['runAsUser']}:{context['runAsGroup']}"]
    flags += ["--read-only"] if context["readOnlyRootFilesystem"] else []
    flags += ["--volume", f"{folder / 'results'}:/results", "--volume", f"{folder / 'tmp'}:/tmp"]
    flags += ["--volume", f"{PROJECTS}:/projects:ro"]
    for entry in engine["env"]:
        # Kubernetes replaces two dollar signs with one, but Docker does not.
        flags += ["--env", f"{entry['name']}={entry['value'].replace('$$', '$')}"]
    program, *words = engine["command"]
    return ["docker", "run", *flags, "--entrypoint", program, engine["image"], *words]


@dataclass(frozen=True)
class ClusterRunner:
    """A cluster, with all pods at once. The scheduler decides how many run."""

    kubectl: Kubectl
    namespace: str
    deadline_seconds: int

    def run(self, chosen: Sequence[Case], settings: Settings, into: Path) -> Iterator[tuple[Case, bool]]:
        self.clear()
        try:
            for each in (build_config_map(), *(build_pod(case, settings) for case in chosen)):
                self.kubectl.run("-n", self.namespace, "create", "-f", "-", manifest=each)
            deadline = time.monotonic() + self.deadline_seconds
            for case in chosen:
                phase, pod = self._wait(case, deadline)
                (into / case.name / "results").mkdir(parents=True)
                if phase == "Succeeded":
                    self._fetch(case, into / case.name / "results")
                yield case, phase == "Failed" and _is_killed_for_memory(case, pod)
        finally:
            self.clear()

    def clear(self) -> None:
        """Delete what this tool made, in this run or an earlier one."""
        kinds = "pods,configmaps"
        flags = ["--grace-period=0", "--force", "--wait=true", "--timeout=60s", "--ignore-not-found"]
        self.kubectl.run("-n", self.namespace, "delete", kinds, "-l", SELECTOR, *flags)

    def _wait(self, case: Case, deadline: float) -> tuple[str, dict[str, Any]]:
        while True:
            pod = self.kubectl.get("-n", self.namespace, "pod", f"verify-lean-{case.name}")
            phase = str(pod["status"].get("phase"))
            if phase in ("Succeeded", "Failed"):
                return phase, pod
            if time.monotonic() > deadline:
                states = json.dumps(pod["status"].get("initContainerStatuses") or pod["status"].get("conditions"))
                raise ClusterError(f"{case.name}: still running after {self.deadline_seconds} s: {states[:800]}")
            time.sleep(0.5)

    def _fetch(self, case: Case, folder: Path) -> None:
        pod = f"verify-lean-{case.name}"
        text = self.kubectl.run("-n", self.namespace, "logs", pod, "-c", FILES)
        unpack = ["tar", "-C", str(folder), "-xzf", "-", "--no-same-owner"]
        subprocess.run(unpack, input=base64.b64decode(text), check=True, timeout=60)


def _is_killed_for_memory(case: Case, pod: dict[str, Any]) -> bool:
    ended = pod["status"]["initContainerStatuses"][0].get("state", {}).get("terminated") or {}
    if ended.get("reason") != "OOMKilled":
        raise ClusterError(f"{case.name}: the engine's container failed: {json.dumps(ended)[:500]}")
    return True
