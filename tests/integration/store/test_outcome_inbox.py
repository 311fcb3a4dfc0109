"""The outcomes that recorders appended: which of them a pass sees, and how they leave the inbox."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from backfleet.core.backtests import BacktestState, Outcome
from backfleet.core.reasons import FailureReason
from backfleet.core.records import AttemptRecord, Counters, StoreView
from backfleet.store.passes.observe import OUTCOMES_PER_LOOK
from tests.support.changes import (
    UID,
    Life,
    append_outcome,
    attempt,
    close,
    fail,
    failure,
    launch,
    recorded,
    result,
    succeed,
)
from tests.support.databases import Database
from tests.support.rows import seen_outcome

pytestmark = pytest.mark.postgres


def seen(view: StoreView) -> dict[str, AttemptRecord]:
    return {each.id: each for each in view.attempts}


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
    assert {key: each.is_deciding for key, each in seen(view).items()} == {f"{UID}-0.1": False}
    assert [each.id for each in view.packs] == [f"{UID}-0.2"]
    life.save(close(seen(view)[f"{UID}-0.1"]))
    assert life.look().outcomes == ()
    assert life.query("SELECT is_open, reason FROM backtest_attempts WHERE number = 1") == [
        {"is_open": False, "reason": "OOMKilled"}
    ]


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
        assert len(view.attempts) == OUTCOMES_PER_LOOK
        assert len(view.packs) == count
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
