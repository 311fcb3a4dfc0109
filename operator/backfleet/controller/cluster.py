"""The few Kubernetes calls of the operator, as raw JSON over the official client. Every call has a timeout.

Only this module translates the client's errors into ours.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
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
JSON_TYPE = "application/json"
MERGE_PATCH = "application/merge-patch+json"
WEBHOOK_FAILED = "failed calling webhook"
"""The beginning of a 500 which proves that nothing was created: admission webhooks run before storage."""
POD_REFUSED = "involvedObject.kind=Job,reason=FailedCreate"

RULES: tuple[tuple[str, str, frozenset[str]], ...] = (
    (wire.GROUP, wire.PLURAL, frozenset({"list", "watch"})),
    (wire.GROUP, f"{wire.PLURAL}/status", frozenset({"patch"})),
    ("batch", "jobs", frozenset({"get", "list", "watch", "create", "patch", "delete"})),
    ("", "pods", frozenset({"list", "watch"})),
    ("", "events", frozenset({"create", "list"})),
)
"""The rules of the operator's Role, exactly. A test compares the chart with them."""


class Refused(BackfleetError):
    """The API server refused an object. `is_quota` is true if a quota is the cause."""

    def __init__(self, message: str, is_quota: bool) -> None:
        self.is_quota = is_quota
        super().__init__(message)


class NotAllowed(Unavailable):
    """The API server denies access: a Role or its binding is missing, or the namespace is gone."""


class ClusterPort(Protocol):
    """What the loop needs of Kubernetes. Tests pass a fake API server over HTTP."""

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

    def __init__(
        self, client: ApiClient, read_seconds: float = READ_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._timeout = (CONNECT_SECONDS, read_seconds)
        self._seconds = clock
        self._clock = ApiClock(clock)

    def list_batches(self, namespace: str) -> list[Json]:
        """List every batch of a namespace. Raise NotFound if the kind is not served, NotAllowed if access is denied."""
        return list(self._list(f"/apis/{wire.API_VERSION}/namespaces/{namespace}/{wire.PLURAL}", None))

    def list_jobs(self, namespace: str) -> list[Json]:
        """List every Job of ours without the settled label, from a consistent read."""
        return list(self._list(f"/apis/batch/v1/namespaces/{namespace}/jobs", wire.UNSETTLED_SELECTOR))

    def list_settled_jobs(self, namespace: str, token: str) -> tuple[list[Json], str]:
        """List a page of the settled Jobs' metadata. Return it with the next page's token, "" at the end."""
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
        """Return the Job of that name, whoever owns it, or None."""
        path = f"/apis/batch/v1/namespaces/{namespace}/jobs/{quote(name)}"
        status, body = self._call("GET", path)
        if status == 404:
            return None
        _raise_unless_ok(status, body, path)
        return body

    def list_pods(self, namespace: str) -> list[Json]:
        """List every pod of ours that has not ended, from a consistent read."""
        return list(self._list(f"/api/v1/namespaces/{namespace}/pods", wire.JOB_SELECTOR, wire.UNFINISHED_PODS))

    def list_pods_of(self, namespace: str, jobs: Sequence[str]) -> list[Json]:
        """List the pods of those Jobs, including ended ones."""
        found: list[Json] = []
        for start in range(0, len(jobs), NAMES_PER_CALL):
            names = ",".join(jobs[start : start + NAMES_PER_CALL])
            selector = f"{wire.JOB_SELECTOR},{wire.LABEL_JOB_NAME} in ({names})"
            found += self._list(f"/api/v1/namespaces/{namespace}/pods", selector)
        return found

    def list_pod_refusals(self, namespace: str) -> list[Json]:
        """List the events with which the Job controller reports that it could not create a pod."""
        return list(self._list(f"/api/v1/namespaces/{namespace}/events", None, POD_REFUSED))

    def create_job(self, manifest: Json) -> None:
        """Create a Job. One of the same owner is success, of another Conflict. Raise Refused with the reason."""
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
        """Label a Job as settled. A missing or replaced Job is success. Raise NotAllowed if the Role lacks the verb."""
        path = f"/apis/batch/v1/namespaces/{namespace}/jobs/{quote(name)}"
        patch = {"metadata": {"uid": uid, "labels": {wire.LABEL_SETTLED: finished}}}
        status, body = self._call("PATCH", path, body=patch)
        if status == 422:
            # What a Job's validation makes of another's uid, before any precondition is looked at.
            there = self.get_job(namespace, name)
            if there is None or there["metadata"]["uid"] != uid:
                return
        if status not in (404, 409):
            _raise_unless_ok(status, body, path)

    def delete_job(self, namespace: str, name: str, uid: str) -> None:
        """Delete a Job and its pods in the background. A missing or replaced Job is success."""
        path = f"/apis/batch/v1/namespaces/{namespace}/jobs/{quote(name)}"
        options = {"propagationPolicy": "Background", "preconditions": {"uid": uid}}
        status, body = self._call("DELETE", path, body=options)
        if status not in (404, 409):
            _raise_unless_ok(status, body, path)

    def patch_status(self, namespace: str, name: str, uid: str, status: Mapping[str, Any]) -> None:
        """Merge into the status subresource; None removes a key. A missing or replaced batch is success."""
        path = f"/apis/{wire.API_VERSION}/namespaces/{namespace}/{wire.PLURAL}/{quote(name)}/status"
        patch = {"metadata": {"uid": uid}, "status": status}
        code, body = self._call("PATCH", path, body=patch)
        if code not in (404, 409):
            _raise_unless_ok(code, body, path)

    def create_event(self, event: Json) -> None:
        """Post an event. If it exists already, that is success."""
        path = f"/api/v1/namespaces/{event['metadata']['namespace']}/events"
        status, body = self._call("POST", path, body=event)
        if status not in (404, 409):
            _raise_unless_ok(status, body, path)

    def read_clock(self) -> datetime | None:
        """Return the API server's time now, or None if no answer had one."""
        return self._clock.read()

    def _check_owner(self, path: str, meta: Json) -> None:
        status, there = self._call("GET", f"{path}/{quote(meta['name'])}")
        if status == 404:
            return  # gone again meanwhile: the next pass creates it
        _raise_unless_ok(status, there, path)
        wanted = meta["ownerReferences"][0]["uid"]
        owners = {owner.get("uid") for owner in there["metadata"].get("ownerReferences", []) if owner.get("controller")}
        if wanted not in owners:
            raise Conflict(f"a Job named {meta['name']} exists and has another owner. Delete or rename it.")

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
        accept: str = JSON_TYPE,
    ) -> tuple[int, Json]:
        headers = {"Accept": accept}
        if body is not None:
            headers["Content-Type"] = MERGE_PATCH if method == "PATCH" else JSON_TYPE
        request = self._client.param_serialize(
            method,
            path,
            query_params=list((query or {}).items()),
            header_params=headers,
            auth_settings=["BearerToken"],
        )
        # The body is JSON already: it needs none of the client's own preparation.
        target, url, all_headers = request[0], request[1], request[2]
        began = self._seconds()
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
            raise Unavailable(f"{method} {path}: expected a Kubernetes object, got:  {answer.get('message')}")
        return response.status, answer


def build_event(ref: Mapping[str, str], reason: str, message: str, kind: str, now: datetime) -> Json:
    """Build an event whose name follows from its text, so that the same event again is the same object."""
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
