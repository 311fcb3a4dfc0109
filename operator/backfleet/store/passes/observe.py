"""Reads the rows that one pass needs, and no others."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Engine, and_, func, select, text

from backfleet.core.backtests import BacktestState
from backfleet.core.records import AttemptRecord, BatchState, StoreView
from backfleet.core.stale import StaleLook, StaleResult
from backfleet.store.passes.rows import (
    ATTEMPT_COLUMNS,
    OUTCOME_COLUMNS,
    PACK_COLUMNS,
    attempt_record,
    outcome_record,
    pack_record,
)
from backfleet.store.postgres.session import looking
from backfleet.store.tables.backtests import (
    BacktestAttempt,
    BacktestJob,
    BacktestOutcome,
    BacktestPack,
    BacktestResult,
    OutcomeInboxEntry,
)
from backfleet.store.tables.base import AnyRow
from backfleet.store.tables.batches import Batch, StartedWork, WarmRefusalRow
from backfleet.store.tables.records import batch_record

OUTCOMES_PER_LOOK = 1_000
"""The most outcomes that one pass settles: some packs of hundreds, in some tenths of a second."""
STALE_PER_LOOK = 2_000
"""The most results that one pass gives a new verdict, over all batches: some tenths of a second."""
PROVEN_FOR = timedelta(days=1)
"""How long a start proves that the same work starts."""
LEAST_SHARE = 50
"""The smallest share of one batch, which bounds the number of queries."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The most that one pass reads."""

    outcomes: int = OUTCOMES_PER_LOOK
    stale: int = STALE_PER_LOOK
    least_share: int = LEAST_SHARE


_QUEUED = BacktestState.QUEUED.value
_FINISHED = BatchState.FINISHED.value
_BOUNDS = Bounds()


def observe(engine: Engine, installation: str, uids: Collection[str], bounds: Bounds = _BOUNDS) -> StoreView:
    """Read all batches that are not finished and the finished ones among `uids`, with what `StoreView` describes.

    The cost follows from what is live: rows of finished batches and settled backtests are not read. At most 1,000
    outcomes, oldest first, of the batches among `uids`, and as many of all others (in a namespace that cannot be
    listed), which free their slots. At most 2,000 results with stale verdicts, of batches that can be saved: among
    `uids`, or finished.
    """
    with looking(engine, "reading the rows") as connection:
        now = connection.execute(text("SELECT now()")).scalar_one()
        is_ours = Batch.installation_id == installation
        live = connection.execute(select(Batch.__table__).where(is_ours, Batch.state != _FINISHED)).all()
        judging = connection.execute(select(Batch.__table__).where(is_ours, Batch.stale_verdicts > 0)).all()
        asked = set(uids) - {row.uid for row in (*live, *judging)}
        done = _finished(connection, installation, asked) if asked else []
        proven = connection.execute(_proven(installation)).scalars().all() if uids else []
        refused = connection.execute(_warm_refusals(installation)).all() if uids else []
        packs = connection.execute(_unsettled_packs(installation)).all() if live else []
        queued = connection.execute(_queued_attempts(installation)).all() if live else []
        here = {row.uid for row in live} & set(uids)
        new = connection.execute(_new_outcomes(here, bounds)).all() if here else []
        elsewhere = {row.uid for row in live} - here
        apart = connection.execute(_new_outcomes(elsewhere, bounds)).all() if elsewhere else []
        savable = [row for row in judging if row.uid in uids or row.state == _FINISHED]
        stale = _stale_results(connection, savable, bounds)
    rows = {row.uid: row for row in (*live, *judging, *done)}
    batches = sorted((batch_record(row) for row in rows.values()), key=lambda each: (each.accepted_at, each.uid))
    attempts = {(each := attempt_record(row)).id: each for row in (*queued, *new, *apart)}
    return StoreView(
        now=now,
        batches=tuple(batches),
        packs=tuple(sorted(map(pack_record, packs), key=lambda each: each.key)),
        attempts=tuple(sorted(attempts.values(), key=lambda each: (each.batch_uid, each.index, each.number))),
        outcomes=tuple(outcome_record(row) for row in (*new, *apart)),
        has_more_outcomes=len(new) == bounds.outcomes,
        stale=stale,
        proven=frozenset(proven),
        warm_refusals={row.image: row.engine_version for row in refused},
    )


def read_members(engine: Engine, pack_ids: Collection[str]) -> tuple[AttemptRecord, ...]:
    """Return the members of these packs that have not ended."""
    of_backtest = BacktestJob.id == BacktestAttempt.backtest_id
    with looking(engine, "reading the members of packs") as connection:
        statement = select(*ATTEMPT_COLUMNS).select_from(BacktestAttempt).join(BacktestJob, of_backtest)
        is_asked_for = BacktestAttempt.pack_id == func.any(list(pack_ids))
        found = connection.execute(statement.where(is_asked_for, BacktestAttempt.ended_at.is_(None)))
        return tuple(map(attempt_record, found))


