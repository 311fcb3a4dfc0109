"""Remembers the batches that nothing is left to do for, so that no pass reads or plans them again until they change."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from backfleet.controller.observing import Sight
from backfleet.core.planning.effects import Plan
from backfleet.core.planning.observation import SeenBatch


@dataclass(frozen=True, slots=True)
class _Quiet:
    resource_version: str
    ttl_seconds: int


@dataclass(slots=True)
class QuietBatches:
    """By uid, with the custom resource's version in which it was left; losing it costs a look. Bounded by what is there."""

    _by_uid: dict[str, _Quiet] = field(default_factory=dict)

    def take_out(self, sight: Sight) -> Mapping[str, int]:
        """Take the quiet batches out of what was listed; by uid, how long their finished Jobs stay.

        One that was changed, by whomever, or that a Job or pod in the lists names, is quiet no more.
        """
        keys = [*(job.key for job in sight.jobs), *(pod.key for pod in sight.pods)]
        named = {key[0] for key in keys if key is not None}
        still = {
            batch.uid: quiet
            for batch in sight.batches
            if (quiet := self._by_uid.get(batch.uid)) is not None
            and quiet.resource_version == batch.resource_version
            and batch.uid not in named
        }
        self._by_uid = still
        sight.batches = [batch for batch in sight.batches if batch.uid not in still]
        return {uid: quiet.ttl_seconds for uid, quiet in still.items()}

    def note_pass(self, planned: Plan, batches: Collection[SeenBatch]) -> None:
        """Remember what the plan found nothing left to do for."""
        for batch in batches:
            if batch.uid in planned.quiet and batch.resource_version:
                self._by_uid[batch.uid] = _Quiet(batch.resource_version, planned.quiet[batch.uid])

    def wake(self, uids: Iterable[str]) -> None:
        """Have these looked at in the next pass."""
        for uid in uids:
            self._by_uid.pop(uid, None)

    def has_any(self, uids: Collection[str]) -> bool:
        """Whether one of these is quiet."""
        return not self._by_uid.keys().isdisjoint(uids)
