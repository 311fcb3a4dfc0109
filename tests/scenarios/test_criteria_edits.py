"""Success criteria edited at every moment of a batch's life, pass by pass over the fake cluster."""

from typing import Any

import pytest

from backfleet.core.backtests import BacktestState, Result
from backfleet.core.reasons import FailureReason
from backfleet.core.records import BatchState, StoredCatalog, StrategyRecord
from tests.support.life import start, status
from tests.support.operator import World, batch_spec, failure, result, values


def by_index(attempt: str) -> Any:
    """Index 0 measures a Sharpe ratio of 0, index 1 of 1, and so on."""
    return result(float(attempt.rpartition("-")[2].partition(".")[0]))


def verdicts(world: World, uid: str) -> dict[int, tuple[bool, int]]:
    """Return whether each result passed, and by which version of the criteria."""
    found = world.rows.results.items()
    return {index: (each.passed, each.criteria_version) for (owner, index), each in found if owner == uid}


def events(world: World, reason: str) -> list[str]:
    return [each["message"] for each in world.cluster.events.values() if each["reason"] == reason]


def settle(world: World, turns: int = 6) -> None:
    for _ in range(turns):
        world.tick(3)
        world.turn()


def finished(world: World, **changes: Any) -> str:
    uid = world.cluster.add_batch(batch_spec(**changes))
    world.run_all(by_index)
    settle(world, 2)
    return uid


def test_a_finished_batch_is_judged_anew_and_stays_finished(world: World) -> None:
    uid = finished(world)
    jobs, before = list(world.cluster.created), world.cluster.condition(uid, "Finished")
    assert status(world, uid)["passed"] == 6
    world.cluster.edit_batch(uid, successCriteria={"minSharpe": 3})
    settle(world)
    assert verdicts(world, uid) == {index: (index >= 3, 2) for index in range(6)}
    shown = status(world, uid)
    assert (shown["passed"], shown["succeeded"], shown["observedGeneration"]) == (3, 6, 2)
    assert world.cluster.condition(uid, "Finished") == before | {"observedGeneration": 2}
    assert world.cluster.condition(uid, "Complete")["reason"] == "AllSucceeded"
    assert world.cluster.condition(uid, "SpecDrift") == {}
    assert world.cluster.created == jobs
    assert set(world.rows.states(uid).values()) == {BacktestState.SUCCEEDED}


def test_the_condition_and_events_tell_how_far_the_judging_is(world: World) -> None:
    uid = finished(world)
    assert world.cluster.condition(uid, "VerdictsCurrent") == {}
    world.cluster.edit_batch(uid, successCriteria={"minSharpe": 3})
    world.tick(3)
    world.turn()
    told = world.cluster.condition(uid, "VerdictsCurrent")
    assert (told["status"], told["reason"]) == ("False", "Judging")
    assert told["message"] == (
        "version 2 of the success criteria is in force. 6 results still have a verdict by an older one"
    )
    settle(world)
    told = world.cluster.condition(uid, "VerdictsCurrent")
    assert (told["status"], told["reason"]) == ("True", "Judged")
    assert events(world, "CriteriaChanged") == [
        "version 2 of the success criteria is in force: minSharpe 3. 6 results are being judged again"
    ]
    assert events(world, "Rejudged") == ["3 of 6 results meet version 2 of the success criteria"]


def test_stale_results_are_judged_pass_after_pass_without_a_wait(world: World) -> None:
    uid = finished(world)
    world.cluster.edit_batch(uid, successCriteria={"minSharpe": 3})
    left = []
    for _ in range(4):
        report = world.turn()
        left.append((world.rows.batches[uid].stale_verdicts, report.plan.look_again_at == world.rows.now))
    assert left == [(6, True), (4, True), (2, True), (0, False)]


