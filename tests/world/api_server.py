"""A Kubernetes API server over real HTTP, as far as kopf, the official client and the operator see one, with faults on demand."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from kubernetes.client import ApiClient, Configuration

from backfleet.core import wire
from tests.world.answering import Server, Severed
from tests.world.discovery import discover
from tests.world.faults import Call, Fault
from tests.world.history import Change
from tests.world.kinds import KINDS, Json, Route
from tests.world.objects import Objects
from tests.world.problems import Problem
from tests.world.selectors import Selector

TOKEN = "the-token"
METADATA_ONLY = "as=PartialObjectMetadataList"
BOOKMARK_SECONDS = 60.0


@dataclass
class ApiServer:
    """The server; `calls` are all requests so far, `faults` the ones to come. `absent` groups are not served."""

    objects: Objects = field(default_factory=Objects)
    calls: list[Call] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    absent: set[str] = field(default_factory=set)
    sent: int = 0
    """Bytes of all bodies that were sent."""
    url: str = ""
    ahead_seconds: float = 0.0
    """By how much its Date is ahead of its clock."""
    bookmark_seconds: float = BOOKMARK_SECONDS
    after_write: Callable[[Call], None] = lambda _: None
    """Called when a write is done and before it is answered; Severed leaves it without an answer."""
    before_call: Callable[[Call], None] = lambda _: None
    """Called with every request that comes over HTTP, before anything is done about it."""
    severed: set[str] = field(default_factory=set)
    """Bearer tokens of callers that are cut off: nothing of theirs is carried out or answered any more."""
    tokens: set[str] | None = None
    """Bearer tokens that are accepted; None accepts everybody."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _closing: threading.Event = field(default_factory=threading.Event)

    @classmethod
    @contextmanager
    def running(cls, objects: Objects | None = None) -> Iterator["ApiServer"]:
        """Answer on a free port of 127.0.0.1 until the block ends."""
        api = cls(objects=objects or Objects())
        server = Server(api)
        api.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield api
        finally:
            api._closing.set()
            api.objects.close()
            server.shutdown()
            thread.join(5)
            server.server_close()

    def begin(self, objects: Objects) -> None:
        """Serve another cluster from now on, without anything of the one before."""
        with self._lock:
            self.objects = objects
            self.calls.clear()
            self.faults.clear()
            self.absent.clear()
            self.severed.clear()
            self.sent = 0
            self.before_call = self.after_write = lambda _: None

    def client(self, token: str = "") -> ApiClient:
        return client_of(self.url, token)

    def write_kubeconfig(self, path: Path, token: str = TOKEN) -> Path:
        """Write a kubeconfig that leads here."""
        context = {"cluster": "fake", "user": "fake"}
        body = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "fake",
            "clusters": [{"name": "fake", "cluster": {"server": self.url}}],
            "users": [{"name": "fake", "user": {"token": token}}],
            "contexts": [{"name": "fake", "context": context}],
        }
        path.write_text(yaml.safe_dump(body))
        return path

    def rules(self) -> set[tuple[str, str, str]]:
        """Return what a Role has to allow for the calls so far."""
        with self._lock:
            return {call.rule for call in self.calls if call.rule is not None}

    def calls_of(self, method: str, part: str) -> list[Call]:
        with self._lock:
            return [call for call in self.calls if call.method == method and part in call.path]

    def sever_after(self, writes: int, token: str, part: str = "") -> None:
        """Cut a caller off with its n-th write from now, which is done but not answered: that is how a process dies.

        Only writes count whose path contains `part`.
        """
        left = writes

        def after_write(call: Call) -> None:
            nonlocal left
            is_counted = call.token == token and part in call.path
            left -= is_counted
            if left <= 0 and is_counted:
                self.severed.add(token)
                raise Severed

        self.after_write = after_write

    def remove_definition(self) -> None:
        """Delete the custom resource's definition, and every batch with it."""
        self.absent.add(wire.GROUP)
        for item in self.objects.all(wire.PLURAL):
            self.objects.delete(wire.PLURAL, item["metadata"]["namespace"], item["metadata"]["name"])

    # what the HTTP side asks for

    def note(self, call: Call) -> Fault | None:
        self.before_call(call)
        with self._lock:
            if call.token and call.token in self.severed:
                raise Severed
            self.calls.append(call)
            if self.tokens is not None and call.token not in self.tokens:
                raise Problem(401, "Unauthorized", "Unauthorized")
            return next((fault for fault in self.faults if fault.meets(call)), None)

    def count(self, length: int) -> None:
        with self._lock:
            self.sent += length

    def wait_until_closing(self, seconds: float) -> None:
        self._closing.wait(seconds)

    def date(self) -> float:
        return self.objects.clock.now().timestamp() + self.ahead_seconds

    def watch(self, call: Call) -> Iterator[Change]:
        route, query = self._route(call), call.query
        after, seconds = int(query.get("resourceVersion") or 0), float(query.get("timeoutSeconds") or 30)
        bookmarks = self.bookmark_seconds if query.get("allowWatchBookmarks") == "true" else None
        selector = selector_of(route.resource, query)
        return self.objects.watch(route.resource, route.namespace, selector, after, seconds, bookmarks)

    def answer(self, call: Call, fault: Fault | None = None) -> Json:
        if (discovered := discover(call.path, self.absent)) is not None:
            return discovered
        route = self._route(call)
        if call.method == "GET":
            behind = fault.behind if fault is not None and fault.kind == "stale" else 0
            return self._read(call, route, behind)
        answer = self._write(call, route)
        self.after_write(call)
        return answer

    def _read(self, call: Call, route: Route, behind: int) -> Json:
        if route.name:
            return self.objects.get(route.resource, route.namespace, route.name)
        limit, token = int(call.query.get("limit", 0)), call.query.get("continue", "")
        version = max(1, self.objects.history.version - behind) if behind else 0
        selector = selector_of(route.resource, call.query)
        page = self.objects.page(route.resource, route.namespace, selector, limit, token, version)
        meta: Json = {"resourceVersion": str(page.version)}
        if page.token:
            meta |= {"continue": page.token, "remainingItemCount": page.remaining}
        if METADATA_ONLY in call.headers.get("accept", ""):
            only = [{"kind": "PartialObjectMetadata", "metadata": item["metadata"]} for item in page.items]
            kind, version_of = "PartialObjectMetadataList", "meta.k8s.io/v1"
            return {"kind": kind, "apiVersion": version_of, "metadata": meta, "items": only or None}
        kind = KINDS[route.resource].kind
        return {
            "kind": f"{kind}List",
            "apiVersion": KINDS[route.resource].api_version,
            "metadata": meta,
            "items": page.items,
        }

    def _write(self, call: Call, route: Route) -> Json:
        where = (route.resource, route.namespace)
        content = call.headers.get("content-type", "")
        match call.method:
            case "POST":
                return self.objects.create(*where, call.body)
            case "PUT":
                return self.objects.replace(*where, route.name, call.body, route.subresource)
            case "PATCH" if content == "application/merge-patch+json":
                return self.objects.merge(*where, route.name, call.body, route.subresource)
            case "DELETE":
                options: dict[str, Any] = {**call.query, **(call.body or {})}
                grace = options.get("gracePeriodSeconds")
                return self.objects.delete(
                    *where,
                    route.name,
                    options.get("preconditions", {}).get("uid"),
                    policy=options.get("propagationPolicy"),
                    grace_seconds=None if grace is None else int(grace),
                )
        raise Problem(415, "UnsupportedMediaType", f"{call.method} of {content}")

    def _route(self, call: Call) -> Route:
        """Return where a call leads; raise Problem where nothing is served, or where the rights went with the namespace."""
        route = call.route
        if route is None or route.resource not in KINDS or route.group in self.absent:
            raise Problem(404, "NotFound", "the server could not find the requested resource")
        if route.namespace in self.objects.gone_namespaces and call.method == "GET":
            where = f'"{route.resource}" in API group "{route.group}" in the namespace "{route.namespace}"'
            raise Problem(403, "Forbidden", f"{route.resource} is forbidden: cannot {call.verb} resource {where}")
        return route


def client_of(url: str, token: str = "") -> ApiClient:
    """Build the official client, as `controller.main` configures it."""
    configuration = Configuration(host=url)
    configuration.retries = 0
    if token:
        configuration.api_key["authorization"] = f"Bearer {token}"
    return ApiClient(configuration)


def selector_of(resource: str, query: dict[str, str]) -> Selector:
    """Return what a list or watch asks for; raise Problem for a field that this resource cannot be selected by."""
    try:
        return Selector.parse(resource, query.get("labelSelector", ""), query.get("fieldSelector", ""))
    except ValueError as error:
        raise Problem(400, "BadRequest", str(error)) from error
