"""Finds custom resources by uid, or by a name without a namespace. Kubernetes can look up neither.

All requests share one short-lived list of the watched namespaces. One request at a time reads it, at most once per
`seconds`, so requests for batches that do not exist cost Kubernetes a bounded number of calls.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from backfleet.core.errors import Unavailable
from backfleet_api.cluster import BatchCluster, ClusterBatch, NamespaceForbidden

logger = logging.getLogger(__name__)

REMEMBERED = 10_000
"""The most places to keep in addition to the list: those that requests found themselves."""


@dataclass(frozen=True, slots=True)
class Location:
    """The namespace, name and uid of a custom resource."""

    namespace: str
    name: str
    uid: str
    created_at: str


@dataclass(slots=True)
class _Listing:
    """The content of the watched namespaces. `refusal` is set if access to one of them was refused."""

    by_uid: dict[str, Location] = field(default_factory=dict)
    by_name: dict[str, Location] = field(default_factory=dict)
    """The newest of each name."""
    refusal: NamespaceForbidden | None = None

    def add(self, location: Location) -> None:
        self.by_uid[location.uid] = location
        known = self.by_name.get(location.name)
        if known is None or known.created_at <= location.created_at:
            self.by_name[location.name] = location


class Directory:
    """Finds custom resources in the watched namespaces. Those elsewhere belong to other installations."""

    def __init__(
        self,
        cluster: BatchCluster,
        namespaces: tuple[str, ...],
        seconds: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cluster, self._namespaces, self._seconds, self._now = cluster, namespaces, seconds, now
        self._listing = _Listing()
        self._reading = threading.Lock()
        self._read_at: float | None = None
        self._error: Unavailable | None = None
        self._seen: dict[str, Location] = {}

    def find(self, wanted: str, namespace: str | None, *, is_uid: bool) -> ClusterBatch | None:
        """Return the batch of that uid, or the newest of that name. Raise Unavailable if it cannot be known."""
        watched = tuple(each for each in self._namespaces if namespace in (None, each))
        found = self._cluster.get_batch(watched[0], wanted) if len(watched) == 1 else None
        if found is None and watched and (is_uid or len(watched) > 1):
            found = self._find_listed(wanted, namespace)
        if found is not None:
            self.remember(found)
        return found

    def remember(self, batch: ClusterBatch) -> None:
        """Remember where a batch is, before the next list contains it."""
        if len(self._seen) >= REMEMBERED:
            self._seen.clear()
        self._seen[batch.uid] = _location(batch)

    def _find_listed(self, wanted: str, namespace: str | None) -> ClusterBatch | None:
        location = self._seen.get(wanted) or self._listing.by_uid.get(wanted)
        if location is None:
            listing = self._read_listing()
            location = listing.by_uid.get(wanted) or listing.by_name.get(wanted)
            if location is None and listing.refusal is not None:
                raise listing.refusal
        if location is None or namespace not in (None, location.namespace):
            return None
        found = self._cluster.get_batch(location.namespace, location.name)
        return found if found is not None and wanted in (found.uid, found.name) else None

    def _read_listing(self) -> _Listing:
        if not self._reading.acquire(blocking=False):
            raise Unavailable("another request is listing the namespaces")
        try:
            if self._read_at is None or self._now() >= self._read_at + self._seconds:
                self._read_at = self._now()
                self._listing, self._error = self._list_all()
        finally:
            self._reading.release()
        if self._error is not None:
            raise self._error
        return self._listing

    def _list_all(self) -> tuple[_Listing, Unavailable | None]:
        listing = _Listing()
        for namespace in self._namespaces:
            try:
                for batch in self._cluster.list_batches(namespace):
                    listing.add(_location(batch))
            except NamespaceForbidden as error:
                logger.warning("skipped a namespace: %s", error)
                listing.refusal = error
            except Unavailable as error:
                return listing, error
        return listing, None


def _location(batch: ClusterBatch) -> Location:
    return Location(batch.namespace, batch.name, batch.uid, batch.created_at)
