"""The few Kubernetes calls the operator makes, as raw JSON over the official client; every one has a timeout.

The client's own errors are turned into ours here and nowhere else.
"""

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import quote

import urllib3.exceptions
from kubernetes.client import ApiClient
from kubernetes.client.exceptions import ApiException
from prometheus_client import Counter

from backfleet.controller.api_clock import ApiClock, retry_after
from backfleet.core import wire
from backfleet.core.errors import BackfleetError, Busy, Conflict, NotFound, Unavailable

Json = dict[str, Any]

API_WRITES = Counter("backfleet_api_writes_total", "Writing calls that the API server answered", ["verb"])

CONNECT_SECONDS = 5.0
READ_SECONDS = 20.0
PAGE_SIZE = 500
SETTLED_PAGE_SIZE = 100
NAMES_PER_CALL = 50
METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
MERGE_PATCH = "application/merge-patch+json"
WEBHOOK_FAILED = "failed calling webhook"
"""How a 500 begins that says for sure that nothing was created: an admission webhook comes before storage."""
POD_REFUSED = "involvedObject.kind=Job,reason=FailedCreate"

RULES: tuple[tuple[str, str, frozenset[str]], ...] = (
    (wire.GROUP, wire.PLURAL, frozenset({"list", "watch"})),
    (wire.GROUP, f"{wire.PLURAL}/status", frozenset({"patch"})),
    ("batch", "jobs", frozenset({"get", "list", "watch", "create", "patch", "delete"})),
    ("", "pods", frozenset({"list", "watch"})),
    ("", "events", frozenset({"create", "list"})),
)
"""What the operator's Role must allow and no more; the chart is tested against it."""


class Refused(BackfleetError):
    """The API server did not take an object; `is_quota` when a quota stands in the way."""

    def __init__(self, message: str, is_quota: bool) -> None:
        self.is_quota = is_quota
        super().__init__(message)


class NotAllowed(Unavailable):
    """The API server knows us and says no: a Role or its binding is not there, or the namespace is gone."""


class ClusterPort(Protocol):
    """What the loop needs of Kubernetes; a fake API server serves the same over HTTP in tests."""

    def list_batches(self, namespace: str) -> list[Json]: ...
    def list_jobs(self, namespace: str) -> list[Json]: ...
    def list_settled_jobs(self, namespace: str, token: str) -> tuple[list[Json], str]: ...
    def get_job(self, namespace: str, name: str) -> Json | None: ...
    def list_pods(self, namespace: str) -> list[Json]: ...
    def list_pods_of(self, namespace: str, jobs: Sequence[str]) -> list[Json]: ...
    def list_pod_refusals(self, namespace: str) -> list[Json]: ...
    def create_job(self, manifest: Json) -> None: ...
    def label_job(self, namespace: str, name: str, uid: str, finished: str) -> None: ...
    def delete_job(self, namespace: str, name: str, uid: str) -> None: ...
    def patch_status(self, namespace: str, name: str, uid: str, status: Mapping[str, Any]) -> None: ...
    def create_event(self, event: Json) -> None: ...
    def read_clock(self) -> datetime | None: ...


