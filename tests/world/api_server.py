"""A Kubernetes API server over real HTTP, as far as kopf and the operator see one, with faults on demand."""

import json
import re
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

import yaml
from kubernetes.client import ApiClient, Configuration

from backfleet.core import wire
from tests.world.objects import KINDS, Json, Objects, Problem
from tests.world.selectors import Selector

TOKEN = "the-token"
PATH = re.compile(
    r"/(?:api/v1|apis/(?P<group>[^/]+)/[^/]+)/namespaces/(?P<namespace>[^/]+)/(?P<resource>[^/]+)"
    r"(?:/(?P<name>[^/]+))?(?:/(?P<subresource>[^/]+))?$"
)
GROUP_OF = {"jobs": "batch", "pods": "", "events": "", wire.PLURAL: wire.GROUP}
METADATA_ONLY = "as=PartialObjectMetadataList"
_ALL = ["create", "delete", "get", "list", "patch", "watch"]


@dataclass(frozen=True)
class Call:
    """One request as it came."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    headers: dict[str, str]

    @property
    def rule(self) -> tuple[str, str, str] | None:
        """Group, resource and verb, as a Role has to allow them; None for discovery."""
        found = PATH.match(self.path)
        if found is None:
            return None
        reading = "watch" if "watch" in self.query else "get" if found["name"] else "list"
        verb = {"GET": reading, "POST": "create", "DELETE": "delete", "PATCH": "patch"}[self.method]
        resource = f"{found['resource']}/{found['subresource']}" if found["subresource"] else found["resource"]
        return found["group"] or "", resource, verb


@dataclass
class Fault:
    """What goes wrong with `times` requests of a method whose path contains `part`, after letting `after` of them pass."""

    part: str
    method: str = "GET"
    kind: Literal["status", "hang", "close", "garbage", "truncate", "not an object"] = "status"
    code: int = 500
    message: str = "the fake API server was asked to fail"
    times: int = 1
    after: int = 0
    meta: Json = field(default_factory=dict)
    """Metadata of the Status that is answered."""
    headers: dict[str, str] = field(default_factory=dict)


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
    """By how much its Date is ahead of this machine's clock."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _closing: threading.Event = field(default_factory=threading.Event)

    @classmethod
    @contextmanager
    def running(cls) -> Iterator["ApiServer"]:
        """Answers on a free port of 127.0.0.1 until the block ends."""
        api = cls()
        server = _Server(("127.0.0.1", 0), _handler(api))
        server.daemon_threads = True
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

    def client(self) -> ApiClient:
        return client_of(self.url)

    def write_kubeconfig(self, path: Path) -> Path:
        """A kubeconfig that leads here."""
        context = {"cluster": "fake", "user": "fake"}
        body = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "fake",
            "clusters": [{"name": "fake", "cluster": {"server": self.url}}],
            "users": [{"name": "fake", "user": {"token": TOKEN}}],
            "contexts": [{"name": "fake", "context": context}],
        }
        path.write_text(yaml.safe_dump(body))
        return path

    def rules(self) -> set[tuple[str, str, str]]:
        """What a Role has to allow for the calls so far."""
        with self._lock:
            return {call.rule for call in self.calls if call.rule is not None}

    def calls_of(self, method: str, part: str) -> list[Call]:
        with self._lock:
            return [call for call in self.calls if call.method == method and part in call.path]

    def note(self, call: Call) -> Fault | None:
        """Keep a call, and take the fault that it meets."""
        with self._lock:
            self.calls.append(call)
            for fault in self.faults:
                if fault.times <= 0 or fault.method != call.method or fault.part not in call.path:
                    continue
                fault.after -= 1
                if fault.after < 0:
                    fault.times -= 1
                    return fault
        return None

    def count(self, length: int) -> None:
        with self._lock:
            self.sent += length

    def wait_until_closing(self, seconds: float) -> None:
        self._closing.wait(seconds)

    def answer(self, call: Call) -> Json:
        """The body of a success; Problem for everything else."""
        if (discovered := self._discovery(call.path)) is not None:
            return discovered
        found = PATH.match(call.path)
        if found is None or found["resource"] not in KINDS or (found["group"] or "") in self.absent:
            raise Problem(404, "NotFound", "the server could not find the requested resource")
        resource, namespace = found["resource"], unquote(found["namespace"])
        name = unquote(found["name"] or "")
        match call.method:
            case "GET" if name:
                return self.objects.get(resource, namespace, name)
            case "GET":
                return self._list(resource, namespace, call.query, call.headers.get("accept", ""))
            case "POST":
                return self.objects.create(resource, namespace, call.body)
            case "DELETE":
                uid = (call.body or {}).get("preconditions", {}).get("uid")
                return self.objects.delete(resource, namespace, name, uid)
            case "PATCH" if call.headers.get("content-type") == "application/merge-patch+json":
                return self.objects.merge(resource, namespace, name, call.body, found["subresource"])
        raise Problem(415, "UnsupportedMediaType", f"{call.method} of {call.headers.get('content-type')}")

    def _list(self, resource: str, namespace: str, query: dict[str, str], accept: str) -> Json:
        limit, token = int(query.get("limit", 0)), query.get("continue", "")
        items, token, version, more = self.objects.page(resource, namespace, selector_of(resource, query), limit, token)
        meta: Json = {"resourceVersion": str(version)}
        if token:
            meta |= {"continue": token, "remainingItemCount": more}
        if METADATA_ONLY in accept:
            only = [{"kind": "PartialObjectMetadata", "metadata": item["metadata"]} for item in items]
            return {
                "kind": "PartialObjectMetadataList",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": meta,
                "items": only or None,
            }
        return {"kind": f"{KINDS[resource]}List", "apiVersion": "v1", "metadata": meta, "items": items}

    def _discovery(self, path: str) -> Json | None:
        groups = {"batch": "v1", "apiextensions.k8s.io": "v1", wire.GROUP: wire.VERSION}
        served = {group: version for group, version in groups.items() if group not in self.absent}
        if path == "/version":
            return {"major": "1", "minor": "34", "gitVersion": "v1.34.0"}
        if path == "/api":
            return {"kind": "APIVersions", "versions": ["v1"]}
        if path == "/apis":
            return {"kind": "APIGroupList", "groups": [_group(*each) for each in served.items()]}
        if path == "/api/v1":
            return _resources("v1", [("namespaces", "Namespace"), ("pods", "Pod"), ("events", "Event")])
        if path == "/apis/apiextensions.k8s.io/v1":
            return _resources("apiextensions.k8s.io/v1", [("customresourcedefinitions", "CustomResourceDefinition")])
        for group, version in served.items():
            if path == f"/apis/{group}/{version}":
                own = [(name, kind) for name, kind in KINDS.items() if GROUP_OF[name] == group]
                return _resources(f"{group}/{version}", own)
        return None


