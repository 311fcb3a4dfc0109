"""The hot queries among many settled rows: each is covered by an index and touches what it shows, not what was."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine, text

from backfleet.core.backtests import BacktestState
from backfleet.core.ranking import Direction, Objective
from backfleet.core.reasons import FailureReason
from backfleet.store.passes import statements
from backfleet.store.passes.observe import STALE_PER_LOOK, observe, read_members
from backfleet.store.postgres.connection import Timeouts
from backfleet.store.postgres.fence import Fence
from backfleet.store.postgres.session import open_engine
from backfleet.store.queries import explaining, exporting, reading, results, values
from backfleet.store.queries.answers import BacktestQuery, BatchQuery, ResultQuery
from backfleet.store.queries.filters import ResultFilters
from backfleet.store.queries.values import FigureQuery
from tests.support.changes import INSTALLATION, UID, Life, append_outcome, attempt, batch, launch, recorded
from tests.support.databases import Database
from tests.support.filling import BIG_TABLES, BIG_UID, explain, fill
from tests.support.postgres import PostgresServer

pytestmark = pytest.mark.postgres

SETTLED = 10_000
LIVE = 4
PACKED = [attempt(index, pack_id=attempt(LIVE).id) for index in range(LIVE, LIVE + 300)]
"""The members of one live pack."""


@pytest.fixture(scope="module")
def crowded(postgres_server: PostgresServer, database_template: str) -> Iterator[Database]:
    """Yield many settled rows of a finished batch, and a live batch with a few attempts, a large pack and one new outcome."""
    with Database.create(postgres_server, database_template) as database:
        patient = Timeouts(statement_seconds=120)
        engine = open_engine(database.operator_url, application_name="test-fill", timeouts=patient)
        epoch = Fence(database.operator_url, INSTALLATION).acquire()
        assert epoch == 1
        fill(engine, INSTALLATION, SETTLED)
        alone = [launch(attempt(index)) for index in range(LIVE)]
        Life(engine, epoch, batch()).save(*alone, launch(*PACKED), total=LIVE + len(PACKED))
        append_outcome(database.recorder_url, attempt(0).id, recorded())
        engine.dispose()
        yield database


@pytest.fixture
def busy(crowded: Database) -> Iterator[Engine]:
    """Yield the operator's engine there."""
    engine = open_engine(crowded.operator_url, application_name="test-operator")
    yield engine
    engine.dispose()


@pytest.fixture
def api(crowded: Database) -> Iterator[Engine]:
    """Yield the API's engine there."""
    engine = open_engine(crowded.api_url, application_name="test-api", is_read_only=True)
    yield engine
    engine.dispose()


@pytest.mark.parametrize("uids", [(), (BIG_UID,)], ids=["no custom resource", "the finished one's is still there"])
def test_a_look_reads_live_rows_only(busy: Engine, uids: tuple[str, ...]) -> None:
    found = explain(busy, lambda: observe(busy, INSTALLATION, uids))
    assert found.sequential & BIG_TABLES <= {"outcome_inbox"}
    assert {"ix_backtest_jobs_queued", "ix_backtest_packs_unsettled", "pk_backtest_outcomes"} <= found.indexes
    assert found.touched < 60


def test_the_members_of_packs_are_read_and_no_others(busy: Engine) -> None:
    found = explain(busy, lambda: read_members(busy, [attempt(0).id, f"{BIG_UID}-777.1"]))
    assert found.sequential & BIG_TABLES == set()
    assert found.touched <= 6


def test_a_look_at_results_to_be_judged_anew_reads_one_chunk_of_them(busy: Engine) -> None:
    change = (
        "UPDATE optimization_batches SET criteria_version = criteria_version {}, stale_verdicts = {} WHERE uid = :uid"
    )
    with busy.begin() as connection:
        connection.execute(text(change.format("+ 1", "succeeded")), {"uid": BIG_UID})
    try:
        found = explain(busy, lambda: observe(busy, INSTALLATION, (BIG_UID,)))
    finally:
        with busy.begin() as connection:
            connection.execute(text(change.format("- 1", "0")), {"uid": BIG_UID})
    assert found.sequential & BIG_TABLES <= {"outcome_inbox"}
    assert "ix_backtest_results_criteria" in found.indexes
    assert STALE_PER_LOOK < found.touched < STALE_PER_LOOK + 100


