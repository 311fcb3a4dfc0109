"""What the fake API server stores: objects with uids and versions, lists in pages, and the events of a watch."""

import copy
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from backfleet.core import wire
from tests.world.selectors import Selector

Json = dict[str, Any]
KINDS = {"jobs": "Job", "pods": "Pod", "events": "Event", wire.PLURAL: wire.KIND}
API_VERSIONS = {"jobs": "batch/v1", "pods": "v1", "events": "v1", wire.PLURAL: wire.API_VERSION}


class Problem(Exception):
    """An answer that is not a success: a Status object of the API."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        self.code, self.reason = code, reason
        super().__init__(message)

    def body(self) -> Json:
        status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "metadata": {}}
        return {**status, "message": str(self), "reason": self.reason, "code": self.code}


@dataclass(frozen=True)
class Change:
    """One event of a watch."""

    version: int
    resource: str
    type: str
    object: Json
    before: Json | None = None
    """The object as it was; None for a new one."""


@dataclass
class Objects:
    """Every object by resource, namespace and name; safe to use from several threads."""

    stored: dict[tuple[str, str, str], Json] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    version: int = 100
    is_closed: bool = False
    _changed: threading.Condition = field(default_factory=lambda: threading.Condition(threading.RLock()))

    def create(self, resource: str, namespace: str, body: Json) -> Json:
        """Store a new object as the server would; AlreadyExists when its name is taken."""
        name = body["metadata"]["name"]
        with self._changed:
            if (resource, namespace, name) in self.stored:
                raise Problem(409, "AlreadyExists", f'{resource} "{name}" already exists')
            item = {"apiVersion": API_VERSIONS[resource], "kind": KINDS[resource], **copy.deepcopy(body)}
            given = {"uid": str(uuid.uuid4()), "creationTimestamp": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}
            item["metadata"] = {**given, "generation": 1, **item["metadata"], "namespace": namespace}
            if resource == wire.PLURAL:
                item.pop("status", None)
            return self._store(resource, item, "ADDED")

    def get(self, resource: str, namespace: str, name: str) -> Json:
        with self._changed:
            if (resource, namespace, name) not in self.stored:
                raise Problem(404, "NotFound", f'{resource} "{name}" not found')
            return copy.deepcopy(self.stored[resource, namespace, name])

    def delete(self, resource: str, namespace: str, name: str, uid: str | None = None) -> Json:
        """Remove it; Conflict when `uid` is another's."""
        with self._changed:
            item = self.get(resource, namespace, name)
            _check_uid(item, uid)
            del self.stored[resource, namespace, name]
            self._note(resource, item, "DELETED", item)
            return item

    def merge(self, resource: str, namespace: str, name: str, patch: Json, subresource: str | None = None) -> Json:
        """A merge patch (RFC 7386); through `status` nothing but the status changes, else nothing but the rest."""
        with self._changed:
            item = self.get(resource, namespace, name)
            uid = patch.get("metadata", {}).get("uid")
            if resource == "jobs" and uid not in (None, item["metadata"]["uid"]):
                raise Problem(422, "Invalid", f'Job.batch "{name}" is invalid: metadata.uid: field is immutable')
            _check_uid(item, uid)
            if subresource == "status":
                item["status"] = _merge(item.get("status", {}), patch.get("status", {}))
            else:
                status, before = item.get("status"), item.get("spec")
                item = _merge(item, patch) | ({"status": status} if status else {})
                item["metadata"]["generation"] += item.get("spec") != before
            return self._store(resource, item, "MODIFIED")

    def set_status(self, resource: str, namespace: str, name: str, status: Json) -> Json:
        """What a controller or kubelet writes."""
        return self.merge(resource, namespace, name, {"status": status}, "status")

    def page(
        self, resource: str, namespace: str, selector: Selector, limit: int, token: str
    ) -> tuple[list[Json], str, int, int]:
        """Items, the token of the next page ("" at the end), the version and how many items remain."""
        with self._changed:
            names = sorted(key for key in self.stored if key[:2] == (resource, namespace))
            found = [self.stored[key] for key in names if selector.matches(self.stored[key])]
            start = int(token or 0)
            end = start + limit if limit else len(found)
            more = max(0, len(found) - end)
            return copy.deepcopy(found[start:end]), str(end) if more else "", self.version, more

    def watch(self, resource: str, namespace: str, selector: Selector, after: int, seconds: float) -> Iterator[Change]:
        """The changes after a version as they come, until the time is over or the server closes.

        An object that begins to match is ADDED; one that stops is DELETED, as it was before with its new version.
        """
        until = time.monotonic() + seconds
        position = 0
        while not self.is_closed and (left := until - time.monotonic()) > 0:
            with self._changed:
                fresh = self.changes[position:]
                position = len(self.changes)
                if not fresh:
                    self._changed.wait(min(left, 1.0))
            for change in fresh:
                is_ours = change.resource == resource and change.object["metadata"]["namespace"] == namespace
                if is_ours and change.version > after and (seen := _as_seen(change, selector)):
                    yield seen

    def close(self) -> None:
        with self._changed:
            self.is_closed = True
            self._changed.notify_all()

    def _store(self, resource: str, item: Json, kind: str) -> Json:
        key = (resource, item["metadata"]["namespace"], item["metadata"]["name"])
        before = self.stored.get(key)
        self.stored[key] = item
        self._note(resource, item, kind, before)
        return copy.deepcopy(item)

    def _note(self, resource: str, item: Json, kind: str, before: Json | None) -> None:
        self.version += 1
        item["metadata"]["resourceVersion"] = str(self.version)
        self.changes.append(Change(self.version, resource, kind, copy.deepcopy(item), copy.deepcopy(before)))
        self._changed.notify_all()


def _check_uid(item: Json, uid: str | None) -> None:
    there = item["metadata"]["uid"]
    if uid is not None and uid != there:
        raise Problem(409, "Conflict", f"Precondition failed: UID in precondition: {uid}, UID in object meta: {there}")


def _merge(target: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merge(merged.get(key), value)
    return merged


def _as_seen(change: Change, selector: Selector) -> Change | None:
    was = change.before is not None and selector.matches(change.before)
    if change.type != "DELETED" and selector.matches(change.object):
        return replace(change, type="MODIFIED" if was else "ADDED")
    if not was or change.before is None:
        return None
    gone = copy.deepcopy(change.before)
    gone["metadata"]["resourceVersion"] = str(change.version)
    return replace(change, type="DELETED", object=gone)
