"""Runs operators as processes over one fake API server and one database."""

from pathlib import Path
from typing import Any

from backfleet.core import wire
from backfleet.core.packs import PackRequest
from backfleet.recorder.appending import Answer, append_rows, row
from tests.support.databases import Database
from tests.support.operator import batch_spec, result
from tests.support.processes import OperatorProcess
from tests.world.api_server import ApiServer

NAMESPACE = "research"
SOON_SECONDS = 45.0
"""A deadline, not a measure: below the end-to-end tests this suite gets a tenth of the processor at times."""
SETTINGS: dict[str, Any] = {
    "installation": "research/backfleet",
    "namespaces": [NAMESPACE],
    "tickSeconds": 300,  # so that nothing happens by the clock alone
    "engines": {"noop": {"image": "localhost/backfleet:test"}},
    "recorder": {"image": "localhost/backfleet:test", "secretName": "backfleet-recorder"},
}


class Launcher:
    """Starts operators over one API server and one database."""

    def __init__(self, api: ApiServer, database: Database, folder: Path) -> None:
        self.api, self.database, self.folder = api, database, folder
        self.kubeconfig = api.write_kubeconfig(folder / "kubeconfig")
        self.started: list[OperatorProcess] = []

    def start(self, **settings: Any) -> OperatorProcess:
        variables = {"KUBECONFIG": str(self.kubeconfig), "BACKFLEET_DATABASE_URL": self.database.operator_url}
        operator = OperatorProcess.start(self.folder, SETTINGS | settings, **variables)
        self.started.append(operator)
        return operator

    def add_batch(self, namespace: str = NAMESPACE, **spec: Any) -> None:
        self.api.objects.create(wire.PLURAL, namespace, {"metadata": {"name": "demo"}, "spec": batch_spec(**spec)})

    def jobs(self, namespace: str = NAMESPACE) -> list[dict[str, Any]]:
        return [item for key, item in list(self.api.objects.stored.items()) if key[:2] == ("jobs", namespace)]

    def progress(self) -> str:
        status = self.api.objects.get(wire.PLURAL, NAMESPACE, "demo").get("status", {})
        return str(status.get("progress"))

    def record(self, job: dict[str, Any]) -> None:
        """Append an outcome as a recorder does, with its rights."""
        env = job["spec"]["template"]["spec"]["containers"][0]["env"]
        pack = PackRequest.from_json(next(each["value"] for each in env if each["name"] == wire.ENV_PACK))
        rows = [row(attempt, result()) for attempt in pack.attempt_ids]
        assert append_rows(self.database.recorder_url, rows).answer is Answer.APPENDED


def watched(api: ApiServer) -> set[str]:
    return {call.path.rpartition("/")[2] for call in list(api.calls) if "watch" in call.query}


def said(operator: OperatorProcess, start: str) -> int:
    """Return how many lines of its log begin with this text."""
    return sum(line["message"].startswith(start) for line in operator.log())
