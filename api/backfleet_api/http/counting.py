"""Counts requests for Prometheus, by method, route and status, with their times."""

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.types import Scope

MEDIA_TYPE = CONTENT_TYPE_PLAIN_0_0_4
UNKNOWN = "unknown"
_BUCKETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 5, 10)
_METHODS = frozenset({"GET", "POST", "PATCH", "DELETE", "HEAD", "OPTIONS", "PUT"})


class Requests:
    """The counts of one app. Routes are their patterns, so that no caller makes a series of its own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._count = Counter(
            "backfleet_api_requests",
            "Requests that were answered",
            ["method", "route", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "backfleet_api_request_seconds",
            "Time to the end of the answer",
            ["route"],
            buckets=_BUCKETS,
            registry=self._registry,
        )

    def observe(self, scope: Scope, status: int, seconds: float) -> None:
        """Count one request that has ended. Status 0 is a connection that ended before an answer."""
        route = getattr(scope.get("route"), "path_format", UNKNOWN)
        method = scope["method"] if scope["method"] in _METHODS else UNKNOWN
        self._count.labels(method=method, route=route, status=str(status)).inc()
        self._seconds.labels(route=route).observe(seconds)

    def text(self) -> bytes:
        """Return all counts as Prometheus reads them."""
        return generate_latest(self._registry)
