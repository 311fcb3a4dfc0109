"""The API's queries for what explains where a batch or a backtest is."""

from sqlalchemy import Connection, Engine, func, select

from backfleet.core.backtests import BacktestState
from backfleet.core.explaining import BacktestFacts, BatchFacts, FailedGroup, WaitingGroup
from backfleet.core.packs import PackRecord
from backfleet.core.reasons import FailureReason
from backfleet.store.postgres.session import looking
from backfleet.store.queries.reading import batch_row
from backfleet.store.tables.backtests import BacktestAttempt, BacktestJob, BacktestPack, BacktestResult

_ALIVE = tuple(state.value for state in BacktestState if state.is_alive)
_PACK_COLUMNS = (
    "batch_uid",
    "index",
    "number",
    "job_name",
    "size",
    "unsettled",
    "launched_at",
    "start_deadline_at",
    "hard_deadline_at",
    "job_seen_at",
    "start_tries",
    "waiting_since",
    "waiting_reason",
    "retry_at",
    "engine_started_at",
)


def read_batch_facts(engine: Engine, installation: str, batch_uid: str) -> BatchFacts:
    """Read what explains a batch. Raise NotFound without it."""
    with looking(engine, "reading the batch") as connection:
        batch_row(connection, installation, batch_uid)
        alive = connection.execute(
            select(BacktestJob.state, func.count())
            .where(BacktestJob.batch_uid == batch_uid, BacktestJob.state.in_(_ALIVE))
            .group_by(BacktestJob.state)
        ).all()
        return BatchFacts(
            states={BacktestState(state): count for state, count in alive},
            waiting=_waiting(connection, batch_uid),
            failed=_failed(connection, batch_uid),
        )


def read_backtest_facts(engine: Engine, identifier: str) -> BacktestFacts | None:
    """Read what explains a backtest, or None if it was never launched. Whose it is was checked before."""
    with looking(engine, "reading the backtest") as connection:
        row = connection.execute(
            select(
                BacktestJob.index.label("own_index"),
                BacktestJob.state,
                BacktestJob.attempt_count,
                BacktestJob.reason,
                BacktestJob.message,
                BacktestAttempt.engine_started_at.label("began_at"),
                BacktestAttempt.reason.label("last_reason"),
                BacktestResult.rejections,
                *(getattr(BacktestPack, name) for name in _PACK_COLUMNS),
            )
            .join(BacktestAttempt, BacktestAttempt.attempt_id == BacktestJob.deciding_attempt_id)
            .join(BacktestPack, BacktestPack.pack_id == BacktestAttempt.pack_id)
            .outerjoin(BacktestResult, BacktestResult.backtest_id == BacktestJob.id)
            .where(BacktestJob.id == identifier)
        ).one_or_none()
    if row is None:
        return None
    reason = row.reason or row.last_reason
    return BacktestFacts(
        index=row.own_index,
        state=BacktestState(row.state),
        attempts=row.attempt_count,
        reason=FailureReason(reason) if reason else None,
        message=row.message,
        pack=PackRecord(**{name: row._mapping[name] for name in _PACK_COLUMNS}),
        engine_started_at=row.began_at,
        rejections=None if row.rejections is None else tuple(row.rejections),
    )


def _waiting(connection: Connection, batch_uid: str) -> tuple[WaitingGroup, ...]:
    rows = connection.execute(
        select(
            BacktestPack.waiting_reason.label("reason"),
            func.count().label("count"),
            func.min(BacktestPack.waiting_since).label("since"),
            func.min(BacktestPack.retry_at).label("retry_at"),
        )
        .where(
            BacktestPack.batch_uid == batch_uid,
            BacktestPack.unsettled > 0,
            BacktestPack.waiting_reason.is_not(None),
            BacktestPack.waiting_since.is_not(None),
        )
        .group_by(BacktestPack.waiting_reason)
        .order_by(func.count().desc(), BacktestPack.waiting_reason)
        .limit(20)
    )
    return tuple(WaitingGroup(**row._mapping) for row in rows)


def _failed(connection: Connection, batch_uid: str) -> tuple[FailedGroup, ...]:
    grouped = (
        select(BacktestJob.reason, func.count().label("count"), func.min(BacktestJob.index).label("first"))
        .where(BacktestJob.batch_uid == batch_uid, BacktestJob.state == BacktestState.FAILED.value)
        .group_by(BacktestJob.reason)
        .subquery("grouped")
    )
    rows = connection.execute(
        select(grouped.c.reason, grouped.c.count, grouped.c.first, BacktestJob.message).join(
            BacktestJob,
            (BacktestJob.batch_uid == batch_uid)
            & (BacktestJob.window_no == 0)
            & (BacktestJob.index == grouped.c.first),
        )
    )
    return tuple(
        FailedGroup(reason=FailureReason(reason), count=count, index=first, message=message or "no message")
        for reason, count, first, message in rows
        if reason
    )
