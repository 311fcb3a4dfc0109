"""Edits what of a batch may change while it exists. Blocking: call it in the threads of `Services`."""

from typing import Any

from backfleet.core.criteria import check_bounds
from backfleet.core.errors import Conflict
from backfleet.core.records import BatchRecord
from backfleet.core.spec.snapshot import CRITERIA
from backfleet_api.dependencies import Services
from backfleet_api.schemas.reading import ENDED
from backfleet_api.schemas.writing import Edited, EditRequest
from backfleet_api.writing.cancel import check_watched, find_editable
from backfleet_api.writing.submit import status_url

FOLLOWS = "the operator applies it in its next pass. If the installation allows less, the batch's conditions say so"


def edit(services: Services, wanted: str, namespace: str | None, request: EditRequest) -> Edited:
    """Write the fields to the batch's custom resource. Raise Conflict if the batch has ended and more than criteria is given."""
    patch = spec_patch(request)
    batch, phase = find_editable(services, wanted, namespace)
    # A refused batch has no row: it is looked at again when it is edited.
    if isinstance(batch, BatchRecord) and phase in ENDED and patch.keys() != {CRITERIA}:
        raise Conflict(f"batch {batch.name} has ended, so only its {CRITERIA} can be edited. Apply a new batch.")
    check_watched(services, batch)
    services.cluster.edit_batch(batch.namespace, batch.name, batch.uid, patch)
    return Edited(
        batch_id=batch.uid,
        name=batch.name,
        namespace=batch.namespace,
        state=phase,
        changed=sorted(patch),
        message=FOLLOWS,
        status_url=status_url(batch.uid),
    )


def spec_patch(request: EditRequest) -> dict[str, Any]:
    """Return the merge patch of the spec. Criteria replace the whole set: those that are not given are removed."""
    patch: dict[str, Any] = request.model_dump(mode="json", by_alias=True, exclude_unset=True)
    if request.success_criteria is not None:
        check_bounds(request.success_criteria.criteria())
        patch[CRITERIA] = request.success_criteria.model_dump(mode="json", by_alias=True)
    return patch
