"""What a pass reads and writes: every change, repeated without effect, on a real Postgres."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from backfleet.core.backtests import BacktestState, Outcome
from backfleet.core.changes import BatchChanges
from backfleet.core.errors import Conflict, FenceLost, Unavailable, ValuesRefused
from backfleet.core.reasons import FailureReason
from backfleet.core.records import AttemptRecord, BatchState, Best, Counters, StoreView
from backfleet.store.passes.closing import close_in_pieces
from backfleet.store.passes.observe import OUTCOMES_PER_LOOK, observe
from backfleet.store.passes.save import save
from tests.support.changes import (
    INSTALLATION,
    START,
    UID,
    Life,
    append_outcome,
    attempt,
    batch,
    close,
    fail,
    failure,
    launch,
    mark,
    outcome_of,
    record_results,
    recorded,
    result,
    succeed,
)
from tests.support.databases import Database
from tests.support.rows import seen_outcome

pytestmark = pytest.mark.postgres


def seen(view: StoreView) -> dict[str, AttemptRecord]:
    return {each.id: each for each in view.attempts}


def test_an_empty_database_shows_nothing_but_its_clock(life: Life) -> None:
    view = life.look("unknown-uid")
    assert (view.batches, view.attempts, view.outcomes) == ((), (), ())
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
    assert life.look().attempts == (first, second)


def test_a_marked_attempt_is_seen_as_running(life: Life) -> None:
    life.save(launch(attempt()))
    life.save(mark(attempt()))
    running = replace(
        attempt(),
        backtest_state=BacktestState.RUNNING,
        job_seen_at=START,
        engine_started_at=START + timedelta(seconds=3),
    )
    assert life.look().attempts == (running,)
    assert life.query("SELECT pod_name FROM backtest_attempts") == [{"pod_name": "pod-1"}]


def test_a_result_is_kept_whole_and_leaves_sight(life: Life) -> None:
    life.save(launch(attempt()))
    life.save(succeed(attempt()), counters=Counters(succeeded=1, passed=1))
    assert life.look().attempts == ()
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
    assert life.look().attempts == ()


def test_an_attempt_that_was_not_begun_leaves_its_backtests_counts(life: Life, database: Database) -> None:
    tried = attempt(charged=1, uncharged=5)
    life.save(launch(tried))
    append_outcome(database.recorder_url, tried.id, recorded(failure(FailureReason.NOT_BEGUN)))
    change = fail(tried, reason=FailureReason.NOT_BEGUN, state=BacktestState.QUEUED, is_charged=False)
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
    life.save(fail(attempt(), BacktestState.QUEUED, is_charged=False))
    (queued,) = life.look().attempts
    assert (queued.backtest_state, queued.charged, queued.uncharged) == (BacktestState.QUEUED, 0, 1)
    assert queued.ended_at is not None
    assert queued.reason is FailureReason.OOM_KILLED
    second = attempt(number=2, uncharged=1)
    life.save(launch(second))
    assert life.look().attempts == (second,)


def test_a_failure_and_the_next_launch_may_be_one_pass(life: Life) -> None:
    life.save(launch(attempt()))
    again = attempt(number=2, charged=1)
    made = life.save(fail(attempt(), BacktestState.QUEUED), launch(again))
    assert life.look().attempts == (again,)
    before = life.snapshot()
    life.save_again(made)
    assert life.snapshot() == before


def test_an_outcome_is_seen_until_it_is_settled(life: Life, database: Database) -> None:
    life.save(launch(attempt()))
    append_outcome(database.recorder_url, attempt().id, recorded())
    view = life.look()
    (outcome,) = view.outcomes
    assert outcome == seen_outcome(attempt().id, outcome.recorded_at, recorded())
    assert abs(view.now - outcome.recorded_at) < timedelta(seconds=30)
    life.save(succeed(attempt()))
    assert life.look().outcomes == ()


def test_a_late_result_turns_failed_into_succeeded(life: Life, database: Database) -> None:
    life.save(launch(attempt()))
    life.save(fail(attempt()), counters=Counters(failed=1))
    append_outcome(database.recorder_url, attempt().id, recorded())
    view = life.look()
    (late,) = view.attempts
    assert (late.backtest_state, late.is_open, late.is_deciding) == (BacktestState.FAILED, True, True)
    life.save(succeed(late), counters=Counters(succeeded=1))
    assert life.query("SELECT state, reason, message FROM backtest_jobs") == [
        {"state": "succeeded", "reason": None, "message": None}
    ]
    assert life.query("SELECT reason, is_open FROM backtest_attempts") == [{"reason": None, "is_open": False}]


def test_an_outcome_of_a_superseded_attempt_is_seen_beside_the_latest_and_closed(
    life: Life, database: Database
) -> None:
    life.save(launch(attempt()))
    life.save(fail(attempt(), BacktestState.QUEUED), launch(attempt(number=2, charged=1)))
    append_outcome(database.recorder_url, attempt().id, recorded(failure()))
    view = life.look()
    assert {key: each.is_deciding for key, each in seen(view).items()} == {f"{UID}-0.1": False, f"{UID}-0.2": True}
    life.save(close(seen(view)[f"{UID}-0.1"]))
    assert life.look().outcomes == ()
    assert life.query("SELECT is_open, reason FROM backtest_attempts WHERE number = 1") == [
        {"is_open": False, "reason": "OOMKilled"}
    ]


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
    assert (life.look().batches, life.look().attempts, life.look().outcomes) == ((), (), ())
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


def test_an_outcome_after_the_end_changes_nothing(life: Life, database: Database) -> None:
    life.save(launch(attempt()))
    life.finish("Cancelled")
    append_outcome(database.recorder_url, attempt().id, recorded())
    assert life.look(UID).outcomes == ()
    life.save()
    assert life.query("SELECT * FROM outcome_inbox") == []


def test_an_outcome_of_a_closed_attempt_is_not_shown_and_swept_away(life: Life, database: Database) -> None:
    life.save(launch(attempt()))
    with life.engine.begin() as connection:
        connection.execute(text("UPDATE backtest_attempts SET is_open = false, ended_at = now()"))
    append_outcome(database.recorder_url, attempt().id, recorded())
    assert life.look().outcomes == ()
    life.save()
    assert life.query("SELECT * FROM outcome_inbox") == []


def test_nothing_reopens_a_finished_batch(life: Life) -> None:
    life.save()
    life.finish()
    with pytest.raises(Conflict, match="finished"):
        life.save(state=BatchState.LIVE, finished_at=None)


@pytest.mark.parametrize("moment", ["launched", "running", "settled", "failed", "closed", "finished"])
def test_saving_the_same_again_changes_no_row(life: Life, database: Database, moment: str) -> None:
    made = life.save(*(launch(attempt(index)) for index in range(2)), next_index=2)
    if moment != "launched":
        made = life.save(mark(attempt(0)), mark(attempt(1)))
    if moment in ("settled", "closed", "finished"):
        append_outcome(database.recorder_url, attempt(0).id, recorded())
        made = life.save(succeed(attempt(0)), mark(attempt(1), pod_name="pod-2"), counters=Counters(succeeded=1))
    if moment == "failed":
        made = life.save(fail(attempt(0)), fail(attempt(1), BacktestState.QUEUED))
    if moment == "closed":
        life.save(fail(attempt(1), BacktestState.QUEUED), launch(attempt(1, 2, charged=1)))
        append_outcome(database.recorder_url, attempt(1).id, recorded(failure()))
        made = life.save(close(attempt(1)))
    if moment == "finished":
        made = life.finish()
    before = life.snapshot()
    with pytest.raises(Conflict, match="expected version"):
        save(life.engine, INSTALLATION, life.epoch, made)
    assert life.snapshot() == before
    life.save_again(made)
    assert life.snapshot() == before


def test_the_version_goes_up_with_every_change_and_only_then(life: Life) -> None:
    def version() -> int:
        return int(life.query("SELECT version FROM optimization_batches")[0]["version"])

    life.save()
    assert version() == 1
    life.save()
    assert version() == 1
    life.save(launch(attempt()))
    assert version() == 2
    life.save(mark(attempt()))
    assert version() == 3
    life.save(total=4)
    assert version() == 4


def test_what_was_planned_before_a_late_commit_is_refused(life: Life) -> None:
    """The client gave up on a commit and planned again on the old rows; then the server carried the commit out."""
    life.save(*(launch(attempt(index)) for index in range(2)))
    seen = life.record
    settled = BatchChanges(
        before=seen, after=replace(seen, counters=Counters(succeeded=1, passed=1)), changes=(succeed(attempt(0)),)
    )
    again = BatchChanges(
        before=seen,
        after=replace(seen, counters=Counters(succeeded=2, passed=2)),
        changes=(succeed(attempt(0)), succeed(attempt(1))),
    )
    record_results(life.engine, again.changes, result())
    save(life.engine, INSTALLATION, life.epoch, settled)
    before = life.snapshot()
    with pytest.raises(Conflict, match="expected version 1, got version 2"):
        save(life.engine, INSTALLATION, life.epoch, again)
    assert life.snapshot() == before
    assert life.look().batches[0].version == 2


def test_a_batch_that_got_its_row_late_is_not_begun_twice(life: Life) -> None:
    life.save(launch(attempt()))
    with pytest.raises(Conflict, match="expected version 0"):
        save(life.engine, INSTALLATION, life.epoch, BatchChanges(before=None, after=batch(total=9)))
    assert life.query("SELECT total FROM optimization_batches") == [{"total": 3}]


def test_a_succeeded_backtest_never_changes(life: Life) -> None:
    life.save(launch(attempt()))
    life.save(succeed(attempt(), 1.5))
    before = life.snapshot()
    outcome = outcome_of(attempt())
    later = replace(succeed(attempt(), 9.0), outcome=replace(outcome, recorded_at=START + timedelta(hours=1)))
    life.save(fail(attempt()), mark(attempt()), later)
    assert life.snapshot() == before
    with pytest.raises(Conflict):
        life.save(launch(attempt(number=2)))
    assert life.snapshot() == before


def test_an_attempt_that_cannot_be_launched_saves_nothing_at_all(life: Life) -> None:
    life.save(launch(attempt()))
    with pytest.raises(Conflict, match="cannot be launched"):
        life.save(launch(attempt(1)), launch(attempt(number=2)), next_index=9)
    assert life.query("SELECT index FROM backtest_jobs") == [{"index": 0}]
    assert life.query("SELECT next_index FROM optimization_batches") == [{"next_index": 0}]


def test_an_old_epoch_cannot_write(life: Life) -> None:
    life.save()
    with pytest.raises(FenceLost, match=r"expected epoch 0, got 1"):
        save(life.engine, INSTALLATION, 0, BatchChanges(before=life.record, after=replace(life.record, total=9)))
    with pytest.raises(FenceLost):
        save(life.engine, "unknown", 1, BatchChanges(before=life.record, after=life.record))
    assert life.query("SELECT total FROM optimization_batches") == [{"total": 3}]


def test_installations_do_not_see_or_write_each_others_batches(life: Life, engine: Engine) -> None:
    life.save(launch(attempt()))
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO installations (id, epoch) VALUES ('other', 1)"))
    assert observe(engine, "other", [UID]).batches == ()
    assert observe(engine, "other", [UID]).attempts == ()
    with pytest.raises(Conflict, match="belongs to installation backfleet/test"):
        save(engine, "other", 1, BatchChanges(before=life.record, after=life.record))


def test_a_batch_whose_row_was_purged_is_a_conflict(life: Life) -> None:
    life.is_new = False
    with pytest.raises(Conflict, match="is gone"):
        life.save()


def test_a_look_holds_the_oldest_outcomes_up_to_its_limit(life: Life, engine: Engine) -> None:
    count = OUTCOMES_PER_LOOK + 20
    life.save(*(launch(attempt(index)) for index in range(count)), total=count)
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO backtest_outcomes (attempt_id, kind, reason, message, recorded_at) "
                "SELECT attempt_id, 'failed', 'NoData', 'none', now() - split_part(backtest_id, '-', 6)::int * "
                "interval '1 second' FROM backtest_attempts"
            )
        )
    for view, is_seen in ((life.look(UID), True), (life.look(), False)):
        assert [outcome.attempt_id for outcome in view.outcomes[:2]] == [f"{UID}-{count - 1}.1", f"{UID}-{count - 2}.1"]
        assert len(view.outcomes) == OUTCOMES_PER_LOOK
        assert len(view.attempts) == count
        # Those of a batch that is out of sight are not settled, so more of them are no reason to look again.
        assert view.has_more_outcomes is is_seen


def test_an_unreadable_body_is_an_invalid_result(life: Life, engine: Engine) -> None:
    life.save(launch(attempt()))
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO backtest_outcomes (attempt_id, kind, body) VALUES (:id, 'succeeded', '{\"metrics\": 1}')"
            ),
            {"id": attempt().id},
        )
    (outcome,) = life.look().outcomes
    assert getattr(outcome.ending, "reason", None) is FailureReason.RESULT_INVALID


def test_a_result_survives_the_recorder_and_the_pass_unchanged(life: Life, database: Database) -> None:
    measured = result(sharpe_ratio=1 / 3, sortino_ratio=None, total_fees=1e-17)
    life.save(launch(attempt()))
    append_outcome(database.recorder_url, attempt().id, Outcome(ending=measured))
    (outcome,) = life.look().outcomes
    assert outcome == seen_outcome(attempt().id, outcome.recorded_at, Outcome(ending=measured))
