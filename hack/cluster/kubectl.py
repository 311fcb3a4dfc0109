"""Calls `kubectl` with one kubeconfig file, never with the user's default."""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hack.cluster.progress import ClusterError

REQUEST_TIMEOUT = "--request-timeout=30s"


class Kubectl:
    """A kubeconfig file for `kubectl`. `context` is set if the file is the user's own and the user named a context."""

    def __init__(self, kubeconfig: Path | None, context: str | None = None) -> None:
        self._kubeconfig = kubeconfig
        self._context = context

    def command(self, *arguments: str) -> list[str]:
        flags: list[str] = []
        if self._kubeconfig:
            flags.append(f"--kubeconfig={self._kubeconfig}")
        if self._context:
            flags.append(f"--context={self._context}")
        return ["kubectl", *flags, *arguments]

    def try_run(self, arguments: Sequence[str], manifest: object = None) -> "subprocess.CompletedProcess[str]":
        # kubectl caches what a server offers; this cache is deleted with the cluster.
        cache = self._kubeconfig.parent / "kubectl-cache" if self._kubeconfig else None
        flags = [REQUEST_TIMEOUT, *([f"--cache-dir={cache}"] if cache else [])]
        return subprocess.run(
            self.command(*flags, *arguments),
            input=json.dumps(manifest) if manifest is not None else "",
            capture_output=True,
            text=True,
            check=False,
            env=os.environ,
        )

    def run(self, *arguments: str, manifest: object = None, log: Path | None = None) -> str:
        done = self.try_run(arguments, manifest)
        if done.returncode != 0:
            raise ClusterError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}", log)
        return done.stdout

    def get(self, *arguments: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run("get", *arguments, "-o", "json"))
        return found

    def is_api_ready(self) -> bool:
        done = self.try_run(["get", "--raw", "/readyz"])
        return done.returncode == 0 and done.stdout == "ok"

    def is_node_ready(self, name: str) -> bool:
        done = self.try_run(["get", "node", name, "-o", "json"])
        if done.returncode != 0:
            return False
        conditions = json.loads(done.stdout)["status"].get("conditions", [])
        return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)

    def has_default_account(self) -> bool:
        done = self.try_run(["get", "serviceaccount", "default", "-o", "json"])
        return done.returncode == 0 and bool(json.loads(done.stdout).get("secrets"))
