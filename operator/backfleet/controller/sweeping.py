"""Finds settled Jobs past their time to live: one round a minute, a part of it in each pass.

From 1.23 on Kubernetes' own controller deletes them. This is for versions and clusters where it does not.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from backfleet.controller.cluster import ClusterPort, NotAllowed
from backfleet.controller.kubernetes_objects import parse_settled_job
from backfleet.core.errors import NotFound
from backfleet.core.planning.observation import SettledJob

ROUND = timedelta(seconds=60)
PAGE_GAP = timedelta(seconds=15)
"""The time between two pages with Jobs, so that a round over thousands of them costs frequent passes little."""
CALLS_PER_PASS = 5


@dataclass(slots=True)
class Sweep:
    """The progress of the round. A pass reads one page with Jobs, or up to 5 namespaces without any, so no pass takes long."""

    _left: list[tuple[str, str]] = field(default_factory=list)
    """Namespaces that this round has not read completely, with the token of the next page."""
    _next_round_at: datetime | None = None
    _next_page_at: datetime | None = None

    def is_due(self, now: datetime) -> bool:
        """Report whether a new round begins."""
        return not self._left and (self._next_round_at is None or now >= self._next_round_at)

    def look(self, cluster: ClusterPort, namespaces: Iterable[str], now: datetime) -> tuple[SettledJob, ...]:
        """Return the next settled Jobs. None while no round is running, or if the last page was read just now."""
        if self.is_due(now):
            self._left = [(namespace, "") for namespace in sorted(namespaces)]
            self._next_round_at = now + ROUND
        if self._next_page_at is not None and now < self._next_page_at:
            return ()
        found: list[SettledJob] = []
        for _ in range(CALLS_PER_PASS):
            if not self._left or found:
                break
            namespace, token = self._left.pop(0)
            with suppress(NotAllowed, NotFound):  # the next pass's lists say what is wrong with that namespace
                items, token = cluster.list_settled_jobs(namespace, token)
                found += map(parse_settled_job, items)
                if token:
                    self._left.insert(0, (namespace, token))
        self._next_page_at = now + PAGE_GAP if found else None
        return tuple(found)
