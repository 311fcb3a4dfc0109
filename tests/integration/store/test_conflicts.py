"""What a save refuses, and that the same save again changes nothing."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from backfleet.core.backtests import BacktestState
from backfleet.core.changes import BatchChanges
from backfleet.core.errors import Conflict, FenceLost
from backfleet.core.records import BatchState, Counters
from backfleet.store.passes.observe import observe
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

pytestmark = pytest.mark.postgres


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
    assert observe(engine, "other", [UID]).packs == ()
    with pytest.raises(Conflict, match="belongs to installation backfleet/test"):
        save(engine, "other", 1, BatchChanges(before=life.record, after=life.record))


def test_a_batch_whose_row_was_purged_is_a_conflict(life: Life) -> None:
    life.is_new = False
    with pytest.raises(Conflict, match="is gone"):
        life.save()
