"""What the store keeps of packs of several attempts, on a real Postgres."""

from dataclasses import replace
from datetime import timedelta

import pytest

from backfleet.core.backtests import BacktestState
from backfleet.core.changes import Charge, EndPack, MarkPack
from backfleet.core.errors import Conflict
from backfleet.core.reasons import FailureReason
from tests.support.changes import (
    START,
    Life,
    append_outcome,
    attempt,
    fail,
    launch,
    pack,
    recorded,
    running,
    succeed,
)
from tests.support.databases import Database

pytestmark = pytest.mark.postgres

MEMBERS = tuple(replace(attempt(index), pack_id=attempt(0).id) for index in range(3))
PACK = pack(*MEMBERS)
RUNS = replace(PACK, job_seen_at=START, engine_started_at=START + timedelta(seconds=3))
WHERE = replace(RUNS, node_name="node-1", image_digest="sha256:5")


def test_a_pack_and_its_members_are_read_back_as_they_were_launched(life: Life) -> None:
    made = life.save(launch(*MEMBERS), next_index=3)
    assert (life.look().packs, life.look().attempts, life.members(PACK)) == ((PACK,), (), MEMBERS)
    before = life.snapshot()
    life.save_again(made)
    assert life.snapshot() == before


def test_a_mark_shows_all_members_as_running_and_the_first_one_as_begun(life: Life) -> None:
    life.save(launch(*MEMBERS))
    made = life.save(MarkPack(pack=RUNS, pod_name="pod-1"))
    assert (life.look().packs, life.members(PACK)) == ((RUNS,), tuple(map(running, MEMBERS)))
    began = [RUNS.engine_started_at, None, None]
    for statement in (
        "SELECT started_at AS began FROM backtest_jobs ORDER BY index",
        "SELECT engine_started_at AS began FROM backtest_attempts ORDER BY attempt_id",
    ):
        assert [row["began"] for row in life.query(statement)] == began
    before = life.snapshot()
    life.save_again(made)
    assert life.snapshot() == before


def test_where_a_pack_ran_is_kept_though_a_later_look_does_not_show_it(life: Life) -> None:
    life.save(launch(*MEMBERS))
    life.save(MarkPack(pack=RUNS))
    life.save(MarkPack(pack=WHERE, pod_name="pod-1"))
    assert life.look().packs == (WHERE,)
    life.save(MarkPack(pack=replace(RUNS, waiting_since=START)))
    shown = life.query("SELECT pod_name, node_name, image_digest FROM backtest_packs")
    assert shown == [{"pod_name": "pod-1", "node_name": "node-1", "image_digest": "sha256:5"}]


def test_a_pack_without_a_job_takes_its_members_back(life: Life) -> None:
    life.save(launch(*MEMBERS))
    life.save(MarkPack(pack=RUNS, pod_name="pod-1"))
    life.save(MarkPack(pack=replace(PACK, start_tries=1)))
    assert life.members(PACK) == MEMBERS


def test_members_that_end_leave_sight_and_their_pack_after_the_last_one(life: Life) -> None:
    life.save(launch(*MEMBERS))
    life.save(MarkPack(pack=RUNS))
    first, second, third = map(running, MEMBERS)
    made = life.save(succeed(first), fail(second))
    assert (life.look().packs, life.members(PACK)) == ((replace(RUNS, unsettled=1),), (third,))
    before = life.snapshot()
    life.save_again(made)
    assert life.snapshot() == before
    life.save(succeed(third))
    assert (life.look().packs, life.members(PACK)) == ((), ())


def test_a_mark_changes_no_member_that_has_ended(life: Life) -> None:
    life.save(launch(*MEMBERS))
    life.save(fail(MEMBERS[0], BacktestState.QUEUED), succeed(MEMBERS[1]))
    life.save(MarkPack(pack=replace(RUNS, unsettled=1)))
    states = [row["state"] for row in life.query("SELECT state FROM backtest_jobs ORDER BY index")]
    assert states == ["queued", "succeeded", "running"]
    (first, *_) = life.query("SELECT engine_started_at FROM backtest_attempts ORDER BY attempt_id")
    assert first == {"engine_started_at": None}


def test_an_outcome_brings_its_own_attempt_and_no_other_member(life: Life, database: Database) -> None:
    life.save(launch(*MEMBERS))
    append_outcome(database.recorder_url, MEMBERS[1].id, recorded())
    view = life.look()
    assert [each.attempt_id for each in view.outcomes] == [MEMBERS[1].id]
    assert (view.packs, view.attempts) == ((PACK,), (MEMBERS[1],))


def test_after_the_death_of_a_pack_its_members_wait_uncounted_with_their_limits(life: Life) -> None:
    life.save(launch(*MEMBERS))
    limits = (2, 1, 2)
    ends = (
        fail(each, BacktestState.QUEUED, charge=Charge.NOTHING, pack_limit=limit)
        for each, limit in zip(MEMBERS, limits, strict=True)
    )
    life.save(EndPack(pack=PACK, reason=FailureReason.OOM_KILLED, message="it died", died=True), *ends)
    view = life.look()
    assert view.packs == ()
    seen = [(each.backtest_state, each.charged, each.uncharged, each.pack_limit) for each in view.attempts]
    assert seen == [(BacktestState.QUEUED, 0, 0, limit) for limit in limits]
    assert {row["is_charged"] for row in life.query("SELECT is_charged FROM backtest_attempts")} == {None}


def test_a_queued_backtest_and_a_new_one_are_launched_as_one_pack_that_keeps_the_limit(life: Life) -> None:
    life.save(launch(attempt(0)))
    life.save(fail(attempt(0), BacktestState.QUEUED, charge=Charge.NOTHING, pack_limit=4))
    again = attempt(0, number=2, pack_limit=4)
    other = attempt(1, pack_id=again.id)
    life.save(launch(again, other))
    assert life.look().packs == (pack(again, other),)
    assert life.members(pack(again, other)) == (again, other)


def test_a_pack_with_a_member_that_cannot_be_launched_is_not_launched_at_all(life: Life) -> None:
    life.save(launch(attempt(1)))
    first = attempt(0)
    before = life.snapshot()
    with pytest.raises(Conflict, match="1 attempts cannot be launched"):
        life.save(launch(first, attempt(1, number=2, pack_id=first.id)))
    assert life.snapshot() == before


def test_a_finished_batch_has_no_live_pack(life: Life) -> None:
    life.save(launch(*MEMBERS))
    life.save(succeed(MEMBERS[0]))
    life.finish("Cancelled")
    assert life.query("SELECT unsettled FROM backtest_packs") == [{"unsettled": 0}]
    assert life.members(PACK) == ()


def test_what_a_batch_remembers_of_its_packs_is_read_back_as_it_was_saved(life: Life) -> None:
    life.save(packs_died=(False, True), engine_seconds=0.125)
    (seen,) = life.look().batches
    assert (seen.packs_died, seen.engine_seconds) == ((False, True), 0.125)
