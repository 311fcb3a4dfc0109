"""The changes that the fake API server still knows: what a watch sends, and what a list was at an earlier version."""

import threading
import time
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from tests.world.kinds import KINDS, Json
from tests.world.problems import Problem, expired
from tests.world.selectors import Selector

Key = tuple[str, str, str]
"""Resource, namespace ("" where there is none) and name."""


@dataclass(frozen=True)
class Change:
    """One event of a watch. Objects are never changed in place, so they are shared."""

    version: int
    key: Key
    type: str
    object: Json
    before: Json | None = None
    """The object as it was; None for a new one."""


@dataclass
class History:
    """Changes in order; what is at or before `oldest` is forgotten."""

    changes: list[Change] = field(default_factory=list)
    oldest: int = 0
    version: int = 100
    is_closed: bool = False
    changed: threading.Condition = field(default_factory=lambda: threading.Condition(threading.RLock()))

    def note(self, key: Key, kind: str, item: Json, before: Json | None) -> Json:
        """Give the object the next version, and tell all watches."""
        with self.changed:
            self.version += 1
            stamped = {**item, "metadata": {**item["metadata"], "resourceVersion": str(self.version)}}
            self.changes.append(Change(self.version, key, kind, stamped, before))
            self.changed.notify_all()
            return stamped

    def compact(self) -> None:
        """Forget all changes so far: what goes on from an earlier version gets 410."""
        with self.changed:
            self.changes.clear()
            self.oldest = self.version
            self.changed.notify_all()

    def close(self) -> None:
        with self.changed:
            self.is_closed = True
            self.changed.notify_all()

    def rewind(self, items: dict[Key, Json], version: int) -> dict[Key, Json]:
        """Return what these objects were at a version; Problem 410 when it is forgotten."""
        with self.changed:
            if version < self.oldest:
                raise expired(f"too old resource version: {version} ({self.oldest})")
            then = dict(items)
            for change in self.changes[self._position(version) :][::-1]:
                if change.before is None:
                    then.pop(change.key, None)
                else:
                    then[change.key] = change.before
            return then

    def follow(
        self,
        resource: str,
        namespace: str,
        selector: Selector,
        after: int,
        seconds: float,
        bookmark_seconds: float | None,
    ) -> Iterator[Change]:
        """Yield the changes after a version as they come, until the time is over or the server closes.

        An object that begins to match is ADDED; one that stops is DELETED, as it was before with its new version.
        """
        until, marked = time.monotonic() + seconds, time.monotonic()
        while not self.is_closed and (left := until - time.monotonic()) > 0:
            try:
                fresh, after = self._wait(after, min(left, bookmark_seconds or 1.0, 1.0))
            except Problem as problem:
                yield Change(after, ("", "", ""), "ERROR", problem.body())
                return
            for change in fresh:
                is_asked_for = change.key[0] == resource and namespace in ("", change.key[1])
                if is_asked_for and (seen := as_seen(change, selector)):
                    yield seen
            if bookmark_seconds and time.monotonic() >= marked + bookmark_seconds:
                marked = time.monotonic()
                yield bookmark(resource, after)
        if bookmark_seconds:
            yield bookmark(resource, after)

    def _wait(self, after: int, seconds: float) -> tuple[list[Change], int]:
        """Return the changes after a version, and the newest version; wait so long for the first one."""
        with self.changed:
            if self.version <= after and not self.is_closed:
                self.changed.wait(seconds)
            if after < self.oldest:
                raise expired(f"too old resource version: {after} ({self.oldest})")
            return self.changes[self._position(after) :], max(after, self.version)

    def _position(self, version: int) -> int:
        return bisect_right(self.changes, version, key=lambda change: change.version)


def bookmark(resource: str, version: int) -> Change:
    """Build an event that says only up to which version a watch has come."""
    kind = KINDS[resource]
    body: dict[str, Any] = {"kind": kind.kind, "apiVersion": kind.api_version}
    return Change(version, (resource, "", ""), "BOOKMARK", {**body, "metadata": {"resourceVersion": str(version)}})


def as_seen(change: Change, selector: Selector) -> Change | None:
    was = change.before is not None and selector.matches(change.before)
    if change.type != "DELETED" and selector.matches(change.object):
        return replace(change, type="MODIFIED" if was else "ADDED")
    if not was or change.before is None:
        return None
    meta = {**change.before["metadata"], "resourceVersion": str(change.version)}
    return replace(change, type="DELETED", object={**change.before, "metadata": meta})
