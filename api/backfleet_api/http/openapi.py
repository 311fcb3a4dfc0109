"""What /openapi.json says of each answer in addition to its schema: an example, and the problems that a route may answer."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from pydantic import BaseModel

from backfleet.core.spec.model import BatchSpec
from backfleet_api.http.errors import MEDIA_TYPE
from backfleet_api.schemas.reading import Problem
from backfleet_api.schemas.writing import RunRequest

Responses = dict[int | str, dict[str, Any]]
_SCHEMAS = "#/components/schemas/"

_PROBLEMS: dict[int, tuple[str, str, dict[str, Any]]] = {
    400: (
        "The body is no JSON object",
        "Bad Request",
        {
            "detail": "body: not JSON: Expecting value at line 1 column 1; send one JSON object in UTF-8",
            "errors": [
                {
                    "field": "body",
                    "problem": "not JSON: Expecting value at line 1 column 1",
                    "hint": "send one JSON object in UTF-8; see /openapi.json for its fields",
                }
            ],
        },
    ),
    401: (
        "No token, or not this API's",
        "Unauthorized",
        {"detail": "writing needs a token: send the header Authorization: Bearer <token>", "errors": []},
    ),
    403: (
        "Writing is off, or Kubernetes forbids it",
        "Forbidden",
        {
            "detail": "writing is off: this API was given no token; start it with BACKFLEET_API_TOKEN or "
            "BACKFLEET_API_TOKEN_FILE set",
            "errors": [],
        },
    ),
    408: (
        "The body did not arrive in time",
        "Request Timeout",
        {
            "detail": "body: it did not arrive within 5 s; send it at once",
            "errors": [{"field": "body", "problem": "it did not arrive within 5 s", "hint": "send it at once"}],
        },
    ),
    409: (
        "The name, or the Idempotency-Key, is another batch's",
        "Conflict",
        {
            "detail": "name: the name rsi-small is taken in namespace backfleet by another batch; choose another",
            "errors": [
                {
                    "field": "name",
                    "problem": "the name rsi-small is taken in namespace backfleet by another batch",
                    "hint": "choose another",
                }
            ],
        },
    ),
    413: (
        "The body is over the limit",
        "Request Entity Too Large",
        {
            "detail": "body: it is over the limit of 1048576 bytes; declare ranges in place of long lists of values",
            "errors": [
                {
                    "field": "body",
                    "problem": "it is over the limit of 1048576 bytes",
                    "hint": "declare ranges in place of long lists of values",
                }
            ],
        },
    ),
    415: (
        "The body is not said to be JSON",
        "Unsupported Media Type",
        {
            "detail": "body: the Content-Type is 'text/plain'; send Content-Type: application/json",
            "errors": [
                {
                    "field": "body",
                    "problem": "the Content-Type is 'text/plain'",
                    "hint": "send Content-Type: application/json",
                }
            ],
        },
    ),
    404: (
        "No such thing",
        "Not Found",
        {"detail": "no batch rsi-small in the namespace backfleet", "errors": []},
    ),
    422: (
        "The request is wrong; `errors` names the fields",
        "Unprocessable Content",
        {
            "detail": "limit: input should be less than or equal to 200",
            "errors": [{"field": "limit", "problem": "input should be less than or equal to 200", "hint": None}],
        },
    ),
    503: (
        "Postgres or Kubernetes does not answer; try again after Retry-After seconds",
        "Service Unavailable",
        {"detail": "Postgres does not answer", "errors": []},
    ),
}


def answers(
    example: object,
    *problems: int,
    status: int = 200,
    model: type[BaseModel] | None = None,
    description: str | None = None,
) -> Responses:
    """The `responses` of a route: the example of its success, and its problems; 202 says where to look next."""
    success: dict[str, Any] = {"content": {"application/json": {"example": example}}}
    success |= {name: value for name, value in (("model", model), ("description", description)) if value}
    if status == 202:
        success["headers"] = {"Location": {"description": "path of the batch's state", "schema": {"type": "string"}}}
    found: Responses = {status: success}
    for code in problems:
        meaning, title, rest = _PROBLEMS[code]
        body = {"type": "about:blank", "title": title, "status": code, **rest}
        found[code] = {
            "description": meaning,
            "content": {MEDIA_TYPE: {"schema": {"$ref": f"{_SCHEMAS}Problem"}, "example": body}},
        }
    if 503 in found:
        found[503]["headers"] = {"Retry-After": {"description": "seconds", "schema": {"type": "integer"}}}
    if 401 in found:
        found[401]["headers"] = {"WWW-Authenticate": {"description": "RFC 6750", "schema": {"type": "string"}}}
    return found


def request_body(model: type[BaseModel], examples: Mapping[str, object]) -> dict[str, Any]:
    """The `requestBody` of a route that reads its body itself, with an example of each kind."""
    schema = {"$ref": f"{_SCHEMAS}{model.__name__}"}
    shown = {name: {"value": value} for name, value in examples.items()}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema, "examples": shown}}}}


def complete_openapi(app: FastAPI, routers: Sequence[APIRouter]) -> None:
    """Add to the app's document what the framework leaves out: schemas of problems and of bodies, and nulls in examples."""
    generate = app.openapi
    routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]

    def openapi() -> dict[str, Any]:
        document = generate()
        for model in (Problem, RunRequest, BatchSpec):
            schema = model.model_json_schema(ref_template=f"{_SCHEMAS}{{model}}")
            document["components"]["schemas"] |= {**schema.pop("$defs", {}), model.__name__: schema}
        # The route reads the spec itself, so that its problems name fields and fixes as the operator's do.
        request = document["components"]["schemas"][RunRequest.__name__]["properties"]
        request["batch"] = {"$ref": f"{_SCHEMAS}{BatchSpec.__name__}"}
        for route in routes:
            for method in route.methods or ():
                _restore_examples(document["paths"][route.path_format][method.lower()], route)
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def _restore_examples(operation: dict[str, Any], route: APIRoute) -> None:
    for status, response in route.responses.items():
        for media_type, content in response["content"].items():
            operation["responses"][str(status)]["content"][media_type]["example"] = content["example"]
