"""What the fake API server stores, with uids, versions, generations and finalizers; and what it refuses to store."""

import random
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import chain
from typing import Any

from backfleet.core import wire
from tests.world.clock import Clock, text
from tests.world.history import Change, History, Key
from tests.world.kinds import KINDS, Json
from tests.world.problems import Problem, expired
from tests.world.selectors import EVERYTHING, Selector

Rule = Callable[["Objects", str, Json], None]
"""Admission: raises a Problem for a new object of a resource that it refuses."""

FOREGROUND = "foregroundDeletion"
POD_GRACE_SECONDS = 30


@dataclass(frozen=True)
class Page:
    """A part of a list; `token` leads to the next one, "" at the end."""

    items: list[Json]
    token: str
    version: int
    remaining: int


@dataclass
class Objects:
    """Every object by resource, namespace and name; safe to use from several threads.

    Namespaces need not be made: one is there until it is deleted.
    """

    stored: dict[Key, Json] = field(default_factory=dict)
    clock: Clock = field(default_factory=Clock)
    history: History = field(default_factory=History)
    rules: list[Rule] = field(default_factory=list)
    gone_namespaces: set[str] = field(default_factory=set)
    chance: random.Random = field(default_factory=random.Random)
    """Where uids come from; seeded, they are the same each time."""

    def create(self, resource: str, namespace: str, body: Json) -> Json:
        """Store a new object as the server would; AlreadyExists when its name is taken."""
        kind, name = KINDS[resource], body["metadata"]["name"]
        with self.history.changed:
            self._check_namespace(resource, namespace, name)
            if (resource, namespace, name) in self.stored:
                raise Problem(409, "AlreadyExists", f'{resource} "{name}" already exists')
            item = {"apiVersion": kind.api_version, "kind": kind.kind, **_copy(body)}
            given = {"uid": self.next_uid(), "creationTimestamp": text(self.clock.now()), "generation": 1}
            item["metadata"] = {**given, **item["metadata"]} | ({"namespace": namespace} if namespace else {})
            if resource == wire.PLURAL:
                item.pop("status", None)
            for rule in self.rules:
                rule(self, resource, item)
            if resource == "namespaces":
                self.gone_namespaces.discard(name)
            return self._store((resource, namespace, name), "ADDED", item)

    def get(self, resource: str, namespace: str, name: str) -> Json:
        with self.history.changed:
            if (resource, namespace, name) not in self.stored:
                raise Problem(404, "NotFound", f'{resource} "{name}" not found')
            return _copy(self.stored[resource, namespace, name])

    def delete(
        self,
        resource: str,
        namespace: str,
        name: str,
        uid: str | None = None,
        *,
        policy: str | None = None,
        grace_seconds: int | None = None,
    ) -> Json:
        """Remove it; Conflict when `uid` is another's. What has finalizers, and a running pod, stays until they are done."""
        with self.history.changed:
            item = self.get(resource, namespace, name)
            _check_uid(item, uid)
            meta = item["metadata"]
            if policy == "Foreground" and FOREGROUND not in meta.get("finalizers", []):
                meta["finalizers"] = [*meta.get("finalizers", []), FOREGROUND]
            is_graceful = resource == "pods" and is_running(item) and grace_seconds != 0
            if not is_graceful and not meta.get("finalizers"):
                return self._remove((resource, namespace, name))
            if "deletionTimestamp" in meta and not (meta.get("deletionGracePeriodSeconds") and grace_seconds == 0):
                return item
            grace = 0
            if is_graceful:
                own = item.get("spec", {}).get("terminationGracePeriodSeconds", POD_GRACE_SECONDS)
                grace = own if grace_seconds is None else grace_seconds
            meta["deletionTimestamp"] = text(self.clock.now() + timedelta(seconds=grace))
            meta["deletionGracePeriodSeconds"] = grace
            return self._store((resource, namespace, name), "MODIFIED", item)

    def merge(self, resource: str, namespace: str, name: str, patch: Json, subresource: str = "") -> Json:
        """Apply a merge patch (RFC 7386); through `status` only the status changes, else only the rest."""
        with self.history.changed:
            item = self.get(resource, namespace, name)
            uid = patch.get("metadata", {}).get("uid")
            if resource == "jobs" and uid not in (None, item["metadata"]["uid"]):
                raise Problem(422, "Invalid", f'Job.batch "{name}" is invalid: metadata.uid: field is immutable')
            _check_uid(item, uid)
            return self._update((resource, namespace, name), item, _merge(item, patch), subresource)

    def replace(self, resource: str, namespace: str, name: str, body: Json, subresource: str = "") -> Json:
        """Update the whole object; raise Conflict when the update is made from an old version."""
        with self.history.changed:
            item = self.get(resource, namespace, name)
            _check_uid(item, body["metadata"].get("uid"))
            own = {key: item["metadata"][key] for key in ("uid", "creationTimestamp", "generation")}
            meta = {**body["metadata"], **own} | ({"namespace": namespace} if namespace else {})
            return self._update((resource, namespace, name), item, {**_copy(body), "metadata": meta}, subresource)

    def set_status(self, resource: str, namespace: str, name: str, status: Json) -> Json:
        """Write a status, as a controller or kubelet does."""
        return self.merge(resource, namespace, name, {"status": status}, "status")

    def all(self, resource: str, namespace: str = "") -> list[Json]:
        """Return every object of a resource, as the controllers see them: not to be changed."""
        with self.history.changed:
            return list(self._items(resource, namespace).values())

    def page(
        self,
        resource: str,
        namespace: str,
        selector: Selector = EVERYTHING,
        limit: int = 0,
        token: str = "",
        version: int = 0,
    ) -> Page:
        """Return items at the version of the first page; raise Problem 410, with a token to go on from now, when it is forgotten.

        `version` asks for the list as it was then.
        """
        with self.history.changed:
            then, _, last = token.partition(":")
            version = int(then or version or self.history.version)
            items = self._items(resource, namespace)
            if version < self.history.version:
                try:
                    items = self.history.rewind(items, version)
                except Problem as problem:
                    raise expired(str(problem), {"continue": f"{self.history.version}:{last}"}) from problem
            place = tuple(last.split("/"))
            names = [key for key in sorted(items) if not last or key[1:] > place]
            found = [key for key in names if selector.matches(items[key])]
            more = max(0, len(found) - limit) if limit else 0
            found = found[: limit or None]
            return Page(
                [items[key] for key in found], f"{version}:{'/'.join(found[-1][1:])}" if more else "", version, more
            )

    def watch(
        self,
        resource: str,
        namespace: str,
        selector: Selector = EVERYTHING,
        after: int = 0,
        seconds: float = 30.0,
        bookmark_seconds: float | None = None,
    ) -> Iterator[Change]:
        """Yield the changes after a version as they come; without one (0), first what is there."""
        there: list[Change] = []
        if not after:
            page = self.page(resource, namespace, selector)
            after = page.version
            there = [Change(after, (resource, "", ""), "ADDED", item) for item in page.items]
        follow = self.history.follow(resource, namespace, selector, after, seconds, bookmark_seconds)
        return chain(there, follow)

    def close(self) -> None:
        self.history.close()

    def next_uid(self) -> str:
        return str(uuid.UUID(int=self.chance.getrandbits(128), version=4))

    def _items(self, resource: str, namespace: str) -> dict[Key, Json]:
        return {key: item for key, item in self.stored.items() if key[0] == resource and namespace in ("", key[1])}

    def _check_namespace(self, resource: str, namespace: str, name: str) -> None:
        if namespace in self.gone_namespaces:
            raise Problem(404, "NotFound", f'namespaces "{namespace}" not found')
        there = self.stored.get(("namespaces", "", namespace), {"metadata": {}})
        if "deletionTimestamp" in there["metadata"]:
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            raise Problem(403, "Forbidden", f'{resource} "{name}" is forbidden: {why}')

    def _update(self, key: Key, item: Json, wanted: Json, subresource: str) -> Json:
        version = wanted["metadata"].get("resourceVersion")
        if version not in (None, item["metadata"].get("resourceVersion")):
            message = f'Operation cannot be fulfilled on {key[0]} "{key[2]}": the object has been modified'
            raise Problem(409, "Conflict", message)
        if subresource == "status":
            wanted = {**item, "status": wanted.get("status", {})}
        else:
            status = item.get("status")
            wanted = {**wanted} | ({"status": status} if status else {})
            is_new = wanted.get("spec") != item.get("spec")
            wanted["metadata"] = {**wanted["metadata"], "generation": item["metadata"].get("generation", 1) + is_new}
        had, meta = item["metadata"].get("finalizers"), wanted["metadata"]
        if (
            had
            and "deletionTimestamp" in meta
            and not (meta.get("finalizers") or meta.get("deletionGracePeriodSeconds"))
        ):
            self.stored[key] = wanted
            return self._remove(key)
        return self._store(key, "MODIFIED", wanted)

    def _store(self, key: Key, kind: str, item: Json) -> Json:
        self.stored[key] = self.history.note(key, kind, item, self.stored.get(key))
        return _copy(self.stored[key])

    def _remove(self, key: Key) -> Json:
        item = self.stored.pop(key)
        if key[0] == "namespaces":
            self.gone_namespaces.add(key[2])
        return _copy(self.history.note(key, "DELETED", item, item))


def is_running(pod: Json) -> bool:
    """Report whether a kubelet has it, and it has not ended."""
    phase = pod.get("status", {}).get("phase")
    return bool(pod.get("spec", {}).get("nodeName")) and phase not in ("Succeeded", "Failed")


def _check_uid(item: Json, uid: str | None) -> None:
    there = item["metadata"]["uid"]
    if uid is not None and uid != there:
        raise Problem(409, "Conflict", f"Precondition failed: UID in precondition: {uid}, UID in object meta: {there}")


def _copy(value: Any) -> Any:
    """Copy JSON; the module `copy` takes five times as long."""
    if isinstance(value, dict):
        return {key: _copy(each) for key, each in value.items()}
    return [_copy(each) for each in value] if isinstance(value, list) else value


def _merge(target: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return _copy(patch)
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merge(merged.get(key), value)
    return merged
