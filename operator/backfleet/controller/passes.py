"""One pass: observe, plan, apply. Plain synchronous code that the loop runs in its thread, never two at once."""

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
    Sight,
    jobs_out_of_list,
    jobs_with_pod_refusals,
    list_namespaces,
    pods_out_of_list,
)
from backfleet.controller.quiet import QuietBatches
from backfleet.controller.skew import TOLERANCE, Skew
from backfleet.controller.sweeping import Sweep
from backfleet.core import wire
from backfleet.core.backtests import attempt_id
from backfleet.core.errors import BackfleetError
from backfleet.core.planning.accept import is_refused, needs_catalog
from backfleet.core.planning.effects import Plan
from backfleet.core.planning.observation import (
    AttemptKey,
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
from backfleet.core.records import Catalog, StoreView
from backfleet.settings import Settings

logger = logging.getLogger(__name__)

BLIND = timedelta(seconds=60)
"""Looks further apart than this missed what happened between them, such as while the API server was away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The store's verbs that a pass uses."""

    observe: Callable[[Collection[str]], StoreView]
    catalog: Callable[[], Catalog]
    job_names: Callable[[Collection[str]], Mapping[str, str]]
    """The names of the Jobs of these attempts, as far as they have rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PassReport:
    """What a pass did; `seconds` is its duration, `refused` the namespaces that it could not look at, with the reason.

    `errors` are the batches that failed in it; `failing` adds those that are left alone after a failure, by namespace and name.
    """

    plan: Plan
    errors: dict[str, str]
    seconds: float
    live_batches: int
    due_seconds: float | None = None
    """How long after the pass something becomes due, by the clock that the plan was made with; None when nothing does."""
    refused: Mapping[str, str] = field(default_factory=dict)
    failing: Mapping[str, str] = field(default_factory=dict)
    failing_count: int = 0
    skew_seconds: float = 0.0
    """By how much the clock of Postgres is ahead of that of Kubernetes."""


@dataclass(slots=True)
class Passes:
    """Everything one pass needs."""

    cluster: ClusterPort
    rows: Rows
    applier: Applier
    settings: Settings
    limits: Limits
    beat: Callable[[], None] = lambda: None
    """Called whenever a pass gets on: it is alive, however long it takes."""
    clock: Callable[[], float] = time.monotonic
    failing: FailingBatches = field(default_factory=FailingBatches)
    refused: dict[str, RefusedBatch] = field(default_factory=dict)
    """Batches without a row that were refused, by uid; forgotten with a restart, which may bring other settings."""
    quiet: QuietBatches = field(default_factory=QuietBatches)
    catalog: Catalog | None = None
    """As it was read last, by the clock at `catalog_at`."""
    catalog_at: float = 0.0
    skew: Skew = field(default_factory=Skew)
    sweep: Sweep = field(default_factory=Sweep)
    lived: Lived = field(default_factory=Lived)

    def run(self) -> PassReport:
        """Do one pass; Unavailable when Kubernetes or Postgres did not answer, which loses nothing."""
        started = time.monotonic()
        sight = list_namespaces(self.cluster, self.settings.namespaces, self.beat)
        seen = self.observe(sight)
        looked = time.monotonic()
        planned = plan(seen, self._checkpoint(looked))
        errors = self.applier.apply(planned, seen.now)
        is_news = self._note_refused(planned, errors, seen) or self.applier.memory.has_news
        self.failing.note_pass(errors, seen.resting, seen, self.clock())
        self.quiet.note_pass(planned, seen.batches)
        self._show(errors, seen)
        self._forget(seen)
        return PassReport(
            plan=planned,
            errors=errors,
            seconds=time.monotonic() - started,
            due_seconds=0.0 if is_news else self._due_seconds(planned, seen, time.monotonic() - looked),
            live_batches=sum(1 for record in seen.store.batches if record.finished_at is None),
            refused=sight.refused,
            failing=self.failing.shown(),
            failing_count=len(self.failing),
            skew_seconds=self.skew.ahead.total_seconds(),
        )

    def observe(self, sight: Sight) -> Observation:
        """What there is, with the rows: Kubernetes was looked at first, so that a finished Job's outcome is always in sight."""
        self._look_at_catalog()
        quiet = self.quiet.take_out(sight)
        resting = self.failing.resting(sight.batches, self.clock())
        # The outcomes of a batch that rests must not fill the look that the others' outcomes need.
        uids = [batch.uid for batch in sight.batches if batch.uid not in resting]
        store = self.skew.look(self.cluster, lambda: self.rows.observe(uids))
        if found := jobs_out_of_list(self.cluster, sight, store, resting):
            sight.jobs += found
            store = self.rows.observe(uids)
        sight.pods += pods_out_of_list(self.cluster, sight, store)
        self.skew.correct(sight)
        self.quiet.wake(record.uid for record in store.batches)
        jobs = jobs_with_pod_refusals(self.cluster, sight, store.now)
        self._note_look(store.now, jobs, sight)
        memory = self.applier.memory
        memory.keep_news(store.attempts)
        return Observation(
            now=store.now,
            batches=tuple(sight.batches),
            jobs=jobs,
            pods=tuple(sight.pods),
            settled=self._settled(sight, store.now),
            store=store,
            catalog=self._read_catalog() if self._needs_catalog(sight, store, resting) else Catalog(),
            strategies=available_strategies(self.settings),
            status_written_at=dict(memory.status_written_at),
            refusals=dict(memory.refusals),
            quiet=quiet,
            refused=dict(self.refused),
            last_lived=self._last_lived(sight, store),
            unlabelled=frozenset(memory.unlabelled),
            problems_since=dict(memory.problems_since),
            job_names=self._job_names(sight, store),
            blind=memory.blind,
            namespaces=frozenset(sight.listed),
            resting=resting,
            limits=self.limits,
        )

    def _needs_catalog(self, sight: Sight, store: StoreView, resting: Collection[str]) -> bool:
        records = {record.uid: record for record in store.batches}
        return any(
            needs_catalog(batch, records.get(batch.uid))
            for batch in sight.batches
            if batch.uid not in resting and not self._is_refused(batch, store.now)
        )

    def _read_catalog(self) -> Catalog:
        """Another one than the last may take what that one refused."""
        before, self.catalog, self.catalog_at = self.catalog, self.rows.catalog(), self.clock()
        if before is not None and before != self.catalog:
            self.quiet.wake(self.refused)
            self.refused.clear()
        return self.catalog

    def _look_at_catalog(self) -> None:
        """Now and then, while refused batches are quiet."""
        if self.clock() >= self.catalog_at + self.limits.judge_again_seconds and self.quiet.has_any(self.refused):
            self._read_catalog()

    def _settled(self, sight: Sight, now: datetime) -> tuple[SettledJob, ...]:
        if self.sweep.is_due(now):
            self.applier.memory.unlabelled.clear()
        return self.sweep.look(self.cluster, sight.listed, now)

    def _last_lived(self, sight: Sight, store: StoreView) -> Mapping[str, datetime]:
        alive = {each.key for each in store.attempts if each.is_deciding and each.backtest_state.holds_slot}
        return self.lived.note(sight.jobs, alive, sight.listed, store.now)

    def _checkpoint(self, began: float) -> Callable[[], None]:
        """What planning calls between batches: it is alive, and it has a deadline."""

        def checkpoint() -> None:
            self.beat()
            if time.monotonic() > began + self.settings.pass_seconds:
                raise PassOverdue(f"planning was not done after {self.settings.pass_seconds:g} s")

        return checkpoint

    def _note_look(self, now: datetime, jobs: Iterable[SeenJob], sight: Sight) -> None:
        memory = self.applier.memory
        if memory.looked_at is not None and now < memory.looked_at - TOLERANCE:
            # The clock of Postgres was set back: what is remembered lies ahead of it.
            self.applier.memory = memory = Memory()
            self.sweep, self.lived = Sweep(), Lived()
        if memory.looked_at is not None and now - memory.looked_at > BLIND:
            memory.blind = (memory.looked_at, now)
        memory.looked_at = now
        memory.problems_since = problems_since(memory.problems_since, jobs, sight.pods, now)

    def _job_names(self, sight: Sight, store: StoreView) -> Mapping[AttemptKey, str]:
        """Of what is alive and not among the rows of this look, as of a batch that is finished or deleted."""
        known = {attempt.key for attempt in store.attempts}
        alive = {job.key for job in sight.jobs if job.state is JobState.ACTIVE and job.owner_uid and job.key}
        alive |= {pod.key for pod in sight.pods if not pod.is_terminal and pod.owner_name and pod.key}
        ids = {attempt_id(*key): key for key in alive - known if key is not None}
        names = self.rows.job_names(sorted(ids)) if ids else {}
        return {ids[each]: name for each, name in names.items()}

    def tell_database_unavailable(self, message: str) -> None:
        """Show on every live batch that Postgres is away; called once per change by the holder of the fence."""
        now = datetime.now(UTC)
        for batch in list_namespaces(self.cluster, self.settings.namespaces, self.beat).batches:
            conditions = {each.get("type"): each.get("status") for each in batch.status.get("conditions", [])}
            if conditions.get(wire.CONDITION_FINISHED) != "True":
                status = database_unavailable_status(batch, message, now)
                self.cluster.patch_status(batch.namespace, batch.name, batch.uid, status)

    def _show(self, errors: Mapping[str, str], seen: Observation) -> None:
        """Show on a batch that its part of the pass failed, and why; the log has more, and it is tried again."""
        by_uid = {batch.uid: batch for batch in seen.batches}
        for uid, error in errors.items():
            if (batch := by_uid.get(uid)) is None:
                continue
            ref = {"uid": uid, "name": batch.name, "namespace": batch.namespace}
            try:
                self.cluster.create_event(build_event(ref, "PassFailed", error, "Warning", seen.now))
            except BackfleetError as refusal:
                logger.warning("could not tell that a pass failed: %s", refusal, extra={"batch": uid})

    def _is_refused(self, batch: SeenBatch, now: datetime) -> bool:
        return is_refused(self.refused.get(batch.uid), batch, now, self.limits.judge_again_seconds)

    def _note_refused(self, planned: Plan, errors: dict[str, str], seen: Observation) -> bool:
        """Remember the batches that were refused; those that Postgres refused are not errors, and are shown at once."""
        self.refused |= planned.refused
        unsavable, generations = self.applier.memory.unsavable, {each.uid: each.generation for each in seen.batches}
        for uid, sentence in unsavable.items():
            del errors[uid]
            message = f"spec: the database cannot hold it ({sentence}); change what it names"
            self.refused[uid] = RefusedBatch(generation=generations[uid], message=message, judged_at=seen.now)
        self.applier.memory.unsavable = {}
        return bool(unsavable)

    def _due_seconds(self, planned: Plan, seen: Observation, spent_seconds: float) -> float | None:
        """Until something is due, or a failed batch is to be tried again."""
        due = planned.look_again_at
        moments = [self.failing.seconds_until_retry(self.clock())]
        moments.append(None if due is None else (due - seen.now).total_seconds() - spent_seconds)
        return min((each for each in moments if each is not None), default=None)

    def _forget(self, seen: Observation) -> None:
        present = {batch.uid for batch in seen.batches} | seen.quiet.keys()
        memory = self.applier.memory
        memory.status_written_at = {u: at for u, at in memory.status_written_at.items() if u in present}
        self.refused = {uid: each for uid, each in self.refused.items() if uid in present}
