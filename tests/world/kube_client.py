"""Raw JSON over the official client, for what plays a part of Kubernetes; against the fake API server and a real one."""

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Protocol

from kubernetes.client import ApiClient

from tests.world.kinds import Json

MERGE_PATCH = "application/merge-patch+json"
TIMEOUTS = (5.0, 20.0)
PAGE_SIZE = 500


class Refusal(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, body: Json) -> None:
        self.status, self.body = status, body
        super().__init__(f"{status} {body.get('message', '')}")


class Calls(Protocol):
    """What a kubelet asks of an API server: refused calls raise Refusal."""

    def get(self, path: str, **query: str) -> Json: ...
    def create(self, path: str, body: Json) -> Json: ...
    def patch(self, path: str, body: Json) -> Json: ...
    def delete(self, path: str, **options: Any) -> Json: ...
    def items(self, path: str, **query: str) -> list[Json]: ...
    def watch(
        self, path: str, seconds: float, silence_seconds: float | None = None, **query: str
    ) -> Iterator[Json]: ...


@dataclass(frozen=True)
class Answer:
    """A success."""

    status: int
    body: Json
    headers: Mapping[str, str]


@dataclass(frozen=True)
class KubeClient:
    """Calls that raise Refusal unless they succeed, and what urllib3 raises without an answer."""

    api: ApiClient
    timeouts: tuple[float, float] = field(default=TIMEOUTS)

    def call(self, method: str, path: str, body: Any = None, content: str = "application/json", **query: str) -> Answer:
        response = self._request(method, path, body, content, query, self.timeouts)
        text = json.loads(response.read() or b"{}")
        if response.status >= 300:
            raise Refusal(response.status, text)
        return Answer(response.status, text, response.getheaders())

    def get(self, path: str, **query: str) -> Json:
        return self.call("GET", path, **query).body

    def create(self, path: str, body: Json) -> Json:
        return self.call("POST", path, body).body

    def replace(self, path: str, body: Json) -> Json:
        return self.call("PUT", path, body).body

    def patch(self, path: str, body: Json) -> Json:
        return self.call("PATCH", path, body, MERGE_PATCH).body

    def delete(self, path: str, **options: Any) -> Json:
        return self.call("DELETE", path, options or None).body

    def items(self, path: str, **query: str) -> list[Json]:
        """Return the items of every page of a list."""
        found: list[Json] = []
        token: dict[str, str] = {}
        while True:
            page = self.get(path, limit=str(PAGE_SIZE), **token, **query)
            found += page["items"] or []
            if not page["metadata"].get("continue"):
                return found
            token = {"continue": page["metadata"]["continue"]}

    def watch(self, path: str, seconds: float, silence_seconds: float | None = None, **query: str) -> Iterator[Json]:
        """Yield the events of a watch until the server ends it, or is silent for longer than `silence_seconds`."""
        asked = {"watch": "true", "timeoutSeconds": f"{seconds:g}", **query}
        waits = (self.timeouts[0], silence_seconds or seconds + self.timeouts[1])
        response = self._request("GET", path, None, "application/json", asked, waits)
        with closing(response.response) as stream:
            if response.status >= 300:
                raise Refusal(response.status, json.loads(stream.read()))
            rest = b""
            for piece in stream.stream(65536):
                *lines, rest = (rest + piece).split(b"\n")
                yield from (json.loads(line) for line in lines if line)

    def _request(
        self, method: str, path: str, body: Any, content: str, query: Mapping[str, str], waits: tuple[float, float]
    ) -> Any:
        headers = {"Accept": "application/json"} | ({"Content-Type": content} if body is not None else {})
        request = self.api.param_serialize(
            method, path, query_params=list(query.items()), header_params=headers, auth_settings=["BearerToken"]
        )
        return self.api.call_api(request[0], request[1], request[2], body, _request_timeout=waits)
