"""What the store keeps of packs that wait, of a batch's pace, and of the names of Jobs, on a real Postgres."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from backfleet.core.backtests import BacktestState
from backfleet.core.changes import MarkPack
from backfleet.store.passes.observe import job_names
from tests.support.changes import START, Life, attempt, batch, fail, launch, pack, running
from tests.support.filling import BIG_TABLES, BIG_UID, explain, fill

pytestmark = pytest.mark.postgres

OTHER = "0f1e2d3c-0000-4000-8000-000000000002"
MINUTE = timedelta(minutes=1)
WAITING: dict[str, Any] = {
    "start_tries": 3,
    "waiting_since": START + MINUTE,
    "waiting_reason": "ErrImagePull: no such image",
    "retry_at": START + 5 * MINUTE,
    "start_deadline_at": START + 15 * MINUTE,
    "hard_deadline_at": START + 90 * MINUTE,
    "job_seen_at": None,
    "engine_started_at": None,
}


def test_a_pack_that_waits_is_read_back_as_it_was_saved_and_again_once_it_runs(life: Life) -> None:
    life.save(launch(attempt()))
    waits = pack(attempt(), **WAITING)
    made = life.save(MarkPack(pack=waits))
    assert (life.look().packs, life.members(waits)) == ((waits,), (attempt(),))
    before = life.snapshot()
    life.save_again(made)
    assert life.snapshot() == before
    runs = replace(
        waits,
        waiting_since=None,
        waiting_reason=None,
        retry_at=None,
        job_seen_at=START + 6 * MINUTE,
        engine_started_at=START + 7 * MINUTE,
    )
    life.save(MarkPack(pack=runs, pod_name="pod-2"))
    assert (life.look().packs, life.members(runs)) == ((runs,), (running(attempt()),))
    assert life.query("SELECT pod_name FROM backtest_packs") == [{"pod_name": "pod-2"}]


def test_no_words_of_a_refusal_keep_a_batch_from_being_saved(life: Life) -> None:
    life.save(launch(attempt()))
    waits = pack(attempt(), **WAITING | {"waiting_reason": "it said \x00 and \ud800"})
    life.save(MarkPack(pack=waits))
    (seen,) = life.look().packs
    assert seen.waiting_reason == "it said \ufffd and \ufffd"


def test_the_pace_of_a_batch_is_read_back_as_it_was_saved(life: Life) -> None:
    pace = {
        "recent_ends": ((START, 0), (START + MINUTE, 7), (START + timedelta(minutes=2, microseconds=250), 9)),
        "suspended_at": START + 3 * MINUTE,
        "never_started": 2,
        "engine_versions": ("bars 1", "bars 2"),
    }
    life.save(**pace)
    assert life.look().batches == (batch(**pace),)
    life.save(recent_ends=(), suspended_at=None, never_started=0)
    assert life.look().batches == (batch(engine_versions=pace["engine_versions"]),)


def test_jobs_are_named_by_their_rows_whatever_became_of_pack_and_batch(life: Life) -> None:
    first, second, alive = attempt(0), attempt(0, number=2, charged=1), attempt(1)
    life.save(launch(first), launch(alive))
    life.save(fail(first, BacktestState.QUEUED))
    life.save(launch(second))
    other = Life(life.engine, life.epoch, batch(uid=OTHER, name="another"))
    foreign = attempt(0, batch_uid=OTHER)
    other.save(launch(foreign))
    other.finish("Cancelled")
    wanted = [first, second, alive, foreign]
    asked = [each.id for each in wanted]
    assert job_names(life.engine, [*asked, f"{OTHER}-7.1", "anything'; --"]) == {
        each.id: pack(each).job_name for each in wanted
    }
    assert job_names(life.engine, []) == {}


def test_the_look_up_of_names_touches_the_rows_that_it_names(life: Life) -> None:
    fill(life.engine, "backfleet/test", 5_000)
    ids = [f"{BIG_UID}-{number}.1" for number in range(0, 5_000, 1_000)]
    found = explain(life.engine, lambda: job_names(life.engine, ids))
    assert found.sequential & BIG_TABLES == set()
    assert found.touched <= 2 * len(ids)
