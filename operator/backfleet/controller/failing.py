"""Batches that failed in a pass: each is tried again after growing pauses, and no other batch waits for it."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from backfleet.core.planning.observation import Observation, SeenBatch

FIRST_SECONDS = 2.0
LONGEST_SECONDS = 60.0
SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing:
    """A batch whose last pass failed. `retry_at` is by the process's clock, `generation` is its custom resource's, if any."""

    generation: int | None
    times: int
    retry_at: float
    label: str
    problem: str


@dataclass(slots=True)
class FailingBatches:
    """This process's memory of failing batches. Losing it costs a try, never a result. Batches that are gone are dropped."""

    _by_uid: dict[str, Failing] = field(default_factory=dict)

    def resting(self, batches: Iterable[SeenBatch], clock: float) -> frozenset[str]:
        """Return the batches that must wait. A batch that was edited since it failed need not."""
        generations = {batch.uid: batch.generation for batch in batches}
        return frozenset(
            uid
            for uid, failing in self._by_uid.items()
            if clock < failing.retry_at and generations.get(uid) == failing.generation
        )

    def note_pass(self, errors: Mapping[str, str], resting: Collection[str], seen: Observation, clock: float) -> None:
        """Note how a pass ended: keep what failed, and what was resting and still exists. Drop all others."""
        batches = {batch.uid: batch for batch in seen.batches}
        there = batches.keys() | {record.uid for record in seen.store.batches}
        kept = {uid: self._by_uid[uid] for uid in resting if uid in there}
        failed = {uid: self._after_failure(uid, batches.get(uid), problem, clock) for uid, problem in errors.items()}
        self._by_uid = kept | failed

    def _after_failure(self, uid: str, batch: SeenBatch | None, problem: str, clock: float) -> Failing:
        before, generation = self._by_uid.get(uid), batch.generation if batch else None
        times = before.times + 1 if before and before.generation == generation else 1
        return Failing(
            generation=generation,
            times=times,
            retry_at=clock + min(FIRST_SECONDS * 2.0 ** min(times - 1, 10), LONGEST_SECONDS),
            label=f"{batch.namespace}/{batch.name}" if batch else uid,
            problem=problem,
        )

    def seconds_until_retry(self, clock: float) -> float | None:
        """Return the seconds until the first of them is due, or None if there is none."""
        return min((failing.retry_at - clock for failing in self._by_uid.values()), default=None)

    def shown(self) -> dict[str, str]:
        """Return problems by namespace and name, as many as health shows."""
        first = sorted(self._by_uid.values(), key=lambda failing: failing.label)[:SHOWN]
        return {failing.label: failing.problem for failing in first}

    def __len__(self) -> int:
        return len(self._by_uid)
