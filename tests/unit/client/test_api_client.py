"""The HTTP client against every kind of answer, over a transport that answers from a function."""

from collections.abc import Callable

import httpx2
import pytest

from backfleet.core.errors import Conflict, NotFound, SpecInvalid
from backfleet_api.schemas import examples
from backfleet_client.client import ApiClient, ApiUnavailable, RequestRefused, parse_api_url

Handler = Callable[[httpx2.Request], httpx2.Response]


def client(handler: Handler, url: str = "http://127.0.0.1:8230") -> ApiClient:
    return ApiClient(url, transport=httpx2.MockTransport(handler))


def answering(status: int, body: object, **headers: str) -> ApiClient:
    return client(lambda _: httpx2.Response(status, json=body, headers=headers))


def problem(status: int, **more: object) -> dict[str, object]:
    return {"type": "about:blank", "title": "x", "status": status, "detail": "the detail"} | more


def test_answers_are_read_as_the_schemas() -> None:
    with answering(200, examples.BATCH) as api:
        assert api.get_batch("rsi-small").model_dump(mode="json") == examples.BATCH
    with answering(200, examples.BACKTEST) as api:
        assert api.get_backtest("x-0").model_dump(mode="json") == examples.BACKTEST


def test_a_field_of_a_newer_api_is_ignored() -> None:
    with answering(200, examples.HEALTH | {"novelty": 1}) as api:
        assert api.get_health().status == "ok"


@pytest.mark.parametrize(
    ("status", "body", "warnings"),
    [
        (200, examples.HEALTH | {"warnings": ["mind this"]}, ["mind this"]),
        (200, {key: value for key, value in examples.HEALTH.items() if key != "warnings"}, []),
        (404, {}, []),
        (503, examples.HEALTH_UNAVAILABLE, []),
    ],
    ids=["said", "an older API", "no API", "an API that is down"],
)
def test_warnings_are_read_where_there_are_any(status: int, body: object, warnings: list[str]) -> None:
    with answering(status, body) as api:
        assert api.read_warnings() == warnings


def test_path_segments_are_quoted_and_absent_parameters_left_out() -> None:
    seen: list[httpx2.URL] = []

    def handle(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.url)
        return httpx2.Response(200, json=examples.BATCH)

    with client(handle, "http://host/prefix/") as api:
        api.get_batch("a/../b?c", None)
        api.get_batch("a", "team")
    assert [url.raw_path for url in seen] == [
        b"/prefix/api/optimization/batches/a%2F..%2Fb%3Fc",
        b"/prefix/api/optimization/batches/a?namespace=team",
    ]


def test_only_requests_that_write_send_the_token() -> None:
    seen: list[tuple[str, str | None]] = []

    def handle(request: httpx2.Request) -> httpx2.Response:
        seen.append((request.method, request.headers.get("Authorization")))
        bodies = {"GET": examples.BATCH, "POST": examples.SUBMITTED, "DELETE": examples.CANCELLATION}
        return httpx2.Response(200 if request.method == "GET" else 202, json=bodies[request.method])

    with ApiClient("http://host", token="secret", transport=httpx2.MockTransport(handle)) as api:
        api.get_batch("x")
        assert api.run_batch(examples.RUN_REQUEST).model_dump(mode="json") == examples.SUBMITTED
        assert api.cancel_batch("x").model_dump(mode="json") == examples.CANCELLATION
    with ApiClient("http://host", transport=httpx2.MockTransport(handle)) as api:
        api.cancel_batch("x")
    assert seen == [("GET", None), ("POST", "Bearer secret"), ("DELETE", "Bearer secret"), ("DELETE", None)]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, RequestRefused),
        (403, RequestRefused),
        (404, NotFound),
        (409, Conflict),
        (422, ApiUnavailable),
        (500, ApiUnavailable),
        (503, ApiUnavailable),
    ],
)
def test_a_problem_becomes_our_error_with_its_detail(status: int, kind: type[Exception]) -> None:
    with answering(status, problem(status)) as api, pytest.raises(kind, match="the detail"):
        api.get_batch("x")


