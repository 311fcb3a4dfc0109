"""The controllers of the fake cluster, which act when they are asked to, or as soon as something changes."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.world.admission import check_quotas
from tests.world.collecting import collect_garbage, empty_namespaces, expire_jobs
from tests.world.job_controller import JobController
from tests.world.nodes import schedule, watch_nodes
from tests.world.objects import Objects

ROUNDS = 50
FOLLOW_SECONDS = 0.1


@dataclass
class ControlPlane:
    """`is_old`: as in Kubernetes 1.20, see JobController."""

    objects: Objects
    is_old: bool = False

    def __post_init__(self) -> None:
        self.objects.rules.append(check_quotas)

    def settle(self) -> None:
        """Run every controller until none finds anything to do."""
        jobs = JobController(self.objects, self.is_old)
        with self.objects.history.changed:
            for _ in range(ROUNDS):
                before = self.objects.history.version
                collect_garbage(self.objects)
                expire_jobs(self.objects)
                empty_namespaces(self.objects)
                watch_nodes(self.objects)
                jobs.sync()
                schedule(self.objects)
                if self.objects.history.version == before:
                    return
        raise AssertionError(f"the controllers did not settle in {ROUNDS} rounds")

    @contextmanager
    def following(self) -> Iterator[None]:
        """Settle after every change until the block ends, for an operator that is a process of its own."""
        stop = threading.Event()

        def follow() -> None:
            while not stop.is_set():
                self.settle()
                with self.objects.history.changed:
                    self.objects.history.changed.wait(FOLLOW_SECONDS)

        thread = threading.Thread(target=follow, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(5)
