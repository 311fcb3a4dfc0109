"""A typed HTTP client of the API. It returns the API's own schemas and raises errors of `core.errors`."""

import ipaddress
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlsplit

import httpx2
from pydantic import BaseModel, ValidationError

from backfleet.core.errors import BackfleetError, Conflict, NotFound, SpecInvalid, Unavailable
from backfleet_api.schemas.reading import Backtest, Batch, BatchPage, BatchSummary, Health, Problem, ResultPage
from backfleet_api.schemas.writing import Cancellation, Preview, Submitted

PAGE_SIZE = 200
Query = Mapping[str, str | int | bool | None]


class ApiUnavailable(Unavailable):
    """The API, or Postgres behind it, does not answer. `retry_after_seconds` is what the API asks for, or None."""

    def __init__(self, message: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class RequestRefused(BackfleetError):
    """The API does not let this caller write, or lets nobody write."""


class ApiClient:
    """One connection to an API. Use it as a context manager, from one thread.

    Every method raises NotFound, SpecInvalid (the API refuses the request), Conflict or ApiUnavailable. Methods that write
    also raise RequestRefused if the token is missing or wrong. Only these methods send the token.
    """

    def __init__(
        self,
        api_url: str,
        *,
        token: str | None = None,
        timeout_seconds: float = 10.0,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self.api_url = parse_api_url(api_url)
        self._writing_headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._http = httpx2.Client(
            base_url=self.api_url,
            timeout=httpx2.Timeout(timeout_seconds, connect=min(5.0, timeout_seconds)),
            headers={"Accept": "application/json"},
            # A proxy for the internet must not receive calls to this machine.
            trust_env=not _is_loopback(self.api_url),
            transport=transport,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._http.close()

    def get_health(self) -> Health:
        """Return the API's health. Raise ApiUnavailable if the API is not healthy."""
        return self._get("/health", {}, Health)

    def read_warnings(self) -> list[str]:
        """Return the API's warnings about its installation, or none if it does not answer or is older than this client."""
        try:
            return self.get_health().warnings
        except BackfleetError:
            return []

    def list_batches(self, query: Query | None = None) -> BatchPage:
        """Return one page of batches, newest first. `query` may have state, strategy, name, limit and cursor."""
        return self._get("/api/optimization/batches", query or {}, BatchPage)

    def collect_batches(self, count: int, query: Query | None = None) -> list[BatchSummary]:
        """Return the first `count` batches, read page by page."""
        page = self.list_batches({**(query or {}), "limit": min(count, PAGE_SIZE)})
        found = list(page.batches)
        while page.next_cursor and len(found) < count:
            limit = min(count - len(found), PAGE_SIZE)
            page = self.list_batches({**(query or {}), "limit": limit, "cursor": page.next_cursor})
            found += page.batches
        return found

    def get_batch(self, batch: str, namespace: str | None = None, timeout_seconds: float | None = None) -> Batch:
        """Return the batch with this uid, or the newest with this name."""
        path = f"/api/optimization/batches/{quote(batch, safe='')}"
        return self._get(path, {"namespace": namespace}, Batch, timeout_seconds)

    def list_results(self, batch: str, query: Query | None = None) -> ResultPage:
        """Return one page of ranked results. `query` may have namespace, order_by, direction, passed, limit and cursor."""
        return self._get(f"/api/optimization/batches/{quote(batch, safe='')}/results", query or {}, ResultPage)

    def collect_results(self, batch: str, count: int, query: Query | None = None) -> ResultPage:
        """Return the best `count` results as one page, read page by page."""
        page = self.list_results(batch, {**(query or {}), "limit": min(count, PAGE_SIZE)})
        found = list(page.results)
        while page.next_cursor and len(found) < count:
            limit = min(count - len(found), PAGE_SIZE)
            # By uid: a newer batch may take the name between two pages.
            page = self.list_results(page.batch_id, {**(query or {}), "limit": limit, "cursor": page.next_cursor})
            found += page.results
        return page.model_copy(update={"results": found})

    def get_backtest(self, backtest_id: str) -> Backtest:
        """Return one combination of a batch by its id, `<batch uid>-<index>`."""
        return self._get(f"/api/backtests/{quote(backtest_id, safe='')}", {}, Backtest)

    def run_batch(self, request: Mapping[str, Any]) -> Submitted:
        """Create a batch. `request` is a RunRequest. After ApiUnavailable, the batch may or may not exist."""
        return self._write("POST", "/api/optimization/run-parallel", Submitted, json={**request, "dry_run": False})

    def preview_batch(self, request: Mapping[str, Any]) -> Preview:
        """Return what the batch would be, without creating it."""
        return self._write("POST", "/api/optimization/run-parallel", Preview, json={**request, "dry_run": True})

    def cancel_batch(self, batch: str, namespace: str | None = None) -> Cancellation:
        """Cancel the batch with this uid, or the newest with this name. A batch that has ended does not change."""
        query = {} if namespace is None else {"namespace": namespace}
        return self._write("DELETE", f"/api/optimization/batches/{quote(batch, safe='')}", Cancellation, params=query)

    def _get[Answer: BaseModel](
        self, path: str, query: Query, model: type[Answer], timeout_seconds: float | None = None
    ) -> Answer:
        given = {name: _text(value) for name, value in query.items() if value is not None}
        timeout = httpx2.USE_CLIENT_DEFAULT if timeout_seconds is None else httpx2.Timeout(max(timeout_seconds, 0.1))
        return self._send("GET", path, model, params=given, timeout=timeout)

    def _write[Answer: BaseModel](self, method: str, path: str, model: type[Answer], **request: Any) -> Answer:  # noqa: ANN401
        return self._send(method, path, model, headers=self._writing_headers, **request)

    def _send[Answer: BaseModel](self, method: str, path: str, model: type[Answer], **request: Any) -> Answer:  # noqa: ANN401
        try:
            response = self._http.request(method, path, **request)
        except httpx2.TimeoutException as error:
            raise ApiUnavailable(f"the API at {self.api_url} did not answer in time") from error
        except httpx2.HTTPError as error:
            hint = "check that it runs, or set another URL with --api-url or BACKFLEET_API_URL"
            raise ApiUnavailable(f"cannot reach the API at {self.api_url} ({error}); {hint}") from error
        if response.status_code not in (httpx2.codes.OK, httpx2.codes.ACCEPTED):
            raise self._error(response)
        try:
            # A newer API may add fields; this client ignores them.
            return model.model_validate_json(response.content, extra="ignore")
        except ValidationError as error:
            raise self._stranger(response) from error

    def _error(self, response: httpx2.Response) -> BackfleetError:
        try:
            problem = Problem.model_validate_json(response.content, extra="ignore")
        except ValidationError:
            return self._stranger(response)
        match problem.status:
            case 404:
                return NotFound(problem.detail)
            case 401 | 403:
                return RequestRefused(problem.detail)
            case 409:
                return Conflict(problem.detail)
            case 400 | 413 | 422 if problem.errors:
                first = problem.errors[0]
                return SpecInvalid(first.field, first.problem, first.hint or "see /openapi.json for the allowed values")
            case _:
                return ApiUnavailable(f"the API answered {problem.status}: {problem.detail}", _retry_after(response))

    def _stranger(self, response: httpx2.Response) -> ApiUnavailable:
        return ApiUnavailable(
            f"expected the Backfleet API at {self.api_url}, got another answer (status {response.status_code}); "
            "wait until the API is ready, or check --api-url or BACKFLEET_API_URL",
            _retry_after(response),
        )


def parse_api_url(text: str) -> str:
    """Return the URL without a trailing slash. Raise SpecInvalid if it is not http(s)://host[:port][/path]."""
    hint = "write http://host:port, for example http://127.0.0.1:8230"
    try:
        parts = urlsplit(text)
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable or parts.query or parts.fragment:
        raise SpecInvalid("--api-url or BACKFLEET_API_URL", f"expected the URL of an API, got {text!r}", hint)
    return text.rstrip("/")


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _text(value: str | int | bool | None) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _retry_after(response: httpx2.Response) -> float | None:
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isdigit() else None