def test_a_running_batch_judges_what_is_done_and_what_comes_by_the_new_criteria(world: World) -> None:
    uid = start(world, parameters=values(9), successCriteria={"minSharpe": 100})
    for job in world.cluster.active_jobs[:3]:
        world.record(job, result(1.0))
    world.turn()
    assert verdicts(world, uid) == dict.fromkeys(range(3), (False, 1))
    world.cluster.edit_batch(uid, successCriteria={"minSharpe": 1})
    world.record(world.cluster.active_jobs[0], result(1.0))
    world.turn()
    assert verdicts(world, uid)[3] == (True, 2)
    assert world.rows.batches[uid].counters.passed == 1
    settle(world)
    assert verdicts(world, uid) == dict.fromkeys(range(4), (True, 2))
    world.run_all()
    assert verdicts(world, uid) == dict.fromkeys(range(9), (True, 2))
    assert world.rows.batches[uid].counters.passed == 9


def test_a_suspended_batch_is_judged_anew_and_stays_suspended(world: World) -> None:
    uid = start(world, parameters=values(9))
    world.record(world.cluster.active_jobs[0], result(1.0))
    world.cluster.edit_batch(uid, suspend=True)
    world.turn()
    jobs = len(world.cluster.created)
    world.cluster.edit_batch(uid, successCriteria={"minSharpe": 2})
    settle(world)
    assert verdicts(world, uid) == {0: (False, 2)}
    assert world.cluster.condition(uid, "Suspended")["status"] == "True"
    assert len(world.cluster.created) == jobs


def test_a_batch_that_is_still_counted_takes_an_edit(world: World) -> None:
    world.limits = world.operator.passes.limits = type(world.limits)(walk_budget=2)
    uid = world.cluster.add_batch(batch_spec(parameters=values(9), constraints=["value > 1"]))
    world.turn()
    assert world.rows.batches[uid].state is BatchState.COUNTING
    world.cluster.edit_batch(uid, successCriteria={"minSharpe": 4})
    world.run_all(by_index)
    assert verdicts(world, uid) == {index: (index >= 4, 2) for index in range(1, 9)}


def test_criteria_taken_away_give_way_to_the_strategys_then_the_default(world: World) -> None:
    strategy = StrategyRecord(name="Noop", status="available", criteria={"minSharpe": 5})
    world.rows.set_catalog(StoredCatalog(strategies={"Noop": strategy}, default_criteria={"minSharpe": 1}))
    uid = finished(world)
    del world.cluster.batches[uid]["spec"]["successCriteria"]
    world.cluster.edit_batch(uid)
    settle(world)
    assert status(world, uid)["passed"] == 1
    world.cluster.edit_batch(uid, successCriteria={})
    settle(world)
    assert status(world, uid)["passed"] == 6
    world.rows.set_catalog(StoredCatalog(default_criteria={"minSharpe": 1}))
    del world.cluster.batches[uid]["spec"]["successCriteria"]
    world.cluster.edit_batch(uid)
    settle(world)
    assert status(world, uid)["passed"] == 5
    assert verdicts(world, uid)[0] == (False, 4)


def test_a_strategys_edited_criteria_touch_no_batch_that_was_accepted_with_the_old_ones(world: World) -> None:
    world.rows.set_catalog(StoredCatalog(default_criteria={"minSharpe": 1}))
    uid = finished(world, successCriteria=None)
    world.rows.set_catalog(StoredCatalog(default_criteria={"minSharpe": 5}))
    world.cluster.edit_batch(uid, maxConcurrent=2)
    settle(world)
    assert verdicts(world, uid) == {index: (index >= 1, 1) for index in range(6)}


@pytest.mark.parametrize("moment", ["running", "finished"])
def test_criteria_that_are_not_valid_stay_out_of_force_and_are_explained(world: World, moment: str) -> None:
    uid = finished(world) if moment == "finished" else start(world, parameters=values(9))
    before = verdicts(world, uid)
    world.cluster.edit_batch(uid, successCriteria={"minTrades": 9, "maxTrades": 5})
    settle(world)
    drift = world.cluster.condition(uid, "SpecDrift")
    assert (drift["status"], drift["reason"]) == ("True", "EditIgnored")
    assert drift["message"] == (
        "not in force: spec.successCriteria.maxTrades: 5 is below minTrades 9, so nothing could pass. "
        "Raise maxTrades or lower minTrades."
    )
    assert verdicts(world, uid) == before
    assert world.rows.batches[uid].criteria_version == 1
    world.cluster.edit_batch(uid, successCriteria={"minSharpe": 3})
    settle(world)
    assert world.cluster.condition(uid, "SpecDrift") == {}
    assert world.rows.batches[uid].criteria_version == 2


