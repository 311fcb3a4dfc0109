"""What a pass writes, and what the next one reads of it, on a real Postgres."""

from dataclasses import replace
from datetime import timedelta

import pytest

from backfleet.core.backtests import BacktestState, Outcome
from backfleet.core.changes import BatchChanges, Charge
from backfleet.core.errors import Unavailable, ValuesRefused
from backfleet.core.reasons import FailureReason
from backfleet.core.records import Best, Counters
from backfleet.store.passes.closing import close_in_pieces
from backfleet.store.passes.save import save
from tests.support.changes import (
    INSTALLATION,
    START,
    UID,
    Life,
    append_outcome,
    attempt,
    batch,
    fail,
    failure,
    launch,
    mark,
    outcome_of,
    pack,
    recorded,
    running,
    succeed,
)
from tests.support.databases import Database

pytestmark = pytest.mark.postgres


def test_an_empty_database_shows_nothing_but_its_clock(life: Life) -> None:
    view = life.look("unknown-uid")
    assert (view.batches, view.packs, view.attempts, view.outcomes) == ((), (), (), ())
    assert abs((view.now - life.query("SELECT now() AS now")[0]["now"]).total_seconds()) < 10


def test_a_batch_is_read_back_as_it_was_saved(life: Life) -> None:
    full = batch(
        controls={"maxConcurrent": 2, "failurePolicy": {"maxFailed": 5}},
        criteria_version=3,
        count_cursor=7,
        count_found=3,
        next_index=2,
        counters=Counters(succeeded=2, failed=1, passed=1),
        best=Best(index=1, value=1.5, parameter_texts={"rsi_period": "15"}),
        repeated_reason="",
        first_engine_started_at=START,
        last_launched_at=START,
        missing_since=START,
    )
    save(life.engine, INSTALLATION, life.epoch, BatchChanges(before=None, after=full))
    assert life.look().batches == (full,)


def test_columns_that_sql_reads_repeat_the_spec(life: Life) -> None:
    life.save()
    (row,) = life.query("SELECT * FROM optimization_batches")
    assert (row["strategy_name"], row["engine"], row["initial_cash"]) == ("RSI_MeanReversion_ETF", "bars", 2500)
    assert (str(row["start_date"]), row["objective_metric"], row["objective_direction"]) == (
        "2000-03-01",
        "sharpe_ratio",
        "maximize",
    )


def test_a_strategy_that_nobody_catalogued_is_registered_with_its_batch_and_no_project_for_others(life: Life) -> None:
    spec = dict(batch().spec) | {"strategy": {"name": "Mine", "leanProjectPath": "STR-100_Mine"}}
    life.save(spec=spec)
    rows = life.query("SELECT status, lean_project_path FROM strategies WHERE name = 'Mine'")
    assert rows == [{"status": "testing", "lean_project_path": None}]
    (kept,) = life.look(life.record.uid).batches
    assert kept.spec["strategy"]["leanProjectPath"] == "STR-100_Mine"


def test_launched_attempts_are_seen_as_launching(life: Life) -> None:
    first, second = attempt(0), attempt(1)
    life.save(launch(first), launch(second), next_index=2)
    packs = (pack(first), pack(second))
    assert life.look().packs == packs
    assert life.members(*packs) == (first, second)


def test_a_marked_attempt_is_seen_as_running(life: Life) -> None:
    life.save(launch(attempt()))
    life.save(mark(attempt()))
    marked = pack(attempt(), job_seen_at=START, engine_started_at=START + timedelta(seconds=3))
    assert life.look().packs == (marked,)
    assert life.members(marked) == (running(attempt()),)
    assert life.query("SELECT pod_name FROM backtest_packs") == [{"pod_name": "pod-1"}]
    (row,) = life.query("SELECT state, started_at FROM backtest_jobs")
    assert row == {"state": "running", "started_at": START + timedelta(seconds=3)}


