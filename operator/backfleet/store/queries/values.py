"""The API's query for figures of many results at once: as arrays, which Postgres packs and nobody parses.

A row as JSON costs more than all that is computed from it.
"""

import sys
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Engine, LargeBinary, func, literal, select
from sqlalchemy.types import Double

from backfleet.store.postgres.session import looking
from backfleet.store.queries.filters import EVERYTHING, ResultFilters, metric_value, results_of
from backfleet.store.queries.reading import batch_row
from backfleet.store.tables.backtests import BacktestResult


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureQuery:
    """Which metrics of which results to read: those above index `after` that meet the filters, at most `limit`."""

    metrics: Sequence[str]
    filters: ResultFilters = EVERYTHING
    after: int = -1
    limit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Results by index, ascending: verdicts (1 or 0) and one array for each metric, NaN where it is absent.

    `has_more` if there are further results that were not read.
    """

    indexes: Sequence[int]
    passed: bytes
    metrics: tuple[Sequence[float], ...]
    has_more: bool = False


def read_figures(engine: Engine, installation: str, batch_uid: str, query: FigureQuery) -> Figures:
    """Read the results of a batch that the query is about, by index. Raise NotFound without the batch."""
    index, passed = BacktestResult.__table__.c.index, BacktestResult.__table__.c.passed
    rows = (
        select(
            index.label("i"),
            passed.label("p"),
            *(metric_value(name).label(f"m{at}") for at, name in enumerate(query.metrics)),
        )
        .where(results_of(batch_uid, query.filters), index > query.after)
        .order_by(index)
        .limit(None if query.limit is None else query.limit + 1)
        .subquery("found")
    )
    packed = [func.int4send(rows.c.i), func.boolsend(rows.c.p)]
    packed += [
        func.float8send(func.coalesce(rows.c[f"m{at}"], literal("NaN").cast(Double())))
        for at in range(len(query.metrics))
    ]
    # An aggregate takes its rows in the order of the subquery, so nothing is sorted twice.
    statement = select(*(_joined(each) for each in packed))
    with looking(engine, "reading the figures") as connection:
        batch_row(connection, installation, batch_uid)
        indexes, verdicts, *columns = (bytes(part or b"") for part in connection.execute(statement).one())
    count = len(verdicts) if query.limit is None else min(len(verdicts), query.limit)
    return Figures(
        indexes=_integers(indexes)[:count],
        passed=verdicts[:count],
        metrics=tuple(_numbers(column)[:count] for column in columns),
        has_more=count < len(verdicts),
    )


def _joined(part: ColumnElement[bytes]) -> ColumnElement[bytes]:
    return func.string_agg(part, literal(b"", LargeBinary()), type_=LargeBinary())


def _integers(packed: bytes) -> "array[int]":
    found = array("i", packed)
    if sys.byteorder == "little":
        found.byteswap()
    return found


def _numbers(packed: bytes) -> "array[float]":
    found = array("d", packed)
    if sys.byteorder == "little":
        found.byteswap()
    return found
