"""The API's query for whole results in bulk, a piece at a time, by index: metrics as text, as Postgres writes them."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Engine, String, func, select
from sqlalchemy.dialects.postgresql import array

from backfleet.store.postgres.session import looking
from backfleet.store.queries.filters import ResultFilters, results_of
from backfleet.store.tables.backtests import BacktestResult


@dataclass(frozen=True, slots=True)
class ResultLine:
    """A result: `metrics` are numbers joined by commas, empty where one is absent; `rejections` are joined by spaces."""

    index: int
    passed: bool
    rejections: str
    metrics: str


def read_lines(
    engine: Engine, batch_uid: str, metrics: Sequence[str], filters: ResultFilters, after: int, limit: int
) -> list[ResultLine]:
    """Read the results of a batch with an index above `after` that meet the filters, at most `limit`."""
    columns = BacktestResult.__table__.c
    figures = array([columns.metrics[name].astext for name in metrics])
    statement = (
        select(
            columns.index,
            columns.passed,
            func.array_to_string(columns.rejections, " ", type_=String()),
            func.array_to_string(figures, ",", "", type_=String()),
        )
        .where(results_of(batch_uid, filters), columns.index > after)
        .order_by(columns.index)
        .limit(limit)
    )
    with looking(engine, "reading the results") as connection:
        return [ResultLine(*row) for row in connection.execute(statement)]
