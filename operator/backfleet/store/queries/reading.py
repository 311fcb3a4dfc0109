"""The API's queries: batches, ranked results and backtests of one installation, read with a role that may only read.

Rows of another installation of the same database are not found. A page starts after a place: `next_place` of one page
is `after` of the next. Every query is bounded by its limit.
"""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Select, func, literal, select, tuple_
from sqlalchemy.types import Double

from backfleet.core.backtests import BacktestState
from backfleet.core.errors import NotFound, SpecInvalid
from backfleet.core.metrics import METRICS
from backfleet.core.ranking import Direction, Objective
from backfleet.core.warmth import RunKind
from backfleet.store.postgres.session import looking
from backfleet.store.queries.answers import (
    AttemptAnswer,
    BacktestAnswer,
    BacktestSummary,
    BatchAnswer,
    BatchQuery,
    Page,
    RankedResult,
    ResultAnswer,
    ResultPlace,
    ResultQuery,
    batch_answer,
    combination_answer,
)
from backfleet.store.tables.backtests import BacktestAttempt, BacktestJob, BacktestOutcome, BacktestPack, BacktestResult
from backfleet.store.tables.base import AnyRow
from backfleet.store.tables.batches import Batch

_METRIC_COLUMNS = METRICS.keys() & BacktestResult.__table__.c.keys()
_ACTIVE = (BacktestState.LAUNCHING.value, BacktestState.RUNNING.value)
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


def list_results(engine: Engine, installation: str, batch_uid: str, query: ResultQuery) -> Page[RankedResult]:
    """List succeeded backtests of a batch, best first under the objective (by default the batch's own).

    Absent values come last, and ties go to the lowest index, as in `core.ranking`. Ranks count from 1 among the listed
    results, and shift if results arrive between two pages. Raise NotFound without such a batch.
    """
    with looking(engine, "reading the results") as connection:
        batch = _get_batch_row(connection, installation, batch_uid)
        own = Objective(batch.objective_metric, Direction(batch.objective_direction))
        objective = query.objective or own
        key = BacktestResult.__table__.c.rank_key if objective == own else _rank_key(objective)
        rows = connection.execute(_ranking(batch_uid, key, query)).all()
    first = query.after[2] + 1 if query.after else 1
    shown = rows[: query.limit]
    place: ResultPlace | None = None
    if len(rows) > query.limit:
        last = shown[-1]
        place = (None if math.isinf(last.rank_key) else last.rank_key, last.backtest_index, first + query.limit - 1)
    items = (_ranked(row, first + position, objective, batch.axes) for position, row in enumerate(shown))
    return Page(items=tuple(items), next_place=place)


def list_backtests(
    engine: Engine,
    installation: str,
    batch_uid: str,
    state: BacktestState | None = None,
    *,
    after: int = -1,
    limit: int = 50,
) -> Page[BacktestSummary]:
    """List launched backtests of a batch by index, of one state or all. A place is an index. NotFound without the batch."""
    statement = (
        select(BacktestJob.__table__)
        .where(BacktestJob.batch_uid == batch_uid, BacktestJob.window_no == 0, BacktestJob.index > after)
        .order_by(BacktestJob.index)
        .limit(limit + 1)
    )
    if state is not None:
        statement = statement.where(BacktestJob.state == state.value)
    with looking(engine, "reading the backtests") as connection:
        axes = _get_batch_row(connection, installation, batch_uid).axes
        rows = connection.execute(statement).all()
    items = tuple(_summary(row, axes) for row in rows[:limit])
    return Page(items=items, next_place=items[-1].index if len(rows) > limit else None)


def get_backtest(engine: Engine, installation: str, identifier: str) -> BacktestAnswer:
    """Return a backtest with its attempts, oldest first, and its result. Raise NotFound if it was never launched."""
    with looking(engine, "reading the backtest") as connection:
        row = connection.execute(select(BacktestJob.__table__).where(BacktestJob.id == identifier)).one_or_none()
        if row is None:
            raise NotFound(f"backtest {identifier} was not launched")
        batch = _get_batch_row(connection, installation, row.batch_uid)
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


def _get_batch_row(connection: Connection, installation: str, uid: str) -> AnyRow:
    row = connection.execute(
        select(
            Batch.uid, Batch.name, Batch.namespace, Batch.axes, Batch.objective_metric, Batch.objective_direction
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


def _ranking(batch_uid: str, key: ColumnElement[float], query: ResultQuery) -> Select[*tuple[Any, ...]]:
    statement = (
        select(
            BacktestResult.backtest_id,
            BacktestResult.attempt_id,
            BacktestResult.index.label("backtest_index"),
            BacktestResult.metrics,
            BacktestResult.passed,
            BacktestResult.rejections,
            BacktestResult.criteria_version,
            BacktestResult.run,
            BacktestResult.recorded_at,
            key.label("rank_key"),
        )
        .where(BacktestResult.batch_uid == batch_uid)
        .order_by(key, BacktestResult.index)
        .limit(query.limit + 1)
    )
    if query.only_passed:
        statement = statement.where(BacktestResult.passed)
    if query.after is not None:
        after, index, _ = query.after
        place = tuple_(literal(math.inf if after is None else after, Double()), literal(index))
        statement = statement.where(tuple_(key, BacktestResult.index) > place)
    # Joined to the page alone: another objective than the batch's sorts all its results, and bodies are not part of that.
    page = statement.subquery("page")
    return (
        select(
            page,
            BacktestOutcome.body["warnings"].label("warnings"),
            BacktestOutcome.body["provenance"].label("provenance"),
            BacktestJob.parameters,
            BacktestJob.combination,
        )
        .join(BacktestOutcome, BacktestOutcome.attempt_id == page.c.attempt_id)
        .join(BacktestJob, BacktestJob.id == page.c.backtest_id)
        .order_by(page.c.rank_key, page.c.backtest_index)
    )


def _rank_key(objective: Objective) -> ColumnElement[float]:
    """Return the key of another objective, as the column holds it for the batch's own."""
    columns = BacktestResult.__table__.c
    name = objective.metric
    value = columns[name] if name in _METRIC_COLUMNS else columns.metrics[name].astext.cast(Double())
    oriented = -value if objective.direction is Direction.MAXIMIZE else value
    return func.coalesce(oriented, literal(math.inf, Double()), type_=Double())


def _ranked(row: AnyRow, rank: int, objective: Objective, axes: Mapping[str, Any]) -> RankedResult:
    return RankedResult(
        rank=rank,
        backtest_id=row.backtest_id,
        index=row.backtest_index,
        value=row.metrics.get(objective.metric),
        combination=combination_answer(row, axes),
        metrics=row.metrics,
        passed=row.passed,
        rejections=tuple(row.rejections),
        criteria_version=row.criteria_version,
        run=RunKind(row.run),
        warnings=tuple(row.warnings),
        provenance=row.provenance,
        recorded_at=row.recorded_at,
    )


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
        reason=row.reason,
        message=row.message,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )
