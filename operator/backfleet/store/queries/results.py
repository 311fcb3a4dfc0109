"""The API's queries for ranked results of a batch, page by page."""

import math
from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Engine, Select, literal, select, tuple_
from sqlalchemy.types import Double

from backfleet.core.ranking import Direction, Objective
from backfleet.core.warmth import RunKind
from backfleet.store.postgres.session import looking
from backfleet.store.queries.answers import Page, RankedResult, ResultPlace, ResultQuery, combination_answer
from backfleet.store.queries.filters import rank_key_of, results_of
from backfleet.store.queries.reading import batch_row
from backfleet.store.tables.backtests import BacktestJob, BacktestOutcome, BacktestResult
from backfleet.store.tables.base import AnyRow


def list_results(engine: Engine, installation: str, batch_uid: str, query: ResultQuery) -> Page[RankedResult]:
    """List succeeded backtests of a batch, best first under the objective (by default the batch's own).

    Absent values come last, and ties go to the lowest index, as in `core.ranking`. Ranks count from 1 among the listed
    results, and shift if results arrive between two pages. Raise NotFound without such a batch.
    """
    with looking(engine, "reading the results") as connection:
        batch = batch_row(connection, installation, batch_uid)
        own = Objective(batch.objective_metric, Direction(batch.objective_direction))
        objective = query.objective or own
        key = BacktestResult.__table__.c.rank_key if objective == own else rank_key_of(objective)
        rows = connection.execute(_ranking(batch_uid, key, query)).all()
    first = query.after[2] + 1 if query.after else 1
    shown = rows[: query.limit]
    place: ResultPlace | None = None
    if len(rows) > query.limit:
        last = shown[-1]
        place = (None if math.isinf(last.rank_key) else last.rank_key, last.backtest_index, first + query.limit - 1)
    items = (_ranked(row, first + position, objective, batch.axes) for position, row in enumerate(shown))
    return Page(items=tuple(items), next_place=place)


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
        .where(results_of(batch_uid, query.filters))
        .order_by(key, BacktestResult.index)
        .limit(query.limit + 1)
    )
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
