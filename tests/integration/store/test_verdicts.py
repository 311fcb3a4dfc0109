"""Judging results again on a real Postgres: found by an index, written in chunks, counted in the same transaction."""

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import Engine, text

from backfleet.core.changes import BatchChanges, JudgeResult
from backfleet.core.criteria import SuccessCriteria, judge
from backfleet.core.errors import Conflict
from backfleet.core.planning.rejudge import judge_stale
from backfleet.core.records import BatchRecord, Counters
from backfleet.store.passes import statements
from backfleet.store.passes.observe import LEAST_SHARE, STALE_PER_LOOK, observe
from backfleet.store.passes.save import save
from backfleet.store.postgres.connection import Timeouts
from backfleet.store.postgres.session import open_engine
from backfleet.store.queries import reading, results
from backfleet.store.queries.answers import ResultQuery
from backfleet.store.queries.filters import ResultFilters
from tests.support.changes import INSTALLATION, UID, Life, attempt, batch, launch, succeed
from tests.support.databases import Database
from tests.support.filling import BIG_TABLES, BIG_UID, explain, fill

pytestmark = pytest.mark.postgres

MANY = 5_000
CRITERIA = SuccessCriteria(min_sharpe=4.0, max_drawdown=0.2)


@pytest.fixture
def patient(database: Database) -> Iterator[Engine]:
    """Yield an engine that fills a database."""
    made = open_engine(database.operator_url, application_name="test-fill", timeouts=Timeouts(statement_seconds=120))
    yield made
    made.dispose()


def settled(life: Life, *values: float | None, **fields: object) -> None:
    """Save a batch whose results have these Sharpe ratios, all passed by the first criteria."""
    count = len(values)
    life.save(*(launch(attempt(index)) for index in range(count)), total=count, criteria={})
    changes = (succeed(attempt(index), value) for index, value in enumerate(values))
    life.save(*changes, counters=Counters(succeeded=count, passed=count), **fields)


def edit(life: Life, criteria: SuccessCriteria) -> None:
    """Save the first pass after an edit."""
    life.save(
        criteria=criteria.to_json(),
        criteria_version=life.record.criteria_version + 1,
        stale_verdicts=life.record.counters.succeeded,
    )


def judge_once(engine: Engine, epoch: int, uid: str) -> BatchRecord:
    """Look, judge and save, as every further pass does. Return the batch after it."""
    view = observe(engine, INSTALLATION, [uid])
    (before,) = (each for each in view.batches if each.uid == uid)
    after, verdicts = judge_stale(before, view.stale.get(uid))
    save(engine, INSTALLATION, epoch, BatchChanges(before=before, after=after, verdicts=verdicts))
    return after


def verdict(number: int, *rejections: str, version: int = 2) -> JudgeResult:
    return JudgeResult(
        backtest_id=f"{UID}-{number}", passed=not rejections, rejections=rejections, criteria_version=version
    )


def test_a_batch_that_nobody_edited_is_not_looked_into(life: Life) -> None:
    settled(life, 1.0, 2.0)
    assert life.look(UID).stale == {}


def test_stale_results_are_seen_with_what_they_measured_and_passed(life: Life) -> None:
    settled(life, 1.0, None)
    edit(life, SuccessCriteria(min_sharpe=0.5))
    (look,) = life.look(UID).stale.values()
    assert (look.criteria_version, look.has_more) == (2, False)
    assert {(r.backtest_id, r.metrics["sharpe_ratio"], r.passed) for r in look.results} == {
        (f"{UID}-0", 1.0, True),
        (f"{UID}-1", None, True),
    }