def test_a_refused_field_is_named() -> None:
    body = problem(422, errors=[{"field": "limit", "problem": "too large", "hint": None}])
    with answering(422, body) as api, pytest.raises(SpecInvalid, match=r"limit: too large") as caught:
        api.list_batches({"limit": 900})
    assert caught.value.field == "limit"


def test_retry_after_is_kept() -> None:
    with answering(503, problem(503), **{"Retry-After": "7"}) as api, pytest.raises(ApiUnavailable) as caught:
        api.get_health()
    assert caught.value.retry_after_seconds == 7


@pytest.mark.parametrize(
    "response",
    [
        pytest.param(httpx2.Response(200, html="<h1>hello</h1>"), id="a page"),
        pytest.param(httpx2.Response(200, json={"version": "v1.34"}), id="another API"),
        pytest.param(httpx2.Response(502, text="bad gateway"), id="a proxy's error"),
        pytest.param(httpx2.Response(302, headers={"Location": "http://127.0.0.1:8230/login"}), id="a redirect"),
    ],
)
def test_another_server_on_the_port_is_not_taken_for_the_api(response: httpx2.Response) -> None:
    with client(lambda _: response) as api, pytest.raises(ApiUnavailable, match="expected the Backfleet API at"):
        api.get_batch("x")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        pytest.param(httpx2.ConnectError("refused"), "cannot reach the API at .* --api-url", id="refused"),
        pytest.param(httpx2.ReadTimeout("slow"), "did not answer in time", id="slow"),
        pytest.param(httpx2.RemoteProtocolError("garbage"), "cannot reach the API", id="garbage"),
    ],
)
def test_a_failing_network_is_an_error_with_its_fix(error: Exception, message: str) -> None:
    def handle(_: httpx2.Request) -> httpx2.Response:
        raise error

    with client(handle) as api, pytest.raises(ApiUnavailable, match=message):
        api.get_batch("x")


def test_collecting_goes_page_after_page_until_it_has_enough() -> None:
    seen: list[dict[str, str]] = []

    def handle(request: httpx2.Request) -> httpx2.Response:
        seen.append(dict(request.url.params))
        limit = int(request.url.params["limit"])
        return httpx2.Response(200, json={"batches": [examples.SUMMARY] * limit, "next_cursor": "more"})

    with client(handle) as api:
        assert len(api.collect_batches(450, {"state": "running"})) == 450
    assert seen == [
        {"state": "running", "limit": "200"},
        {"state": "running", "limit": "200", "cursor": "more"},
        {"state": "running", "limit": "50", "cursor": "more"},
    ]


def test_collecting_ends_with_the_last_page_and_goes_on_by_uid() -> None:
    paths: list[str] = []

    def handle(request: httpx2.Request) -> httpx2.Response:
        paths.append(request.url.path)
        is_last = "cursor" in request.url.params
        return httpx2.Response(200, json=examples.RESULTS | {"next_cursor": None if is_last else "more"})

    with client(handle) as api:
        page = api.collect_results("rsi-small", 1000, {"passed": True})
    assert len(page.results) == 2
    assert page.next_cursor is None
    batches = "/api/optimization/batches"
    assert paths == [f"{batches}/rsi-small/results", f"{batches}/{examples.UID}/results"]


@pytest.mark.parametrize("url", ["http://h", "https://h:1/api/", "http://[::1]:8230", " http://h".strip()])
def test_urls_of_an_api_are_accepted(url: str) -> None:
    assert parse_api_url(url) == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    ["", "localhost:8230", "ftp://h", "http://", "http://h:port", "http://h:99999", "http://h/?a=b", "http://[::1"],
)
def test_other_texts_are_not_urls_of_an_api(url: str) -> None:
    with pytest.raises(SpecInvalid, match="BACKFLEET_API_URL"):
        parse_api_url(url)
