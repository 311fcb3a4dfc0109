"""What became of a live pack and its members: its outcome first, then its Job, then its pod, then its deadlines."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from backfleet.core.backtests import BacktestState, Failure
from backfleet.core.changes import Charge, CloseOutcome, EndPack, MarkPack, RowChange, SettleFailure, SettleResult
from backfleet.core.packs import PackRecord
from backfleet.core.planning.decision import NOTHING, Decision, Trial
from backfleet.core.planning.facts import Facts
from backfleet.core.planning.observation import JobState, Limits, SeenContainer, SeenJob, SeenPod
from backfleet.core.planning.settle import look_for_first_start, settle_outcomes, settle_packs
from backfleet.core.planning.start import StartProblem, silence
from backfleet.core.planning.waiting import postpone
from backfleet.core.reasons import FailureReason
from backfleet.core.records import AttemptRecord, Measured
from tests.support.jobs import NOW, build_attempt, build_pack
from tests.support.planning import (
    ENDS_AT,
    WAITS_FOR_IMAGE,
    after,
    build_draft,
    build_job,
    build_member,
    build_outcome,
    build_pod,
    build_running,
    deletion,
)

OVERDUE_AT = ENDS_AT + timedelta(seconds=300)
RUNS = SeenContainer(started_at=after(-60))
LAUNCHING = build_pack(0, 1, launched_at=after(-60), start_deadline_at=after(540))


def facts(job: SeenJob | None = None, *pods: SeenPod, **changes: Any) -> Facts:
    jobs = {} if job is None or job.key is None else {job.key: job}
    return replace(Facts(jobs=jobs, pods={pod.key: [pod] for pod in pods if pod.key}), **changes)


def final(attempt: AttemptRecord, reason: FailureReason, message: str) -> SettleFailure:
    return SettleFailure(
        attempt=attempt, reason=reason, message=message, state=BacktestState.FAILED, charge=Charge.CHARGED
    )


def ended(
    pack: PackRecord,
    reason: FailureReason,
    message: str,
    *,
    is_charged: bool,
    state: BacktestState = BacktestState.QUEUED,
) -> tuple[RowChange, ...]:
    """Build the end of a pack of one."""
    why: dict[str, Any] = {"reason": reason, "message": message}
    charge = Charge.CHARGED if is_charged else Charge.UNCHARGED
    return (EndPack(pack=pack, **why), SettleFailure(attempt=build_member(pack), state=state, charge=charge, **why))


def test_a_result_is_judged_by_the_criteria_in_force() -> None:
    pack = build_running()
    attempt = build_member(pack)
    draft = build_draft(pack, spec={"successCriteria": {"minSharpe": 2}}, criteria_version=3)
    outcome = build_outcome(attempt)
    assert settle_outcomes(draft, [attempt], Facts(outcomes={attempt.id: outcome})) == Decision(
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
    pack = build_running()
    attempt, draft = build_member(pack), build_draft(pack)
    outcome = build_outcome(attempt, Failure(reason=FailureReason.NO_DATA, message="no bars"))
    seen = facts(build_job(pack, state=JobState.FAILED), outcomes={attempt.id: outcome})
    settled = replace(final(attempt, FailureReason.NO_DATA, "no bars"), outcome=outcome)
    decision = settle_outcomes(draft, [attempt], seen)
    assert decision == Decision(changes=(settled,))
    assert settle_packs(draft.after(decision), seen) == NOTHING


def test_a_late_failure_and_the_outcome_of_a_superseded_attempt_decide_nothing() -> None:
    late = build_attempt(0, 1, backtest_state=BacktestState.FAILED)
    superseded = build_attempt(1, 1, backtest_state=BacktestState.RUNNING, is_deciding=False)
    failure = build_outcome(late, Failure(reason=FailureReason.NO_DATA, message="no bars"))
    result = build_outcome(superseded)
    seen = Facts(outcomes={late.id: failure, superseded.id: result})
    assert settle_outcomes(build_draft(), [late, superseded], seen) == Decision(
        changes=(CloseOutcome(attempt=late, outcome=failure), CloseOutcome(attempt=superseded, outcome=result))
    )


def test_nothing_is_read_from_the_lack_of_an_outcome_while_some_are_out_of_sight() -> None:
    assert settle_packs(build_draft(build_running()), facts(has_more_outcomes=True)) == NOTHING


GONE = "its Job is gone and no outcome was recorded"


def test_a_job_that_is_gone_costs_its_attempt_and_no_charge() -> None:
    pack = build_running()
    gone = ended(pack, FailureReason.JOB_VANISHED, GONE, is_charged=False)
    assert settle_packs(build_draft(pack), Facts()) == Decision(changes=gone)


def test_a_job_that_vanishes_too_often_fails_its_backtest() -> None:
    pack = build_running()
    attempt = build_member(pack, uncharged=5)
    draft = replace(build_draft(pack), members={pack.id: {attempt.index: attempt}})
    end, settled = ended(pack, FailureReason.JOB_VANISHED, GONE, is_charged=False, state=BacktestState.FAILED)
    assert isinstance(settled, SettleFailure)
    assert settle_packs(draft, Facts()) == Decision(changes=(end, replace(settled, attempt=attempt)))


def test_a_completed_job_has_a_grace_for_its_outcome() -> None:
    pack = build_running()
    job = build_job(pack, state=JobState.COMPLETE, finished_at=after(-29))
    assert settle_packs(build_draft(pack), facts(job)) == Decision(look_again_at=after(1))


def test_after_its_grace_a_completed_job_without_an_outcome_has_no_result() -> None:
    pack = build_running()
    job = build_job(pack, state=JobState.COMPLETE, finished_at=after(-30))
    message = "the Job completed and no outcome was recorded"
    assert settle_packs(build_draft(pack), facts(job)) == Decision(
        changes=ended(pack, FailureReason.RESULT_MISSING, message, is_charged=True)
    )


def test_a_failed_job_is_read_from_its_pod() -> None:
    pack = build_running()
    job = build_job(pack, state=JobState.FAILED)
    pod = build_pod(job, engine=replace(RUNS, exit_code=137, termination_reason="OOMKilled"))
    message = "the engine's container was killed at its memory limit (exit code 137)"
    assert settle_packs(build_draft(pack), facts(job, pod)) == Decision(
        changes=ended(pack, FailureReason.OOM_KILLED, message, is_charged=True)
    )


def test_an_unfinished_job_long_after_its_deadline_is_on_a_lost_node() -> None:
    pack = build_running()
    job = build_job(pack, deadline_at=after(-300))
    message = "the Job is unfinished long after its hard deadline"
    assert settle_packs(build_draft(pack), facts(job)) == Decision(
        changes=ended(pack, FailureReason.NODE_LOST, message, is_charged=False), deletes=(deletion(job),)
    )


def test_a_running_pack_is_looked_at_when_it_would_be_overdue() -> None:
    pack = build_running()
    job = build_job(pack)
    seen = facts(job, build_pod(job, engine=RUNS))
    assert settle_packs(build_draft(pack), seen) == Decision(look_again_at=OVERDUE_AT)


def test_an_engine_that_was_seen_to_start_is_marked() -> None:
    job = build_job(LAUNCHING)
    pod = build_pod(job, engine=RUNS)
    running = replace(LAUNCHING, job_seen_at=NOW, engine_started_at=after(-60))
    assert settle_packs(build_draft(LAUNCHING), facts(job, pod)) == Decision(
        changes=(MarkPack(pack=running, pod_name=pod.name),), look_again_at=OVERDUE_AT
    )


def test_a_job_without_a_started_engine_is_on_trial_until_its_start_deadline() -> None:
    job = build_job(LAUNCHING)
    pod = build_pod(job)
    seen = replace(LAUNCHING, job_seen_at=NOW)
    assert settle_packs(build_draft(LAUNCHING), facts(job, pod)) == Decision(
        changes=(MarkPack(pack=seen, pod_name=pod.name),),
        trials=(Trial(pack_id=LAUNCHING.id, job=job, problem=None, silence=silence(pod)),),
        waiting=(str(silence(pod)),),
        look_again_at=after(540),
    )


def test_time_in_which_nothing_could_be_observed_is_no_time_to_start() -> None:
    job = build_job(LAUNCHING, created_at=after(-600))
    seen = facts(job, build_pod(job), blind=(after(-500), after(-400)))
    late = replace(LAUNCHING, start_deadline_at=after(-10))
    draft = build_draft(late)
    assert settle_packs(draft, seen).look_again_at == after(100)
    message = str(silence(build_pod(job)))
    assert settle_packs(draft, replace(seen, blind=None)) == Decision(
        changes=ended(late, FailureReason.START_TIMEOUT, message, is_charged=True, state=BacktestState.FAILED),
        deletes=(deletion(job),),
    )


def test_a_reported_problem_has_a_time_to_go_away_and_then_the_pack_waits() -> None:
    job = build_job(LAUNCHING)
    pod = build_pod(job, engine=WAITS_FOR_IMAGE)
    problem = StartProblem(kind="ErrImagePull", message="not found")
    draft = build_draft(LAUNCHING)
    young, old = (facts(job, pod, problems_since={job.uid: moment}) for moment in (after(-29), after(-30)))
    decision = settle_packs(draft, young)
    assert (decision.waiting, decision.deletes, decision.look_again_at) == ((str(problem),), (), after(1))
    assert settle_packs(draft, old) == postpone(draft, LAUNCHING, problem, job=job)


def test_a_recorder_that_cannot_start_holds_the_batch_and_has_its_own_deadline() -> None:
    pack = build_running()
    job = build_job(pack)
    pod = build_pod(job, engine=replace(RUNS, exit_code=0), recorder=WAITS_FOR_IMAGE)
    text = "RecorderNotStarted: ErrImagePull: not found"
    waits = replace(pack, waiting_since=NOW, waiting_reason=text)
    assert settle_packs(build_draft(pack), facts(job, pod)) == Decision(
        changes=(MarkPack(pack=waits, pod_name=pod.name),),
        waiting=(text,),
        recorder_problem=text,
        look_again_at=after(300),
    )
    waited = replace(pack, waiting_since=after(-300), waiting_reason=text)
    changes = ended(waited, FailureReason.RECORDER_NOT_STARTED, "ErrImagePull: not found", is_charged=False)
    assert settle_packs(build_draft(waited), facts(job, pod)) == Decision(
        changes=changes, deletes=(deletion(job),), waiting=(text,), recorder_problem=text
    )


def test_packs_are_settled_in_their_order_and_looked_at_when_the_first_needs_it() -> None:
    one, two = build_running(0), build_running(1)
    jobs = [build_job(each, state=JobState.COMPLETE, finished_at=after(-5 * each.index)) for each in (one, two)]
    seen = Facts(jobs={one.key: jobs[0], two.key: jobs[1]})
    assert settle_packs(build_draft(two, one), seen) == Decision(look_again_at=after(25))
    lost = settle_packs(build_draft(two, one), Facts()).changes
    assert [each.pack for each in lost if isinstance(each, EndPack)] == [one, two]


def on_trial(**row: Any) -> Decision:
    pack = build_running(engine_started_at=None)
    job = build_job(pack, created_at=after(-4))
    draft = build_draft(pack, **row)
    trial = Trial(pack_id=pack.id, job=job, problem=None, silence=silence(None))
    return look_for_first_start(draft.after(Decision(trials=(trial,))))


def test_a_batch_of_which_no_engine_has_started_is_looked_at_soon() -> None:
    assert on_trial() == Decision(look_again_at=after(1))


def test_a_batch_of_which_an_engine_has_started_needs_no_such_look() -> None:
    assert on_trial(first_engine_started_at=after(-9)) == NOTHING


def test_the_first_looks_are_neither_too_close_nor_too_far_apart() -> None:
    limits = Limits(first_look_seconds=1.5, last_look_seconds=2)
    pack = build_running(engine_started_at=None)
    moments = []
    for age in (0, 7, 60):
        job = build_job(pack, created_at=after(-age))
        trial = Trial(pack_id=pack.id, job=job, problem=None, silence=silence(None))
        draft = replace(build_draft(pack), limits=limits).after(Decision(trials=(trial,)))
        moments.append(look_for_first_start(draft).look_again_at)
    assert moments == [after(1.5), after(1.75), after(2)]


def test_a_result_without_the_objectives_metric_has_no_value() -> None:
    pack = build_running()
    attempt = build_member(pack)
    outcome = build_outcome(attempt, Measured(metrics={"total_trades": 5}))
    (change,) = settle_outcomes(build_draft(pack), [attempt], Facts(outcomes={attempt.id: outcome})).changes
    assert isinstance(change, SettleResult)
    assert (change.objective_value, change.passed) == (None, True)
