"""A Backfleet on a real Kubernetes, as a user sees it: kubectl, the REST API, and the objects in the namespace."""

import json
import subprocess
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from kubernetes import client

from tests.support.observer import SELECTOR, Observer, wait_until

KUBECTL_SECONDS = 60


@dataclass
class Live:
    """One installed release."""

    namespace: str
    environment: dict[str, str]
    api_url: str
    api: client.ApiClient
    leaving: dict[str, str] = field(default_factory=dict)
    """Batches that must leave nothing, uid by name: `tests/e2e/test_cleanup.py` looks later, so that no test waits for it."""

    def kubectl(
        self, *arguments: str, stdin: str | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        command = ["kubectl", "-n", self.namespace, *arguments]
        done = subprocess.run(
            command,
            input=stdin,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=KUBECTL_SECONDS,
            check=False,
        )
        assert not check or done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
        return done

    def apply(self, manifest: dict[str, Any] | Path) -> str:
        """Apply a manifest and return the uid of its batch."""
        body = yaml.safe_load(manifest.read_text()) if isinstance(manifest, Path) else manifest
        self.kubectl("apply", "-f", "-", stdin=json.dumps(body))
        return str(self.batch(body["metadata"]["name"])["metadata"]["uid"])

    def batch(self, name: str) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(self.kubectl("get", "ob", name, "-o", "json").stdout)
        return body

    def condition(self, name: str, kind: str) -> dict[str, Any]:
        conditions = self.batch(name).get("status", {}).get("conditions", [])
        return next((each for each in conditions if each["type"] == kind), {})

    def wait_finished(self, name: str, seconds: float, every: float = 1.0) -> dict[str, Any]:
        """Wait as users do, and return the batch."""
        wait_until(
            f"batch {name} is finished",
            lambda: self.condition(name, "Finished").get("status") == "True",
            seconds,
            every,
        )
        return self.batch(name)

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self.api_url}{path}", timeout=20) as answer:
            return json.load(answer)

    def get_status(self, path: str) -> int:
        try:
            with urllib.request.urlopen(f"{self.api_url}{path}", timeout=20) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    def psql(self, statement: str) -> list[list[str]]:
        """Return the rows of a statement, run by the owner inside the evaluation Postgres."""
        done = self.kubectl(*PSQL_COMMAND, stdin=statement)
        return [line.split("\t") for line in done.stdout.splitlines()]

    def try_psql(self, statement: str) -> list[list[str]]:
        """Return rows as `psql` does while Postgres may be away: no rows then."""
        done = self.kubectl(*PSQL_COMMAND, stdin=statement, check=False)
        return [line.split("\t") for line in done.stdout.splitlines()] if done.returncode == 0 else []

    def jobs(self, uid: str) -> list[Any]:
        found = client.BatchV1Api(self.api).list_namespaced_job(
            self.namespace, label_selector=f"{SELECTOR},backfleet.io/batch-uid={uid}", _request_timeout=20
        )
        return list(found.items)

    def pods(self, uid: str) -> list[Any]:
        found = client.CoreV1Api(self.api).list_namespaced_pod(
            self.namespace, label_selector=f"{SELECTOR},backfleet.io/batch-uid={uid}", _request_timeout=20
        )
        return list(found.items)

    def running_pods(self, uid: str) -> list[str]:
        """Return what the API server shows of the pods of a batch that have not ended."""
        return [
            f"{each.metadata.name}: {each.status.phase}, deleted at {each.metadata.deletion_timestamp}, "
            f"conditions {[(c.type, c.status, c.reason) for c in each.status.conditions or []]}"
            for each in self.pods(uid)
            if each.status.phase not in ("Succeeded", "Failed")
        ]

    def observe(self) -> Observer:
        return Observer(self.api, self.namespace)

    def delete(self, *names: str) -> None:
        self.kubectl("delete", "ob", *names, "--ignore-not-found", "--wait=true")


PSQL = "exec /usr/lib/postgresql/*/bin/psql -h /tmp -U postgres -d backfleet -X -A -t -F \"$(printf '\\t')\""
PSQL_COMMAND = ("exec", "-i", "statefulset/backfleet-postgres", "--", "sh", "-c", PSQL)