class Cluster:
    """The port over a real API server."""

    def __init__(self, client: ApiClient, read_seconds: float = READ_SECONDS) -> None:
        self._client = client
        self._timeout = (CONNECT_SECONDS, read_seconds)
        self._clock = ApiClock()

    def list_batches(self, namespace: str) -> list[Json]:
        """Every batch of a namespace; NotFound or NotAllowed when the kind is not served or not allowed."""
        return list(self._list(f"/apis/{wire.API_VERSION}/namespaces/{namespace}/{wire.PLURAL}", None))

    def list_jobs(self, namespace: str) -> list[Json]:
        """Every Job of ours that is not labelled as settled, from a consistent read."""
        return list(self._list(f"/apis/batch/v1/namespaces/{namespace}/jobs", wire.UNSETTLED_SELECTOR))

    def list_settled_jobs(self, namespace: str, token: str) -> tuple[list[Json], str]:
        """A page of the settled Jobs' metadata, from a token on ("" for the first), and the token of the next ("" for none)."""
        path = f"/apis/batch/v1/namespaces/{namespace}/jobs"
        query = {"limit": str(SETTLED_PAGE_SIZE), "labelSelector": wire.SETTLED_SELECTOR} | (
            {"continue": token} if token else {}
        )
        status, body = self._call("GET", path, query=query, accept=METADATA_ONLY)
        if status == 410:
            # The token is too old; the answer has one that goes on, with whatever is there by now.
            return [], str((body.get("metadata") or {}).get("continue") or "")
        _raise_unless_ok(status, body, path)
        # An empty list of metadata has null for its items.
        return body["items"] or [], str(body["metadata"].get("continue") or "")

    def get_job(self, namespace: str, name: str) -> Json | None:
        """The Job of that name, whoever owns it; None when there is none."""
        path = f"/apis/batch/v1/namespaces/{namespace}/jobs/{quote(name)}"
        status, body = self._call("GET", path)
        if status == 404:
            return None
        _raise_unless_ok(status, body, path)
        return body

    def list_pods(self, namespace: str) -> list[Json]:
        """Every pod of ours that has not ended, from a consistent read."""
        return list(self._list(f"/api/v1/namespaces/{namespace}/pods", wire.JOB_SELECTOR, wire.UNFINISHED_PODS))

    def list_pods_of(self, namespace: str, jobs: Sequence[str]) -> list[Json]:
        """The pods of those Jobs, ended ones too."""
        found: list[Json] = []
        for start in range(0, len(jobs), NAMES_PER_CALL):
            names = ",".join(jobs[start : start + NAMES_PER_CALL])
            selector = f"{wire.JOB_SELECTOR},{wire.LABEL_JOB_NAME} in ({names})"
            found += self._list(f"/api/v1/namespaces/{namespace}/pods", selector)
        return found

    def list_pod_refusals(self, namespace: str) -> list[Json]:
        """The events by which the Job controller says that it could not create a pod."""
        return list(self._list(f"/api/v1/namespaces/{namespace}/events", None, POD_REFUSED))

    def create_job(self, manifest: Json) -> None:
        """Create it; already there under the same owner is success, under another one Conflict; Refused with the reason."""
        meta = manifest["metadata"]
        path = f"/apis/batch/v1/namespaces/{meta['namespace']}/jobs"
        status, body = self._call("POST", path, body=manifest)
        if status == 409:
            self._check_owner(path, meta)
        elif status == 403:
            message = str(body.get("message", ""))
            raise Refused(message, is_quota="exceeded quota" in message)
        elif status in (400, 404, 422) or (status == 500 and WEBHOOK_FAILED in str(body.get("message", ""))):
            raise Refused(str(body.get("message", "")), is_quota=False)
        else:
            _raise_unless_ok(status, body, path)

    def label_job(self, namespace: str, name: str, uid: str, finished: str) -> None:
        """Label it as settled; gone, or replaced by another of that name, is success; NotAllowed when the Role lacks it."""
        path = f"/apis/batch/v1/namespaces/{namespace}/jobs/{quote(name)}"
        patch = {"metadata": {"uid": uid, "labels": {wire.LABEL_SETTLED: finished}}}
        status, body = self._call("PATCH", path, body=patch, content_type=MERGE_PATCH)
        if status == 422:
            # What a Job's validation makes of another's uid, before any precondition is looked at.
            there = self.get_job(namespace, name)
            if there is None or there["metadata"]["uid"] != uid:
                return
        if status not in (404, 409):
            _raise_unless_ok(status, body, path)

    def delete_job(self, namespace: str, name: str, uid: str) -> None:
        """Delete it and its pods in the background; gone, or replaced by another of that name, is success."""
        path = f"/apis/batch/v1/namespaces/{namespace}/jobs/{quote(name)}"
        options = {"propagationPolicy": "Background", "preconditions": {"uid": uid}}
        status, body = self._call("DELETE", path, body=options)
        if status not in (404, 409):
            _raise_unless_ok(status, body, path)

    def patch_status(self, namespace: str, name: str, uid: str, status: Mapping[str, Any]) -> None:
        """Merge into the status subresource; None removes a key; gone, or replaced by another of that name, is success."""
        path = f"/apis/{wire.API_VERSION}/namespaces/{namespace}/{wire.PLURAL}/{quote(name)}/status"
        patch = {"metadata": {"uid": uid}, "status": status}
        code, body = self._call("PATCH", path, body=patch, content_type=MERGE_PATCH)
        if code not in (404, 409):
            _raise_unless_ok(code, body, path)

    def create_event(self, event: Json) -> None:
        """Post it; the same event already there is success."""
        path = f"/api/v1/namespaces/{event['metadata']['namespace']}/events"
        status, body = self._call("POST", path, body=event)
        if status not in (404, 409):
            _raise_unless_ok(status, body, path)

    def read_clock(self) -> datetime | None:
        """The API server's time now; None when it never said."""
        return self._clock.read()

    def _check_owner(self, path: str, meta: Json) -> None:
        status, there = self._call("GET", f"{path}/{quote(meta['name'])}")
        if status == 404:
            return  # gone again meanwhile: the next pass creates it
        _raise_unless_ok(status, there, path)
        wanted = meta["ownerReferences"][0]["uid"]
        owners = {owner.get("uid") for owner in there["metadata"].get("ownerReferences", []) if owner.get("controller")}
        if wanted not in owners:
            raise Conflict(f"a Job named {meta['name']} exists and belongs to somebody else; delete or rename it")

    def _list(self, path: str, selector: str | None, fields: str | None = None) -> Iterator[Json]:
        token = ""
        while True:
            query = {"limit": str(PAGE_SIZE), "continue": token, "labelSelector": selector, "fieldSelector": fields}
            status, body = self._call("GET", path, query={k: v for k, v in query.items() if v})
            _raise_unless_ok(status, body, path)
            yield from body["items"]
            token = body["metadata"].get("continue", "")
            if not token:
                return

    def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> tuple[int, Json]:
        headers = {"Accept": accept} | ({"Content-Type": content_type} if body is not None else {})
        request = self._client.param_serialize(
            method,
            path,
            query_params=list((query or {}).items()),
            header_params=headers,
            auth_settings=["BearerToken"],
        )
        # The body is JSON already: it needs none of the client's own preparation.
        target, url, all_headers = request[0], request[1], request[2]
        began = time.monotonic()
        try:
            response = self._client.call_api(target, url, all_headers, body, _request_timeout=self._timeout)
            text = bytes(response.read())  # type: ignore[no-untyped-call]
        except (ApiException, urllib3.exceptions.HTTPError, OSError) as error:
            raise Unavailable(f"Kubernetes did not answer {method} {path}: {error}") from error
        if method != "GET":
            API_WRITES.labels(verb=method).inc()
        answered: Mapping[str, str] = response.getheaders()  # type: ignore[no-untyped-call]
        self._clock.note(answered.get("Date"), began)
        answer = _parse(text)
        if response.status == 429:
            after = retry_after(answered)
            raise Busy(f"{method} {path}: 429 {answer.get('message', '')}", retry_after_seconds=after)
        if response.status < 300 and "kind" not in answer:
            raise Unavailable(f"{method} {path}: the answer is not an object of Kubernetes: {answer.get('message')}")
        return response.status, answer


