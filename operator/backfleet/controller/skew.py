"""How far the clock of Postgres is ahead of that of Kubernetes: all that decisions compare is in the time of Postgres.

Rows have their moments from Postgres, Jobs and pods theirs from Kubernetes. So a pass measures the skew, and puts what it saw in
Kubernetes right by it before anything is decided.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from backfleet.controller.cluster import ClusterPort
from backfleet.controller.observing import Sight
from backfleet.core.planning.observation import SeenContainer, SeenJob, SeenPod
from backfleet.core.records import StoreView

logger = logging.getLogger(__name__)

TOLERANCE = timedelta(seconds=5)
"""Clocks that are so close count as equal, and a skew that is measured otherwise by less stays what it was."""
PROMPT_SECONDS = 2.0
"""A look at the rows that took longer does not say when it was."""


@dataclass(slots=True)
class Skew:
    """By how much Postgres is ahead, in whole seconds; 0 until it has been measured."""

    ahead: timedelta = timedelta(0)

    def look(self, cluster: ClusterPort, observe: Callable[[], StoreView]) -> StoreView:
        """Look at the rows, and measure the skew by it."""
        kubernetes, began = cluster.read_clock(), time.monotonic()
        store = observe()
        if kubernetes is not None and time.monotonic() - began < PROMPT_SECONDS:
            self._note(store.now - kubernetes)
        return store

    def correct(self, sight: Sight) -> None:
        """Put what was listed in the time of Postgres."""
        if self.ahead:
            sight.jobs = [corrected_job(job, self.ahead) for job in sight.jobs]
            sight.pods = [corrected_pod(pod, self.ahead) for pod in sight.pods]

    def _note(self, found: timedelta) -> None:
        if abs(found - self.ahead) <= TOLERANCE:
            return
        self.ahead = timedelta(seconds=round(found.total_seconds())) if abs(found) > TOLERANCE else timedelta(0)
        seconds = self.ahead.total_seconds()
        if seconds:
            way = "ahead of" if seconds > 0 else "behind"
            logger.warning(
                "the clock of Postgres is %g s %s that of Kubernetes: deadlines allow for it; set it right",
                abs(seconds),
                way,
            )
        else:
            logger.info("the clocks of Postgres and Kubernetes agree again")


def corrected_job(job: SeenJob, ahead: timedelta) -> SeenJob:
    """The Job with its moments in the time of Postgres."""
    return replace(
        job,
        created_at=job.created_at + ahead,
        deadline_at=job.deadline_at + ahead,
        finished_at=_moved(job.finished_at, ahead),
    )


def corrected_pod(pod: SeenPod, ahead: timedelta) -> SeenPod:
    """The pod with its moments in the time of Postgres."""
    return replace(
        pod,
        created_at=pod.created_at + ahead,
        deadline_at=pod.deadline_at + ahead,
        scheduled_at=_moved(pod.scheduled_at, ahead),
        engine=_corrected_container(pod.engine, ahead),
        recorder=_corrected_container(pod.recorder, ahead),
    )


def _corrected_container(container: SeenContainer, ahead: timedelta) -> SeenContainer:
    return replace(container, started_at=_moved(container.started_at, ahead))


def _moved(moment: datetime | None, ahead: timedelta) -> datetime | None:
    return None if moment is None else moment + ahead
