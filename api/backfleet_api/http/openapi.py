"""Adds to /openapi.json what schemas do not say: an example of each answer, and the problems that a route may answer."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from pydantic import BaseModel

from backfleet.core.spec.model import BatchSpec
from backfleet_api.http.binary import MEDIA_TYPE as BINARY
from backfleet_api.http.errors import MEDIA_TYPE
from backfleet_api.schemas.analysis import ColumnsHeader, HeatMapHeader
from backfleet_api.schemas.reading import Problem
from backfleet_api.schemas.writing import EditRequest, RunRequest

Responses = dict[int | str, dict[str, Any]]
_SCHEMAS = "#/components/schemas/"

_PROBLEMS: dict[int, tuple[str, str, dict[str, Any]]] = {
    400: (
        "The body is not a JSON object",
        "Bad Request",
        {
            "detail": "body: not JSON: Expecting value at line 1 column 1. Send one JSON object in UTF-8. "
            "See /openapi.json for its fields.",
            "errors": [
                {
                    "field": "body",
                    "problem": "not JSON: Expecting value at line 1 column 1",
                    "hint": "Send one JSON object in UTF-8. See /openapi.json for its fields.",
                }
            ],
        },
    ),
    401: (
        "The token is missing or not valid",
        "Unauthorized",
        {"detail": "writing needs a token. Send the header Authorization: Bearer <token>.", "errors": []},
    ),
    403: (
        "Writing is off, or Kubernetes forbids it",
        "Forbidden",
        {
            "detail": "writing is off: this API has no token. Set BACKFLEET_API_TOKEN or BACKFLEET_API_TOKEN_FILE, and "
            "restart the API.",
            "errors": [],
        },
    ),
    408: (
        "The body did not arrive in time",
        "Request Timeout",
        {
            "detail": "body: the body did not arrive within 5 s. Send the whole body without a pause.",
            "errors": [
                {
                    "field": "body",
                    "problem": "the body did not arrive within 5 s",
                    "hint": "Send the whole body without a pause.",
                }
            ],
        },
    ),
    409: (
        "Another batch has this name or Idempotency-Key, the cursor belongs to another query, or the batch has ended",
        "Conflict",
        {
            "detail": "name: the name rsi-small is taken in namespace backfleet by another batch. Choose another name.",
            "errors": [
                {
                    "field": "name",
                    "problem": "the name rsi-small is taken in namespace backfleet by another batch",
                    "hint": "Choose another name.",
                }
            ],
        },
    ),
    413: (
        "The body is over the limit",
        "Request Entity Too Large",
        {
            "detail": "body: expected at most 1048576 bytes, got more. Use ranges instead of long lists of values.",
            "errors": [
                {
                    "field": "body",
                    "problem": "expected at most 1048576 bytes, got more",
                    "hint": "Use ranges instead of long lists of values.",
                }
            ],
        },
    ),
    415: (
        "The Content-Type is not application/json",
        "Unsupported Media Type",
        {
            "detail": "body: expected Content-Type application/json, got 'text/plain'. Send Content-Type: application/json.",
            "errors": [
                {
                    "field": "body",
                    "problem": "expected Content-Type application/json, got 'text/plain'",
                    "hint": "Send Content-Type: application/json.",
                }
            ],
        },
    ),
    404: (
        "Not found",
        "Not Found",
        {"detail": "no batch has the uid or the name rsi-small in the namespace backfleet", "errors": []},
    ),
    422: (
        "The request is not valid; `errors` names the fields",
        "Unprocessable Content",
        {
            "detail": "limit: expected a number of at most 200, got '500'. Lower it to at most 200.",
            "errors": [
                {
                    "field": "limit",
                    "problem": "expected a number of at most 200, got '500'",
                    "hint": "Lower it to at most 200.",
                }
            ],
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
    """Return the `responses` of a route: an example of success, and its problems. A 202 has the Location header."""
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


def binary_answers(header: type[BaseModel], *problems: int) -> Responses:
    """Return the `responses` of a route that answers a JSON header and blocks of numbers (`http.binary`)."""
    text = (
        f"four bytes (little endian) with the length of the header, the header as JSON (`{header.__name__}`, with spaces at its "
        "end), then blocks of four-byte numbers, little endian. NaN is a missing number."
    )
    return file_answers(BINARY, text, *problems)


def file_answers(media_type: str, description: str, *problems: int) -> Responses:
    """Return the `responses` of a route that answers a file."""
    content = {media_type: {"schema": {"type": "string", "format": "binary"}}}
    return {**answers({}, *problems), 200: {"description": description, "content": content}}


def request_body(model: type[BaseModel], examples: Mapping[str, object]) -> dict[str, Any]:
    """Return the `requestBody` of a route that reads its body itself, with an example of each kind."""
    schema = {"$ref": f"{_SCHEMAS}{model.__name__}"}
    shown = {name: {"value": value} for name, value in examples.items()}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema, "examples": shown}}}}


def complete_openapi(app: FastAPI, routers: Sequence[APIRouter]) -> None:
    """Add what the framework leaves out: schemas of problems and bodies, and nulls in examples."""
    generate = app.openapi
    routes = [
        route
        for router in routers
        for route in router.routes
        if isinstance(route, APIRoute) and route.include_in_schema
    ]

    def openapi() -> dict[str, Any]:
        document = generate()
        for model in (Problem, RunRequest, EditRequest, BatchSpec, HeatMapHeader, ColumnsHeader):
            schema = model.model_json_schema(ref_template=f"{_SCHEMAS}{{model}}")
            document["components"]["schemas"] |= {**schema.pop("$defs", {}), model.__name__: schema}
        # The route reads the spec itself, so that its problems name fields and fixes as the operator's do.
        request = document["components"]["schemas"][RunRequest.__name__]["properties"]
        request["batch"] = {"$ref": f"{_SCHEMAS}{BatchSpec.__name__}"}
        for route in routes:
            for method in route.methods or ():
                operation = document["paths"][route.path_format][method.lower()]
                _restore_examples(operation, route)
                _remove_nulls(operation)
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def _remove_nulls(operation: dict[str, Any]) -> None:
    """Remove null from the schemas of parameters: a URL or a header has no null, only the text `null`."""
    for parameter in operation.get("parameters", ()):
        schema = parameter["schema"]
        kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
        if len(kinds) == 1:
            del schema["anyOf"]
            parameter["schema"] = {**schema, **kinds[0]}


def _restore_examples(operation: dict[str, Any], route: APIRoute) -> None:
    for status, response in route.responses.items():
        for media_type, content in response["content"].items():
            if "example" not in content:
                continue
            operation["responses"][str(status)]["content"][media_type]["example"] = content["example"]
