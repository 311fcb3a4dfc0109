"""The API's queries for batches and backtests of one installation, read with a role that may only read.

Rows of another installation of the same database are not found. A page starts after a place: `next_place` of one page
is `after` of the next. Every query is bounded by its limit.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, func, literal, select, tuple_

from backfleet.core.backtests import BacktestState
from backfleet.core.errors import NotFound, SpecInvalid
from backfleet.core.reasons import FailureReason
from backfleet.store.postgres.session import looking
from backfleet.store.queries.answers import (
    AttemptAnswer,
    BacktestAnswer,
    BacktestQuery,
    BacktestSummary,
    BatchAnswer,
    BatchQuery,
    Page,
    ResultAnswer,
    batch_answer,
    combination_answer,
)
from backfleet.store.queries.filters import is_at
from backfleet.store.tables.backtests import BacktestAttempt, BacktestJob, BacktestOutcome, BacktestPack, BacktestResult
from backfleet.store.tables.base import AnyRow
from backfleet.store.tables.batches import Batch

_ACTIVE = (BacktestState.LAUNCHING.value, BacktestState.RUNNING.value)
_ENDED_BADLY = (BacktestState.FAILED.value, BacktestState.CANCELLED.value)
_ALIVE = tuple(state.value for state in BacktestState if state.is_alive)


def list_batches(engine: Engine, installation: str, query: BatchQuery) -> Page[BatchAnswer]:
    """List batches, newest first. A place is (accepted_at in ISO format, uid)."""
    newest = select(Batch.__table__).order_by(Batch.accepted_at.desc(), Batch.uid.desc()).limit(query.limit + 1)
    statement = newest.where(Batch.installation_id == installation)
    for column, value in (
        (Batch.namespace, query.namespace),
        (Batch.name, query.name),
        (Batch.strategy_name, query.strategy),
        (Batch.state, query.state and query.state.value),
    ):
        if value is not None:
            statement = statement.where(column == value)
    if query.after is not None:
        accepted_at, uid = query.after
        statement = statement.where(tuple_(Batch.accepted_at, Batch.uid) < tuple_(_moment(accepted_at), literal(uid)))
    with looking(engine, "reading the batches") as connection:
        rows = connection.execute(statement).all()
        shown = rows[: query.limit]
        active = _active(connection, [row.uid for row in shown])
    place = (shown[-1].accepted_at.isoformat(), shown[-1].uid) if len(rows) > query.limit else None
    return Page(items=tuple(batch_answer(row, active.get(row.uid, 0)) for row in shown), next_place=place)


def get_batch(engine: Engine, installation: str, uid_or_name: str, namespace: str | None = None) -> BatchAnswer:
    """Return the batch of that uid, else the newest of that name (in the namespace, if given). Raise NotFound without one."""
    with looking(engine, "reading the batch") as connection:
        row = _find_batch(connection, installation, uid_or_name, namespace)
        return batch_answer(row, _active(connection, [row.uid]).get(row.uid, 0))


def list_backtests(engine: Engine, installation: str, batch_uid: str, query: BacktestQuery) -> Page[BacktestSummary]:
    """List launched backtests of a batch by index. A place is an index. Raise NotFound without the batch."""
    columns, conditions = BacktestJob.__table__.c, [BacktestJob.batch_uid == batch_uid, BacktestJob.window_no == 0]
    if query.state is not None:
        conditions.append(BacktestJob.state == query.state.value)
    if query.reason is not None:
        # Only these have a reason; the state makes their index fit.
        conditions += [BacktestJob.reason == query.reason.value, BacktestJob.state.in_(_ENDED_BADLY)]
    if query.min_attempts > 1:
        conditions.append(BacktestJob.attempt_count >= query.min_attempts)
    conditions += [is_at(columns.index, each) for each in query.positions]
    statement = (
        select(BacktestJob.__table__)
        .where(BacktestJob.index > query.after, *conditions)
        .order_by(BacktestJob.index)
        .limit(query.limit + 1)
    )
    with looking(engine, "reading the backtests") as connection:
        axes = batch_row(connection, installation, batch_uid).axes
        rows = connection.execute(statement).all()
    items = tuple(_summary(row, axes) for row in rows[: query.limit])
    return Page(items=items, next_place=items[-1].index if len(rows) > query.limit else None)


def get_backtest(engine: Engine, installation: str, identifier: str) -> BacktestAnswer:
    """Return a backtest with its attempts, oldest first, and its result. Raise NotFound if it was never launched."""
    with looking(engine, "reading the backtest") as connection:
        row = connection.execute(select(BacktestJob.__table__).where(BacktestJob.id == identifier)).one_or_none()
        if row is None:
            raise NotFound(f"backtest {identifier} was not launched")
        batch = batch_row(connection, installation, row.batch_uid)
        attempts = connection.execute(
            select(BacktestAttempt.__table__, BacktestPack.job_name, BacktestPack.pod_name)
            .join(BacktestPack, BacktestPack.pack_id == BacktestAttempt.pack_id)
            .where(BacktestAttempt.backtest_id == identifier)
            .order_by(BacktestAttempt.number)
        ).all()
        result = connection.execute(
            select(BacktestResult.__table__, BacktestOutcome.body)
            .join(BacktestOutcome, BacktestOutcome.attempt_id == BacktestResult.attempt_id)
            .where(BacktestResult.backtest_id == identifier)
        ).one_or_none()
    return BacktestAnswer(
        backtest=_summary(row, batch.axes),
        batch_uid=batch.uid,
        batch_name=batch.name,
        namespace=batch.namespace,
        engine=batch.engine,
        spec=batch.spec,
        attempts=tuple(AttemptAnswer.of(each) for each in attempts),
        result=None if result is None else ResultAnswer.of(result),
    )


def _find_batch(connection: Connection, installation: str, uid_or_name: str, namespace: str | None) -> AnyRow:
    ours = select(Batch.__table__).where(Batch.installation_id == installation)
    row = connection.execute(ours.where(Batch.uid == uid_or_name)).one_or_none()
    if row is not None and namespace in (None, row.namespace):
        return row
    newest = ours.where(Batch.name == uid_or_name).order_by(Batch.accepted_at.desc()).limit(1)
    if namespace is not None:
        newest = newest.where(Batch.namespace == namespace)
    row = connection.execute(newest).one_or_none()
    if row is None:
        raise NotFound(f"no batch {uid_or_name}" + (f" in namespace {namespace}" if namespace else ""))
    return row


def batch_row(connection: Connection, installation: str, uid: str) -> AnyRow:
    """Return what queries for parts of a batch need of its row. Raise NotFound without it."""
    row = connection.execute(
        select(
            Batch.uid,
            Batch.name,
            Batch.namespace,
            Batch.engine,
            Batch.spec,
            Batch.axes,
            Batch.objective_metric,
            Batch.objective_direction,
        ).where(Batch.uid == uid, Batch.installation_id == installation)
    ).one_or_none()
    if row is None:
        raise NotFound(f"no batch {uid}")
    return row


def _active(connection: Connection, uids: list[str]) -> Mapping[str, int]:
    """Count backtests with a slot, by batch. The condition on open attempts matches the index."""
    statement = (
        select(BacktestJob.batch_uid, func.count().filter(BacktestJob.state.in_(_ACTIVE)).label("active"))
        .where(BacktestJob.batch_uid.in_(uids), BacktestJob.state.in_(_ALIVE))
        .group_by(BacktestJob.batch_uid)
    )
    return {row.batch_uid: row.active for row in connection.execute(statement)}


def _moment(text: str) -> ColumnElement[datetime]:
    try:
        return literal(datetime.fromisoformat(text))
    except ValueError as error:
        raise SpecInvalid(
            "cursor", "the cursor is not a place in this list", "pass next_cursor of the previous page unchanged"
        ) from error


def _summary(row: AnyRow, axes: Mapping[str, Any]) -> BacktestSummary:
    fields = row._mapping
    return BacktestSummary(
        id=row.id,
        index=fields["index"],
        window_no=row.window_no,
        state=BacktestState(row.state),
        combination=combination_answer(row, axes),
        attempt_count=row.attempt_count,
        reason=FailureReason(row.reason) if row.reason else None,
        message=row.message,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )
