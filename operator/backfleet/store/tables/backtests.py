"""Tables of what was run: backtests, their attempts in packs, the outcomes that recorders append, and results."""

from sqlalchemy import CheckConstraint, Computed, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Double, Text

from backfleet.core.backtests import BacktestState
from backfleet.core.reasons import FailureReason
from backfleet.core.warmth import RunKind
from backfleet.store.tables.base import Base, Count, CreatedAt, Json, Moment, one_of

ALIVE = text("state IN ('queued', 'launching', 'running')")
QUEUED = text("state = 'queued'")
ENDED_BADLY = text("state IN ('failed', 'cancelled')")
MAX_BODY_BYTES = 1024 * 1024


class BacktestJob(Base):
    """One launched combination of a batch: its state, and the attempt that decides it.

    `pack_limit` is the largest pack that it may be in, after packs of it died. `warm_fingerprint` is that of its warm run, which
    its next run is compared with.
    """

    __tablename__ = "backtest_jobs"
    __table_args__ = (
        UniqueConstraint("batch_uid", "window_no", "index"),
        one_of("state", BacktestState),
        one_of("reason", FailureReason),
        CheckConstraint("index >= 0 AND attempt_count >= 1 AND charged >= 0 AND uncharged >= 0", name="counts"),
        Index("ix_backtest_jobs_alive", "batch_uid", "index", postgresql_where=ALIVE),
        Index("ix_backtest_jobs_queued", "batch_uid", "index", postgresql_where=QUEUED),
        Index("ix_backtest_jobs_ended_badly", "batch_uid", "index", postgresql_where=ENDED_BADLY),
        Index("ix_backtest_jobs_deciding_attempt", "deciding_attempt_id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    batch_uid: Mapped[str] = mapped_column(ForeignKey("optimization_batches.uid", ondelete="CASCADE"))
    window_no: Mapped[Count]
    index: Mapped[int]
    state: Mapped[str]
    parameters: Mapped[Json]
    combination: Mapped[Json]
    combination_hash: Mapped[str]
    attempt_count: Mapped[int]
    deciding_attempt_id: Mapped[str] = mapped_column(
        ForeignKey("backtest_attempts.attempt_id", use_alter=True, deferrable=True, initially="DEFERRED")
    )
    charged: Mapped[Count]
    uncharged: Mapped[Count]
    pack_limit: Mapped[int | None]
    warm_fingerprint: Mapped[str | None]
    retry_round: Mapped[Count]
    reason: Mapped[str | None]
    message: Mapped[str | None]
    created_at: Mapped[CreatedAt]
    started_at: Mapped[Moment | None]
    finished_at: Mapped[Moment | None]


class BacktestPack(Base):
    """What one Job carries: the time that it has, and its pod. Its id is that of its first attempt.

    `unsettled` of its attempts have not ended. If its Job was refused or could not start, the pack waits without a slot, since
    `waiting_since` and because of `waiting_reason`, until its Job is created again after `retry_at`; `start_tries` counts the
    Jobs that did not start. `node_name` and `image_digest` (of its engine's image) are as its pod showed them after the engine's
    start; null if no pass saw that pod. A pack that `is_warm` runs in one process of the engine.
    """

    __tablename__ = "backtest_packs"
    __table_args__ = (
        CheckConstraint("unsettled BETWEEN 0 AND size AND size >= 1", name="size"),
        Index("ix_backtest_packs_batch", "batch_uid"),
        Index("ix_backtest_packs_unsettled", "batch_uid", postgresql_where=text("unsettled > 0")),
    )

    pack_id: Mapped[str] = mapped_column(primary_key=True)
    batch_uid: Mapped[str] = mapped_column(ForeignKey("optimization_batches.uid", ondelete="CASCADE"))
    index: Mapped[int]
    number: Mapped[int]
    job_name: Mapped[str]
    pod_name: Mapped[str | None]
    node_name: Mapped[str | None]
    image_digest: Mapped[str | None]
    size: Mapped[int]
    unsettled: Mapped[int]
    is_warm: Mapped[bool] = mapped_column(server_default="false")
    launched_at: Mapped[Moment]
    start_deadline_at: Mapped[Moment]
    hard_deadline_at: Mapped[Moment]
    job_seen_at: Mapped[Moment | None]
    start_tries: Mapped[Count]
    waiting_since: Mapped[Moment | None]
    waiting_reason: Mapped[str | None]
    retry_at: Mapped[Moment | None]
    engine_started_at: Mapped[Moment | None]
    created_at: Mapped[CreatedAt]


class BacktestAttempt(Base):
    """One try at a backtest, in a pack. While `is_open`, its outcome still counts. `is_warm` is its pack's."""

    __tablename__ = "backtest_attempts"
    __table_args__ = (
        UniqueConstraint("backtest_id", "number"),
        one_of("reason", FailureReason),
        CheckConstraint("number >= 1", name="number"),
        CheckConstraint("is_open OR ended_at IS NOT NULL", name="closed"),
        Index("ix_backtest_attempts_batch", "batch_uid"),
        Index("ix_backtest_attempts_open", "batch_uid", postgresql_where=text("is_open")),
        Index("ix_backtest_attempts_pack", "pack_id"),
    )

    attempt_id: Mapped[str] = mapped_column(primary_key=True)
    backtest_id: Mapped[str] = mapped_column(ForeignKey("backtest_jobs.id", ondelete="CASCADE"))
    batch_uid: Mapped[str] = mapped_column(ForeignKey("optimization_batches.uid", ondelete="CASCADE"))
    pack_id: Mapped[str] = mapped_column(ForeignKey("backtest_packs.pack_id", ondelete="CASCADE"))
    number: Mapped[int]
    is_warm: Mapped[bool] = mapped_column(server_default="false")
    retry_round: Mapped[Count]
    engine: Mapped[str | None]
    engine_version: Mapped[str | None]
    image_digest: Mapped[str | None]
    launched_at: Mapped[Moment]
    engine_started_at: Mapped[Moment | None]
    engine_finished_at: Mapped[Moment | None]
    ended_at: Mapped[Moment | None]
    is_open: Mapped[bool] = mapped_column(server_default="true")
    is_charged: Mapped[bool | None]
    exit_code: Mapped[int | None]
    reason: Mapped[str | None]
    message: Mapped[str | None]
    created_at: Mapped[CreatedAt]


class BacktestOutcome(Base):
    """The outcome that a recorder appended for an attempt. A trigger prevents changes."""

    __tablename__ = "backtest_outcomes"
    __table_args__ = (
        one_of("kind", ("succeeded", "failed")),
        one_of("reason", FailureReason),
        CheckConstraint("(kind = 'succeeded') = (body IS NOT NULL)", name="body"),
        CheckConstraint("(kind = 'failed') = (reason IS NOT NULL AND message IS NOT NULL)", name="failure"),
        CheckConstraint(f"pg_column_size(body) <= {MAX_BODY_BYTES} AND length(message) <= 2000", name="size"),
    )

    attempt_id: Mapped[str] = mapped_column(
        ForeignKey("backtest_attempts.attempt_id", ondelete="CASCADE"), primary_key=True
    )
    kind: Mapped[str]
    reason: Mapped[str | None]
    message: Mapped[str | None]
    body: Mapped[Json | None]
    exit_code: Mapped[int | None]
    engine_started_at: Mapped[Moment | None]
    engine_finished_at: Mapped[Moment | None]
    recorded_at: Mapped[CreatedAt]


class OutcomeInboxEntry(Base):
    """An outcome that the operator has not settled yet. A trigger inserts it, settling deletes it.

    So looking for new outcomes costs only what is new, however many attempts are open.
    """

    __tablename__ = "outcome_inbox"
    __table_args__ = (Index("ix_outcome_inbox_recorded_at", "recorded_at", "attempt_id"),)

    attempt_id: Mapped[str] = mapped_column(
        ForeignKey("backtest_outcomes.attempt_id", ondelete="CASCADE"), primary_key=True
    )
    recorded_at: Mapped[CreatedAt]


def _metric(name: str) -> Mapped[float | None]:
    return mapped_column(name, Double(), Computed(f"(metrics ->> '{name}')::double precision", persisted=True))


class BacktestResult(Base):
    """What a succeeded backtest measured, and the verdict on it. A trigger allows changes only of the verdict.

    The rest of the result, from the engine's statistics to its provenance, is the body of the attempt's outcome. `run` says
    how it ran; a result of a warm run that was not compared is the only one that can be dropped.
    Results are ranked by `rank_key` and index, both ascending, so that one comparison of the two starts a page: the
    key is the objective's value, negated if more is better, and infinity if it is absent.
    """

    __tablename__ = "backtest_results"
    __table_args__ = (
        Index("ix_backtest_results_ranking", "batch_uid", "rank_key", "index"),
        Index(
            "ix_backtest_results_passed",
            "batch_uid",
            "rank_key",
            "index",
            postgresql_where=text("passed"),
        ),
        Index("ix_backtest_results_index", "batch_uid", "index"),
        Index("ix_backtest_results_criteria", "batch_uid", "criteria_version"),
        CheckConstraint("passed = (cardinality(rejections) = 0)", name="verdict"),
        one_of("run", RunKind),
        Index("ix_backtest_results_warm", "batch_uid", postgresql_where=text("run = 'warm'")),
    )

    backtest_id: Mapped[str] = mapped_column(ForeignKey("backtest_jobs.id", ondelete="CASCADE"), primary_key=True)
    batch_uid: Mapped[str] = mapped_column(ForeignKey("optimization_batches.uid", ondelete="CASCADE"))
    attempt_id: Mapped[str] = mapped_column(ForeignKey("backtest_outcomes.attempt_id", ondelete="CASCADE"), unique=True)
    index: Mapped[int]
    objective_value: Mapped[float | None]
    rank_key: Mapped[float]
    passed: Mapped[bool]
    rejections: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    criteria_version: Mapped[int]
    run: Mapped[str] = mapped_column(server_default="fresh")
    metrics: Mapped[Json]
    sharpe_ratio: Mapped[float | None] = _metric("sharpe_ratio")
    sortino_ratio: Mapped[float | None] = _metric("sortino_ratio")
    probabilistic_sharpe_ratio: Mapped[float | None] = _metric("probabilistic_sharpe_ratio")
    net_profit: Mapped[float | None] = _metric("net_profit")
    annual_return: Mapped[float | None] = _metric("annual_return")
    drawdown: Mapped[float | None] = _metric("drawdown")
    total_trades: Mapped[float | None] = _metric("total_trades")
    win_rate: Mapped[float | None] = _metric("win_rate")
    average_win: Mapped[float | None] = _metric("average_win")
    average_loss: Mapped[float | None] = _metric("average_loss")
    profit_loss_ratio: Mapped[float | None] = _metric("profit_loss_ratio")
    total_fees: Mapped[float | None] = _metric("total_fees")
    fee_share: Mapped[float | None] = _metric("fee_share")
    recorded_at: Mapped[Moment]
    created_at: Mapped[CreatedAt]
