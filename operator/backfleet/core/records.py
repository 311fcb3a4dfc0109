"""The rows of live batches as values: the store reads and writes them, the planner decides with them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum, unique
from typing import Any

from backfleet.core import wire
from backfleet.core.backtests import BacktestState, Failure, attempt_id
from backfleet.core.packs import PackRecord
from backfleet.core.ranking import Direction, Objective
from backfleet.core.reasons import FailureReason
from backfleet.core.spec import defaults
from backfleet.core.stale import StaleLook
from backfleet.core.warmth import NOTHING_WARM, Warmth

MESSAGE_LIMIT = 2_000
"""The most characters of a stored message."""
MAX_ENGINE_VERSIONS = 8
"""The most engine versions in a batch's row."""
PACKS_REMEMBERED = 5
DEADLY_PACKS = 3
"""So many dead packs among those remembered, and every Job of the batch carries one backtest from then on."""
COMPLETE_REASONS = frozenset({wire.REASON_ALL_SUCCEEDED, wire.REASON_COMPLETED_WITH_FAILURES})
"""The reasons of a batch that ran to its end."""


@unique
class BatchState(StrEnum):
    """The state of a batch that was accepted or is being counted. A refused batch has no row."""

    COUNTING = "counting"
    """The combinations that meet the constraints are being counted."""
    LIVE = "live"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """The best backtest so far. `parameter_texts` maps names to exact texts."""

    index: int
    value: float
    parameter_texts: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """Ended backtests by state. `passed` counts the succeeded ones that meet the criteria."""

    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    passed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRecord:
    """One row of `optimization_batches`.

    `spec` is the custom resource's spec as accepted; `controls` are the fields that stay editable, as last seen valid;
    `axes` is the ordered snapshot of the parameter space. `next_index` is the launch cursor: every index below it was
    launched, or does not satisfy the constraints. `total` is None while counting. `repeated_reason` is the reason that every
    failure so far had, "" once two differ. `never_started` counts the latest attempts in a row whose engine never started.
    `stale_verdicts` counts the results that an older version of the criteria judged.
    `recent_ends` and `suspended_at` are what `core.pace` measures by: moments with how many had ended, oldest first, and since
    when the batch is suspended and nothing of it runs. `engine_versions` are those that its results are of, in the order of
    the first result of each, at most MAX_ENGINE_VERSIONS. `packs_died` says of the last packs of more than one backtest, at most
    PACKS_REMEMBERED, whether each died as a whole. `engine_seconds` is what a backtest took lately by its engine's own times,
    and `job_seconds` what it took with its pod, from launch to settlement, where it had a Job of its own. `warmth` is what is
    known of its warm runs.
    `version` is the row's when it was read: what is planned on it holds for that row alone.
    """

    uid: str
    namespace: str
    name: str
    state: BatchState
    spec: Mapping[str, Any]
    controls: Mapping[str, Any]
    axes: Mapping[str, Any]
    criteria: Mapping[str, Any]
    criteria_version: int = 1
    stale_verdicts: int = 0
    total: int | None = None
    count_cursor: int = 0
    count_found: int = 0
    next_index: int = 0
    counters: Counters = Counters()
    best: Best | None = None
    repeated_reason: str | None = None
    engine_versions: tuple[str, ...] = ()
    packs_died: tuple[bool, ...] = ()
    engine_seconds: float | None = None
    job_seconds: float | None = None
    warmth: Warmth = NOTHING_WARM
    labels: Mapping[str, str] = field(default_factory=dict)
    submitter: str | None = None
    accepted_at: datetime
    first_engine_started_at: datetime | None = None
    last_launched_at: datetime | None = None
    suspended_at: datetime | None = None
    recent_ends: tuple[tuple[datetime, int], ...] = ()
    never_started: int = 0
    missing_since: datetime | None = None
    finished_at: datetime | None = None
    finish_reason: str | None = None
    finish_message: str | None = None
    version: int = field(default=0, compare=False)

    @property
    def strategy(self) -> str:
        return str(self.spec["strategy"]["name"])

    @property
    def engine(self) -> str:
        return str(self.spec["engine"]["name"])

    @property
    def objective(self) -> Objective:
        """The accepted objective, defaults included."""
        declared = self.spec.get("objective") or {}
        metric, direction = declared.get("metric") or Objective().metric, declared.get("direction")
        return Objective.of(metric, Direction(direction) if direction else None)

    @property
    def max_concurrent(self) -> int:
        """The last valid `maxConcurrent`; the installation's own limit holds too."""
        return int(self.controls.get("maxConcurrent") or defaults.MAX_CONCURRENT)

    @property
    def is_suspended(self) -> bool:
        return bool(self.controls.get("suspend"))

    @property
    def ttl_seconds_after_finished(self) -> int:
        """The last valid time to live of finished Jobs; the installation's ceiling holds too."""
        return int(self.controls.get("ttlSecondsAfterFinished", defaults.TTL_SECONDS_AFTER_FINISHED))

    @property
    def backtests_per_job(self) -> int | str:
        """The last valid `backtestsPerJob`: a number, or auto."""
        declared = self.controls.get("backtestsPerJob") or defaults.BACKTESTS_PER_JOB
        return declared if isinstance(declared, str) else int(declared)

    @property
    def ended(self) -> int:
        """The number of backtests that succeeded or failed."""
        return self.counters.succeeded + self.counters.failed

    @property
    def progress(self) -> str:
        """Return the ended and the total number of backtests, like 37/486."""
        return f"{self.counters.succeeded + self.counters.failed}/{self.total or 0}"

    def queued(self, active: int) -> int:
        """Return how many backtests wait for a launch while `active` hold a slot: 0 while counting and at the end."""
        if self.state is BatchState.FINISHED:
            return 0
        counters = self.counters
        return max(0, (self.total or 0) - counters.succeeded - counters.failed - counters.cancelled - active)

    def with_engine_version(self, version: str | None) -> "BatchRecord":
        """Return this batch with the engine version of one more result, if it is new and there is room for it."""
        known = self.engine_versions
        if not version or version in known or len(known) >= MAX_ENGINE_VERSIONS:
            return self
        return replace(self, engine_versions=(*known, version))

    @property
    def is_one_per_job(self) -> bool:
        """Report whether too many of its packs died, so that each of its Jobs carries one backtest."""
        return sum(self.packs_died) >= DEADLY_PACKS

    def after_pack(self, *, died: bool) -> "BatchRecord":
        """Return this batch after the end of a pack of more than one."""
        if self.is_one_per_job:
            return self
        return replace(self, packs_died=(*self.packs_died, died)[-PACKS_REMEMBERED:])

    def finished(self, now: datetime, reason: str, message: str) -> "BatchRecord":
        """Return this batch at its end: all backtests that neither succeeded nor failed count as cancelled."""
        ended = self.counters.succeeded + self.counters.failed
        return replace(
            self,
            state=BatchState.FINISHED,
            finished_at=now,
            finish_reason=reason,
            finish_message=message[:MESSAGE_LIMIT],
            counters=replace(self.counters, cancelled=max(0, (self.total or 0) - ended)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRecord:
    """One row of `backtest_attempts`, with the backtest that it belongs to. Members of a pack are in order of their index.

    `is_deciding`: this is the backtest's latest attempt. `is_open`: an outcome would still be looked at. `charged` and
    `uncharged` count the backtest's attempts that have ended: this one too once it has ended. `pack_limit` is the largest
    pack that the backtest may be in, after packs of it died. An attempt that `is_warm` shares its process with others of its
    pack; `warm_fingerprint` is that of the backtest's warm run, which a fresh one is compared with.
    """

    batch_uid: str
    index: int
    number: int
    pack_id: str
    backtest_state: BacktestState
    is_deciding: bool = True
    is_open: bool = True
    charged: int = 0
    uncharged: int = 0
    pack_limit: int | None = None
    is_warm: bool = False
    warm_fingerprint: str | None = None
    parameter_texts: Mapping[str, str]
    launched_at: datetime
    ended_at: datetime | None = None
    reason: FailureReason | None = None
    message: str | None = None

    @property
    def id(self) -> str:
        return attempt_id(self.batch_uid, self.index, self.number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a pass reads of a recorded result; the body stays in the outcome's row.

    `fingerprint` has digests by which two runs of one backtest are compared.
    """

    metrics: Mapping[str, float | int | None]
    engine_version: str | None = None
    fingerprint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeRecord:
    """An outcome that is not settled yet. A result whose body is not readable is a failure here."""

    attempt_id: str
    recorded_at: datetime
    ending: Measured | Failure
    exit_code: int | None = None
    engine_started_at: datetime | None = None
    engine_finished_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyRecord:
    """One row of `strategies` with its own criteria, if any, by the custom resource's field names."""

    name: str
    status: str
    lean_project_path: str | None = None
    criteria: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCatalog:
    """The strategies by name, and the criteria of those that have none of their own."""

    strategies: Mapping[str, StrategyRecord] = field(default_factory=dict)
    default_criteria: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreView:
    """A consistent snapshot of the rows that matter: live or newly finished batches, open attempts, new outcomes.

    `now` is the database's clock. `packs` holds those that have unsettled members. `attempts` holds the latest attempts of
    backtests that are queued, those of every new outcome, and the unsettled members of the packs that were asked for. The cost
    depends on these alone.
    With `has_more_outcomes` there are new outcomes beyond those that are here. `stale` holds, by batch, a chunk of the results
    to be judged again; finished batches that have such results are among `batches` too.
    """

    now: datetime
    batches: tuple[BatchRecord, ...] = ()
    packs: tuple[PackRecord, ...] = ()
    attempts: tuple[AttemptRecord, ...] = ()
    outcomes: tuple[OutcomeRecord, ...] = ()
    has_more_outcomes: bool = False
    stale: Mapping[str, StaleLook] = field(default_factory=dict)
    proven: frozenset[str] = frozenset()
    """Digests of work that started in this installation within a day, and did not fail to start since."""
    warm_refusals: Mapping[str, str | None] = field(default_factory=dict)
    """Engine versions whose warm runs gave other results than fresh ones, by image."""
