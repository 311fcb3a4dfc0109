"""The counts of a batch that people see, computed once for its status and the REST API."""

from backfleet.core.records import BatchRecord, BatchState


def queued(record: BatchRecord, active: int) -> int:
    """How many backtests wait for a launch, when `active` hold a slot; 0 while constraints are counted and at the end."""
    if record.state is BatchState.FINISHED:
        return 0
    counters = record.counters
    return max(0, (record.total or 0) - counters.succeeded - counters.failed - counters.cancelled - active)


def progress(record: BatchRecord) -> str:
    """Return how many backtests succeeded or failed, of how many, like 37/486."""
    return f"{record.counters.succeeded + record.counters.failed}/{record.total or 0}"
