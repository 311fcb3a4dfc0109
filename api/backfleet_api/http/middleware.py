"""The outermost layer of every request: access log, security headers, and a problem body for unexpected errors."""

import logging
import time
from http import HTTPStatus
from uuid import uuid4

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backfleet_api.http.counting import Requests
from backfleet_api.http.errors import problem_response
from backfleet_api.logs import FIELDS

access_logger = logging.getLogger("backfleet_api.http.access")
logger = logging.getLogger(__name__)

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}


class Edge:
    """Wraps the app. A request id, made here, connects an answer with its log lines."""

    def __init__(self, app: ASGIApp, requests: Requests) -> None:
        self._app = app
        self._requests = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one HTTP request. Pass other kinds of scope through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id, started, status = uuid4().hex, time.perf_counter(), 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in {**SECURITY_HEADERS, "X-Request-Id": request_id}.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception:
            # The edge of the server: whatever a bug raises is logged whole, and the caller gets a body like any other.
            logger.exception("unexpected error", extra={FIELDS: {"request_id": request_id, "path": scope["path"]}})
            if status:
                raise
            detail = f"an internal error of Backfleet. Search the API's log for request id {request_id}."
            response = problem_response(HTTPStatus.INTERNAL_SERVER_ERROR, detail)
            await response(scope, receive, send_with_headers)
        finally:
            self._requests.observe(scope, status, time.perf_counter() - started)
            access_logger.info("request", extra={FIELDS: _access_fields(scope, status, started, request_id)})


def _access_fields(scope: Scope, status: int, started: float, request_id: str) -> dict[str, object]:
    # Neither headers nor the query are logged: a token may be mistyped into either.
    return {
        "method": scope["method"],
        "path": scope["path"],
        "status": status,
        "milliseconds": round((time.perf_counter() - started) * 1000, 1),
        "client": (scope.get("client") or ("",))[0],
        "request_id": request_id,
    }
