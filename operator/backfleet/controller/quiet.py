"""Remembers batches that need nothing more, so that no pass reads or plans them until they change."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from backfleet.controller.observing import Listing
from backfleet.core.planning.effects import Plan
from backfleet.core.planning.observation import SeenBatch


@dataclass(frozen=True, slots=True)
class _Quiet:
    resource_version: str
    ttl_seconds: int


@dataclass(slots=True)
class QuietBatches:
    """Quiet batches by uid, with their custom resource's version. Losing them costs one look. Bounded by what exists."""

    _by_uid: dict[str, _Quiet] = field(default_factory=dict)

    def take_out(self, listing: Listing) -> Mapping[str, int]:
        """Remove the quiet batches from the listing. Return by uid how long their finished Jobs stay.

        A batch that has changed, or that a listed Job or pod names, is not quiet any more.
        """
        keys = [*(job.key for job in listing.jobs), *(pod.key for pod in listing.pods)]
        named = {key[0] for key in keys if key is not None}
        still = {
            batch.uid: quiet
            for batch in listing.batches
            if (quiet := self._by_uid.get(batch.uid)) is not None
            and quiet.resource_version == batch.resource_version
            and batch.uid not in named
        }
        self._by_uid = still
        listing.batches = [batch for batch in listing.batches if batch.uid not in still]
        return {uid: quiet.ttl_seconds for uid, quiet in still.items()}

    def note_pass(self, planned: Plan, batches: Collection[SeenBatch]) -> None:
        """Remember the batches for which the plan found nothing left to do."""
        for batch in batches:
            if batch.uid in planned.quiet and batch.resource_version:
                self._by_uid[batch.uid] = _Quiet(batch.resource_version, planned.quiet[batch.uid])

    def wake(self, uids: Iterable[str]) -> None:
        """Read and plan these batches in the next pass."""
        for uid in uids:
            self._by_uid.pop(uid, None)

    def has_any(self, uids: Collection[str]) -> bool:
        """Report whether one of these batches is quiet."""
        return not self._by_uid.keys().isdisjoint(uids)
