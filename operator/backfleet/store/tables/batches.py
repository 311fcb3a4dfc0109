"""Tables of what is asked for: installations, strategies, their success criteria, and batches."""

from datetime import date
from decimal import Decimal

from sqlalchemy import CheckConstraint, ForeignKey, Index, desc, func, text
from sqlalchemy.orm import Mapped, mapped_column

from backfleet.core.ranking import Direction
from backfleet.core.records import BatchState
from backfleet.store.tables.base import Base, BigCount, Count, CreatedAt, Json, JsonArray, JsonObject, Moment, one_of

STRATEGY_STATUSES = ("planned", "testing", "available", "rejected", "passed", "deployed", "on_hold")
NOT_FINISHED = text("state <> 'finished'")


class Installation(Base):
    """One operator's rows in a shared database. Acquiring the fence bumps `epoch`."""

    __tablename__ = "installations"

    id: Mapped[str] = mapped_column(primary_key=True)
    epoch: Mapped[BigCount]
    created_at: Mapped[CreatedAt]
    fenced_at: Mapped[Moment | None]


class StartedWork(Base):
    """Work that an installation started, by its digest, and when that failed last: what is proven needs no test."""

    __tablename__ = "started_work"

    installation_id: Mapped[str] = mapped_column(ForeignKey("installations.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    started_at: Mapped[Moment | None]
    failed_at: Mapped[Moment | None]


class WarmRefusalRow(Base):
    """An engine image with which a fresh run gave another result than a warm one of the same backtest, found in a batch."""

    __tablename__ = "warm_refusals"

    installation_id: Mapped[str] = mapped_column(ForeignKey("installations.id", ondelete="CASCADE"), primary_key=True)
    image: Mapped[str] = mapped_column(primary_key=True)
    engine_version: Mapped[str | None]
    batch_uid: Mapped[str]
    refused_at: Mapped[CreatedAt]


class StrategyRow(Base):
    """A strategy of the catalog, or one that a batch named. `seeded_status` is the catalog's last status.

    A status that differs from `seeded_status` was set by a user, and stays.
    """

    __tablename__ = "strategies"
    __table_args__ = (one_of("status", STRATEGY_STATUSES),)

    name: Mapped[str] = mapped_column(primary_key=True)
    catalog_id: Mapped[str | None] = mapped_column(unique=True)
    category: Mapped[str | None]
    asset_class: Mapped[str | None]
    lean_project_path: Mapped[str | None]
    description: Mapped[str] = mapped_column(server_default="")
    symbols: Mapped[JsonArray]
    parameters: Mapped[JsonArray]
    status: Mapped[str] = mapped_column(server_default="testing")
    seeded_status: Mapped[str | None]
    priority: Mapped[Count]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]


class SuccessCriteriaRow(Base):
    """The criteria of a strategy, or the default ones if `strategy_name` is null. Null bounds do not apply."""

    __tablename__ = "success_criteria"
    __table_args__ = (
        Index(
            "ix_success_criteria_default",
            text("(strategy_name IS NULL)"),
            unique=True,
            postgresql_where=text("strategy_name IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    strategy_name: Mapped[str | None] = mapped_column(ForeignKey("strategies.name", ondelete="CASCADE"), unique=True)
    min_trades: Mapped[int | None]
    max_trades: Mapped[int | None]
    min_sharpe: Mapped[float | None]
    max_drawdown: Mapped[float | None]
    min_win_rate: Mapped[float | None]
    min_avg_win: Mapped[float | None]
    min_psr: Mapped[float | None]
    max_fee_share: Mapped[float | None]
    min_comparable_sharpe: Mapped[float | None]
    min_comparable_sortino: Mapped[float | None]
    max_comparable_drawdown: Mapped[float | None]
    max_comparable_deviation: Mapped[float | None]
    version: Mapped[int] = mapped_column(server_default="1")
    seeded: Mapped[Json | None]
    updated_at: Mapped[CreatedAt]


class Batch(Base):
    """One accepted `OptimizationBatch`. Counters and `version` change in the transaction that changes what they count.

    `stale_verdicts` counts the results whose `criteria_version` is below the batch's, which need a new verdict.
    `never_started` counts the latest attempts in a row whose engine never started. `recent_ends` holds pairs of a time
    and the number of backtests that had ended by then; `core.pace` computes the pace from them. `suspended_at` is the
    time since which the batch is suspended and none of its backtests runs. `engine_versions` are those of the results.
    `packs_died` says of the last packs of several whether each died as a whole, and `engine_seconds` and `job_seconds` what a
    backtest took lately, without and with its pod. `warmth` is what is known of warm runs.
    The columns from `strategy_name` to `objective_direction` repeat parts of `spec`, so that SQL can read them.
    """

    __tablename__ = "optimization_batches"
    __table_args__ = (
        one_of("state", BatchState),
        one_of("objective_direction", Direction),
        CheckConstraint("(state = 'finished') = (finished_at IS NOT NULL)", name="finished"),
        CheckConstraint("least(succeeded, failed, cancelled, passed) >= 0 AND passed <= succeeded", name="counters"),
        CheckConstraint("stale_verdicts >= 0 AND stale_verdicts <= succeeded", name="stale_verdicts"),
        Index("ix_optimization_batches_stale", "installation_id", postgresql_where=text("stale_verdicts > 0")),
        Index("ix_optimization_batches_live", "installation_id", postgresql_where=NOT_FINISHED),
        Index("ix_optimization_batches_newest", "installation_id", desc("accepted_at"), desc("uid")),
        Index("ix_optimization_batches_name", "installation_id", "name", desc("accepted_at")),
        Index("ix_optimization_batches_strategy", "installation_id", "strategy_name", desc("accepted_at")),
    )

    uid: Mapped[str] = mapped_column(primary_key=True)
    installation_id: Mapped[str] = mapped_column(ForeignKey("installations.id"))
    namespace: Mapped[str]
    name: Mapped[str]
    state: Mapped[str]
    strategy_name: Mapped[str] = mapped_column(ForeignKey("strategies.name"))
    engine: Mapped[str]
    start_date: Mapped[date | None]
    end_date: Mapped[date | None]
    initial_cash: Mapped[Decimal]
    objective_metric: Mapped[str]
    objective_direction: Mapped[str]
    spec: Mapped[Json]
    controls: Mapped[Json]
    axes: Mapped[Json]
    criteria: Mapped[Json]
    criteria_version: Mapped[int] = mapped_column(server_default="1")
    stale_verdicts: Mapped[Count]
    search_state: Mapped[Json | None]
    total: Mapped[int | None]
    count_cursor: Mapped[Count]
    count_found: Mapped[Count]
    next_index: Mapped[Count]
    succeeded: Mapped[Count]
    failed: Mapped[Count]
    cancelled: Mapped[Count]
    passed: Mapped[Count]
    best_index: Mapped[int | None]
    best_value: Mapped[float | None]
    best_parameters: Mapped[Json | None]
    repeated_reason: Mapped[str | None]
    retry_round: Mapped[Count]
    labels: Mapped[JsonObject]
    submitter: Mapped[str | None]
    provenance: Mapped[JsonObject]
    accepted_at: Mapped[Moment]
    first_engine_started_at: Mapped[Moment | None]
    last_launched_at: Mapped[Moment | None]
    never_started: Mapped[Count]
    suspended_at: Mapped[Moment | None]
    recent_ends: Mapped[JsonArray]
    engine_versions: Mapped[JsonArray]
    packs_died: Mapped[JsonArray]
    engine_seconds: Mapped[float | None]
    job_seconds: Mapped[float | None]
    warmth: Mapped[JsonObject]
    missing_since: Mapped[Moment | None]
    finished_at: Mapped[Moment | None]
    finish_reason: Mapped[str | None]
    finish_message: Mapped[str | None]
    version: Mapped[BigCount]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[Moment] = mapped_column(server_default=func.now())
