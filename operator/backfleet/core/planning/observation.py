"""What one pass observes: custom resources, Jobs, pods and rows at one time. The planner reads nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum, unique
from typing import Any

from backfleet.core.packs import PackKey
from backfleet.core.records import StoredCatalog, StoreView
from backfleet.core.spec.ceilings import Ceilings
from backfleet.core.spec.snapshot import AcceptedWork
from backfleet.core.spec.strategy_info import StrategyInfo
from backfleet.core.spec.validation import ControlLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenBatch:
    """One custom resource as the API server returned it."""

    uid: str
    name: str
    namespace: str
    generation: int
    created_at: datetime
    spec: Mapping[str, Any]
    status: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    submitter: str | None = None
    resource_version: str = ""
    """It differs after every change, whoever made it."""


@unique
class JobState(StrEnum):
    ACTIVE = "active"
    COMPLETE = "complete"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenJob:
    """A Job with our label. `finished_at` is the time of its Complete or Failed condition, `deadline_at` its hard deadline."""

    name: str
    namespace: str
    uid: str
    owner_uid: str | None
    key: PackKey | None
    state: JobState
    created_at: datetime
    deadline_at: datetime
    finished_at: datetime | None = None
    reason: str = ""
    message: str = ""
    is_deleting: bool = False
    pod_refusal: str = ""
    """The API server's reason why its pod could not be created. Read only if a Job has had no pod for a while."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledJob:
    """A Job with the settled label, from its metadata. Read only to delete it."""

    name: str
    namespace: str
    uid: str
    owner_uid: str | None
    key: PackKey | None
    finished_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenContainer:
    """A container's state. All None before the kubelet reports one."""

    waiting_reason: str | None = None
    waiting_message: str | None = None
    started_at: datetime | None = None
    exit_code: int | None = None
    termination_reason: str | None = None
    termination_message: str | None = None
    image_digest: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenPod:
    """A pod with our label. `is_terminal` means Succeeded or Failed."""

    name: str
    namespace: str
    key: PackKey | None
    is_terminal: bool
    created_at: datetime
    deadline_at: datetime
    scheduled_at: datetime | None = None
    reason: str = ""
    message: str = ""
    unschedulable: str | None = None
    disruption: str | None = None
    owner_uid: str | None = None
    """The uid of the Job that controls it, if a Job does."""
    owner_name: str | None = None
    node_name: str | None = None
    engine: SeenContainer = SeenContainer()
    recorder: SeenContainer = SeenContainer()


