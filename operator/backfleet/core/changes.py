"""The changes of a batch's rows in a pass, as values: the planner makes them, the store writes them.

The changes of one batch are one transaction, and each is safe to repeat.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backfleet.core.backtests import BacktestState
from backfleet.core.reasons import POLICIES, FailureReason, Policy
from backfleet.core.records import AttemptRecord, BatchRecord, OutcomeRecord


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


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleFailure:
    """The attempt ended without a result, and the backtest becomes `state`. Without an `outcome` a late one may still come."""

    attempt: AttemptRecord
    reason: FailureReason
    message: str
    state: BacktestState
    is_charged: bool
    outcome: OutcomeRecord | None = None

    @property
    def charged(self) -> int:
        """The backtest's charged attempts after this one."""
        return self.attempt.charged + self.is_charged

    @property
    def uncharged(self) -> int:
        """The backtest's attempts without charge after this one. One that was not tried counts as neither."""
        is_tried = POLICIES[self.reason] is not Policy.NOT_TRIED
        return self.attempt.uncharged + (is_tried and not self.is_charged)


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseOutcome:
    """An outcome that does not count any more (superseded attempt, succeeded backtest). The attempt is closed as it is."""

    attempt: AttemptRecord
    outcome: OutcomeRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkAttempt:
    """A live attempt's row becomes `attempt`: its Job, its engine's start, its deadlines, or why it waits."""

    attempt: AttemptRecord
    pod_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchAttempt:
    """A new attempt: its backtest row (inserted with the first) becomes launching, and the attempt's row is inserted."""

    attempt: AttemptRecord
    combination: Mapping[str, Any]
    combination_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeResult:
    """A new verdict on a result. Nothing else of it changes."""

    backtest_id: str
    passed: bool
    rejections: tuple[str, ...]
    criteria_version: int


AttemptChange = SettleResult | SettleFailure | CloseOutcome | MarkAttempt | LaunchAttempt


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchChanges:
    """All row changes of one batch in one pass, in order, before the batch's row. `before` None inserts `after`.

    They apply to the row as it was read: its version must still be `before.version`. If `after` is finished, its
    queued, launching and running backtests become cancelled, and every open attempt is closed.
    """

    before: BatchRecord | None
    after: BatchRecord
    changes: tuple[AttemptChange, ...] = ()
    verdicts: tuple[JudgeResult, ...] = ()