def test_new_verdicts_and_the_counter_are_one_transaction(life: Life) -> None:
    settled(life, 1.0, 3.0, None)
    edit(life, SuccessCriteria(min_sharpe=2.0))
    after = judge_once(life.engine, life.epoch, UID)
    assert (after.counters.passed, after.stale_verdicts) == (1, 0)
    rows = life.query("SELECT passed, rejections, criteria_version FROM backtest_results ORDER BY index")
    assert [tuple(row.values()) for row in rows] == [
        (False, ["low_sharpe_ratio"], 2),
        (True, [], 2),
        (False, ["low_sharpe_ratio"], 2),
    ]
    (row,) = life.query("SELECT passed, stale_verdicts, criteria_version, version FROM optimization_batches")
    assert row == {"passed": 1, "stale_verdicts": 0, "criteria_version": 2, "version": 4}
    assert life.look(UID).stale == {}


def test_a_result_that_another_pass_judged_refuses_the_whole_change(life: Life) -> None:
    settled(life, 1.0, 3.0)
    edit(life, SuccessCriteria(min_sharpe=2.0))
    with life.engine.begin() as connection:
        connection.execute(text("UPDATE backtest_results SET criteria_version = 2 WHERE index = 1"))
    before = life.snapshot()
    after = replace(life.record, stale_verdicts=0, counters=Counters(succeeded=2, passed=1))
    changes = BatchChanges(before=life.record, after=after, verdicts=(verdict(0, "low_sharpe_ratio"), verdict(1)))
    with pytest.raises(Conflict, match="1 results already have another verdict"):
        save(life.engine, INSTALLATION, life.epoch, changes)
    assert life.snapshot() == before


def test_a_result_that_is_new_by_an_older_version_is_refused(life: Life) -> None:
    settled(life, 1.0)
    edit(life, SuccessCriteria(min_sharpe=2.0))
    judge_once(life.engine, life.epoch, UID)
    (seen,) = life.look().batches
    with pytest.raises(Conflict, match="already have another verdict"):
        save(life.engine, INSTALLATION, life.epoch, BatchChanges(before=seen, after=seen, verdicts=(verdict(0, "x"),)))


def test_a_finished_batch_without_its_custom_resource_is_judged_to_its_end(life: Life) -> None:
    settled(life, 1.0, 3.0)
    edit(life, SuccessCriteria(min_sharpe=2.0))
    life.finish()
    assert [each.uid for each in life.look().batches] == [UID]
    judge_once(life.engine, life.epoch, UID)
    assert life.look().batches == ()
    assert life.query("SELECT state, passed FROM optimization_batches") == [{"state": "finished", "passed": 1}]


def test_another_installations_stale_results_are_not_looked_at(life: Life) -> None:
    settled(life, 1.0)
    edit(life, SuccessCriteria(min_sharpe=2.0))
    view = observe(life.engine, "other", ())
    assert (view.batches, view.stale) == ((), {})


def test_a_live_batch_that_cannot_be_looked_at_takes_no_part_of_the_look(life: Life) -> None:
    settled(life, 1.0, 3.0)
    edit(life, SuccessCriteria(min_sharpe=2.0))
    view = life.look()
    assert ([each.uid for each in view.batches], view.stale) == ([UID], {})
    assert set(life.look(UID).stale) == {UID}


def test_a_look_is_shared_by_many_edited_batches(life: Life) -> None:
    count, uids = STALE_PER_LOOK // LEAST_SHARE + 2, []
    for number in range(count):
        uid = f"0f1e2d3c-0000-4000-8000-{number:012d}"
        each = Life(life.engine, life.epoch, batch(uid=uid, name=f"batch-{number}"))
        one = attempt(0, batch_uid=uid)
        each.save(launch(one))
        each.save(succeed(one), counters=Counters(succeeded=1, passed=1))
        edit(each, SuccessCriteria(min_sharpe=2.0))
        uids.append(uid)
    view = life.look(*uids)
    assert len(view.batches) == count
    assert len(view.stale) == STALE_PER_LOOK // LEAST_SHARE
    assert next(iter(view.stale)).endswith("000000000000")


