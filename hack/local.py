"""Runs a local Backfleet for the demo and the end-to-end tests: a cluster, the images, the chart, and the API on loopback."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
RELEASE = "backfleet"
INSTALL_SECONDS = 240


@dataclass(frozen=True)
class LocalBackfleet:
    """One release of Backfleet: its cluster, its namespace, and the checkout with its images and chart."""

    cluster: str
    namespace: str
    repository: Path = REPOSITORY

    def up(self) -> Path:
        """Bring the cluster up unless it already is, and return its kubeconfig."""
        self._run("hack/cluster", "up", "--name", self.cluster)
        return Path(self._output("hack/cluster", "kubeconfig", "--name", self.cluster).strip())

    def down(self) -> None:
        """Delete the cluster and everything that it left."""
        self._run("hack/cluster", "down", "--name", self.cluster)

    def images(self, *, for_tests: bool = False) -> dict[str, str]:
        """Build and load the missing images. Return the image references by target of the Dockerfile."""
        flags = ["--for-tests"] if for_tests else []
        body: dict[str, str] = json.loads(self._output("hack/cluster", "build-images", "--name", self.cluster, *flags))
        return body

    def install(self, images: dict[str, str], *values: str) -> str:
        """Install or upgrade the chart with its evaluation Postgres, wait until it is ready, and return its notes.

        `values` are key=value.
        """
        product, _, tag = images["backfleet"].rpartition(":")
        postgres, _, postgres_tag = images["evaluation-postgres"].rpartition(":")
        # As text, since a tag may have only digits.
        texts = (
            f"image.repository={product}",
            f"image.tag={tag}",
            f"evaluationPostgres.image.repository={postgres}",
            f"evaluationPostgres.image.tag={postgres_tag}",
        )
        flags = [part for each in texts for part in ("--set-string", each)]
        flags += [part for each in values for part in ("--set", each)]
        command = ["upgrade", RELEASE, "--install", "--take-over", "-n", self.namespace, "--create-namespace"]
        wait = ("--wait", str(INSTALL_SECONDS))
        notes = self._output("hack/helm", *command, *wait, *flags, environment=self.environment())
        print(notes, file=sys.stderr)
        return notes

    def forward(self, port: int) -> str:
        """Forward a port of 127.0.0.1 to the API until `down`, and return the URL."""
        self.forward_service(port, f"{RELEASE}-api", 8230)
        return f"http://127.0.0.1:{port}"

    def forward_service(self, port: int, service: str, service_port: int) -> None:
        """Forward a port of 127.0.0.1 to a Service of the release until `down`."""
        target = ("--namespace", self.namespace, "--service", service, "--service-port", str(service_port))
        self._run("hack/cluster", "forward", "--name", self.cluster, *target, "--port", str(port))

    def environment(self) -> dict[str, str]:
        """Return an environment in which kubectl and helm use this cluster."""
        kubeconfig = self._output("hack/cluster", "kubeconfig", "--name", self.cluster).strip()
        return {**os.environ, "KUBECONFIG": kubeconfig}

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(self._command(program, arguments), cwd=self.repository, check=True, stdout=sys.stderr)

    def _output(self, program: str, *arguments: str, environment: dict[str, str] | None = None) -> str:
        command = self._command(program, arguments)
        done = subprocess.run(
            command, cwd=self.repository, env=environment, check=True, stdout=subprocess.PIPE, text=True
        )
        return done.stdout

    def _command(self, program: str, arguments: Sequence[str]) -> list[str]:
        return [sys.executable, str(self.repository / program), *arguments]