def job_names(engine: Engine, pack_ids: Collection[str]) -> dict[str, str]:
    """Return the Job's name of each pack that has a row, of any batch."""
    with looking(engine, "reading the names of Jobs") as connection:
        statement = select(BacktestPack.pack_id, BacktestPack.job_name)
        found = connection.execute(statement.where(BacktestPack.pack_id == func.any(list(pack_ids))))
        return {row.pack_id: row.job_name for row in found}


def _finished(connection: Connection, installation: str, uids: Collection[str]) -> list[AnyRow]:
    statement = select(Batch.__table__).where(
        Batch.uid.in_(sorted(uids)), Batch.installation_id == installation, Batch.state == _FINISHED
    )
    return list(connection.execute(statement).all())


def _stale_results(connection: Connection, judging: Sequence[AnyRow], bounds: Bounds) -> dict[str, StaleLook]:
    """Read the first stale results of these batches, an equal share of each, so that none delays the others."""
    looks, shown = {}, bounds.stale // bounds.least_share
    share = max(bounds.least_share, bounds.stale // max(1, len(judging)))
    columns = BacktestResult.backtest_id, BacktestResult.metrics, BacktestResult.passed
    for batch in sorted(judging, key=lambda row: (row.accepted_at, row.uid))[:shown]:
        is_stale = BacktestResult.criteria_version < batch.criteria_version
        statement = select(*columns).where(BacktestResult.batch_uid == batch.uid, is_stale)
        found = connection.execute(statement.order_by(BacktestResult.criteria_version).limit(share + 1)).all()
        looks[batch.uid] = StaleLook(
            criteria_version=batch.criteria_version,
            results=tuple(
                StaleResult(backtest_id=row.backtest_id, metrics=row.metrics, passed=row.passed)
                for row in found[:share]
            ),
            has_more=len(found) > share,
        )
    return looks


def _proven(installation: str) -> Any:  # noqa: ANN401 - a statement
    has_failed = StartedWork.failed_at >= StartedWork.started_at
    return select(StartedWork.key).where(
        StartedWork.installation_id == installation,
        StartedWork.started_at > func.now() - PROVEN_FOR,
        ~func.coalesce(has_failed, False),
    )


def _warm_refusals(installation: str) -> Any:  # noqa: ANN401 - a statement
    columns = WarmRefusalRow.image, WarmRefusalRow.engine_version
    return select(*columns).where(WarmRefusalRow.installation_id == installation)


def _unsettled_packs(installation: str) -> Any:  # noqa: ANN401 - a statement
    return (
        select(*PACK_COLUMNS)
        .join(BacktestPack, BacktestPack.batch_uid == Batch.uid)
        .where(Batch.installation_id == installation, Batch.state != _FINISHED, BacktestPack.unsettled > 0)
        .select_from(Batch)
    )


def _queued_attempts(installation: str) -> Any:  # noqa: ANN401 - a statement
    return (
        select(*ATTEMPT_COLUMNS)
        .join(BacktestJob, BacktestJob.batch_uid == Batch.uid)
        .join(BacktestAttempt, BacktestAttempt.attempt_id == BacktestJob.deciding_attempt_id)
        .where(Batch.installation_id == installation, Batch.state != _FINISHED, BacktestJob.state == _QUEUED)
        .select_from(Batch)
    )


def _new_outcomes(uids: Collection[str], bounds: Bounds) -> Any:  # noqa: ANN401 - a statement
    # The inner query is correlated: its cost follows from the inbox, not from all members of all packs that are live.
    counts = (
        select(and_(BacktestAttempt.is_open, BacktestAttempt.batch_uid.in_(sorted(uids))))
        .where(BacktestAttempt.attempt_id == OutcomeInboxEntry.attempt_id)
        .scalar_subquery()
    )
    new = (
        select(OutcomeInboxEntry.attempt_id, OutcomeInboxEntry.recorded_at.label("appended_at"))
        .where(counts)
        .order_by(OutcomeInboxEntry.recorded_at, OutcomeInboxEntry.attempt_id)
        .limit(bounds.outcomes)
        .subquery("new")
    )
    return (
        select(*ATTEMPT_COLUMNS, *OUTCOME_COLUMNS)
        .select_from(new)
        .join(BacktestAttempt, BacktestAttempt.attempt_id == new.c.attempt_id)
        .join(BacktestJob, BacktestJob.id == BacktestAttempt.backtest_id)
        .join(BacktestOutcome, BacktestOutcome.attempt_id == new.c.attempt_id)
        .order_by(new.c.appended_at, new.c.attempt_id)
    )
