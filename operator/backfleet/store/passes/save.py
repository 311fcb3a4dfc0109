"""Saves what a pass decided: all changes of one batch in one transaction."""

from dataclasses import replace

from sqlalchemy import Connection, Engine, func, select, update

from backfleet.core import wire
from backfleet.core.changes import BatchChanges
from backfleet.core.errors import Conflict
from backfleet.core.records import BatchRecord, BatchState
from backfleet.store.passes.changes import apply_changes, close_batch, forget_settled, judge_results, report_start
from backfleet.store.passes.closing import close_in_pieces
from backfleet.store.passes.warm import count_results, report_refusal
from backfleet.store.postgres.fence import check_epoch
from backfleet.store.postgres.session import writing
from backfleet.store.tables.base import AnyRow
from backfleet.store.tables.batches import Batch
from backfleet.store.tables.records import batch_columns, spec_columns
from backfleet.store.tables.strategies import ensure_strategy

_FINISHED = BatchState.FINISHED.value


def save(engine: Engine, installation: str, epoch: int, changes: BatchChanges) -> None:
    """Write all changes of one batch in one transaction. A second save changes nothing or raises Conflict.

    Raise FenceLost if another operator took over, Unavailable if Postgres does not answer, and Conflict if the rows
    have changed since the plan: observe again. The batch's version increases if anything changed.
    """
    after = changes.after
    if after.state is BatchState.FINISHED and changes.before is not None:
        close_in_pieces(engine, installation, epoch, changes)
    with writing(engine, f"saving batch {after.uid}") as connection:
        check_epoch(connection, installation, epoch)
        row = _lock(connection, installation, changes)
        count = judge_results(connection, after, changes.verdicts)
        count += apply_changes(connection, after, changes.changes)
        if after.state is BatchState.FINISHED:
            count += close_batch(connection, after)
        forget_settled(connection)
        report_start(connection, installation, changes.start)
        report_refusal(connection, installation, after, changes.warm_refusal)
        _write_batch(connection, row, after, is_changed=count > 0)
        count_results(connection, after, changes.changes)


def _lock(connection: Connection, installation: str, changes: BatchChanges) -> AnyRow:
    """Lock the batch's row and return it. Insert it first if the changes accept the batch."""
    after = changes.after
    locked = select(Batch.__table__).where(Batch.uid == after.uid).with_for_update()
    row = connection.execute(locked).one_or_none()
    if row is None and changes.before is None:
        first = replace(after, state=BatchState.COUNTING, finished_at=None)
        _insert(connection, installation, first)
        row = connection.execute(locked).one_or_none()
    if row is None:
        raise Conflict(f"the row of batch {after.uid} is gone")
    if row.installation_id != installation:
        raise Conflict(f"batch {after.uid} belongs to installation {row.installation_id}")
    planned_on = changes.before.version if changes.before else 0
    if row.version != planned_on:
        # A commit that the client gave up on may arrive late: what was planned without it would miscount.
        raise Conflict(f"batch {after.uid}: expected version {planned_on}, got version {row.version}")
    is_refused = row.finish_reason == wire.REASON_SPEC_INVALID  # it has no backtests: see docs/adr/0004
    if row.state == _FINISHED and after.state is not BatchState.FINISHED and not is_refused:
        raise Conflict(f"batch {after.uid} is already finished")
    return row


def _insert(connection: Connection, installation: str, record: BatchRecord) -> None:
    columns = {**batch_columns(record), **spec_columns(record)}
    ensure_strategy(connection, columns["strategy_name"])
    connection.execute(Batch.__table__.insert().values(installation_id=installation, **columns))  # type: ignore[attr-defined]


def _write_batch(connection: Connection, row: AnyRow, after: BatchRecord, *, is_changed: bool) -> None:
    present = row._mapping
    changed = {name: value for name, value in batch_columns(after).items() if present[name] != value}
    if not changed and not is_changed and row.version > 0:
        return
    if "spec" in changed:
        changed |= spec_columns(after)
    statement = update(Batch).where(Batch.uid == after.uid)
    connection.execute(statement.values(**changed, version=Batch.version + 1, updated_at=func.now()))
