"""A recorder that gave up on Postgres: what it had is computed again, and no backtest pays for the outage."""

from backfleet.core.backtests import BacktestState
from tests.support.life import start
from tests.support.operator import World, result, values

GAVE_UP = {"exitCode": 4, "message": '{"recorded": false, "message": "connection refused"}'}
REFUSED = {"exitCode": 5, "message": '{"recorded": false, "message": "value out of range"}'}


def test_an_outage_costs_a_second_run_of_what_was_active_and_nothing_more(world: World) -> None:
    uid = start(world, parameters=values(9), failurePolicy={"maxAttempts": 1})
    active = world.cluster.active_jobs
    for job in active:
        world.cluster.end_job(job, failed=True, recorder=GAVE_UP)
    world.run_all(lambda _: result())
    assert len(active) == 4
    assert world.rows.states(uid) == dict.fromkeys(range(9), BacktestState.SUCCEEDED)
    assert len(world.rows.launches) == 9 + 4
    assert set(world.rows.reasons.values()) == {"RecorderGaveUp"}


def test_what_was_computed_again_runs_beside_the_others_at_once(world: World) -> None:
    start(world, parameters=values(9))
    for job in world.cluster.active_jobs:
        world.cluster.end_job(job, failed=True, recorder=GAVE_UP)
    world.turn(2)
    assert len(world.cluster.active_jobs) == 4


def test_a_recorder_that_always_gives_up_has_an_end(world: World) -> None:
    uid = start(world, parameters=values(1))
    for _ in range(20):
        for job in world.cluster.active_jobs:
            world.cluster.end_job(job, failed=True, recorder=GAVE_UP)
        world.tick(3)
        world.turn()
    assert len(world.rows.launches) == 1 + world.limits.uncharged_attempts
    assert world.rows.states(uid) == {0: BacktestState.FAILED}


def test_an_outcome_that_postgres_refused_is_charged(world: World) -> None:
    uid = start(world, parameters=values(1), failurePolicy={"maxAttempts": 1})
    world.cluster.end_job(world.cluster.active_jobs[0], failed=True, recorder=REFUSED)
    world.turn(2)
    assert world.rows.states(uid) == {0: BacktestState.FAILED}
    assert world.rows.reasons == {(uid, 0): "RecorderError"}


def test_a_late_word_of_a_recorder_that_gave_up_still_counts(world: World) -> None:
    """Its COMMIT was not answered, and yet carried out."""
    uid = start(world, parameters=values(1), failurePolicy={"maxAttempts": 1})
    (job,) = world.cluster.active_jobs
    world.record(job, result(), ends=False)
    world.cluster.end_job(job, failed=True, recorder=GAVE_UP)
    world.turn(2)
    assert world.rows.states(uid) == {0: BacktestState.SUCCEEDED}
    assert len(world.rows.launches) == 1
