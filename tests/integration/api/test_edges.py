"""What every answer has in common: problem bodies, refused parameters, headers, health."""

import json
import logging
import re
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backfleet.core.metrics import METRICS
from backfleet.store.migration.command import MigrationSettings, migrate
from backfleet_api.http.cursors import BATCHES_PATTERN, RESULTS_PATTERN, write_result_cursor
from backfleet_api.logs import JsonFormatter
from backfleet_api.schemas.reading import Problem
from tests.integration.api.conftest import Serve
from tests.support.custom_resources import CustomResources
from tests.support.databases import ROLES, Database
from tests.support.history import History

BATCHES = "/api/optimization/batches"


def assert_problem(response: Any, status: int) -> Problem:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = Problem.model_validate_json(response.content)
    assert problem.status == status
    return problem


@pytest.mark.parametrize(
    ("path", "field"),
    [
        (f"{BATCHES}?limit=0", "limit"),
        (f"{BATCHES}?limit=201", "limit"),
        (f"{BATCHES}?limit=many", "limit"),
        (f"{BATCHES}?state=done", "state"),
        (f"{BATCHES}?strategy=", "strategy"),
        (f"{BATCHES}?name=Upper", "name"),
        (f"{BATCHES}?name=a%00b", "name"),
        (f"{BATCHES}?cursor=nonsense", "cursor"),
        (f"{BATCHES}?stat=running", "stat"),
        (f"{BATCHES}?limit=1&limit=2", "limit"),
        (f"{BATCHES}/x?namespace=Upper", "namespace"),
        (f"{BATCHES}/x?verbose=1", "verbose"),
        (f"{BATCHES}/x%00y", "batch_id"),
        (f"{BATCHES}/{'x' * 254}", "batch_id"),
        (f"{BATCHES}/x/results?order_by=beauty", "order_by"),
        (f"{BATCHES}/x/results?direction=up", "direction"),
        (f"{BATCHES}/x/results?passed=maybe", "passed"),
        (f"{BATCHES}/x/results?page=2", "page"),
        (f"{BATCHES}/x/results?rejection=ugly", "rejection"),
        (f"{BATCHES}/x/results?metrics=sharpe_ratio~1", "metrics"),
        (f"{BATCHES}/x/results?metrics=beauty>1", "metrics"),
        (f"{BATCHES}/x/results?parameters=rsi_period>many", "parameters"),
        (f"{BATCHES}/x/backtests?reason=Because", "reason"),
        (f"{BATCHES}/x/backtests?min_attempts=0", "min_attempts"),
        ("/api/backtests/a-1?full=1", "full"),
        ("/health?deep=1", "deep"),
        ("/health/live?a=1", "a"),
    ],
)
def test_a_wrong_parameter_is_refused_by_name(still: TestClient, path: str, field: str) -> None:
    problem = assert_problem(still.get(path), 422)
    (error,) = problem.errors
    assert error.field == field
    assert problem.detail == f"{error.field}: {error.problem}. {error.hint}"
    assert error.problem.startswith(("expected ", "the query parameter is unknown"))


@pytest.fixture(scope="module")
def still() -> Any:
    """Yield an app whose Postgres is nowhere: what is refused must not need it."""
    from backfleet_api.app import create_app
    from backfleet_api.cluster import NoCluster
    from backfleet_api.settings import ApiSettings

    app = create_app(ApiSettings(database_url="postgresql://api@127.0.0.1:1/none"), NoCluster())
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def test_unknown_paths_and_methods_are_problems_too(still: TestClient) -> None:
    assert_problem(still.get("/api/nothing"), 404)
    response = still.post(BATCHES, json={})
    assert_problem(response, 405)
    assert response.headers["allow"] == "GET"
    assert still.put(f"{BATCHES}/x", json={}).headers["allow"] == "DELETE, GET, PATCH"


@pytest.mark.parametrize("path", ["/health/live", "/openapi.json", "/nothing", f"{BATCHES}?limit=0"])
def test_every_answer_has_the_security_headers(still: TestClient, path: str) -> None:
    headers = still.get(path, headers={"Origin": "http://elsewhere"}).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["cache-control"] == "no-store"
    assert len(headers["x-request-id"]) == 32
    assert "access-control-allow-origin" not in headers


def test_health_tells_of_postgres_and_liveness_does_not(still: TestClient, api: TestClient) -> None:
    healthy = api.get("/health")
    assert (healthy.status_code, healthy.json()["status"], healthy.json()["database"]) == (200, "ok", "ok")
    ill = still.get("/health")
    assert (ill.status_code, ill.json()["status"], ill.json()["database"]) == (503, "unavailable", "unavailable")
    assert ill.headers["retry-after"] == "5"
    assert still.get("/health/live").json() == {"status": "ok"}


def test_health_says_that_the_database_has_no_volume_and_stays_ok(serve: Serve, api: TestClient) -> None:
    assert api.get("/health").json()["warnings"] == []
    told = serve(is_database_lasting=False).get("/health")
    assert (told.status_code, told.json()["status"]) == (200, "ok")
    (warning,) = told.json()["warnings"]
    assert "every result is lost with its pod" in warning


