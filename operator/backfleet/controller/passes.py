"""One pass: observe, plan, apply. Synchronous code that the loop runs in its thread, never two at once."""

import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from backfleet.controller.applying import Applier, Memory, PassOverdue
from backfleet.controller.cluster import ClusterPort, build_event
from backfleet.controller.failing import FailingBatches
from backfleet.controller.limits import available_strategies
from backfleet.controller.lived import Lived
from backfleet.controller.observing import (
    Listing,
    jobs_out_of_list,
    jobs_with_pod_refusals,
    list_namespaces,
    pods_out_of_list,
    with_members,
)
from backfleet.controller.quiet import QuietBatches
from backfleet.controller.skew import TOLERANCE, Skew
from backfleet.controller.sweeping import Sweep
from backfleet.core import wire
from backfleet.core.backtests import attempt_id
from backfleet.core.errors import BackfleetError
from backfleet.core.packs import PackKey
from backfleet.core.planning.accept import is_refused, needs_catalog
from backfleet.core.planning.effects import Plan
from backfleet.core.planning.observation import (
    JobState,
    Limits,
    Observation,
    RefusedBatch,
    SeenBatch,
    SeenJob,
    SettledJob,
)
from backfleet.core.planning.plan import plan
from backfleet.core.planning.start import problems_since
from backfleet.core.planning.status import database_unavailable_status
from backfleet.core.records import AttemptRecord, StoredCatalog, StoreView
from backfleet.core.spec.snapshot import AcceptedWork
from backfleet.settings import Settings

logger = logging.getLogger(__name__)

BLIND = timedelta(seconds=60)
"""A longer time between two passes counts as blind, for example while the API server was away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The store's functions that a pass uses."""

    observe: Callable[[Collection[str]], StoreView]
    catalog: Callable[[], StoredCatalog]
    members: Callable[[Collection[str]], tuple[AttemptRecord, ...]]
    """The members of these packs that have not ended."""
    job_names: Callable[[Collection[str]], Mapping[str, str]]
    """The Jobs' names of these packs, if they have rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PassReport:
    """What a pass did in `seconds`. `refused` are the namespaces that it could not list, with the reason.

    `errors` are the batches that failed in it. `failing` adds those that rest after a failure, by namespace and name.
    """

    plan: Plan
    errors: dict[str, str]
    seconds: float
    live_batches: int
    due_seconds: float | None = None
    """Seconds after the pass until something is due, by the plan's clock; None if nothing is."""
    refused: Mapping[str, str] = field(default_factory=dict)
    failing: Mapping[str, str] = field(default_factory=dict)
    failing_count: int = 0
    skew_seconds: float = 0.0
    """How many seconds the clock of Postgres is ahead of that of Kubernetes."""