def test_a_result_is_kept_whole_and_leaves_sight(life: Life) -> None:
    life.save(launch(attempt()))
    life.save(succeed(attempt()), counters=Counters(succeeded=1, passed=1))
    assert (life.look().packs, life.look().attempts) == ((), ())
    (row,) = life.query("SELECT * FROM backtest_results")
    assert (row["sharpe_ratio"], row["total_trades"], row["sortino_ratio"]) == (1.25, 156.0, None)
    assert (row["rank_key"], row["objective_value"], row["passed"], row["rejections"]) == (-1.25, 1.25, True, [])
    assert row["recorded_at"] == START + timedelta(seconds=10)
    (ended,) = life.query("SELECT is_open, ended_at, exit_code, reason, engine, engine_version FROM backtest_attempts")
    assert ended == {
        "is_open": False,
        "ended_at": START + timedelta(seconds=10),
        "exit_code": 0,
        "reason": None,
        "engine": "bars",
        "engine_version": "1",
    }


def test_a_minimized_objective_ranks_the_other_way_and_an_absent_value_last(life: Life) -> None:
    spec = dict(batch().spec) | {"objective": {"metric": "drawdown"}}
    life.save(launch(attempt(0)), launch(attempt(1)), spec=spec)
    life.save(succeed(attempt(0), 0.5), succeed(attempt(1), None))
    rows = life.query("SELECT rank_key, objective_value FROM backtest_results ORDER BY index")
    assert rows == [{"rank_key": 0.5, "objective_value": 0.5}, {"rank_key": float("inf"), "objective_value": None}]


def test_a_failure_without_an_outcome_leaves_the_attempt_open(life: Life) -> None:
    life.save(launch(attempt()))
    life.save(fail(attempt()))
    (row,) = life.query("SELECT is_open, reason, is_charged, ended_at IS NOT NULL AS ended FROM backtest_attempts")
    assert row == {"is_open": True, "reason": "OOMKilled", "is_charged": True, "ended": True}
    (job,) = life.query("SELECT state, reason, message, charged, uncharged FROM backtest_jobs")
    assert job == {"state": "failed", "reason": "OOMKilled", "message": "out of memory", "charged": 1, "uncharged": 0}
    assert (life.look().packs, life.look().attempts) == ((), ())


def test_an_attempt_that_was_not_begun_leaves_its_backtests_counts(life: Life, database: Database) -> None:
    tried = attempt(charged=1, uncharged=5)
    life.save(launch(tried))
    append_outcome(database.recorder_url, tried.id, recorded(failure(FailureReason.NOT_BEGUN)))
    change = fail(tried, reason=FailureReason.NOT_BEGUN, state=BacktestState.QUEUED, charge=Charge.NOTHING)
    life.save(replace(change, outcome=life.look().outcomes[0]))
    (job,) = life.query("SELECT state, reason, charged, uncharged FROM backtest_jobs")
    assert job == {"state": "queued", "reason": "NotBegun", "charged": 1, "uncharged": 5}


def test_no_words_of_a_pod_keep_a_batch_from_being_saved(life: Life) -> None:
    life.save(launch(attempt()))
    life.save(replace(fail(attempt()), message="it said \x00 and \ud800"))
    life.finish(finish_message="the last failure said \x00")
    (job,) = life.query("SELECT message FROM backtest_jobs")
    assert job == {"message": "it said \ufffd and \ufffd"}
    (row,) = life.query("SELECT finish_message FROM optimization_batches")
    assert row == {"finish_message": "the last failure said \ufffd"}


def test_a_new_batch_that_postgres_cannot_hold_is_refused_and_leaves_no_row(life: Life) -> None:
    spec = {**batch().spec, "constraints": ["name != 'a\x00'"]}
    with pytest.raises(ValuesRefused, match="cannot be converted to text"):
        life.save(spec=spec)
    assert life.query("SELECT uid FROM optimization_batches") == []