def client_of(url: str) -> ApiClient:
    """The official client, as `controller.main` configures it."""
    configuration = Configuration(host=url)
    configuration.retries = 0
    return ApiClient(configuration)


def selector_of(resource: str, query: dict[str, str]) -> Selector:
    """What a list or watch asks for; Problem for a field that this resource cannot be selected by."""
    try:
        return Selector.parse(resource, query.get("labelSelector", ""), query.get("fieldSelector", ""))
    except ValueError as error:
        raise Problem(400, "BadRequest", str(error)) from error


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # a client that went away is no error
            super().handle_error(request, client_address)


def _group(name: str, version: str) -> Json:
    entry = {"groupVersion": f"{name}/{version}", "version": version}
    return {"name": name, "versions": [entry], "preferredVersion": entry}


def _resources(group_version: str, resources: list[tuple[str, str]]) -> Json:
    entries = [
        {"name": name, "singularName": kind.lower(), "namespaced": name in KINDS, "kind": kind, "verbs": _ALL}
        for name, kind in resources
    ]
    status = [{**each, "name": f"{each['name']}/status", "verbs": ["get", "patch"]} for each in entries]
    return {"kind": "APIResourceList", "groupVersion": group_version, "resources": [*entries, *status]}


def _handler(api: ApiServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 60

        def _serve(self) -> None:
            url = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            headers = {key.lower(): value for key, value in self.headers.items()}
            call = Call(self.command, url.path, dict(parse_qsl(url.query)), body, headers)
            fault = api.note(call)
            if fault is not None:
                self._misbehave(fault)
                return
            try:
                answer = api.answer(call)
                if "watch" in call.query:
                    self._watch(call)
                else:
                    self._send(201 if self.command == "POST" else 200, json.dumps(answer).encode())
            except Problem as problem:
                self._send(problem.code, json.dumps(problem.body()).encode())

        do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815

        def _send(
            self, code: int, body: bytes, promised: int | None = None, headers: dict[str, str] | None = None
        ) -> None:
            self.send_response(code)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(promised or len(body)))
            if self.close_connection:
                self.send_header("Connection", "close")
            self.end_headers()
            api.count(len(body))
            self.wfile.write(body)

        def date_time_string(self, timestamp: float | None = None) -> str:
            return super().date_time_string((timestamp or time.time()) + api.ahead_seconds)

        def _misbehave(self, fault: Fault) -> None:
            self.close_connection = fault.kind != "status"
            match fault.kind:
                case "status":
                    status = Problem(fault.code, "Fault", fault.message).body() | {"metadata": fault.meta}
                    self._send(fault.code, json.dumps(status).encode(), headers=fault.headers)
                case "hang":
                    api.wait_until_closing(30)
                case "garbage":
                    self._send(200, b'{"items": [')
                case "not an object":
                    self._send(200, b"[]")
                case "truncate":
                    self._send(200, b'{"items": []', promised=4096)

        def _watch(self, call: Call) -> None:
            found = PATH.match(call.path)
            assert found is not None
            query = call.query
            after, seconds = int(query.get("resourceVersion") or 0), float(query.get("timeoutSeconds") or 30)
            self.close_connection = True
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.flush()
            selector = selector_of(found["resource"], query)
            try:
                for change in api.objects.watch(found["resource"], found["namespace"], selector, after, seconds):
                    self.wfile.write(json.dumps({"type": change.type, "object": change.object}).encode() + b"\n")
                    self.wfile.flush()
            except OSError:
                return  # the watcher went away

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
