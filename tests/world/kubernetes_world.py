"""A whole cluster to break the operator in: API server, controllers, kubelet and time, over real HTTP."""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from tests.world.api_server import ApiServer
from tests.world.clock import START, Clock
from tests.world.control_plane import ControlPlane
from tests.world.direct_client import DirectClient
from tests.world.fates import Plan
from tests.world.kube_client import KubeClient
from tests.world.kubelet import Kubelet
from tests.world.objects import Objects
from tests.world.pod_life import Records

ROUNDS = 50
STEP_SECONDS = 10.0
"""Time goes on in such steps: shorter than a lease lives."""


@dataclass
class KubernetesWorld:
    """What a test drives. Nothing happens in it but by the operator's calls, `settle` and `advance`."""

    api: ApiServer
    control_plane: ControlPlane
    kubelet: Kubelet
    clocks: list[Callable[[datetime], None]] = field(default_factory=list)
    """What is to be set to the world's time whenever that changes, as the clock of a database."""

    @classmethod
    @contextmanager
    def running(
        cls,
        records: Records,
        plan: Plan | None = None,
        nodes: Sequence[str] = ("fake-0",),
        *,
        is_old: bool = False,
        seed: int = 0,
    ) -> Iterator["KubernetesWorld"]:
        """Run a cluster with these nodes, until the block ends; `is_old` as in Kubernetes 1.20."""
        objects = Objects(clock=Clock(START), chance=random.Random(seed))
        with ApiServer.running(objects) as api:
            kube = KubeClient(api.client("kubelet"))
            kubelet = Kubelet(kube, records, plan or Plan(seed), nodes, objects.clock.now)
            kubelet.register()
            yield cls(api, ControlPlane(objects, is_old), kubelet)

    @classmethod
    def begin(
        cls, api: ApiServer, records: Records, plan: Plan, nodes: Sequence[str] = ("fake-0",), *, seed: int = 0
    ) -> "KubernetesWorld":
        """Begin a new cluster on a server that runs. Its kubelet calls without HTTP, which costs least."""
        objects = Objects(clock=Clock(START), chance=random.Random(seed))
        api.begin(objects)
        kubelet = Kubelet(DirectClient(api), records, plan, nodes, objects.clock.now)
        kubelet.register()
        return cls(api, ControlPlane(objects), kubelet)

    @property
    def objects(self) -> Objects:
        return self.api.objects

    def settle(self) -> None:
        """Let controllers and kubelet do all that there is to do now."""
        for _ in range(ROUNDS):
            before = self.objects.history.version
            self.control_plane.settle()
            self.kubelet.sync()
            if self.objects.history.version == before:
                return
        raise AssertionError(f"the world did not settle in {ROUNDS} rounds")

    def advance(self, seconds: float, step_seconds: float = STEP_SECONDS) -> None:
        """Let time pass, for everybody in the world."""
        left = seconds
        while left > 0:
            now = self.objects.clock.advance(min(left, step_seconds))
            left -= step_seconds
            for clock in self.clocks:
                clock(now)
            self.kubelet.renew()
            self.settle()
