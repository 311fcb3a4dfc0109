"""Routes that create, edit and cancel batches. All need the token."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from backfleet.core.errors import SpecInvalid
from backfleet_api.dependencies import Provided
from backfleet_api.http.access import may_write
from backfleet_api.http.body import read_json
from backfleet_api.http.openapi import answers, request_body
from backfleet_api.http.query import BatchId, BatchParameters, no_query, strict_query
from backfleet_api.schemas import examples, more_examples
from backfleet_api.schemas.reading import ENDED, Body
from backfleet_api.schemas.writing import Cancellation, Edited, EditRequest, Preview, RunRequest, Submitted
from backfleet_api.writing.cancel import cancel
from backfleet_api.writing.edit import edit
from backfleet_api.writing.request_spec import check_sources
from backfleet_api.writing.submit import preview, submit

router = APIRouter(prefix="/api/optimization", tags=["writing"], dependencies=[Depends(may_write)])

IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=8,
        max_length=200,
        pattern=r"^[!-~]+$",
        description="a key that you choose: repeated requests with the same key and batch create one batch",
    ),
]


@router.post(
    "/run-parallel",
    response_model=Preview,
    dependencies=[Depends(no_query)],
    responses=answers(examples.PREVIEW, 400, 401, 403, 404, 408, 409, 413, 415, 422, 503)
    | answers(examples.SUBMITTED, status=202, model=Submitted, description="Kubernetes has stored the batch"),
    openapi_extra=request_body(RunRequest, examples.RUN_REQUESTS),
)
async def run_parallel(
    services: Provided, request: Request, idempotency_key: IdempotencyKey = None
) -> Preview | Response:
    """Create a batch (202), or with `dry_run` validate and count it (200). The operator validates it again."""
    wanted = _parse_request(await read_json(request))
    if wanted.dry_run:
        return await services.writes.run(lambda: preview(services, wanted))
    submitted = await services.writes.run(lambda: submit(services, wanted, idempotency_key))
    headers = {"Location": submitted.status_url}
    return _respond(submitted, HTTPStatus.ACCEPTED, headers)


@router.delete(
    "/batches/{batch_id}",
    response_model=Cancellation,
    dependencies=[Depends(strict_query)],
    responses=answers(examples.OVER, 401, 403, 404, 422, 503)
    | answers(examples.CANCELLATION, status=202, model=Cancellation, description="the operator is to end the batch"),
)
async def cancel_batch(services: Provided, batch_id: BatchId, query: BatchParameters) -> Cancellation | Response:
    """Cancel a batch (202), by uid or the newest of a name. One that has ended stays as it is (200). Safe to repeat."""
    done = await services.writes.run(lambda: cancel(services, batch_id, query.namespace))
    if done.state in ENDED:
        return done
    return _respond(done, HTTPStatus.ACCEPTED, {"Location": done.status_url})


@router.patch(
    "/batches/{batch_id}",
    status_code=HTTPStatus.ACCEPTED,
    response_model=Edited,
    dependencies=[Depends(strict_query)],
    responses=answers(
        more_examples.EDITED,
        *(400, 401, 403, 404, 408, 409, 413, 415, 422, 503),
        status=202,
        model=Edited,
        description="Kubernetes has stored the edit",
    ),
    openapi_extra=request_body(EditRequest, more_examples.EDITS),
)
async def edit_batch(services: Provided, request: Request, batch_id: BatchId, query: BatchParameters) -> Response:
    """Set controls and criteria of a batch (202). Of one that has ended, only the criteria. Safe to repeat."""
    wanted = _parse_edit(await read_json(request))
    done = await services.writes.run(lambda: edit(services, batch_id, query.namespace, wanted))
    return _respond(done, HTTPStatus.ACCEPTED, {"Location": done.status_url})


def _parse_edit(body: object) -> EditRequest:
    wanted = _validated(EditRequest, body)
    if not wanted.model_fields_set:
        raise SpecInvalid("body", "expected at least one field to set, got none", "see /openapi.json for its fields")
    return wanted


def _parse_request(body: object) -> RunRequest:
    check_sources(body)
    return _validated(RunRequest, body)


def _validated[Wanted: BaseModel](model: type[Wanted], body: object) -> Wanted:
    try:
        return model.model_validate(body)
    except ValidationError as error:
        details = error.errors(include_url=False)
        raise RequestValidationError([{**detail, "loc": ("body", *detail["loc"])} for detail in details]) from error


def _respond(answer: Body, status: HTTPStatus, headers: dict[str, str]) -> Response:
    return Response(answer.model_dump_json(), status, headers, "application/json")