def test_an_empty_schema_is_not_ready_until_it_is_migrated_and_granted(serve: Serve, empty_database: Database) -> None:
    api = serve(database_url=empty_database.api_url)
    ill = api.get("/health")
    assert (ill.status_code, ill.json()["database"]) == (503, "not migrated")
    assert "migrates" in ill.json()["reason"]
    assert "migrates" in assert_problem(api.get(BATCHES), 503).detail
    migrate(MigrationSettings(url=empty_database.operator_url), lambda _: None)
    assert api.get("/health").json()["database"] == "not migrated", "the API's role may not read it yet"
    migrate(MigrationSettings(url=empty_database.operator_url, roles=ROLES), lambda _: None)
    assert (api.get("/health").status_code, api.get("/health").json()["reason"]) == (200, None)


def test_a_cursor_must_be_of_the_same_query(api: TestClient, history: History) -> None:
    batch = history.accept()
    for index in range(3):
        batch = history.succeed(batch, index, sharpe_ratio=1.0)
    path = f"{BATCHES}/{batch.uid}/results"
    cursor = api.get(path, params={"limit": 1}).json()["next_cursor"]
    assert api.get(path, params={"limit": 2, "cursor": cursor}).status_code == 200
    problem = assert_problem(api.get(path, params={"cursor": cursor, "order_by": "drawdown"}), 409)
    assert problem.errors[0].field == "cursor"


CURSORS = st.from_regex(BATCHES_PATTERN) | st.from_regex(RESULTS_PATTERN) | st.text(max_size=60)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cursor=CURSORS)
def test_no_forged_cursor_is_a_server_error(api: TestClient, cursor: str) -> None:
    response = api.get(BATCHES, params={"cursor": cursor})
    # Of the right form it belongs to another query, whatever it says: its digest is of nothing.
    assert response.status_code == (409 if re.fullmatch(BATCHES_PATTERN.replace("$", r"\Z"), cursor) else 422)
    assert assert_problem(response, response.status_code).errors[0].field == "cursor"


TEXTS = st.text(max_size=30) | st.sampled_from(["", "0", "-1", "1e9", "NaN", "true", "null", "\x00", "ü", "2147483648"])
NAMES = st.sampled_from(
    ["order_by", "direction", "passed", "limit", "cursor", "namespace", "metrics", "parameters"]
) | st.text(max_size=8)
VALUES = TEXTS | st.sampled_from([*METRICS, "maximize", "minimize", "false", "200"])


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    query=st.lists(st.tuples(NAMES, VALUES), max_size=4), score=st.none() | st.floats(), index=st.integers(0, 10**9 - 1)
)
def test_no_query_of_the_results_is_a_server_error(
    api: TestClient, history: History, query: list[Any], score: float | None, index: int
) -> None:
    if not history.count:
        batch = history.succeed(history.accept(), 0, sharpe_ratio=1.0)
        history.succeed(batch, 1, sharpe_ratio=None)
    uid = "00000000-0000-4000-8000-000000000001"
    path = f"{BATCHES}/{uid}/results"
    parameters: Any
    terms = ("results", uid, "sharpe_ratio", "maximize", False, None, None, None)
    for parameters in (query, [("cursor", write_result_cursor(terms, (score, index, 1)))]):
        response = api.get(path, params=parameters)
        if response.status_code != 200:
            # A namespace may be one that has no such batch.
            is_elsewhere = response.status_code == 404 and "namespace" in dict(parameters)
            assert_problem(response, 404 if is_elsewhere else 422)
        else:
            json.loads(response.content, parse_constant=pytest.fail)


class Broken(CustomResources):
    def get_batch(self, namespace: str, name: str) -> Any:
        raise ZeroDivisionError("a secret detail")


def test_a_defect_is_a_problem_without_its_details_and_logged_with_them(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    api = serve(cluster=Broken({}))
    with caplog.at_level(logging.INFO):
        response = api.get(f"{BATCHES}/x")
    problem = assert_problem(response, 500)
    assert "secret" not in response.text
    assert response.headers["x-request-id"] in problem.detail
    logged = next(record for record in caplog.records if record.exc_info)
    line = json.loads(JsonFormatter().format(logged))
    assert line["request_id"] == response.headers["x-request-id"]
    assert "a secret detail" in line["traceback"]


def test_requests_are_logged_without_what_may_be_secret(still: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "backfleet_api.http.access"):
        still.get("/health/live?token=hidden", headers={"Authorization": "Bearer hidden"})
    lines = [JsonFormatter().format(record) for record in caplog.records if record.name == "backfleet_api.http.access"]
    assert len(lines) == 1
    line = json.loads(lines[0])
    assert (line["method"], line["path"], line["status"]) == ("GET", "/health/live", 422)
    assert "hidden" not in lines[0]


def test_requests_are_counted_by_route_and_not_by_what_callers_write(serve: Serve, history: History) -> None:
    api = serve()
    batch = history.accept()
    for path in (
        f"{BATCHES}/{batch.uid}",
        f"{BATCHES}/none",
        f"{BATCHES}/x?y=1",
        "/secret/place",
        f"{BATCHES}/{batch.uid}",
    ):
        api.get(path)
    api.request("BREW", "/health/live")
    response = api.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = [line for line in response.text.splitlines() if line.startswith("backfleet_api_requests_total")]
    route = 'route="/api/optimization/batches/{batch_id}"'
    assert f'backfleet_api_requests_total{{method="GET",{route},status="200"}} 2.0' in lines
    assert f'backfleet_api_requests_total{{method="GET",{route},status="404"}} 1.0' in lines
    assert f'backfleet_api_requests_total{{method="GET",{route},status="422"}} 1.0' in lines
    assert not [line for line in lines if "secret" in line or batch.uid in line or "BREW" in line]
    assert f"backfleet_api_request_seconds_count{{{route}}} 4.0" in response.text
