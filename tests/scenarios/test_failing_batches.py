"""A batch that fails in every pass: it alone backs off, it says why, and nobody else waits."""

import pytest

from backfleet.controller.failing import FIRST_SECONDS, LONGEST_SECONDS, SHOWN
from backfleet.core.backtests import BacktestState
from backfleet.core.errors import DatabaseUnavailable, Unavailable, ValuesRefused
from tests.support.life import status
from tests.support.operator import World, batch_spec, result, values

LEAK = 'connection to server at "10.0.0.7" failed: FATAL: password authentication failed for user "backfleet_operator"'


def events(world: World, reason: str) -> list[str]:
    return [event["message"] for event in world.cluster.events.values() if event["reason"] == reason]


def test_a_failing_batch_is_tried_ever_more_seldom_while_another_goes_on(world: World) -> None:
    bad = world.cluster.add_batch(batch_spec(), name="bad")
    good = world.cluster.add_batch(batch_spec(parameters=values(40), maxConcurrent=4), name="good")
    world.rows.faults[bad] = KeyError("noop")
    tries = 0
    for _ in range(200):
        report = world.turn()
        tries += bad in report.errors
        assert report.failing == {"research/bad": "KeyError: 'noop'. " + report.failing["research/bad"][18:]}
        for job in world.cluster.active_jobs:
            world.record(job, result())
        world.tick(1)
        if world.rows.batches[good].finished_at:
            break
    assert world.rows.states(good) == dict.fromkeys(range(40), BacktestState.SUCCEEDED)
    assert 3 <= tries <= 5, "after 2, 4 and 8 seconds"


def test_what_is_due_at_once_stays_so_beside_a_failing_batch(world: World) -> None:
    bad = world.cluster.add_batch(batch_spec(), name="bad")
    world.rows.faults[bad] = Unavailable("away")
    for _ in range(5):
        world.turn()
        world.tick(FIRST_SECONDS)
    world.limits = world.operator.passes.limits = type(world.limits)(walk_budget=2)
    world.cluster.add_batch(batch_spec(constraints=["value > 1"]), name="counting")
    assert [world.turn().due_seconds for _ in range(2)] == [pytest.approx(0, abs=0.5)] * 2


def test_the_next_pass_comes_when_the_failing_batch_is_to_be_tried_again(world: World) -> None:
    bad = world.cluster.add_batch(batch_spec())
    world.rows.faults[bad] = KeyError("noop")
    waits = []
    for _ in range(8):
        seconds = world.turn().due_seconds
        assert seconds is not None
        waits.append(seconds)
        world.tick(seconds)
    assert waits == [2, 4, 8, 16, 32, LONGEST_SECONDS, LONGEST_SECONDS, LONGEST_SECONDS]


def test_an_edit_or_a_success_ends_the_waiting(world: World) -> None:
    bad = world.cluster.add_batch(batch_spec())
    world.rows.faults[bad] = KeyError("noop")
    for _ in range(4):
        world.turn()
        world.tick(20)
    world.turn()
    assert world.turn().errors == {}, "it rests"
    world.cluster.edit_batch(bad, maxConcurrent=2)
    assert list(world.turn().errors) == [bad]
    del world.rows.faults[bad]
    world.tick(LONGEST_SECONDS)
    report = world.turn()
    assert (report.failing, report.failing_count) == ({}, 0)
    assert world.cluster.active_jobs != []


