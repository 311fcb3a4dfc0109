"""Remembers which unfinished Jobs had a live pack. A Job that appears after its pack's end is not wanted."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from backfleet.core.packs import PackKey
from backfleet.core.planning.observation import JobState, SeenJob


@dataclass(slots=True)
class Lived:
    """Times by namespace and uid. After a start nothing is known, so in the first pass every Job counts as one that lived."""

    _at: dict[tuple[str, str], datetime] = field(default_factory=dict)
    _is_first: bool = True

    def note(
        self, jobs: Iterable[SeenJob], alive: Collection[PackKey], listed: Collection[str], now: datetime
    ) -> Mapping[str, datetime]:
        """Note the Jobs of the listed namespaces. Return by uid when each one's pack was last alive."""
        unfinished = [job for job in jobs if job.state is JobState.ACTIVE]
        there = {(job.namespace, job.uid) for job in unfinished}
        self._at = {key: at for key, at in self._at.items() if key in there or key[0] not in listed}
        for job in unfinished:
            if self._is_first or job.key in alive:
                self._at[job.namespace, job.uid] = now
        self._is_first = False
        return {uid: at for (_, uid), at in self._at.items()}
