"""Every operation of the OpenAPI document, driven by schemathesis against real Postgres and a Kubernetes over HTTP."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    negative_data_rejection,
    positive_data_acceptance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from backfleet_api.schemas.examples import CONFIG
from tests.integration.api.conftest import serving
from tests.integration.api.kubernetes import BEARER, NAMESPACE, SPEC, writing_app
from tests.support.clocked import ClockedDatabase
from tests.support.history import History
from tests.support.postgres import PostgresServer
from tests.world.api_server import ApiServer

# Anything but what a route declares is a failure, and so is a server error that no outage explains.
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
    negative_data_rejection,
    ignored_auth,
]
EXAMPLES = 25
FEW_EXAMPLES = 10
"""For reads that share their parameters with others: their patterns take long to generate from."""
OFTEN = (
    "/api/optimization/batches",
    "/api/optimization/batches/{batch_id}",
    "/api/optimization/batches/{batch_id}/results",
)
NAME = "known"
PATH = "optimizationbatches"
SUCCESSES = {
    ("GET", "/health"): {200},
    ("GET", "/health/live"): {200},
    ("GET", "/api/optimization/batches"): {200},
    ("GET", "/api/optimization/batches/{batch_id}"): {200},
    ("PATCH", "/api/optimization/batches/{batch_id}"): {202},
    ("DELETE", "/api/optimization/batches/{batch_id}"): {202},
    ("GET", "/api/optimization/batches/{batch_id}/results"): {200},
    ("GET", "/api/optimization/batches/{batch_id}/backtests"): {200},
    ("GET", "/api/optimization/batches/{batch_id}/results.csv"): {200},
    ("GET", "/api/optimization/batches/{batch_id}/results.parquet"): {200},
    ("GET", "/api/optimization/batches/{batch_id}/parameters"): {200},
    ("GET", "/api/optimization/batches/{batch_id}/heat-map"): {200},
    ("GET", "/api/optimization/batches/{batch_id}/columns"): {200},
    ("GET", "/api/optimization/batches/{batch_id}/explain"): {200},
    ("GET", "/api/backtests/{backtest_id}"): {200},
    ("GET", "/api/backtests/{backtest_id}/explain"): {200},
    ("GET", "/api/compare"): {200},
    ("GET", "/api/strategies"): {200},
    ("GET", "/api/criteria"): {200},
    ("GET", "/api/leaderboard"): {200},
    ("GET", "/api/daily-summary"): {200},
    ("GET", "/api/fees"): {200},
    ("GET", "/metrics"): {200},
    ("POST", "/api/optimization/run-parallel"): {200, 202},
}
"""Every operation with the successes that it has to show at least once: an endless row of refusals proves little."""


@pytest.fixture(scope="module")
def written(postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Yield the URL of the app, and the uid of a batch that Postgres and Kubernetes know."""
    folder: Path = tmp_path_factory.mktemp("schemathesis")
    with ClockedDatabase.running(postgres_server) as store, ApiServer.running() as kubernetes:
        store.begin()
        history = History(store)
        batch = history.fail(history.succeed(history.accept(NAME), 0, sharpe_ratio=1.0), 1)
        metadata = {"name": NAME, "uid": batch.uid}
        kubernetes.objects.create(PATH, NAMESPACE, {"metadata": metadata, "spec": SPEC})
        with writing_app(kubernetes, folder, store.database.api_url) as written, serving(written.app) as url:
            yield url, batch.uid


def known_cases(operation: Any, uid: str) -> list[Case]:
    """Return cases that must succeed, whatever the generator finds."""
    match operation.method.upper(), operation.path:
        case "PATCH", _:
            bodies: tuple[Any, ...] = (
                {"suspend": True},
                {"maxConcurrent": 8, "backtestsPerJob": "auto"},
                {"successCriteria": None},
            )
            path = {"batch_id": uid}
            return [operation.Case(path_parameters=path, body=each, media_type="application/json") for each in bodies]
        case _, path if path.endswith("/heat-map"):
            query = {"x": "rsi_period", "y": "entry_threshold"}
            return [operation.Case(path_parameters={"batch_id": uid}, query=query)]
        case _, "/api/compare":
            return [operation.Case(query={"ids": f"{uid}-0,{uid}-1"})]
        case _, path if "{batch_id}" in path:
            return [operation.Case(path_parameters={"batch_id": each}) for each in (uid, NAME)]
        case _, path if "{backtest_id}" in path:
            return [operation.Case(path_parameters={"backtest_id": f"{uid}-{index}"}) for index in (0, 1, 5)]
        case "POST", _:
            bodies = (
                {"batch": SPEC, "dry_run": True},
                {"batch": SPEC},
                {"batch": SPEC, "name": "given"},
                {"config": CONFIG, "dry_run": True},
                {"config": CONFIG, "engine": "lean", "symbols": ["SPY"]},
            )
            return [operation.Case(body=body, media_type="application/json") for body in bodies]
        case _:
            return [operation.Case()]


def is_header_refused(response: Any) -> bool:
    """Report whether the answer refuses an Idempotency-Key, which the document describes in full."""
    return response.status_code == 422 and "idempotency-key" in {each["field"] for each in response.json()["errors"]}


def drive(operation: Any, uid: str, mode: GenerationMode) -> set[int]:
    """Call the operation with what the document allows, or with what it does not; the statuses that came."""
    seen: set[int] = set()

    def check(case: Case) -> None:
        response = case.call(headers=BEARER)
        # The spec of a batch has rules that no schema can say; everything else that the document allows is taken.
        checks = CHECKS if operation.method.upper() in ("POST", "PATCH") else [*CHECKS, positive_data_acceptance]
        case.validate_response(response, checks=checks, headers=BEARER)
        assert mode is GenerationMode.NEGATIVE or not is_header_refused(response)
        seen.add(response.status_code)

    @settings(
        max_examples=EXAMPLES if operation.method.upper() != "GET" or operation.path in OFTEN else FEW_EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def explore(case: Case) -> None:
        check(case)

    if mode is GenerationMode.POSITIVE:
        for case in known_cases(operation, uid):
            check(case)
    explore()
    return seen


def operations(url: str) -> dict[tuple[str, str], Any]:
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    found = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    return {(each.method.upper(), each.path): each for each in found}


def test_every_operation_is_driven(written: tuple[str, str]) -> None:
    assert operations(written[0]).keys() == SUCCESSES.keys()


@pytest.mark.parametrize(("method", "path"), SUCCESSES, ids=[" ".join(key) for key in SUCCESSES])
def test_what_the_document_allows_is_answered_as_it_says(written: tuple[str, str], method: str, path: str) -> None:
    url, uid = written
    assert SUCCESSES[method, path] <= drive(operations(url)[method, path], uid, GenerationMode.POSITIVE)


TAKING = [key for key in SUCCESSES if key[1].startswith("/api") and key[1] != "/api/criteria"]


@pytest.mark.parametrize(("method", "path"), TAKING, ids=[" ".join(key) for key in TAKING])
def test_what_the_document_does_not_allow_is_refused_as_it_says(
    written: tuple[str, str], method: str, path: str
) -> None:
    url, uid = written
    seen = drive(operations(url)[method, path], uid, GenerationMode.NEGATIVE)
    assert all(status < 500 for status in seen)
    refused = [400 <= status < 500 for status in seen]
    # In a URL a list of one is the same as its element, so there a violation may be none on the wire.
    assert all(refused) if method in ("POST", "PATCH") else any(refused)
