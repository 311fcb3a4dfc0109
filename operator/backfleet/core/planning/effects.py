"""The effects of a pass as data. `controller.applying` orders them."""

import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from backfleet.core.changes import BatchChanges
from backfleet.core.errors import sentence_of
from backfleet.core.packs import PackRecord, PackRequest
from backfleet.core.planning.observation import RefusedBatch, SeenBatch
from backfleet.core.spec.snapshot import AcceptedWork


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRef:
    """The custom resource that owns an effect."""

    uid: str
    name: str
    namespace: str

    @staticmethod
    def of(batch: SeenBatch) -> "BatchRef":
        return BatchRef(uid=batch.uid, name=batch.name, namespace=batch.namespace)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRef:
    """A PersistentVolumeClaim that a batch names, and the mounted folder in it (None: all of it)."""

    claim_name: str
    sub_path: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobShape:
    """What the batch decides about its Jobs. `image` None means the engine's own."""

    backtest_timeout_seconds: int
    deadline_seconds: int
    ttl_seconds: int
    pack_seconds: int = 10
    """For so long after its engine's start the Job begins further backtests."""
    image: str | None = None
    requests: Mapping[str, str] | None = None
    data_volume: ClaimRef | None = None
    projects_volume: ClaimRef | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateJob:
    """Create the Job of a pack. One that exists with our owner is success."""

    batch: BatchRef
    pack: PackRecord
    request: PackRequest
    shape: JobShape


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteJob:
    """Delete a Job and its pods in the background. A missing one is success."""

    namespace: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelJob:
    """Label a finished Job as settled, so that it is neither listed nor watched any more. A missing one is success."""

    namespace: str
    name: str
    uid: str
    finished_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteStatus:
    """Replace the custom resource's status. A missing batch is success. `removed` are keys that the new status lacks."""

    batch: BatchRef
    status: Mapping[str, Any]
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PostEvent:
    """Post an event for `kubectl describe`. `is_warning` chooses its type. The same event again is the same object."""

    batch: BatchRef
    reason: str
    message: str
    is_warning: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Why no plan could be made for a batch: a sentence for everybody, and the traceback for the log."""

    sentence: str
    trace: str

    @staticmethod
    def of(error: Exception) -> "Fault":
        return Fault(sentence=sentence_of(error), trace="".join(traceback.format_exception(error, limit=-8)))


Effect = BatchChanges | DeleteJob | CreateJob | WriteStatus | PostEvent | LabelJob


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPlan:
    """All that a pass does for one batch. `look_again_at` is when it needs another pass, `fault` why it has no plan.

    `labels` are Jobs whose packs the rows have settled, `expired` settled Jobs past their time. Both come last.
    """

    uid: str
    rows: BatchChanges | None = None
    deletes: tuple[DeleteJob, ...] = ()
    creates: tuple[CreateJob, ...] = ()
    status: WriteStatus | None = None
    events: tuple[PostEvent, ...] = ()
    labels: tuple[LabelJob, ...] = ()
    expired: tuple[DeleteJob, ...] = ()
    look_again_at: datetime | None = None
    fault: Fault | None = None
    refused: RefusedBatch | None = None
    """Set if this pass refused the batch."""
    quiet_seconds: int | None = None
    """Set if the batch is over and nothing is left to do until it changes: the seconds that its finished Jobs stay."""

    @property
    def is_empty(self) -> bool:
        effects = (self.deletes, self.creates, self.events, self.labels, self.expired)
        return not (self.rows or self.status or self.fault or any(effects))


def or_fault[Made](uid: str, make: Callable[[], Made]) -> Made | BatchPlan:
    """Return the plan of a batch, or a plan with its fault if it cannot be made."""
    try:
        return make()
    except Exception as error:  # noqa: BLE001 - one batch's defect must not stop the others; the ring logs it
        return BatchPlan(uid=uid, fault=Fault.of(error))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The plans of all batches. `look_again_at` is when something is due without an event, None if nothing is.

    `overdue` names the Jobs past their hard deadline that no longer hold a slot. `refused` are the batches that this
    pass refused. `quiet` are those with nothing left to do until they change, with the seconds that their finished
    Jobs stay. `works` are for the next observation (`Observation.works`), and `wants_slots` says whether some batch
    would start a Job if it had a slot. Both cause no effect, so plans compare equal without them.
    """

    batches: tuple[BatchPlan, ...] = ()
    look_again_at: datetime | None = None
    overdue: tuple[str, ...] = ()
    refused: Mapping[str, RefusedBatch] = field(default_factory=dict)
    quiet: Mapping[str, int] = field(default_factory=dict)
    works: Mapping[str, AcceptedWork] = field(default_factory=dict, compare=False, repr=False)
    wants_slots: bool = field(default=False, compare=False, repr=False)
