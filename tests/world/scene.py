"""A batch under the operator's real pass in a world over HTTP, with its rows in a real Postgres."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from backfleet.controller.cluster import Cluster
from backfleet.controller.limits import limits_of
from backfleet.controller.loop import Loop
from backfleet.core import wire
from backfleet.core.planning.effects import Effect
from tests.support.clocked import ClockedDatabase
from tests.support.operator import Operator, batch_spec, build_settings, values
from tests.support.postgres_rows import PostgresRows
from tests.world.clock import START
from tests.world.fates import Plan
from tests.world.kubernetes_world import KubernetesWorld
from tests.world.node_objects import TOLERATION
from tests.world.recording import Recorder

NAMESPACE = "research"
LIMIT = 8
TURN_SECONDS = 5.0


class Dead(BaseException):
    """The operator's process is gone: it does not go on to its next effect."""


class Turning(Protocol):
    """An operator, or its loop."""

    def turn(self) -> object: ...


@dataclass
class Scene:
    """The world, its rows, and the most pods that were alive at once when somebody looked."""

    world: KubernetesWorld
    rows: PostgresRows
    most_alive: int = 0

    @classmethod
    @contextmanager
    def running(
        cls,
        database: ClockedDatabase,
        plan: Plan | None = None,
        nodes: Sequence[str] = ("fake-0",),
        *,
        is_old: bool = False,
    ) -> Iterator["Scene"]:
        """Yield an empty world; `is_old` as in Kubernetes 1.20."""
        rows = PostgresRows(now=START, store=database)
        with KubernetesWorld.running(Recorder(database.database.recorder_url), plan, nodes, is_old=is_old) as world:
            world.clocks.append(rows.set_clock)
            yield cls(world, rows)

    def operator(self, token: str = "operator", **settings: Any) -> Operator:
        """Build a process of the operator, whose calls carry a token; when that is severed, it dies before its next effect."""
        api, clock = self.world.api, self.world.objects.clock

        def die_if_severed(_: Effect) -> None:
            if token in api.severed:
                raise Dead

        given = build_settings(**{"pods": {"tolerations": [TOLERATION]}, "maxConcurrent": LIMIT, **settings})
        return Operator(
            Cluster(api.client(token)),
            self.rows,
            limits_of(given),
            checkpoint=die_if_severed,
            settings=given,
            clock=lambda: clock.now().timestamp(),
        )

    def loop(self, token: str = "operator", **settings: Any) -> Loop:
        """Return the operator's loop, which outlives what goes wrong in a pass; its clock is the world's."""
        clock = self.world.objects.clock
        return Loop(
            self.rows.fence,
            lambda _: self.operator(token, **settings).passes,
            tick_seconds=TURN_SECONDS,
            clock=lambda: clock.now().timestamp(),
        )

    def add_batch(self, count: int, name: str = "demo", **spec: Any) -> str:
        body = batch_spec(
            **{"parameters": values(count), "maxConcurrent": LIMIT, "ttlSecondsAfterFinished": 60, **spec}
        )
        made = self.world.objects.create(wire.PLURAL, NAMESPACE, {"metadata": {"name": name}, "spec": body})
        return str(made["metadata"]["uid"])

    def edit(self, name: str = "demo", **spec: Any) -> None:
        self.world.objects.merge(wire.PLURAL, NAMESPACE, name, {"spec": spec})

    @property
    def is_finished(self) -> bool:
        """Every batch has come to its end."""
        return all(batch.get("status", {}).get("finishedAt") for batch in self.world.objects.all(wire.PLURAL))

    @property
    def status(self) -> dict[str, Any]:
        """What the batch `demo` shows."""
        found: dict[str, Any] = self.world.objects.get(wire.PLURAL, NAMESPACE, "demo").get("status", {})
        return found

    def condition(self, kind: str) -> str | None:
        return next((each["status"] for each in self.status.get("conditions", []) if each["type"] == kind), None)

    @property
    def pods_made(self) -> list[tuple[int, int]]:
        """Index and attempt of every pod there ever was."""
        changes = self.world.objects.history.changes
        labels = [
            change.object["metadata"]["labels"]
            for change in changes
            if change.type == "ADDED" and change.key[0] == "pods"
        ]
        return sorted((int(each[wire.LABEL_INDEX]), int(each[wire.LABEL_ATTEMPT])) for each in labels)

    def turn(self, operator: Turning) -> None:
        """Run a pass, and what it leads to at once."""
        operator.turn()
        self.world.settle()
        phases = [pod["status"]["phase"] for pod in self.world.objects.all("pods")]
        self.most_alive = max(self.most_alive, len([each for each in phases if each in ("Pending", "Running")]))

    def run(self, operator: Turning, until: Callable[[], object], turns: int = 60) -> None:
        """Run passes and let time pass until something holds; raise AssertionError when it does not in so many turns."""
        for _ in range(turns):
            self.turn(operator)
            if until():
                return
            self.world.advance(TURN_SECONDS)
        raise AssertionError(f"not within {turns} turns: {self.status}")

    def run_to_its_end(self, operator: Turning, turns: int = 60) -> dict[str, Any]:
        """Return the status of the batch `demo` when every batch has finished."""
        self.run(operator, lambda: self.is_finished, turns)
        return self.status