@dataclass(slots=True)
class Passes:
    """Runs passes, one at a time, and keeps what one pass remembers for the next."""

    cluster: ClusterPort
    rows: Rows
    applier: Applier
    settings: Settings
    limits: Limits
    beat: Callable[[], None] = lambda: None
    """Called whenever a pass makes progress, so that a long pass counts as alive."""
    clock: Callable[[], float] = time.monotonic
    failing: FailingBatches = field(default_factory=FailingBatches)
    refused: dict[str, RefusedBatch] = field(default_factory=dict)
    """Refused batches without a row, by uid. A restart forgets them, since it may bring other settings."""
    quiet: QuietBatches = field(default_factory=QuietBatches)
    works: Mapping[str, AcceptedWork] = field(default_factory=dict)
    """The parsed specs of live batches, by uid."""
    catalog: StoredCatalog | None = None
    """The catalog of the last read, at `catalog_at` by the clock."""
    catalog_at: float = 0.0
    skew: Skew = field(default_factory=Skew)
    sweep: Sweep = field(default_factory=Sweep)
    lived: Lived = field(default_factory=Lived)

    def run(self) -> PassReport:
        """Do one pass. Raise Unavailable if Kubernetes or Postgres did not answer, which loses nothing."""
        started = self.clock()
        listing = list_namespaces(self.cluster, self.settings.namespaces, self.beat)
        seen = self.observe(listing)
        looked = self.clock()
        planned = plan(seen, self._checkpoint(looked))
        errors = self.applier.apply(planned, seen.now)
        is_news = self._note_refused(planned, errors, seen) or self.applier.memory.has_news
        self.failing.note_pass(errors, seen.resting, seen, self.clock())
        self.quiet.note_pass(planned, seen.batches)
        self.works = planned.works
        self._show(errors, seen)
        self._forget(seen)
        return PassReport(
            plan=planned,
            errors=errors,
            seconds=self.clock() - started,
            due_seconds=0.0 if is_news else self._due_seconds(planned, seen, self.clock() - looked),
            live_batches=sum(1 for record in seen.store.batches if record.finished_at is None),
            refused=listing.refused,
            failing=self.failing.shown(),
            failing_count=len(self.failing),
            skew_seconds=self.skew.ahead.total_seconds(),
        )

    def observe(self, listing: Listing) -> Observation:
        """Collect what exists. Kubernetes is listed before the rows are read, so that a finished Job's outcome is always seen."""
        self._look_at_catalog()
        quiet = self.quiet.take_out(listing)
        resting = self.failing.resting(listing.batches, self.clock())
        store = self._read_rows(listing, resting)
        listing.pods += pods_out_of_list(self.cluster, listing, store)
        self.skew.correct(listing)
        self.quiet.wake(record.uid for record in store.batches)
        jobs = jobs_with_pod_refusals(self.cluster, listing, store.now)
        self._note_look(store.now, jobs, listing)
        memory = self.applier.memory
        memory.keep_news(store.packs)
        store = with_members(jobs, listing.pods, store, self.limits, self.rows.members)
        return Observation(
            now=store.now,
            batches=tuple(listing.batches),
            jobs=jobs,
            pods=tuple(listing.pods),
            settled=self._settled(listing, store.now),
            store=store,
            catalog=self._read_catalog() if self._needs_catalog(listing, store, resting) else StoredCatalog(),
            strategies=available_strategies(self.settings),
            status_written_at=dict(memory.status_written_at),
            refusals=dict(memory.refusals),
            quiet=quiet,
            refused=dict(self.refused),
            works=self.works,
            last_lived=self._last_lived(listing, store),
            unlabelled=frozenset(memory.unlabelled),
            problems_since=dict(memory.problems_since),
            job_names=self._job_names(listing, store),
            blind=memory.blind,
            namespaces=frozenset(listing.listed),
            resting=resting,
            limits=self.limits,
        )

    def _read_rows(self, listing: Listing, resting: Collection[str]) -> StoreView:
        """Read the rows, and again after Jobs that the list lacked were found by name."""
        # Outcomes of a resting batch must not use up the number of outcomes that one pass reads.
        uids = [batch.uid for batch in listing.batches if batch.uid not in resting]
        store = self.skew.look(self.cluster, lambda: self.rows.observe(uids), self.clock)
        if found := jobs_out_of_list(self.cluster, listing, store, resting):
            listing.jobs += found
            store = self.rows.observe(uids)
        return store

    def _needs_catalog(self, listing: Listing, store: StoreView, resting: Collection[str]) -> bool:
        records = {record.uid: record for record in store.batches}
        return any(
            needs_catalog(batch, records.get(batch.uid))
            for batch in listing.batches
            if batch.uid not in resting and not self._is_refused(batch, store.now)
        )

    def _read_catalog(self) -> StoredCatalog:
        """Read the catalog. If it has changed, forget refusals, since it may allow what the last one did not."""
        before, self.catalog, self.catalog_at = self.catalog, self.rows.catalog(), self.clock()
        if before is not None and before != self.catalog:
            self.quiet.wake(self.refused)
            self.refused.clear()
        return self.catalog

    def _look_at_catalog(self) -> None:
        """Read the catalog from time to time while refused batches are quiet."""
        if self.clock() >= self.catalog_at + self.limits.validate_again_seconds and self.quiet.has_any(self.refused):
            self._read_catalog()

    def _settled(self, listing: Listing, now: datetime) -> tuple[SettledJob, ...]:
        if self.sweep.is_due(now):
            self.applier.memory.unlabelled.clear()
        return self.sweep.look(self.cluster, listing.listed, now)

    def _last_lived(self, listing: Listing, store: StoreView) -> Mapping[str, datetime]:
        alive = {each.key for each in store.packs}
        return self.lived.note(listing.jobs, alive, listing.listed, store.now)

    def _checkpoint(self, began: float) -> Callable[[], None]:
        """Build what planning calls between batches: it shows life, and raises PassOverdue at the deadline."""

        def checkpoint() -> None:
            self.beat()
            if self.clock() > began + self.settings.pass_seconds:
                raise PassOverdue(f"planning did not end within {self.settings.pass_seconds:g} s")

        return checkpoint

    def _note_look(self, now: datetime, jobs: Iterable[SeenJob], listing: Listing) -> None:
        memory = self.applier.memory
        if memory.looked_at is not None and now < memory.looked_at - TOLERANCE:
            # The clock of Postgres was set back, so what is remembered is in the future.
            self.applier.memory = memory = Memory()
            self.sweep, self.lived = Sweep(), Lived()
        if memory.looked_at is not None and now - memory.looked_at > BLIND:
            memory.blind = (memory.looked_at, now)
        memory.looked_at = now
        memory.problems_since = problems_since(memory.problems_since, jobs, listing.pods, now)

    def _job_names(self, listing: Listing, store: StoreView) -> Mapping[PackKey, str]:
        """Return the Jobs' names of live objects whose packs were not read, as of a finished or deleted batch."""
        known = {pack.key for pack in store.packs}
        alive = {job.key for job in listing.jobs if job.state is JobState.ACTIVE and job.owner_uid and job.key}
        alive |= {pod.key for pod in listing.pods if not pod.is_terminal and pod.owner_name and pod.key}
        ids = {attempt_id(*key): key for key in alive - known if key is not None}
        names = self.rows.job_names(sorted(ids)) if ids else {}
        return {ids[each]: name for each, name in names.items()}

    def show_database_unavailable(self, message: str) -> None:
        """Show on every live batch that Postgres is away. The fence's holder calls it once per change."""
        batches = list_namespaces(self.cluster, self.settings.namespaces, self.beat).batches
        now = self.cluster.read_clock() or datetime.now(UTC)
        for batch in batches:
            conditions = {each.get("type"): each.get("status") for each in batch.status.get("conditions", [])}
            if conditions.get(wire.CONDITION_FINISHED) != "True":
                status = database_unavailable_status(batch, message, now)
                self.cluster.patch_status(batch.namespace, batch.name, batch.uid, status)

    def _show(self, errors: Mapping[str, str], seen: Observation) -> None:
        """Post an event on each batch that failed in this pass. The log has more, and the batch is tried again."""
        by_uid = {batch.uid: batch for batch in seen.batches}
        for uid, error in errors.items():
            if (batch := by_uid.get(uid)) is None:
                continue
            ref = {"uid": uid, "name": batch.name, "namespace": batch.namespace}
            try:
                self.cluster.create_event(build_event(ref, "PassFailed", error, "Warning", seen.now))
            except BackfleetError as refusal:
                logger.warning("cannot post that a pass failed: %s", refusal, extra={"batch": uid})

    def _is_refused(self, batch: SeenBatch, now: datetime) -> bool:
        return is_refused(self.refused.get(batch.uid), batch, now, self.limits.validate_again_seconds)

    def _note_refused(self, planned: Plan, errors: dict[str, str], seen: Observation) -> bool:
        """Remember the refused batches. Those that Postgres refused are not errors. Return whether there were any."""
        self.refused |= planned.refused
        unsavable, generations = self.applier.memory.unsavable, {each.uid: each.generation for each in seen.batches}
        for uid, sentence in unsavable.items():
            del errors[uid]
            message = f"spec: the database cannot store it ({sentence}). Change the value."
            self.refused[uid] = RefusedBatch(generation=generations[uid], message=message, validated_at=seen.now)
        self.applier.memory.unsavable = {}
        return bool(unsavable)

    def _due_seconds(self, planned: Plan, seen: Observation, spent_seconds: float) -> float | None:
        """Return the seconds until something is due or a failed batch is tried again."""
        due = planned.look_again_at
        moments = [self.failing.seconds_until_retry(self.clock())]
        moments.append(None if due is None else (due - seen.now).total_seconds() - spent_seconds)
        return min((each for each in moments if each is not None), default=None)

    def _forget(self, seen: Observation) -> None:
        present = {batch.uid for batch in seen.batches} | seen.quiet.keys()
        memory = self.applier.memory
        memory.status_written_at = {u: at for u, at in memory.status_written_at.items() if u in present}
        self.refused = {uid: each for uid, each in self.refused.items() if uid in present}
