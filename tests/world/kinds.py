"""The kinds that the fake API server serves, and the paths by which they are asked for."""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from backfleet.core import wire

Json = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """One resource; `group` is "" for the core."""

    plural: str
    kind: str
    group: str = ""
    version: str = "v1"
    is_namespaced: bool = True

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version


KINDS = {
    each.plural: each
    for each in (
        Kind("jobs", "Job", "batch"),
        Kind("pods", "Pod"),
        Kind("events", "Event"),
        Kind(wire.PLURAL, wire.KIND, wire.GROUP, wire.VERSION),
        Kind("resourcequotas", "ResourceQuota"),
        Kind("leases", "Lease", "coordination.k8s.io"),
        Kind("nodes", "Node", is_namespaced=False),
        Kind("namespaces", "Namespace", is_namespaced=False),
    )
}

_PREFIX = r"/(?:api/v1|apis/(?P<group>[^/]+)/[^/]+)"
_REST = r"/(?P<resource>[^/]+)(?:/(?P<name>[^/]+))?(?:/(?P<subresource>[^/]+))?$"
_PATHS = (re.compile(rf"{_PREFIX}/namespaces/(?P<namespace>[^/]+){_REST}"), re.compile(_PREFIX + _REST))


@dataclass(frozen=True)
class Route:
    """What a path names; "" for what it does not name. Without a namespace a list is of all of them."""

    group: str
    resource: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""

    @classmethod
    def parse(cls, path: str) -> "Route | None":
        """Return None for a path of discovery."""
        for pattern in _PATHS:
            if found := pattern.match(path):
                parts = {key: unquote(value or "") for key, value in found.groupdict().items()}
                return cls(**parts)
        return None
