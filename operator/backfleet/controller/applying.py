"""Applies a plan, and is the only place that orders effects.

The order: rows, deletes of Jobs, creates of Jobs, status, events, labels of settled Jobs, deletes of Jobs past their
time to live. Each effect is safe to repeat, so the next pass repairs a crash between any two.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import assert_never

from backfleet.controller.cluster import ClusterPort, NotAllowed, Refused, build_event
from backfleet.controller.job_manifest import build_job
from backfleet.core.changes import BatchChanges
from backfleet.core.errors import BackfleetError, Busy, Conflict, FenceLost, Unavailable, ValuesRefused, sentence_of
from backfleet.core.packs import PackKey, PackRecord
from backfleet.core.planning.effects import (
    BatchPlan,
    CreateJob,
    DeleteJob,
    Effect,
    Fault,
    LabelJob,
    Plan,
    PostEvent,
    WriteStatus,
)
from backfleet.core.planning.observation import Refusal, RefusalKind
from backfleet.engines.registry import ENGINES
from backfleet.settings import Settings

logger = logging.getLogger(__name__)

LONGEST_RETRY_SECONDS = 300.0
"""The longest pause to accept from the API server: its error must not stop a batch for a day."""

RETRIES_SECONDS = 5.0
"""How long a pass may create Jobs that were refused before. A hanging admission webhook takes ten seconds to fail."""


class PassOverdue(BackfleetError):
    """The pass took too long. The next one does the rest."""


@dataclass(slots=True)
class Memory:
    """What this process remembers of its own writes. Losing it costs a repeated write, never a result."""

    refusals: dict[PackKey, Refusal] = field(default_factory=dict)
    has_news: bool = False
    """A Job was refused or delayed in this pass, so the next one is due at once."""
    problems_since: dict[str, datetime] = field(default_factory=dict)
    looked_at: datetime | None = None
    blind: tuple[datetime, datetime] | None = None
    status_written_at: dict[str, datetime] = field(default_factory=dict)
    unsavable: dict[str, str] = field(default_factory=dict)
    """New batches that Postgres refused, with its message, until the pass has refused them."""
    unlabelled: set[str] = field(default_factory=set)
    """Namespaces where the operator may not label Jobs, until the next look at settled Jobs."""

    def keep_news(self, packs: Iterable[PackRecord]) -> None:
        """Forget the refusals that rows have, and those that no live pack waits for any more."""
        tries = {each.key: each.start_tries for each in packs}
        self.refusals = {key: each for key, each in self.refusals.items() if tries.get(key) == each.start_tries}


@dataclass(slots=True)
class Applier:
    """Carries out a plan. `save` writes a batch's rows; `checkpoint` runs before every effect (tests crash there)."""

    cluster: ClusterPort
    save: Callable[[BatchChanges], None]
    settings: Settings
    memory: Memory = field(default_factory=Memory)
    checkpoint: Callable[[Effect], None] = lambda _: None
    clock: Callable[[], float] = time.monotonic
    _retries_seconds: float = 0.0

    def apply(self, plan: Plan, now: datetime) -> dict[str, str]:
        """Carry out everything in order. Return the batches that failed, with an error for each. Their other effects wait.

        Raise FenceLost or PassOverdue, which end the pass.
        """
        errors = {each.uid: self._note_fault(each.uid, each.fault) for each in plan.batches if each.fault}
        self.memory.has_news = False
        self._retries_seconds = 0.0
        give_up_at = self.clock() + self.settings.pass_seconds
        for uid, effect in effects(plan):
            if uid in errors:
                continue
            if self.clock() > give_up_at:
                raise PassOverdue(f"the pass did not end within {self.settings.pass_seconds:g} s")
            self.checkpoint(effect)
            try:
                self._carry_out(effect, now)
            except FenceLost:
                raise
            except Exception as error:
                if isinstance(error, ValuesRefused) and isinstance(effect, BatchChanges) and effect.before is None:
                    self.memory.unsavable[uid] = error.public
                is_known = isinstance(error, BackfleetError)
                fields = {"batch": uid, "effect": type(effect).__name__}
                logger.error("batch failed in this pass: %s", error, exc_info=not is_known, extra=fields)
                errors[uid] = sentence_of(error)
        return errors

    def _note_fault(self, uid: str, fault: Fault) -> str:
        logger.error("batch could not be planned: %s\n%s", fault.sentence, fault.trace, extra={"batch": uid})
        return fault.sentence

    def _carry_out(self, effect: Effect, now: datetime) -> None:
        match effect:
            case BatchChanges():
                self.save(effect)
            case DeleteJob():
                self.cluster.delete_job(effect.namespace, effect.name, effect.uid)
            case CreateJob() if effect.pack.start_tries:
                self._create_again(effect, now)
            case CreateJob():
                self._create(effect, now)
            case WriteStatus():
                self._write_status(effect, now)
            case PostEvent():
                self._post(effect, now)
            case LabelJob():
                self._label(effect)
            case _:
                assert_never(effect)

    def _create_again(self, create: CreateJob, now: datetime) -> None:
        """Create a Job that was refused before. Leave it to the next pass when similar ones have used their share of this one."""
        if self._retries_seconds >= RETRIES_SECONDS:
            self.memory.has_news = True
            return
        began = self.clock()
        self._create(create, now)
        self._retries_seconds += self.clock() - began

    def _create(self, create: CreateJob, now: datetime) -> None:
        """Create the Job. Any refusal is noted, and the next pass writes it into the pack's row."""
        pack, not_before = create.pack, None
        try:
            manifest = build_job(create, ENGINES[create.request.common.engine], self.settings)
        except Exception as error:
            logger.exception("job not built", extra={"batch": pack.batch_uid})
            self._remember(create, now, RefusalKind.NOT_BUILT, f"{type(error).__name__}: {error}")
            return
        try:
            self.cluster.create_job(manifest)
        except Busy as error:
            not_before = now + timedelta(seconds=min(error.retry_after_seconds, LONGEST_RETRY_SECONDS))
            self._remember(create, now, RefusalKind.BUSY, str(error), not_before)
        except Unavailable as error:
            self._remember(create, now, RefusalKind.NO_ANSWER, str(error))
        except Conflict as error:
            self._remember(create, now, RefusalKind.NAME_CONFLICT, str(error))
        except Refused as error:
            self._remember(create, now, RefusalKind.QUOTA if error.is_quota else RefusalKind.REFUSED, str(error))
        except Exception as error:
            logger.exception("job not created", extra={"batch": pack.batch_uid})
            self._remember(create, now, RefusalKind.REFUSED, f"{type(error).__name__}: {error}")
        else:
            self.memory.refusals.pop(pack.key, None)
            logger.info("job created", extra={**_fields(pack), "job": pack.job_name})

    def _remember(
        self, create: CreateJob, now: datetime, kind: RefusalKind, message: str, not_before: datetime | None = None
    ) -> None:
        pack = create.pack
        logger.warning("job refused: %s", message, extra={**_fields(pack), "refusal": kind.value})
        self.memory.refusals[pack.key] = Refusal(
            kind=kind, message=message[:500], start_tries=pack.start_tries, at=now, not_before=not_before
        )
        self.memory.has_news = True

    def _write_status(self, write: WriteStatus, now: datetime) -> None:
        status = {**dict.fromkeys(write.removed), **write.status}
        self.cluster.patch_status(write.batch.namespace, write.batch.name, write.batch.uid, status)
        self.memory.status_written_at[write.batch.uid] = now

    def _label(self, label: LabelJob) -> None:
        if label.namespace in self.memory.unlabelled:
            return
        finished = str(int(label.finished_at.timestamp()))
        try:
            self.cluster.label_job(label.namespace, label.name, label.uid, finished)
        except NotAllowed as error:
            # A Role of an earlier version: then finished Jobs are listed until they are deleted.
            logger.warning("cannot label settled Jobs: %s. Apply this version's Role.", error)
            self.memory.unlabelled.add(label.namespace)

    def _post(self, event: PostEvent, now: datetime) -> None:
        ref = {"uid": event.batch.uid, "name": event.batch.name, "namespace": event.batch.namespace}
        kind = "Warning" if event.is_warning else "Normal"
        try:
            self.cluster.create_event(build_event(ref, event.reason, event.message, kind, now))
        except NotAllowed as error:
            # A Role, a policy or a quota of events: the batch goes on without words.
            logger.warning("cannot post event %s: %s", event.reason, error, extra={"batch": event.batch.uid})


def _fields(pack: PackRecord) -> dict[str, object]:
    return {"batch": pack.batch_uid, "index": pack.index, "attempt": pack.number, "backtests": pack.size}


def effects(plan: Plan) -> Iterator[tuple[str, Effect]]:
    """Return every effect of a plan in order, with the batch that it belongs to.

    Jobs that were refused before come last, so that others do not wait for them.
    """
    stages: tuple[Callable[[BatchPlan], tuple[Effect, ...]], ...] = (
        lambda each: (each.rows,) if each.rows else (),
        lambda each: each.deletes,
        lambda each: tuple(create for create in each.creates if not create.pack.start_tries),
        lambda each: tuple(create for create in each.creates if create.pack.start_tries),
        lambda each: (each.status,) if each.status else (),
        lambda each: each.events,
        lambda each: each.labels,
        lambda each: each.expired,
    )
    for stage in stages:
        for batch in plan.batches:
            for effect in stage(batch):
                yield batch.uid, effect