def build_event(ref: Mapping[str, str], reason: str, message: str, kind: str, now: datetime) -> Json:
    """An event whose name follows from what it says: said again, it is the same object."""
    digest = hashlib.sha256(f"{ref['uid']}/{reason}/{message}".encode()).hexdigest()[:16]
    stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{ref['name'][:230].rstrip('.-')}.{digest}", "namespace": ref["namespace"]},
        "involvedObject": {"apiVersion": wire.API_VERSION, "kind": wire.KIND, **ref},
        "reason": reason,
        "message": message,
        "type": kind,
        "source": {"component": wire.MANAGED_BY},
        "firstTimestamp": stamp,
        "lastTimestamp": stamp,
        "count": 1,
    }


def _parse(text: bytes) -> Json:
    try:
        body = json.loads(text)
    except ValueError:
        return {"message": text[:500].decode(errors="replace")}
    return body if isinstance(body, dict) else {"message": str(body)[:500]}


def _raise_unless_ok(status: int, body: Json, path: str) -> None:
    if status < 300:
        return
    message = f"{path}: {status} {body.get('message', '')}"
    if status == 404:
        raise NotFound(message)
    if status == 403:
        raise NotAllowed(f"not allowed: {message}")
    if status == 401:
        raise Unavailable(f"not allowed: {message}")
    if status == 409:
        raise Conflict(message)
    raise Unavailable(message)