@unique
class RefusalKind(StrEnum):
    """Why the API server did not create a Job."""

    NAME_CONFLICT = "NameConflict"
    QUOTA = "QuotaExceeded"
    REFUSED = "Refused"
    NOT_BUILT = "JobNotBuilt"
    """We could not build the Job."""
    NO_ANSWER = "NoAnswer"
    """The API server did not answer: the Job may exist."""
    BUSY = "Busy"
    """The API server did not process the request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """The last failed answer to creating a Job. The process remembers it until the pack's row has it.

    It answers the pack's try number `start_tries` at that time. The next try is not before `not_before`.
    """

    kind: RefusalKind
    message: str
    start_tries: int
    at: datetime
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedBatch:
    """A batch that was refused at a generation of its custom resource. The process remembers it."""

    generation: int
    message: str
    validated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The operator's settings that decisions depend on."""

    max_concurrent: int = 4
    max_combinations: int = 1_000_000
    walk_budget: int = 8_000
    """The most work of one pass for walking parameter spaces with constraints, over all batches, see `walk_budget`."""
    validation_budget: int = 30_000
    """The most work of one pass for validating new and edited batches: about 200 ordinary ones. The others wait."""
    uncharged_attempts: int = 5
    repeated_failures: int = 5
    result_grace_seconds: int = 30
    recorder_seconds: int = 900
    deadline_slack_seconds: int = 60
    overdue_seconds: int = 300
    missing_seconds: int = 60
    validate_again_seconds: int = 300
    """A refused batch is validated again after this time, because the catalog may have changed."""
    leftover_seconds: int = 30
    labels_per_pass: int = 200
    start_problem_seconds: int = 30
    silent_seconds: int = 150
    unanswered_seconds: int = 30
    room_timeout_seconds: int = 3_600
    never_started_attempts: int = 3
    recorder_start_seconds: int = 300
    pack_seconds: int = 10
    pack_seconds_of: Mapping[str, int] = field(default_factory=dict)
    """That of an engine which has its own."""
    warm_check: int | None = None
    """One in so many warm runs is compared with a fresh one. None: no run is warm in this installation."""
    first_back_off_seconds: float = 5.0
    last_back_off_seconds: float = 60.0
    room_back_off_seconds: float = 15.0
    status_interval_seconds: float = 2.0
    first_look_seconds: float = 0.3
    last_look_seconds: float = 2.0
    images: Mapping[str, str] = field(default_factory=dict)
    """The installation's image of each engine."""
    usual_seconds: Mapping[str, float] = field(default_factory=dict)
    """What a backtest usually takes, of the engines of which it is known before any has run."""
    image_prefixes: tuple[str, ...] = ()
    volume_claims: tuple[str, ...] = ()
    has_projects_volume: bool = True
    cpu_ceiling: str = "1"
    memory_ceiling: str = "2Gi"
    ceilings: Ceilings = field(default_factory=Ceilings)

    @property
    def of_controls(self) -> ControlLimits:
        """What is allowed of the controls of an accepted batch."""
        return ControlLimits(cpu_ceiling=self.cpu_ceiling, memory_ceiling=self.memory_ceiling, ceilings=self.ceilings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """Everything that a plan depends on.

    `strategies` maps an engine's name to the strategies it knows, or to None where any project may run; an engine that is
    not here is not available. `namespaces` were listed completely: a batch of one of
    them that is not in `batches` does not exist. `jobs` are those that are not settled, and `pods` those that have not ended and
    those that tell what became of such a Job; `settled` is a part of the settled Jobs, now and then. `job_names` are the names
    of the Jobs of known packs that are not in `store`. `last_lived` says of an unfinished Job, by its uid, when its pack
    was last seen alive, `problems_since` since when its start problem has been reported; `blind` is the last span of more than
    a minute in which nothing could be observed. These three, `status_written_at`, `refusals` and `unlabelled` are this
    process's memory; losing it costs a repeat, never a result.
    """

    now: datetime
    batches: tuple[SeenBatch, ...] = ()
    jobs: tuple[SeenJob, ...] = ()
    pods: tuple[SeenPod, ...] = ()
    settled: tuple[SettledJob, ...] = ()
    store: StoreView
    catalog: StoredCatalog = field(default_factory=StoredCatalog)
    strategies: Mapping[str, Mapping[str, StrategyInfo] | None] = field(default_factory=dict)
    status_written_at: Mapping[str, datetime] = field(default_factory=dict)
    refusals: Mapping[PackKey, Refusal] = field(default_factory=dict)
    quiet: Mapping[str, int] = field(default_factory=dict)
    """Batches that are there and as they were when nothing was left to do for them, by uid with the seconds that their finished
    Jobs stay: they are not among `batches`, and their rows not in `store`."""
    refused: Mapping[str, RefusedBatch] = field(default_factory=dict)
    """Recently refused batches without a row, by uid. They are not validated again until they are edited."""
    works: Mapping[str, AcceptedWork] = field(default_factory=dict)
    """The work of accepted batches in the last plan, by uid. It is not parsed again while its source is the same."""
    last_lived: Mapping[str, datetime] = field(default_factory=dict)
    unlabelled: frozenset[str] = frozenset()
    """Namespaces in which the operator may not label Jobs as settled."""
    problems_since: Mapping[str, datetime] = field(default_factory=dict)
    job_names: Mapping[PackKey, str] = field(default_factory=dict)
    blind: tuple[datetime, datetime] | None = None
    namespaces: frozenset[str] = frozenset()
    resting: frozenset[str] = frozenset()
    """Batches that rest after a failed pass. Their packs keep their slots."""
    limits: Limits = Limits()
