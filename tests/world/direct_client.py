"""A client of the fake API server in its own process, without HTTP: what plays a part of Kubernetes costs little with it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.world.api_server import ApiServer
from tests.world.faults import Call
from tests.world.kinds import Json
from tests.world.kube_client import MERGE_PATCH, Refusal
from tests.world.problems import Problem

TOKEN = "kubelet"
"""Who it is for the server."""


@dataclass(frozen=True)
class DirectClient:
    """Calls as of KubeClient. They meet no fault, and nobody counts them."""

    api: ApiServer

    def get(self, path: str, **query: str) -> Json:
        return self._answer("GET", path, query)

    def create(self, path: str, body: Json) -> Json:
        return self._answer("POST", path, {}, body)

    def patch(self, path: str, body: Json) -> Json:
        return self._answer("PATCH", path, {}, body, MERGE_PATCH)

    def delete(self, path: str, **options: Any) -> Json:
        return self._answer("DELETE", path, {}, options or None)

    def items(self, path: str, **query: str) -> list[Json]:
        found: list[Json] = self._answer("GET", path, query)["items"]
        return found

    def watch(self, path: str, seconds: float, silence_seconds: float | None = None, **query: str) -> Iterator[Json]:
        asked = {"watch": "true", "timeoutSeconds": f"{seconds:g}", **query}
        for change in self.api.watch(_call("GET", path, asked)):
            yield {"type": change.type, "object": change.object}

    def _answer(
        self, method: str, path: str, query: dict[str, str], body: Any = None, content: str = "application/json"
    ) -> Json:
        try:
            return self.api.answer(_call(method, path, query, body, content))
        except Problem as problem:
            raise Refusal(problem.code, problem.body()) from problem


def _call(method: str, path: str, query: dict[str, str], body: Any = None, content: str = "application/json") -> Call:
    return Call(method, path, query, body, {"authorization": f"Bearer {TOKEN}", "content-type": content})
