"""Translates errors into HTTP in one place: those of `core.errors` and the framework become problem+json (RFC 9457)."""

import logging
from collections.abc import Sequence
from http import HTTPStatus

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import APIRoute
from pydantic_core import ErrorDetails
from starlette.exceptions import HTTPException
from starlette.routing import Match

from backfleet.core.errors import BackfleetError, Conflict, NotFound, SpecInvalid, Unavailable, as_sentence
from backfleet.core.spec.expectations import explain, join_path
from backfleet_api.refusals import (
    BodyOfAnotherKind,
    BodyTooLarge,
    BodyTooSlow,
    BodyUnreadable,
    ConfigMissing,
    CursorElsewhere,
    Forbidden,
    NameTaken,
    ParameterMissing,
    Unauthenticated,
)
from backfleet_api.schemas.reading import FieldProblem, Problem

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
_STATUS: tuple[tuple[type[BackfleetError], HTTPStatus], ...] = (
    (BodyUnreadable, HTTPStatus.BAD_REQUEST),
    (BodyTooSlow, HTTPStatus.REQUEST_TIMEOUT),
    (BodyTooLarge, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (BodyOfAnotherKind, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
    (SpecInvalid, HTTPStatus.UNPROCESSABLE_ENTITY),
    (Unauthenticated, HTTPStatus.UNAUTHORIZED),
    (Forbidden, HTTPStatus.FORBIDDEN),
    (NotFound, HTTPStatus.NOT_FOUND),
    (Conflict, HTTPStatus.CONFLICT),
    (Unavailable, HTTPStatus.SERVICE_UNAVAILABLE),
)


_WITH_FIELD = (SpecInvalid, Forbidden, NameTaken, ConfigMissing, CursorElsewhere, ParameterMissing)


def problem_response(status: HTTPStatus, detail: str, errors: list[FieldProblem] | None = None) -> Response:
    """Build the answer for an error. `detail` is for people."""
    problem = Problem(title=status.phrase, status=status.value, detail=detail, errors=errors or [])
    return Response(problem.model_dump_json(), status_code=status.value, media_type=MEDIA_TYPE)


def install_translators(app: FastAPI, routers: Sequence[APIRouter], retry_after_seconds: int) -> None:
    """Answer every error of a route with a problem body. Add Retry-After to 503, and all methods of the path to 405."""

    def translate(_: Request, error: Exception) -> Response:
        assert isinstance(error, BackfleetError)
        status = next((status for kind, status in _STATUS if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR)
        if status is HTTPStatus.INTERNAL_SERVER_ERROR:
            raise error
        problems = _field_problems(error)
        more = f" See `errors` for {len(problems) - 1} more." if len(problems) > 1 else ""
        response = problem_response(status, f"{error}{more}", problems)
        if status is HTTPStatus.SERVICE_UNAVAILABLE:
            logger.warning("unavailable: %s", error.__cause__ or error)
            response.headers["Retry-After"] = str(retry_after_seconds)
        if isinstance(error, Unauthenticated):
            response.headers["WWW-Authenticate"] = _challenge(error)
        return response

    def translate_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        status = HTTPStatus(error.status_code)
        response = problem_response(status, f"{error.detail}. See /openapi.json for all paths and methods.")
        response.headers.update(error.headers or {})
        if status is HTTPStatus.METHOD_NOT_ALLOWED:
            response.headers["Allow"] = _methods_of(request, routers) or response.headers.get("Allow", "")
        return response

    app.add_exception_handler(BackfleetError, translate)
    app.add_exception_handler(RequestValidationError, _translate_validation)
    app.add_exception_handler(HTTPException, translate_http)


def _field_problems(error: BackfleetError) -> list[FieldProblem]:
    if isinstance(error, _WITH_FIELD) and error.field:
        first = FieldProblem(field=error.field, problem=error.problem, hint=error.hint)
        others = error.others if isinstance(error, SpecInvalid) else ()
        return [first, *(FieldProblem(field=each.field, problem=each.problem, hint=each.hint) for each in others)]
    return []


def _challenge(error: Unauthenticated) -> str:
    return 'Bearer realm="backfleet"' + (f', error="{error.code}"' if error.code else "")


def _translate_validation(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    problems = [_field_problem(detail) for detail in error.errors()]
    detail = " ".join(f"{each.field}: {each.problem}. {each.hint}" for each in problems)
    return problem_response(HTTPStatus.UNPROCESSABLE_ENTITY, detail, problems)


def _field_problem(detail: ErrorDetails) -> FieldProblem:
    loc = detail["loc"]
    problem, hint = explain(detail)
    if detail["type"] == "extra_forbidden":
        what = "field" if loc[0] == "body" else f"{loc[0]} parameter"
        problem, hint = f"the {what} is unknown", "remove it. See /openapi.json for the allowed names"
    return FieldProblem(field=join_path(loc[1:]) or str(loc[0]), problem=problem, hint=as_sentence(hint))


def _methods_of(request: Request, routers: Sequence[APIRouter]) -> str:
    """Return all methods of a path. The framework names only those of the first route that has the path."""
    routes = (route for router in routers for route in router.routes if isinstance(route, APIRoute))
    matching = (route for route in routes if route.matches(request.scope)[0] is not Match.NONE)
    return ", ".join(sorted({method for route in matching for method in route.methods or ()}))
