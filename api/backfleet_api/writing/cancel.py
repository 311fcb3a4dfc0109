"""Ends a batch by setting its custom resource's `cancel`. Blocking: call it in the threads of `Services`."""

from backfleet.core.records import BatchRecord
from backfleet_api.cluster import ClusterBatch
from backfleet_api.dependencies import Services
from backfleet_api.reading.answers import phase_of
from backfleet_api.reading.lookup import find_batch
from backfleet_api.reading.pending import describe_pending
from backfleet_api.refusals import Forbidden
from backfleet_api.schemas.reading import ENDED, BatchPhase
from backfleet_api.schemas.writing import Cancellation
from backfleet_api.writing.submit import status_url

FOLLOWS = "the operator deletes running backtests and cancels all others; existing results stay"
OVER = "the batch had already ended; nothing was changed"


def cancel(services: Services, wanted: str, namespace: str | None) -> Cancellation:
    """Set `cancel`. Leave a batch that has ended as it is. Raise NotFound if there is no such batch. Safe to repeat."""
    batch, phase = find_editable(services, wanted, namespace)
    has_ended = phase in ENDED
    if not has_ended:
        check_watched(services, batch)
        services.cluster.edit_batch(batch.namespace, batch.name, batch.uid, {"cancel": True})
    return Cancellation(
        batch_id=batch.uid,
        name=batch.name,
        namespace=batch.namespace,
        state=phase,
        message=OVER if has_ended else FOLLOWS,
        status_url=status_url(batch.uid),
    )


def find_editable(
    services: Services, wanted: str, namespace: str | None
) -> tuple[ClusterBatch | BatchRecord, BatchPhase]:
    """Return the batch and its state. Raise NotFound if there is no such batch."""
    found = find_batch(services, wanted, namespace)
    if isinstance(found, ClusterBatch):
        return found, describe_pending(found).state
    return found.record, phase_of(found)


def check_watched(services: Services, batch: ClusterBatch | BatchRecord) -> None:
    """Raise Forbidden for a batch in a namespace that this API does not write in."""
    watched = services.settings.watched
    if batch.namespace not in watched:
        raise Forbidden(
            "namespace",
            f"the batch is in namespace {batch.namespace}, but this API writes only in {', '.join(watched)}",
            "use kubectl",
        )
