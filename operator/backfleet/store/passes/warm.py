"""Writes what a pass decided about the warm runs of a batch, see `core.planning.warm`."""

from collections.abc import Sequence

from sqlalchemy import Connection, text

from backfleet.core.changes import DropWarm, RowChange
from backfleet.core.records import BatchRecord
from backfleet.core.spec.storable import storable_text
from backfleet.core.warmth import WarmRefusal
from backfleet.store.passes import statements


def drop_warm_results(connection: Connection, batch: BatchRecord, changes: Sequence[DropWarm]) -> int:
    """Delete the results of warm runs that were not compared, and queue their backtests. Return how many there were."""
    message = f"its warm run does not count: {changes[-1].difference}"
    dropped = connection.execute(text(statements.DROP_WARM_RESULTS), {"uid": batch.uid}).rowcount
    connection.execute(text(statements.QUEUE_DROPPED), {"uid": batch.uid, "message": storable_text(message[:2000])})
    return dropped


def count_results(connection: Connection, batch: BatchRecord, changes: Sequence[RowChange]) -> None:
    """Count a batch's results again if some were dropped: the planner has not seen which of them passed or was the best."""
    if any(isinstance(each, DropWarm) for each in changes):
        connection.execute(
            text(statements.COUNT_RESULTS), {"uid": batch.uid, "criteria_version": batch.criteria_version}
        )


def report_refusal(connection: Connection, installation: str, batch: BatchRecord, refusal: WarmRefusal | None) -> None:
    """Remember an engine image whose warm runs are not trusted, or forget it."""
    if refusal is None:
        return
    values = {"installation": installation, "image": refusal.image}
    if refusal.is_over:
        connection.execute(text(statements.TRUST_WARM), values)
    else:
        version = {"engine_version": refusal.engine_version, "uid": batch.uid}
        connection.execute(text(statements.REFUSE_WARM), values | version)
