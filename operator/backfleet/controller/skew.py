"""Measures how far the clock of Postgres is ahead of that of Kubernetes. Decisions use the time of Postgres.

Rows have times of Postgres, Jobs and pods those of Kubernetes. So a pass measures the skew, and corrects what it
listed before anything is decided.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from backfleet.controller.cluster import ClusterPort
from backfleet.controller.observing import Listing
from backfleet.core.planning.observation import SeenContainer, SeenJob, SeenPod
from backfleet.core.records import StoreView

logger = logging.getLogger(__name__)

TOLERANCE = timedelta(seconds=5)
"""Clocks this close count as equal, and a skew that changed by less stays as it is."""
PROMPT_SECONDS = 2.0
"""The longest read of rows that is precise enough to measure the skew."""


@dataclass(slots=True)
class Skew:
    """How far Postgres is ahead, in whole seconds; 0 until it was measured."""

    ahead: timedelta = timedelta(0)

    def look(
        self, cluster: ClusterPort, observe: Callable[[], StoreView], clock: Callable[[], float] = time.monotonic
    ) -> StoreView:
        """Read the rows, and measure the skew with it. `clock` counts the seconds that it takes."""
        kubernetes, began = cluster.read_clock(), clock()
        store = observe()
        if kubernetes is not None and clock() - began < PROMPT_SECONDS:
            self._note(store.now - kubernetes)
        return store

    def correct(self, listing: Listing) -> None:
        """Convert what was listed to the time of Postgres."""
        if self.ahead:
            listing.jobs = [corrected_job(job, self.ahead) for job in listing.jobs]
            listing.pods = [corrected_pod(pod, self.ahead) for pod in listing.pods]

    def _note(self, found: timedelta) -> None:
        if abs(found - self.ahead) <= TOLERANCE:
            return
        self.ahead = timedelta(seconds=round(found.total_seconds())) if abs(found) > TOLERANCE else timedelta(0)
        seconds = self.ahead.total_seconds()
        if seconds:
            way = "ahead of" if seconds > 0 else "behind"
            logger.warning(
                "the clock of Postgres is %g s %s that of Kubernetes. Deadlines are corrected for it; synchronize the clocks.",
                abs(seconds),
                way,
            )
        else:
            logger.info("the clocks of Postgres and Kubernetes agree again")


def corrected_job(job: SeenJob, ahead: timedelta) -> SeenJob:
    """Return the Job with its times in the time of Postgres."""
    return replace(
        job,
        created_at=job.created_at + ahead,
        deadline_at=job.deadline_at + ahead,
        finished_at=_moved(job.finished_at, ahead),
    )


def corrected_pod(pod: SeenPod, ahead: timedelta) -> SeenPod:
    """Return the pod with its times in the time of Postgres."""
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
