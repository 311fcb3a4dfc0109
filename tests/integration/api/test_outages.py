"""Postgres goes away in every way it can, and comes back: 503 in time, and recovery without a restart."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from typing import Any

import psycopg2
import pytest
from fastapi.testclient import TestClient

from backfleet_api.reading.lookup import NO_ANSWER, NOT_MIGRATED
from tests.integration.api.conftest import Serve
from tests.support.databases import Database
from tests.support.history import History
from tests.support.postgres import PostgresServer
from tests.support.proxy import Proxy

PATHS = [
    "/api/optimization/batches",
    "/api/optimization/batches/rsi-small",
    "/api/optimization/batches/rsi-small/results",
    "/api/backtests/00000000-0000-4000-8000-000000000001-0",
]
ANSWER_SECONDS = 1.0


@pytest.fixture
def proxy(database: Database) -> Iterator[Proxy]:
    with database.behind_proxy() as proxy:
        yield proxy


@pytest.fixture
def api(serve: Serve, database: Database, proxy: Proxy, history: History) -> TestClient:
    """Return the app behind a proxy, warm, over one batch with a result."""
    history.succeed(history.accept(), 0, sharpe_ratio=1.0)
    api = serve(database_url=proxy.url_of(database.api_url), answer_seconds=ANSWER_SECONDS, health_seconds=0.5)
    assert_back(api)
    return api


def assert_back(api: TestClient) -> None:
    """Wait until everything answers again, within the time that a broken pool may take to notice."""
    give_up_at = time.monotonic() + 30
    while True:
        answers = [api.get(path).status_code for path in [*PATHS, "/health"]]
        if answers == [200] * 5:
            return
        assert time.monotonic() < give_up_at, answers
        time.sleep(0.1)


def assert_away(api: TestClient) -> None:
    for path in [*PATHS, "/health"]:
        started = time.monotonic()
        response = api.get(path)
        assert time.monotonic() - started < ANSWER_SECONDS + 2
        assert (response.status_code, response.headers["retry-after"]) == (503, "5"), path
        if path != "/health":
            assert_silent(response)
    assert api.get("/health/live").status_code == 200


def assert_silent(response: Any) -> None:
    body = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert body["detail"] in (NO_ANSWER, NOT_MIGRATED, "no answer in time")
    for inside in ("127.0.0.1", "backfleet_api", "port"):
        assert inside not in response.text


def test_a_refused_connection(api: TestClient, proxy: Proxy) -> None:
    proxy.cut()
    assert_away(api)
    proxy.restore()
    assert_back(api)


def test_a_server_that_says_nothing(api: TestClient, proxy: Proxy) -> None:
    proxy.freeze()
    assert_away(api)
    proxy.restore()
    assert_back(api)


def test_connections_that_the_server_ended_cost_no_error(api: TestClient, database: Database) -> None:
    database.terminate_connections()
    assert [api.get(path).status_code for path in PATHS] == [200] * 4


def test_a_server_that_is_stopped_and_started_again(
    serve: Serve, database: Database, postgres_server: PostgresServer, history: History
) -> None:
    if not postgres_server.is_ours:
        pytest.skip("needs a server that the tests started")
    history.succeed(history.accept(), 0, sharpe_ratio=1.0)
    api = serve(answer_seconds=ANSWER_SECONDS)
    assert_back(api)
    postgres_server.stop()
    try:
        assert_away(api)
    finally:
        postgres_server.start()
    assert_back(api)


def test_a_database_that_is_not_migrated_yet(serve: Serve, empty_database: Database) -> None:
    api = serve(database_url=empty_database.api_url)
    response = api.get(PATHS[0])
    assert response.status_code == 503
    assert_silent(response)


def test_more_requests_than_threads_all_answer_in_time(api: TestClient, proxy: Proxy) -> None:
    proxy.freeze()
    with ThreadPoolExecutor(40) as pool:
        started = time.monotonic()
        statuses = list(pool.map(lambda _: api.get(PATHS[0]).status_code, range(40)))
        assert time.monotonic() - started < ANSWER_SECONDS + 4
    assert statuses == [503] * 40
    proxy.restore()
    assert_back(api)


def test_slow_reads_are_refused_beyond_their_bound_while_quick_ones_and_health_go_on(
    serve: Serve, database: Database, history: History
) -> None:
    batch = history.succeed(history.accept(), 0, sharpe_ratio=1.0)
    api = serve()
    results = f"/api/optimization/batches/{batch.uid}/results"
    with closing(psycopg2.connect(database.operator_url)) as locking, ThreadPoolExecutor(12) as pool:
        # Whoever reads a result waits for the lock until the time limit of its statement.
        locking.cursor().execute("LOCK TABLE backtest_results IN ACCESS EXCLUSIVE MODE")
        slow = [pool.submit(api.get, results, params={"order_by": "drawdown"}) for _ in range(8)]
        refused = next(as_completed(slow, timeout=30)).result()
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        assert "too many requests of this kind" in refused.json()["detail"]
        assert api.get(f"/api/optimization/batches/{batch.uid}").status_code == 200
        assert api.get("/health").status_code == 200
        assert not all(each.done() for each in slow)
        locking.rollback()
        assert sorted({each.result(30).status_code for each in slow}) == [200, 503]
