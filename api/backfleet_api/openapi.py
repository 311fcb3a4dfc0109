"""What /openapi.json says of each answer beside its schema: an example, and the problems that a route may answer."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from backfleet_api.errors import MEDIA_TYPE
from backfleet_api.schemas import Problem

Responses = dict[int | str, dict[str, Any]]
_SCHEMAS = "#/components/schemas/"

_PROBLEMS: dict[int, tuple[str, str, dict[str, Any]]] = {
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
            "errors": [{"field": "limit", "problem": "input should be less than or equal to 200", "mend": None}],
        },
    ),
    503: (
        "Postgres or Kubernetes does not answer; try again after Retry-After seconds",
        "Service Unavailable",
        {"detail": "Postgres does not answer", "errors": []},
    ),
}


def answers(example: object, *problems: int) -> Responses:
    """The `responses` of a route: the example of its 200, and its problems."""
    found: Responses = {200: {"content": {"application/json": {"example": example}}}}
    for status in problems:
        description, title, rest = _PROBLEMS[status]
        body = {"type": "about:blank", "title": title, "status": status, **rest}
        found[status] = {
            "description": description,
            "content": {MEDIA_TYPE: {"schema": {"$ref": f"{_SCHEMAS}Problem"}, "example": body}},
        }
    if 503 in found:
        found[503]["headers"] = {"Retry-After": {"description": "seconds", "schema": {"type": "integer"}}}
    return found


def complete_openapi(app: FastAPI, routers: Sequence[APIRouter]) -> None:
    """Add to the app's document what the framework leaves out: the schema of problem bodies, and nulls in examples."""
    generate = app.openapi
    routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]

    def openapi() -> dict[str, Any]:
        document = generate()
        problem = Problem.model_json_schema(ref_template=f"{_SCHEMAS}{{model}}")
        document["components"]["schemas"] |= {**problem.pop("$defs", {}), "Problem": problem}
        for route in routes:
            for method in route.methods or ():
                _restore_examples(document["paths"][route.path_format][method.lower()], route)
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def _restore_examples(operation: dict[str, Any], route: APIRoute) -> None:
    for status, response in route.responses.items():
        for media_type, content in response["content"].items():
            operation["responses"][str(status)]["content"][media_type]["example"] = content["example"]