def test_a_resting_batch_keeps_its_slots_and_its_outcomes_fill_nobodys_look(world: World) -> None:
    bad = world.cluster.add_batch(batch_spec(parameters=values(9)), name="bad")
    world.turn()
    world.cluster.start_engine(world.cluster.active_jobs[0])
    world.turn()
    assert len(world.cluster.active_jobs) == 4
    world.rows.faults[bad] = KeyError("noop")
    world.rows.look = 2
    for job in world.cluster.active_jobs[:2]:
        world.record(job, result())
    good = world.cluster.add_batch(batch_spec(parameters=values(2)), name="good")
    for _ in range(12):
        world.turn()
        assert len(world.cluster.alive_attempts()) <= world.limits.max_concurrent
        for job in world.cluster.active_jobs:
            if job.startswith("good-"):
                world.record(job, result())
        world.tick(0.1)
    assert world.rows.states(good) == dict.fromkeys(range(2), BacktestState.SUCCEEDED)
    del world.rows.faults[bad]
    world.tick(LONGEST_SECONDS)
    world.run_all()
    assert world.rows.states(bad) == dict.fromkeys(range(9), BacktestState.SUCCEEDED)


def test_the_memory_of_failing_batches_ends_with_them(world: World) -> None:
    uids = [world.cluster.add_batch(batch_spec(), name=f"bad-{number:02}") for number in range(SHOWN + 5)]
    world.rows.faults = dict.fromkeys(uids, KeyError("noop"))
    report = world.turn()
    assert (len(report.failing), report.failing_count) == (SHOWN, SHOWN + 5)
    for uid in uids:
        world.cluster.delete_batch(uid)
    assert world.turn().failing_count == 0


def test_an_event_says_what_is_wrong_and_nothing_that_only_the_log_may_have(world: World) -> None:
    bug, outage = (world.cluster.add_batch(batch_spec(), name=name) for name in ("bug", "outage"))
    world.rows.faults = {bug: KeyError("noop"), outage: DatabaseUnavailable(f"saving batch x: {LEAK}")}
    world.turn()
    said = events(world, "PassFailed")
    assert len(said) == 2
    assert any("KeyError: 'noop'. This is a defect of Backfleet" in each for each in said)
    assert any("Check that Postgres runs" in each for each in said)
    assert not any("10.0.0.7" in each or "backfleet_operator" in each for each in said)


def test_a_new_batch_that_postgres_does_not_take_is_refused_with_its_sentence(world: World) -> None:
    uid = world.cluster.add_batch(batch_spec())
    world.rows.faults[uid] = ValuesRefused("saving: unsupported Unicode escape sequence")
    report = world.turn()
    assert (report.errors, report.due_seconds) == ({}, 0.0)
    world.turn()
    assert status(world, uid)["state"] == "SpecInvalid"
    condition = world.cluster.condition(uid, "Finished")
    assert (condition["status"], condition["reason"]) == ("True", "SpecInvalid")
    assert "unsupported Unicode escape sequence" in condition["message"]
    assert any("unsupported Unicode escape sequence" in each for each in events(world, "SpecInvalid"))
    assert events(world, "PassFailed") == []
    del world.rows.faults[uid]
    world.cluster.edit_batch(uid, maxConcurrent=2)
    world.run_all()
    assert status(world, uid)["state"] == "AllSucceeded"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        pytest.param(
            {"constraints": ["value > 0", "value != 1 and 'a\x00' == 'b'"]}, "spec.constraints[1]", id="constraint"
        ),
        pytest.param(
            {"parameters": [{"name": "value", "type": "string", "values": ["a\x00"]}]}, "spec.parameters", id="value"
        ),
        pytest.param({"strategy": {"name": "No\x00op"}}, "spec.strategy.name", id="name"),
    ],
)
def test_a_text_that_postgres_cannot_hold_is_refused_with_its_field(world: World, change: dict, field: str) -> None:
    uid = world.cluster.add_batch(batch_spec(**change))
    world.turn()
    condition = world.cluster.condition(uid, "Accepted")
    assert (condition["status"], condition["reason"]) == ("False", "SpecInvalid")
    assert condition["message"].startswith(field)


def test_a_label_that_postgres_cannot_hold_is_refused_with_its_name(world: World) -> None:
    uid = world.cluster.add_batch(batch_spec())
    world.cluster.batches[uid]["metadata"]["labels"] = {"team": "a\x00"}
    world.turn()
    assert world.cluster.condition(uid, "Accepted")["message"].startswith("metadata.labels.team: ")