def test_criteria_that_are_not_valid_hold_up_no_other_edit(world: World) -> None:
    uid = start(world, parameters=values(9))
    world.cluster.edit_batch(uid, successCriteria={"minSharp": 1}, maxConcurrent=2, parameters=values(50))
    settle(world, 1)
    assert status(world, uid)["effectiveMaxConcurrent"] == 2
    message = world.cluster.condition(uid, "SpecDrift")["message"]
    assert "edits of spec.parameters are ignored" in message
    assert "not in force: spec.successCriteria.minSharp: the field is unknown. Did you mean minSharpe?" in message


def test_a_control_that_is_not_valid_holds_up_no_edit_of_the_criteria(world: World) -> None:
    uid = finished(world)
    world.cluster.edit_batch(uid, successCriteria={"minSharpe": 3}, maxConcurrent="many")
    settle(world)
    assert status(world, uid)["passed"] == 3


def test_a_batch_that_is_deleted_while_it_is_judged_is_judged_to_its_end(world: World) -> None:
    uid = finished(world)
    world.cluster.edit_batch(uid, successCriteria={"minSharpe": 3})
    world.turn(2)
    world.cluster.delete_batch(uid)
    world.turn(4)
    assert verdicts(world, uid) == {index: (index >= 3, 2) for index in range(6)}
    assert world.rows.batches[uid].counters.passed == 3
    assert world.turn().plan.batches == ()


def test_an_idle_finished_batch_costs_no_write_and_no_catalog(world: World) -> None:
    uid = finished(world)
    world.cluster.edit_batch(uid, successCriteria={"minSharpe": 3})
    settle(world)
    writes = world.cluster.status_writes
    world.rows.catalog = lambda: pytest.fail("the catalog was read")  # type: ignore[method-assign]
    report = world.turn()
    assert report.plan.batches == ()
    assert world.cluster.status_writes == writes


def test_a_late_commit_is_planned_anew_and_counts_once(world: World) -> None:
    uid = start(world, parameters=values(9))
    for job in world.cluster.active_jobs[:2]:
        world.record(job, result(1.0))
    world.rows.is_slow = True
    assert world.turn().errors == {uid: "the commit did not answer in time"}
    assert (world.turn().errors, world.tick(2)) == ({}, world.rows.now), "the batch rests"
    assert "expected version" in world.turn().errors[uid]
    world.tick(4)
    assert world.turn().errors == {}
    counters = world.rows.batches[uid].counters
    assert (counters.succeeded, counters.passed) == (2, 2)


def test_zero_trades_do_not_pass_a_criterion_that_counts_them(world: World) -> None:
    uid = start(world, parameters=values(1), successCriteria={"minTrades": 1, "maxDrawdown": 0.2})
    measured = Result(metrics={"total_trades": 0, "drawdown": 0.0, "win_rate": None})
    world.record(world.cluster.active_jobs[0], type(result())(ending=measured, exit_code=0))
    settle(world, 2)
    assert world.rows.results[uid, 0].rejections == ("insufficient_trades",)
    world.cluster.edit_batch(uid, successCriteria={"minWinRate": 0.0})
    settle(world)
    assert world.rows.results[uid, 0].rejections == ("low_win_rate",)


def test_a_batch_of_failures_alone_takes_an_edit(world: World) -> None:
    uid = world.cluster.add_batch(batch_spec(parameters=values(2)))
    world.run_all(lambda _: failure(FailureReason.NO_DATA))
    world.cluster.edit_batch(uid, successCriteria={"minSharpe": 3})
    settle(world)
    assert world.cluster.condition(uid, "VerdictsCurrent")["status"] == "True"
    assert world.cluster.condition(uid, "Finished")["reason"] == "NoneSucceeded"
