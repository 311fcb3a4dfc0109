"""The changes of a batch's rows in a pass, as values: the planner makes them, the store writes them.

The changes of one batch are one transaction, and each is safe to repeat.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Any

from backfleet.core.backtests import BacktestState
from backfleet.core.packs import PackRecord
from backfleet.core.reasons import FailureReason
from backfleet.core.records import AttemptRecord, BatchRecord, OutcomeRecord
from backfleet.core.warmth import RunKind, WarmRefusal


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleResult:
    """The attempt succeeded, and so does the backtest. Its result row is written once; the outcome's row has the body."""

    attempt: AttemptRecord
    outcome: OutcomeRecord
    metrics: Mapping[str, float | int | None]
    objective_value: float | None
    passed: bool
    rejections: tuple[str, ...]
    criteria_version: int
    run: RunKind = RunKind.FRESH


@unique
class Charge(StrEnum):
    """What an attempt that failed counts against its backtest."""

    CHARGED = "charged"
    """One of the attempts that `maxAttempts` allows."""
    UNCHARGED = "uncharged"
    """One of the installation's attempts that the combination has not caused."""
    NOTHING = "nothing"
    """It was never tried, or only kept bad company."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleFailure:
    """The attempt ended without a result, and the backtest becomes `state`. Without an `outcome` a late one may still come.

    `pack_limit` is the largest pack that the backtest may be in from now on, None for any.
    """

    attempt: AttemptRecord
    reason: FailureReason
    message: str
    state: BacktestState
    charge: Charge
    pack_limit: int | None = None
    outcome: OutcomeRecord | None = None

    @property
    def charged(self) -> int:
        """Return the charged attempts of the backtest, this one included."""
        return self.attempt.charged + (self.charge is Charge.CHARGED)

    @property
    def uncharged(self) -> int:
        """Return the uncharged attempts of the backtest, this one included."""
        return self.attempt.uncharged + (self.charge is Charge.UNCHARGED)


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseOutcome:
    """An outcome that does not count any more (superseded attempt, succeeded backtest). The attempt is closed as it is."""

    attempt: AttemptRecord
    outcome: OutcomeRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """A warm run succeeded and its result does not count: the backtest is queued again. `message` says why.

    With a `fingerprint`, its fresh run is compared with it.
    """

    attempt: AttemptRecord
    outcome: OutcomeRecord
    message: str
    pack_limit: int | None = None
    fingerprint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DropWarm:
    """A fresh run differed from a warm one: results of warm runs that were not compared go, and their backtests are queued."""

    difference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkPack:
    """A live pack's row becomes `pack`: its Job, its engine's start, its deadlines, or why it waits."""

    pack: PackRecord
    pod_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndPack:
    """The pack's Job is over, and some of its members have no outcome. Their own changes follow. `died`: as a whole."""

    pack: PackRecord
    reason: FailureReason
    message: str
    died: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """A member of a new pack: its backtest row (inserted with the first attempt) becomes launching."""

    attempt: AttemptRecord
    combination: Mapping[str, Any]
    combination_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchPack:
    """A new pack: its row and its attempts' rows are inserted. `members` are in order of their index."""

    pack: PackRecord
    members: tuple[Launch, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeResult:
    """A new verdict on a result. Nothing else of it changes."""

    backtest_id: str
    passed: bool
    rejections: tuple[str, ...]
    criteria_version: int


AttemptChange = SettleResult | SettleFailure | SetAside | CloseOutcome
RowChange = AttemptChange | DropWarm | MarkPack | EndPack | LaunchPack


@dataclass(frozen=True, slots=True, kw_only=True)
class StartReport:
    """Work, by its digest, that has started, or failed to."""

    key: str
    has_started: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchChanges:
    """All row changes of one batch in one pass, in order, before the batch's row. `before` None inserts `after`.

    They apply to the row as it was read: its version must still be `before.version`. If `after` is finished, its
    queued, launching and running backtests become cancelled, and every open attempt is closed.
    """

    before: BatchRecord | None
    after: BatchRecord
    changes: tuple[RowChange, ...] = ()
    verdicts: tuple[JudgeResult, ...] = ()
    start: StartReport | None = None
    warm_refusal: WarmRefusal | None = None