def test_a_recorded_failure_closes_the_attempt(life: Life) -> None:
    life.save(launch(attempt()))
    said = Outcome(ending=failure(), exit_code=1)
    life.save(fail(attempt(), reason=FailureReason.ENGINE_ERROR, outcome=outcome_of(attempt(), said)))
    (row,) = life.query("SELECT is_open, exit_code, reason FROM backtest_attempts")
    assert row == {"is_open": False, "exit_code": 1, "reason": "EngineError"}


def test_a_queued_backtest_shows_its_ended_attempt_and_launches_the_next(life: Life) -> None:
    life.save(launch(attempt()))
    life.save(fail(attempt(), BacktestState.QUEUED, charge=Charge.UNCHARGED))
    (queued,) = life.look().attempts
    assert (queued.backtest_state, queued.charged, queued.uncharged) == (BacktestState.QUEUED, 0, 1)
    assert queued.ended_at is not None
    assert queued.reason is FailureReason.OOM_KILLED
    second = attempt(number=2, uncharged=1)
    life.save(launch(second))
    assert (life.look().attempts, life.look().packs) == ((), (pack(second),))
    assert life.members(pack(second)) == (second,)


def test_a_failure_and_the_next_launch_may_be_one_pass(life: Life) -> None:
    life.save(launch(attempt()))
    again = attempt(number=2, charged=1)
    made = life.save(fail(attempt(), BacktestState.QUEUED), launch(again))
    assert (life.look().attempts, life.look().packs) == ((), (pack(again),))
    assert life.members(pack(attempt()), pack(again)) == (again,)
    before = life.snapshot()
    life.save_again(made)
    assert life.snapshot() == before


def test_a_finished_batch_cancels_what_lives_and_closes_every_attempt(life: Life, database: Database) -> None:
    life.save(*(launch(attempt(index)) for index in range(3)))
    life.save(succeed(attempt(0)), fail(attempt(1)))
    append_outcome(database.recorder_url, attempt(2).id, recorded())
    life.finish("Cancelled")
    jobs = life.query("SELECT state, reason, message FROM backtest_jobs ORDER BY index")
    assert jobs == [
        {"state": "succeeded", "reason": None, "message": None},
        {"state": "failed", "reason": "OOMKilled", "message": "out of memory"},
        {"state": "cancelled", "reason": "Cancelled", "message": "the batch ended: Cancelled: the end"},
    ]
    rows = life.query("SELECT is_open, reason FROM backtest_attempts ORDER BY attempt_id")
    assert [(row["is_open"], row["reason"]) for row in rows] == [
        (False, None),
        (False, "OOMKilled"),
        (False, "Cancelled"),
    ]
    assert life.query("SELECT * FROM outcome_inbox") == []
    view = life.look()
    assert (view.batches, view.packs, view.attempts, view.outcomes) == ((), (), (), ())
    assert life.look(UID).batches == (life.record,)


def test_the_attempts_of_a_batch_that_ends_are_closed_in_pieces(life: Life) -> None:
    attempts = [attempt(index) for index in range(6)]
    life.save(*[launch(each) for each in attempts])
    life.save(*[fail(each) for each in attempts[:5]])
    ending = BatchChanges(before=life.record, after=life.record, changes=(fail(attempts[0]),))
    open_ids = "SELECT attempt_id FROM backtest_attempts WHERE is_open ORDER BY 1"
    close_in_pieces(life.engine, INSTALLATION, life.epoch, ending, piece=6)
    assert len(life.query(open_ids)) == 6, "no more than a piece"
    close_in_pieces(life.engine, INSTALLATION, life.epoch, ending, piece=2)
    left = [row["attempt_id"] for row in life.query(open_ids)]
    assert left == [attempts[0].id, attempts[5].id], "what the changes name, and what has not ended"
    life.save(*[launch(attempt(index)) for index in range(6, 40)])
    life.save(*[fail(attempt(index)) for index in range(6, 40)])
    with pytest.raises(Unavailable, match="the next pass continues"):
        close_in_pieces(life.engine, INSTALLATION, life.epoch, ending, piece=1)
    life.finish()
    assert life.query(open_ids) == []
