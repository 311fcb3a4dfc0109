"""The one translator of errors into HTTP: `core.errors` and the framework's own become problem+json bodies (RFC 9457)."""

import logging
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from backfleet.core.errors import BackfleetError, Conflict, NotFound, SpecInvalid, Unavailable
from backfleet_api.schemas import FieldProblem, Problem

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
_STATUS: tuple[tuple[type[BackfleetError], HTTPStatus], ...] = (
    (SpecInvalid, HTTPStatus.UNPROCESSABLE_ENTITY),
    (NotFound, HTTPStatus.NOT_FOUND),
    (Conflict, HTTPStatus.CONFLICT),
    (Unavailable, HTTPStatus.SERVICE_UNAVAILABLE),
)


def problem_response(status: HTTPStatus, detail: str, errors: list[FieldProblem] | None = None) -> Response:
    """An error answer; `detail` is for people."""
    problem = Problem(title=status.phrase, status=status.value, detail=detail, errors=errors or [])
    return Response(problem.model_dump_json(), status_code=status.value, media_type=MEDIA_TYPE)


def install_translators(app: FastAPI, retry_after_seconds: int) -> None:
    """Make every error that leaves a route a problem body; 503 carries Retry-After."""

    def translate(_: Request, error: Exception) -> Response:
        assert isinstance(error, BackfleetError)
        status = next((status for kind, status in _STATUS if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR)
        if status is HTTPStatus.INTERNAL_SERVER_ERROR:
            raise error
        response = problem_response(status, str(error), _field_problems(error))
        if status is HTTPStatus.SERVICE_UNAVAILABLE:
            logger.warning("unavailable: %s", error.__cause__ or error)
            response.headers["Retry-After"] = str(retry_after_seconds)
        return response

    app.add_exception_handler(BackfleetError, translate)
    app.add_exception_handler(RequestValidationError, _translate_validation)
    app.add_exception_handler(HTTPException, _translate_http)


def _field_problems(error: BackfleetError) -> list[FieldProblem]:
    if isinstance(error, SpecInvalid):
        return [FieldProblem(field=error.field, problem=error.problem, mend=error.mend)]
    return []


def _translate_validation(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    problems = [_field_problem(detail["loc"], detail["type"], detail["msg"]) for detail in error.errors()]
    detail = "; ".join(f"{problem.field}: {problem.problem}" for problem in problems)
    return problem_response(HTTPStatus.UNPROCESSABLE_ENTITY, detail, problems)


def _field_problem(loc: tuple[int | str, ...], kind: str, message: str) -> FieldProblem:
    field = ".".join(str(part)[:64] for part in loc[1:]) or str(loc[0])
    if kind == "extra_forbidden":
        return FieldProblem(field=field, problem=f"unknown {loc[0]} parameter", mend="remove it, or see /openapi.json")
    return FieldProblem(field=field, problem=message[:1].lower() + message[1:])


def _translate_http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    detail = f"{error.detail}; see /openapi.json for what there is"
    response = problem_response(status, detail)
    response.headers.update(error.headers or {})
    return response