PLACE = (-5.0, 6_789, 400)
READS: dict[str, tuple[Callable[[Engine], object], int]] = {
    "first page of results": (lambda e: results.list_results(e, INSTALLATION, BIG_UID, ResultQuery(limit=20)), 70),
    "later page of results": (
        lambda e: results.list_results(e, INSTALLATION, BIG_UID, ResultQuery(limit=20, after=PLACE)),
        70,
    ),
    "page of absent values": (
        lambda e: results.list_results(e, INSTALLATION, BIG_UID, ResultQuery(limit=20, after=(None, 6_789, 400))),
        70,
    ),
    "page of passed results": (
        lambda e: results.list_results(
            e, INSTALLATION, BIG_UID, ResultQuery(limit=20, after=PLACE, filters=ResultFilters(only_passed=True))
        ),
        70,
    ),
    # It counts what is alive of the batches on it.
    "page of batches": (lambda e: reading.list_batches(e, INSTALLATION, BatchQuery(limit=20)), 60 + len(PACKED)),
    "batch by name": (lambda e: reading.get_batch(e, INSTALLATION, "big", "research"), 60),
    "backtest": (lambda e: reading.get_backtest(e, INSTALLATION, f"{BIG_UID}-777"), 10),
    "page of backtests": (
        lambda e: reading.list_backtests(e, INSTALLATION, BIG_UID, BacktestQuery(after=3_000, limit=20)),
        30,
    ),
    "page of those that failed for a reason": (
        lambda e: reading.list_backtests(
            e, INSTALLATION, BIG_UID, BacktestQuery(reason=FailureReason.OOM_KILLED, limit=20)
        ),
        120,
    ),
    "a piece of a file": (
        lambda e: exporting.read_lines(e, BIG_UID, ["sharpe_ratio"], ResultFilters(), after=3_000, limit=20),
        30,
    ),
    "some columns": (
        lambda e: values.read_figures(
            e, INSTALLATION, BIG_UID, FigureQuery(metrics=["sharpe_ratio", "exposure"], after=3_000, limit=20)
        ),
        30,
    ),
    "what explains a backtest": (lambda e: explaining.read_backtest_facts(e, f"{BIG_UID}-777"), 10),
    "what explains a batch": (lambda e: explaining.read_batch_facts(e, INSTALLATION, BIG_UID), 3 * SETTLED // 100 + 20),
    "page of failed ones": (
        lambda e: reading.list_backtests(
            e, INSTALLATION, BIG_UID, BacktestQuery(state=BacktestState.FAILED, after=3_000, limit=20)
        ),
        30,
    ),
}


@pytest.mark.parametrize("name", READS)
def test_a_read_touches_what_it_shows(api: Engine, name: str) -> None:
    verb, bound = READS[name]
    found = explain(api, lambda: verb(api))
    assert found.sequential & BIG_TABLES == set()
    assert 0 < found.touched <= bound


def test_another_metric_ranks_by_sorting_one_batch(api: Engine) -> None:
    order = Objective("total_orders", Direction.MAXIMIZE)
    found = explain(api, lambda: results.list_results(api, INSTALLATION, UID, ResultQuery(objective=order, limit=20)))
    assert found.sequential & BIG_TABLES == set()


def test_another_metric_reads_the_bodies_of_its_page_alone(api: Engine) -> None:
    order = Objective("total_orders", Direction.MAXIMIZE)
    found = explain(
        api, lambda: results.list_results(api, INSTALLATION, BIG_UID, ResultQuery(objective=order, limit=20))
    )
    assert "backtest_outcomes" not in found.sequential
    assert found.touched < SETTLED + 100


@pytest.mark.parametrize("name", ["CLOSE_ATTEMPTS", "CANCEL_BACKTESTS", "FORGET_SETTLED"])
def test_the_end_of_a_batch_touches_its_own_live_rows(busy: Engine, name: str) -> None:
    statement = getattr(statements, name)
    values = {"uid": UID, "reason": "Cancelled", "message": "x"}
    used = {key: value for key, value in values.items() if f":{key}" in statement}
    with busy.begin() as connection:
        lines = connection.execute(text(f"EXPLAIN {statement}"), used).scalars().all()
    assert "Seq Scan on backtest_" not in "\n".join(lines)