def test_a_large_batch_leaves_half_of_the_look_to_a_second_one(life: Life, patient: Engine) -> None:
    fill(patient, INSTALLATION, MANY)
    with patient.begin() as connection:
        connection.execute(text("UPDATE optimization_batches SET criteria_version = 2, stale_verdicts = 4950"))
    settled(life, 1.0, 3.0)
    edit(life, SuccessCriteria(min_sharpe=2.0))
    found = {uid: (len(look.results), look.has_more) for uid, look in life.look(UID).stale.items()}
    assert found == {BIG_UID: (STALE_PER_LOOK // 2, True), UID: (2, False)}


def test_thousands_are_judged_in_short_passes_as_core_judges_them(life: Life, patient: Engine) -> None:
    """5,000 results of a finished batch: three short passes, each verdict that of `core.criteria`, every counter right."""
    fill(patient, INSTALLATION, MANY)
    with patient.begin() as connection:
        connection.execute(
            text("""UPDATE optimization_batches b SET criteria = '{"minSharpe": 4.0, "maxDrawdown": 0.2}',
                criteria_version = 2, passed = r.passed, succeeded = r.succeeded, stale_verdicts = r.succeeded
                FROM (SELECT count(*) AS succeeded, count(*) FILTER (WHERE passed) AS passed FROM backtest_results) r""")
        )
    seconds, passes, left = [], 0, 1
    while left:
        started = time.monotonic()
        left = judge_once(life.engine, life.epoch, BIG_UID).stale_verdicts
        seconds.append(time.monotonic() - started)
        passes += 1
        assert _passed(life) == life.query("SELECT passed FROM optimization_batches")[0]["passed"]
    assert passes == 3
    assert max(seconds) < 5, seconds
    rows = life.query("SELECT metrics, passed, rejections, criteria_version FROM backtest_results")
    assert len(rows) == MANY * 99 // 100
    for row in rows:
        wanted = judge(row["metrics"], CRITERIA)
        assert (row["passed"], tuple(row["rejections"])) == (wanted.passed, wanted.rejections)
        assert row["criteria_version"] == 2
    assert 0 < _passed(life) < len(rows)


def test_finding_stale_results_costs_what_is_stale(life: Life, patient: Engine) -> None:
    fill(patient, INSTALLATION, MANY)
    with patient.begin() as connection:
        connection.execute(text("UPDATE backtest_results SET criteria_version = 2 WHERE index >= 10"))
        connection.execute(text("UPDATE optimization_batches SET criteria_version = 2, stale_verdicts = 10"))
    with patient.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
    found = explain(life.engine, lambda: observe(life.engine, INSTALLATION, ()))
    assert found.sequential & BIG_TABLES <= {"outcome_inbox"}
    assert "ix_backtest_results_criteria" in found.indexes
    assert found.touched < 60


def test_writing_verdicts_can_go_by_the_primary_key(life: Life, patient: Engine) -> None:
    fill(patient, INSTALLATION, MANY)
    with life.engine.begin() as connection:
        # In a table as small as this one reading it all is cheaper, and Postgres would.
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        lines = connection.execute(text(f"EXPLAIN {statements.JUDGE_RESULTS}"), {"rows": "[]"}).scalars().all()
    assert "Index Scan using pk_backtest_results" in "\n".join(lines)


def test_filters_and_the_leaderboard_follow_the_new_verdicts(life: Life, api_engine: Engine) -> None:
    settled(life, 1.0, 3.0, None)
    edit(life, SuccessCriteria(min_sharpe=2.0))
    judge_once(life.engine, life.epoch, UID)
    page = results.list_results(api_engine, INSTALLATION, UID, ResultQuery(filters=ResultFilters(only_passed=True)))
    assert [(each.index, each.criteria_version) for each in page.items] == [(1, 2)]
    ranked = life.query("SELECT sharpe_ratio FROM strategy_leaderboard")
    assert ranked == [{"sharpe_ratio": 3.0}]
    answer = reading.get_batch(api_engine, INSTALLATION, UID).record
    assert (answer.criteria, answer.criteria_version, answer.stale_verdicts) == ({"minSharpe": 2.0}, 2, 0)


def _passed(life: Life) -> int:
    return int(life.query("SELECT count(*) AS n FROM backtest_results WHERE passed")[0]["n"])
