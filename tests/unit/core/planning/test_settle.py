"""What became of a live attempt: its outcome first, then its Job, then its pod, then its deadlines."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from backfleet.core.backtests import BacktestState, Failure
from backfleet.core.changes import CloseOutcome, MarkAttempt, SettleFailure, SettleResult
from backfleet.core.planning.decision import NOTHING, Decision, Trial
from backfleet.core.planning.facts import Facts
from backfleet.core.planning.observation import JobState, Limits, SeenContainer, SeenJob, SeenPod
from backfleet.core.planning.settle import look_for_first_start, settle
from backfleet.core.planning.start import StartProblem, silence
from backfleet.core.planning.waiting import postpone
from backfleet.core.reasons import FailureReason
from backfleet.core.records import AttemptRecord, Measured
from tests.support.jobs import NOW, build_attempt
from tests.support.planning import (
    ENDS_AT,
    WAITS_FOR_IMAGE,
    after,
    build_draft,
    build_job,
    build_outcome,
    build_pod,
    build_running,
    deletion,
)

OVERDUE_AT = ENDS_AT + timedelta(seconds=300)
RUNS = SeenContainer(started_at=after(-60))
LAUNCHING = build_attempt(0, 1, launched_at=after(-60), start_deadline_at=after(540))


def facts(job: SeenJob | None = None, *pods: SeenPod, **changes: Any) -> Facts:
    jobs = {} if job is None or job.key is None else {job.key: job}
    return replace(Facts(jobs=jobs, pods={pod.key: [pod] for pod in pods if pod.key}), **changes)


def final(attempt: AttemptRecord, reason: FailureReason, message: str) -> SettleFailure:
    return SettleFailure(attempt=attempt, reason=reason, message=message, state=BacktestState.FAILED, is_charged=True)


def queued(attempt: AttemptRecord, reason: FailureReason, message: str, *, is_charged: bool) -> SettleFailure:
    return SettleFailure(
        attempt=attempt, reason=reason, message=message, state=BacktestState.QUEUED, is_charged=is_charged
    )


def test_a_result_is_judged_by_the_criteria_in_force() -> None:
    attempt = build_running()
    draft = build_draft(attempt, spec={"successCriteria": {"minSharpe": 2}}, criteria_version=3)
    outcome = build_outcome(attempt)
    assert settle(draft, [attempt], Facts(outcomes={attempt.id: outcome})) == Decision(
        changes=(
            SettleResult(
                attempt=attempt,
                outcome=outcome,
                metrics={"sharpe_ratio": 1.0, "total_trades": 5},
                objective_value=1.0,
                passed=False,
                rejections=("low_sharpe_ratio",),
                criteria_version=3,
            ),
        )
    )


def test_an_outcome_counts_though_its_job_failed() -> None:
    attempt = build_running()
    outcome = build_outcome(attempt, Failure(reason=FailureReason.NO_DATA, message="no bars"))
    seen = facts(build_job(attempt, state=JobState.FAILED), outcomes={attempt.id: outcome})
    settled = replace(final(attempt, FailureReason.NO_DATA, "no bars"), outcome=outcome)
    assert settle(build_draft(attempt), [attempt], seen) == Decision(changes=(settled,))


def test_a_late_failure_and_the_outcome_of_a_superseded_attempt_decide_nothing() -> None:
    late = build_attempt(0, 1, backtest_state=BacktestState.FAILED)
    superseded = build_running(1, 1, is_deciding=False)
    failure = build_outcome(late, Failure(reason=FailureReason.NO_DATA, message="no bars"))
    result = build_outcome(superseded)
    seen = Facts(outcomes={late.id: failure, superseded.id: result})
    assert settle(build_draft(), [late, superseded], seen) == Decision(
        changes=(CloseOutcome(attempt=late, outcome=failure), CloseOutcome(attempt=superseded, outcome=result))
    )


def test_nothing_is_read_from_the_lack_of_an_outcome_while_some_are_out_of_sight() -> None:
    attempt = build_running()
    seen = facts(has_more_outcomes=True)
    assert settle(build_draft(attempt), [attempt], seen) == NOTHING


def test_a_job_that_is_gone_costs_its_attempt_and_no_charge() -> None:
    attempt = build_running()
    gone = queued(attempt, FailureReason.JOB_VANISHED, "its Job is gone and no outcome was recorded", is_charged=False)
    assert settle(build_draft(attempt), [attempt], Facts()) == Decision(changes=(gone,))


def test_a_job_that_vanishes_too_often_fails_its_backtest() -> None:
    attempt = build_running(uncharged=5)
    gone = replace(
        final(attempt, FailureReason.JOB_VANISHED, "its Job is gone and no outcome was recorded"), is_charged=False
    )
    assert settle(build_draft(attempt), [attempt], Facts()) == Decision(changes=(gone,))


def test_a_completed_job_has_a_grace_for_its_outcome() -> None:
    attempt = build_running()
    job = build_job(attempt, state=JobState.COMPLETE, finished_at=after(-29))
    assert settle(build_draft(attempt), [attempt], facts(job)) == Decision(look_again_at=after(1))


def test_after_its_grace_a_completed_job_without_an_outcome_has_no_result() -> None:
    attempt = build_running()
    job = build_job(attempt, state=JobState.COMPLETE, finished_at=after(-30))
    message = "the Job completed and no outcome was recorded"
    assert settle(build_draft(attempt), [attempt], facts(job)) == Decision(
        changes=(queued(attempt, FailureReason.RESULT_MISSING, message, is_charged=True),)
    )


def test_a_failed_job_is_read_from_its_pod() -> None:
    attempt = build_running()
    job = build_job(attempt, state=JobState.FAILED)
    pod = build_pod(job, engine=replace(RUNS, exit_code=137, termination_reason="OOMKilled"))
    message = "the engine's container was killed at its memory limit (exit code 137)"
    assert settle(build_draft(attempt), [attempt], facts(job, pod)) == Decision(
        changes=(queued(attempt, FailureReason.OOM_KILLED, message, is_charged=True),)
    )


def test_an_unfinished_job_long_after_its_deadline_is_on_a_lost_node() -> None:
    attempt = build_running()
    job = build_job(attempt, deadline_at=after(-300))
    message = "the Job is unfinished long after its hard deadline"
    assert settle(build_draft(attempt), [attempt], facts(job)) == Decision(
        changes=(queued(attempt, FailureReason.NODE_LOST, message, is_charged=False),), deletes=(deletion(job),)
    )


def test_a_running_attempt_is_looked_at_when_it_would_be_overdue() -> None:
    attempt = build_running()
    job = build_job(attempt)
    seen = facts(job, build_pod(job, engine=RUNS))
    assert settle(build_draft(attempt), [attempt], seen) == Decision(look_again_at=OVERDUE_AT)


def test_an_engine_that_was_seen_to_start_is_marked() -> None:
    job = build_job(LAUNCHING)
    pod = build_pod(job, engine=RUNS)
    running = replace(LAUNCHING, backtest_state=BacktestState.RUNNING, job_seen_at=NOW, engine_started_at=after(-60))
    assert settle(build_draft(LAUNCHING), [LAUNCHING], facts(job, pod)) == Decision(
        changes=(MarkAttempt(attempt=running, pod_name=pod.name),), look_again_at=OVERDUE_AT
    )


def test_a_job_without_a_started_engine_is_on_trial_until_its_start_deadline() -> None:
    job = build_job(LAUNCHING)
    pod = build_pod(job)
    seen = replace(LAUNCHING, backtest_state=BacktestState.RUNNING, job_seen_at=NOW)
    assert settle(build_draft(LAUNCHING), [LAUNCHING], facts(job, pod)) == Decision(
        changes=(MarkAttempt(attempt=seen, pod_name=pod.name),),
        trials=(Trial(index=0, job=job, problem=None, silence=silence(pod)),),
        waiting=(str(silence(pod)),),
        look_again_at=after(540),
    )


def test_time_in_which_nothing_could_be_observed_is_no_time_to_start() -> None:
    job = build_job(LAUNCHING, created_at=after(-600))
    seen = facts(job, build_pod(job), blind=(after(-500), after(-400)))
    draft = build_draft(LAUNCHING)
    late = replace(LAUNCHING, start_deadline_at=after(-10))
    assert settle(draft, [late], seen).look_again_at == after(100)
    assert settle(draft, [late], replace(seen, blind=None)) == Decision(
        changes=(final(late, FailureReason.START_TIMEOUT, str(silence(build_pod(job)))),), deletes=(deletion(job),)
    )


def test_a_reported_problem_has_a_time_to_go_away_and_then_the_attempt_waits() -> None:
    job = build_job(LAUNCHING)
    pod = build_pod(job, engine=WAITS_FOR_IMAGE)
    problem = StartProblem(kind="ErrImagePull", message="not found")
    draft = build_draft(LAUNCHING)
    young, old = (facts(job, pod, problems_since={job.uid: moment}) for moment in (after(-29), after(-30)))
    decision = settle(draft, [LAUNCHING], young)
    assert (decision.waiting, decision.deletes, decision.look_again_at) == ((str(problem),), (), after(1))
    assert settle(draft, [LAUNCHING], old) == postpone(draft, LAUNCHING, problem, job=job)


def test_a_recorder_that_cannot_start_holds_the_batch_and_has_its_own_deadline() -> None:
    attempt = build_running()
    job = build_job(attempt)
    pod = build_pod(job, engine=replace(RUNS, exit_code=0), recorder=WAITS_FOR_IMAGE)
    text = "RecorderNotStarted: ErrImagePull: not found"
    waits = replace(attempt, waiting_since=NOW, waiting_reason=text)
    assert settle(build_draft(attempt), [attempt], facts(job, pod)) == Decision(
        changes=(MarkAttempt(attempt=waits, pod_name=pod.name),),
        waiting=(text,),
        recorder_problem=text,
        look_again_at=after(300),
    )
    waited = replace(attempt, waiting_since=after(-300), waiting_reason=text)
    ended = queued(waited, FailureReason.RECORDER_NOT_STARTED, "ErrImagePull: not found", is_charged=False)
    assert settle(build_draft(waited), [waited], facts(job, pod)) == Decision(
        changes=(ended,), deletes=(deletion(job),), waiting=(text,), recorder_problem=text
    )


def test_attempts_are_settled_in_their_order_and_looked_at_when_the_first_needs_it() -> None:
    one, two = build_running(0), build_running(1)
    jobs = [build_job(each, state=JobState.COMPLETE, finished_at=after(-5 * each.index)) for each in (one, two)]
    seen = Facts(jobs={one.key: jobs[0], two.key: jobs[1]})
    assert settle(build_draft(one, two), [one, two], seen) == Decision(look_again_at=after(25))


def on_trial(**row: Any) -> Decision:
    attempt = build_running(engine_started_at=None)
    job = build_job(attempt, created_at=after(-4))
    draft = build_draft(attempt, **row)
    trial = Trial(index=0, job=job, problem=None, silence=silence(None))
    return look_for_first_start(draft.after(Decision(trials=(trial,))))


def test_a_batch_of_which_no_engine_has_started_is_looked_at_soon() -> None:
    assert on_trial() == Decision(look_again_at=after(1))


def test_a_batch_of_which_an_engine_has_started_needs_no_such_look() -> None:
    assert on_trial(first_engine_started_at=after(-9)) == NOTHING


def test_the_first_looks_are_neither_too_close_nor_too_far_apart() -> None:
    limits = Limits(first_look_seconds=1.5, last_look_seconds=2)
    attempt = build_running(engine_started_at=None)
    moments = []
    for age in (0, 7, 60):
        trial = Trial(index=0, job=build_job(attempt, created_at=after(-age)), problem=None, silence=silence(None))
        draft = replace(build_draft(attempt), limits=limits).after(Decision(trials=(trial,)))
        moments.append(look_for_first_start(draft).look_again_at)
    assert moments == [after(1.5), after(1.75), after(2)]


def test_a_result_without_the_objectives_metric_has_no_value() -> None:
    attempt = build_running()
    outcome = build_outcome(attempt, Measured(metrics={"total_trades": 5}))
    (change,) = settle(build_draft(attempt), [attempt], Facts(outcomes={attempt.id: outcome})).changes
    assert isinstance(change, SettleResult)
    assert (change.objective_value, change.passed) == (None, True)
