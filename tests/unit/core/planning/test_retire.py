"""What becomes of Jobs that no live pack needs any more: left, labelled as settled, or deleted."""

from dataclasses import replace
from typing import Any

from backfleet.core import wire
from backfleet.core.planning.decision import NOTHING, Decision
from backfleet.core.planning.effects import BatchPlan, LabelJob, PostEvent
from backfleet.core.planning.observation import JobState, Limits, SeenContainer, SeenJob, SettledJob
from backfleet.core.planning.retire import bound_labels, expire_settled, retire, ttl_after_end
from backfleet.core.records import StoreView
from backfleet.core.spec.ceilings import Ceilings
from tests.support.jobs import BATCH, NOW, UID
from tests.support.planning import (
    after,
    build_batch,
    build_draft,
    build_job,
    build_observation,
    build_pod,
    build_running,
    deletion,
)

PACK = build_running()
JOB = build_job(PACK)
DONE = replace(JOB, state=JobState.COMPLETE, finished_at=after(-59))


def retired(job: SeenJob, *, is_stopped: bool = False, **seen: Any) -> Decision:
    known = {"last_lived": {JOB.uid: after(-29)}}
    return retire(build_observation(**(known | seen)), BATCH, [job], (), ttl=60, is_stopped=is_stopped)


def labelled(job: SeenJob) -> LabelJob:
    assert job.finished_at is not None
    return LabelJob(namespace=job.namespace, name=job.name, uid=job.uid, finished_at=job.finished_at)


def test_the_job_of_a_live_pack_is_left() -> None:
    seen = build_observation()
    assert retire(seen, BATCH, [DONE], {PACK.key}, ttl=60, is_stopped=True) == NOTHING


def test_a_finished_job_is_labelled_and_deleted_once_its_time_is_over() -> None:
    assert retired(DONE) == Decision(labels=(labelled(DONE),))
    assert retired(replace(DONE, finished_at=after(-60))) == Decision(deletes=(deletion(JOB),))


def test_where_it_may_not_be_labelled_a_finished_job_is_looked_at_when_its_time_is_over() -> None:
    assert retired(DONE, unlabelled=frozenset({JOB.namespace})) == Decision(look_again_at=after(1))


def test_an_unfinished_job_of_a_batch_that_was_stopped_is_deleted() -> None:
    assert retired(JOB, is_stopped=True) == Decision(deletes=(deletion(JOB),))


def test_an_unfinished_job_has_time_to_end_by_itself() -> None:
    assert retired(JOB) == Decision(look_again_at=after(1))
    assert retired(JOB, last_lived={JOB.uid: after(-30)}) == Decision(deletes=(deletion(JOB),))


def test_a_job_is_left_to_its_recorder_until_it_is_overdue() -> None:
    pods = (build_pod(JOB, recorder=SeenContainer(started_at=after(-5))),)
    lived = {JOB.uid: after(-999)}
    assert retired(JOB, pods=pods, last_lived=lived) == NOTHING
    late = replace(JOB, deadline_at=after(-300))
    assert retired(late, pods=pods, last_lived=lived) == Decision(deletes=(deletion(JOB),))


def test_a_job_that_appears_after_the_end_of_its_attempt_is_deleted_and_told() -> None:
    message = (
        f"the Job {JOB.name} appeared after its attempt had ended and is deleted: a request to create it arrived late, "
        "from an operator that has been replaced"
    )
    event = PostEvent(batch=BATCH, reason=wire.EVENT_LATE_JOB, message=message, is_warning=True)
    assert retired(JOB, last_lived={}) == Decision(deletes=(deletion(JOB),), events=(event,))


def test_the_time_to_live_is_the_present_one_if_it_is_valid() -> None:
    record = replace(build_draft().record, controls={"ttlSecondsAfterFinished": 90})
    limits = Limits(ceilings=Ceilings(ttl_seconds_after_finished=700))
    present = [70, 59, "70", True, 701]
    found = [ttl_after_end(build_batch(ttlSecondsAfterFinished=ttl), record, limits) for ttl in present]
    assert found == [70, 90, 90, 90, 700]
    assert ttl_after_end(build_batch(), None, limits) == 600


def settled(index: int, age: float) -> SettledJob:
    job = build_job(build_running(index))
    return SettledJob(
        name=job.name,
        namespace=job.namespace,
        uid=job.uid,
        owner_uid=UID,
        key=job.key,
        finished_at=after(-age),
    )


def test_settled_jobs_past_their_time_join_their_batchs_plan() -> None:
    old, young, alive = settled(0, 60), settled(1, 59), settled(2, 60)
    store = StoreView(now=NOW, packs=(build_running(2),))
    seen = build_observation(build_batch(ttlSecondsAfterFinished=60), settled=(young, alive, old), store=store)
    expired = (deletion(build_job(build_running(0))),)
    assert expire_settled(seen, [BatchPlan(uid=UID)]) == [BatchPlan(uid=UID, expired=expired)]
    assert expire_settled(seen, []) == [BatchPlan(uid=UID, expired=expired)]


def test_settled_jobs_of_a_quiet_batch_go_too_and_those_of_a_batch_that_is_gone_are_left() -> None:
    old = settled(0, 60)
    expired = (deletion(build_job(build_running(0))),)
    assert expire_settled(build_observation(settled=(old,), quiet={UID: 60}), []) == [
        BatchPlan(uid=UID, expired=expired)
    ]
    assert expire_settled(build_observation(settled=(old,)), []) == []


def test_labels_beyond_a_passs_number_wait_for_the_next() -> None:
    one, two, three = (labelled(replace(DONE, uid=uid)) for uid in "abc")
    plans = [BatchPlan(uid="x", labels=(one, two)), BatchPlan(uid="y", labels=(three,), look_again_at=after(1))]
    assert bound_labels(plans, Limits(labels_per_pass=1), NOW) == [
        BatchPlan(uid="x", labels=(one,), look_again_at=after(2)),
        BatchPlan(uid="y", look_again_at=after(1)),
    ]
    assert bound_labels(plans, Limits(labels_per_pass=3), NOW) == plans
