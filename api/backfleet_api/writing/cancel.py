"""Ends a batch by its custom resource's `cancel`; blocking, for the threads of `calls`."""

from backfleet.core.records import BatchRecord
from backfleet_api.cluster import ClusterBatch
from backfleet_api.dependencies import Services
from backfleet_api.reading.answers import phase_of
from backfleet_api.reading.lookup import find_batch
from backfleet_api.reading.pending import describe_pending
from backfleet_api.refusals import Forbidden
from backfleet_api.schemas.reading import ENDED
from backfleet_api.schemas.writing import Cancellation
from backfleet_api.writing.submit import status_url

FOLLOWS = "the operator deletes what runs and ends all the rest as cancelled; results that are there stay"
OVER = "it had ended before; nothing was changed"


def cancel(services: Services, wanted: str, namespace: str | None) -> Cancellation:
    """Set `cancel`, again or for the first time; a batch that has ended is left as it is. NotFound without such a batch."""
    found = find_batch(services, wanted, namespace)
    if isinstance(found, ClusterBatch):
        batch: ClusterBatch | BatchRecord = found
        phase = describe_pending(found).state
    else:
        batch, phase = found.record, phase_of(found)
    has_ended = phase in ENDED
    if not has_ended:
        watched = services.settings.watched
        if batch.namespace not in watched:
            raise Forbidden(
                "namespace",
                f"the batch is in namespace {batch.namespace}, this API writes in {', '.join(watched)} only",
                "use kubectl",
            )
        services.cluster.cancel_batch(batch.namespace, batch.name, batch.uid)
    return Cancellation(
        batch_id=batch.uid,
        name=batch.name,
        namespace=batch.namespace,
        state=phase,
        message=OVER if has_ended else FOLLOWS,
        status_url=status_url(batch.uid),
    )
