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
from backfleet_api.cluster import Cluster, ClusterBatch, NotAllowed

logger = logging.getLogger(__name__)

REMEMBERED = 10_000
"""The most places to keep in addition to the list: those that requests found themselves."""


@dataclass(frozen=True, slots=True)
class Place:
    """The namespace, name and uid of a custom resource."""

    namespace: str
    name: str
    uid: str
    created_at: str


@dataclass(slots=True)
class _Listing:
    """The content of the watched namespaces. `refusal` is set if access to one of them was refused."""

    by_uid: dict[str, Place] = field(default_factory=dict)
    by_name: dict[str, Place] = field(default_factory=dict)
    """The newest of each name."""
    refusal: NotAllowed | None = None

    def add(self, place: Place) -> None:
        self.by_uid[place.uid] = place
        known = self.by_name.get(place.name)
        if known is None or known.created_at <= place.created_at:
            self.by_name[place.name] = place


class Directory:
    """Finds custom resources in the watched namespaces. Those elsewhere belong to other installations."""

    def __init__(
        self,
        cluster: Cluster,
        namespaces: tuple[str, ...],
        seconds: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cluster, self._namespaces, self._seconds, self._now = cluster, namespaces, seconds, now
        self._listing = _Listing()
        self._reading = threading.Lock()
        self._read_at: float | None = None
        self._error: Unavailable | None = None
        self._seen: dict[str, Place] = {}

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
        self._seen[batch.uid] = _place(batch)

    def _find_listed(self, wanted: str, namespace: str | None) -> ClusterBatch | None:
        place = self._seen.get(wanted) or self._listing.by_uid.get(wanted)
        if place is None:
            listing = self._read_listing()
            place = listing.by_uid.get(wanted) or listing.by_name.get(wanted)
            if place is None and listing.refusal is not None:
                raise listing.refusal
        if place is None or namespace not in (None, place.namespace):
            return None
        found = self._cluster.get_batch(place.namespace, place.name)
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
                    listing.add(_place(batch))
            except NotAllowed as error:
                logger.warning("skipped a namespace: %s", error)
                listing.refusal = error
            except Unavailable as error:
                return listing, error
        return listing, None


def _place(batch: ClusterBatch) -> Place:
    return Place(batch.namespace, batch.name, batch.uid, batch.created_at)
