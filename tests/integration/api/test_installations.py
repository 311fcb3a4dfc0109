"""Two installations in one database: each API reads, counts and writes its own batches, whatever the other's names and uids."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from backfleet.core.records import BatchRecord
from tests.integration.api.conftest import Serve
from tests.integration.api.kubernetes import BATCHES, SPEC, Written, writing_app
from tests.integration.api.test_edges import assert_problem
from tests.support.clocked import ClockedDatabase
from tests.support.databases import Database
from tests.support.history import INSTALLATION, History
from tests.world.api_server import ApiServer

pytestmark = pytest.mark.postgres
OTHER = "other/backfleet"


@pytest.fixture
def theirs(clocked_database: ClockedDatabase, history: History) -> BatchRecord:
    """Return a batch of another installation with one result, newer than ours."""
    other = History(clocked_database, installation=OTHER, count=50)
    other.pass_time(30)
    return other.succeed(other.accept(), 0, sharpe_ratio=9.0)


@pytest.fixture
def ours(history: History) -> BatchRecord:
    """Return our batch of the same name, namespace and strategy."""
    return history.succeed(history.accept(), 0, sharpe_ratio=1.0)


def test_a_list_holds_our_batches_only(api: TestClient, ours: BatchRecord, theirs: BatchRecord) -> None:
    for query in ({}, {"name": theirs.name}, {"strategy": "RSI_MeanReversion_ETF"}, {"state": "running"}):
        listed = api.get(BATCHES, params=query).json()
        assert [each["batch_id"] for each in listed["batches"]] == [ours.uid]


def test_the_newest_batch_of_a_name_is_our_newest(api: TestClient, ours: BatchRecord, theirs: BatchRecord) -> None:
    for query in ({}, {"namespace": theirs.namespace}):
        assert api.get(f"{BATCHES}/{theirs.name}", params=query).json()["batch_id"] == ours.uid
        assert api.get(f"{BATCHES}/{theirs.name}/results", params=query).json()["batch_id"] == ours.uid


def test_what_is_theirs_is_as_unknown_as_what_is_nowhere(
    api: TestClient, ours: BatchRecord, theirs: BatchRecord
) -> None:
    nowhere = "00000000-0000-4000-8000-00000000dead"
    for path in (f"{BATCHES}/{{}}", f"{BATCHES}/{{}}/results", "/api/backtests/{}-0", "/api/backtests/{}-5"):
        said = assert_problem(api.get(path.format(theirs.uid)), 404)
        assert said.detail == assert_problem(api.get(path.format(nowhere)), 404).detail.replace(nowhere, theirs.uid)
        assert api.get(path.format(ours.uid)).status_code == 200


def test_each_installations_api_shows_its_own(serve: Serve, ours: BatchRecord, theirs: BatchRecord) -> None:
    other = serve(installation=OTHER)
    assert [each["batch_id"] for each in other.get(BATCHES).json()["batches"]] == [theirs.uid]
    assert other.get(f"/api/backtests/{theirs.uid}-0").json()["result"]["metrics"]["sharpe_ratio"] == 9.0
    assert_problem(other.get(f"{BATCHES}/{ours.uid}"), 404)


@pytest.fixture
def writing_ours(kubernetes: ApiServer, tmp_path: Path, database: Database) -> Iterator[Written]:
    """Yield an API that may write where the other installation's batch is too."""
    with writing_app(kubernetes, tmp_path, database.api_url, installation=INSTALLATION) as written:
        yield written


def test_a_batch_of_theirs_cannot_be_cancelled(writing_ours: Written, theirs: BatchRecord) -> None:
    assert_problem(writing_ours.cancel(theirs.uid), 404)
    assert_problem(writing_ours.cancel(theirs.name), 404)
    assert writing_ours.kubernetes.calls_of("PATCH", "optimizationbatches") == []


def test_an_estimate_goes_by_our_own_pace(writing_ours: Written, theirs: BatchRecord) -> None:
    assert writing_ours.run(SPEC, dry_run=True).json()["estimate"] is None
