"""One pass: observe, plan, apply. Plain synchronous code that the loop runs in its thread, never two at once."""

import logging
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from backfleet.controller.applying import Applier
from backfleet.controller.cluster import ClusterPort, build_event
from backfleet.controller.listing import Sight, jobs_with_pod_refusals, list_namespaces
from backfleet.core import wire
from backfleet.core.accepting import needs_catalog
from backfleet.core.ceilings import Ceilings
from backfleet.core.errors import BackfleetError
from backfleet.core.observation import Limits, Observation
from backfleet.core.planning import plan
from backfleet.core.plans import Plan
from backfleet.core.records import Catalog, StoreView
from backfleet.core.spec import EngineName
from backfleet.core.status import database_unavailable_status
from backfleet.core.strategies import StrategyInfo
from backfleet.engines.registry import ENGINES
from backfleet.settings import Settings

logger = logging.getLogger(__name__)

EVENT_LIMIT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The store's verbs that a pass uses."""

    observe: Callable[[Collection[str]], StoreView]
    catalog: Callable[[], Catalog]


@dataclass(frozen=True, slots=True, kw_only=True)
class PassReport:
    """What a pass did; `seconds` is its duration, `refused` the namespaces that it could not look at, with the reason."""

    plan: Plan
    errors: dict[str, str]
    seconds: float
    live_batches: int
    due_seconds: float | None = None
    """How long after the pass something becomes due, by the clock that the plan was made with; None when nothing does."""
    refused: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Passes:
    """Everything one pass needs."""

    cluster: ClusterPort
    rows: Rows
    applier: Applier
    settings: Settings
    limits: Limits

    def run(self) -> PassReport:
        """Do one pass; Unavailable when Kubernetes or Postgres did not answer, which loses nothing."""
        started = time.monotonic()
        sight = list_namespaces(self.cluster, self.settings.namespaces)
        seen = self.observe(sight)
        looked = time.monotonic()
        planned = plan(seen)
        errors = self.applier.apply(planned, seen.now)
        self._show(errors, seen)
        self._forget(seen)
        due = planned.look_again_at
        return PassReport(
            plan=planned,
            errors=errors,
            seconds=time.monotonic() - started,
            due_seconds=None if due is None else (due - seen.now).total_seconds() - (time.monotonic() - looked),
            live_batches=sum(1 for record in seen.store.batches if record.finished_at is None),
            refused=sight.refused,
        )

    def observe(self, sight: Sight) -> Observation:
        """What there is, with the rows: Kubernetes was looked at first, so that a finished Job's outcome is always in sight."""
        store = self.rows.observe([batch.uid for batch in sight.batches])
        records = {record.uid: record for record in store.batches}
        reads_catalog = any(needs_catalog(batch, records.get(batch.uid)) for batch in sight.batches)
        return Observation(
            now=store.now,
            batches=tuple(sight.batches),
            jobs=jobs_with_pod_refusals(self.cluster, sight, store.now),
            pods=tuple(sight.pods),
            store=store,
            catalog=self.rows.catalog() if reads_catalog else Catalog(),
            strategies=available_strategies(self.settings),
            status_written_at=dict(self.applier.memory.status_written_at),
            refusals=dict(self.applier.memory.refusals),
            namespaces=frozenset(sight.listed),
            limits=self.limits,
        )

    def tell_database_unavailable(self, message: str) -> None:
        """Show on every live batch that Postgres is away; called once per change by the holder of the fence."""
        now = datetime.now(UTC)
        for batch in list_namespaces(self.cluster, self.settings.namespaces).batches:
            conditions = {each.get("type"): each.get("status") for each in batch.status.get("conditions", [])}
            if conditions.get(wire.CONDITION_FINISHED) != "True":
                status = database_unavailable_status(batch, message, now)
                self.cluster.patch_status(batch.namespace, batch.name, batch.uid, status)

    def _show(self, errors: Mapping[str, str], seen: Observation) -> None:
        """Tell on a batch that its part of the pass failed; the loop has logged it and tries again."""
        by_uid = {batch.uid: batch for batch in seen.batches}
        for uid, error in errors.items():
            if (batch := by_uid.get(uid)) is None:
                continue
            ref = {"uid": uid, "name": batch.name, "namespace": batch.namespace}
            last_line = error.strip().splitlines()[-1][:EVENT_LIMIT]
            try:
                self.cluster.create_event(build_event(ref, "PassFailed", last_line, "Warning", seen.now))
            except BackfleetError as refusal:
                logger.warning("could not tell that a pass failed: %s", refusal, extra={"batch": uid})

    def _forget(self, seen: Observation) -> None:
        present = {batch.uid for batch in seen.batches}
        memory = self.applier.memory
        memory.status_written_at = {u: at for u, at in memory.status_written_at.items() if u in present}
        memory.refusals = {key: refusal for key, refusal in memory.refusals.items() if key[0] in present}


def available_strategies(settings: Settings) -> dict[str, Mapping[str, StrategyInfo] | None]:
    """Per configured engine, the strategies that it knows; None where any project may run."""
    return {name: ENGINES[name].strategies() for name in settings.engines}


def limits_of(settings: Settings) -> Limits:
    """The planner's view of the settings."""
    return Limits(
        max_concurrent=settings.max_concurrent,
        max_combinations=settings.max_combinations,
        result_grace_seconds=settings.result_grace_seconds,
        recorder_seconds=settings.recorder.patience_seconds,
        missing_seconds=settings.missing_seconds,
        image_prefixes=settings.image_prefixes,
        volume_claims=settings.volume_claims,
        has_projects_volume=settings.has_mount(EngineName.LEAN, wire.VOLUME_PROJECTS),
        cpu_ceiling=settings.pods.limits["cpu"],
        memory_ceiling=settings.pods.limits["memory"],
        ceilings=Ceilings(**settings.ceilings.model_dump()),
    )
