"""What goes wrong on demand, and the calls that it goes wrong with."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.world.history import Change
from tests.world.kinds import Json, Route
from tests.world.problems import expired

FaultKind = Literal[
    "status",  # answers `code` with `headers`
    "slow",  # answers after `seconds`
    "hang",  # never answers: the connection stays open
    "close",  # closes the connection; nothing is carried out
    "unanswered",  # carries it out, and closes the connection
    "garbage",
    "truncate",
    "not an object",
    "stale",  # a list as it was `behind` versions ago
    "duplicate",  # a watch that sends every event twice
    "reorder",  # a watch that sends each event after the one that follows it
    "silent",  # a watch that sends nothing, and stays open
    "cut",  # a watch that ends after `after_events`
    "too old",  # a watch whose version the server no longer has
]


@dataclass(frozen=True)
class Call:
    """One request as it came."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    headers: dict[str, str]

    @property
    def route(self) -> Route | None:
        return Route.parse(self.path)

    @property
    def verb(self) -> str:
        reading = "watch" if "watch" in self.query else "get" if self.route and self.route.name else "list"
        return {"POST": "create", "DELETE": "delete", "PATCH": "patch", "PUT": "update"}.get(self.method, reading)

    @property
    def rule(self) -> tuple[str, str, str] | None:
        """Group, resource and verb, as a Role has to allow them; None for discovery."""
        route = self.route
        if route is None:
            return None
        resource = f"{route.resource}/{route.subresource}" if route.subresource else route.resource
        return route.group, resource, self.verb

    @property
    def token(self) -> str:
        """Who calls: the bearer token, "" without one."""
        return self.headers.get("authorization", "").removeprefix("Bearer ")


@dataclass
class Fault:
    """What goes wrong with `times` requests of a method whose path contains `part`, after letting `after` of them pass.

    `verb` narrows it to list, watch or get.
    """

    part: str
    method: str = "GET"
    kind: FaultKind = "status"
    code: int = 500
    message: str = "the fake API server was asked to fail"
    times: int = 1
    after: int = 0
    meta: Json = field(default_factory=dict)
    """Metadata of the Status that is answered."""
    headers: dict[str, str] = field(default_factory=dict)
    verb: str = ""
    seconds: float = 0.0
    behind: int = 1
    after_events: int = 0

    def meets(self, call: Call) -> bool:
        """Count a call that it is for; report whether it goes wrong."""
        if self.times <= 0 or self.method != call.method or self.part not in call.path:
            return False
        if self.verb not in ("", call.verb):
            return False
        self.after -= 1
        if self.after >= 0:
            return False
        self.times -= 1
        return True


def disturb(fault: Fault | None, changes: Iterator[Change]) -> Iterator[Change]:
    """Yield the events of a watch as a faulty server sends them."""
    match fault.kind if fault else None:
        case "duplicate":
            for change in changes:
                yield from (change, change)
        case "reorder":
            yield from _reordered(changes)
        case "silent":
            yield from (change for change in changes if False)
        case "cut":
            for _, change in zip(range(fault.after_events if fault else 0), changes, strict=False):
                yield change
        case "too old":
            yield Change(0, ("", "", ""), "ERROR", expired("too old resource version").body())
        case _:
            yield from changes


def _reordered(changes: Iterator[Change]) -> Iterator[Change]:
    held = None
    for change in changes:
        if held is None:
            held = change
            continue
        yield from (change, held)
        held = None
    if held is not None:
        yield held
