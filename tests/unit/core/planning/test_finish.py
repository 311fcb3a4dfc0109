"""The last part of a batch's plan: its rows, its Jobs, its status and its events."""

from dataclasses import replace
from typing import Any

from backfleet.core import wire
from backfleet.core.changes import BatchChanges
from backfleet.core.planning.attempt_changes import failed_pack
from backfleet.core.planning.decision import Decision, End
from backfleet.core.planning.draft import Draft
from backfleet.core.planning.effects import BatchPlan, Fault, WriteStatus
from backfleet.core.planning.events import failure_events, transition_events
from backfleet.core.planning.finish import close_draft, close_finished, refuse, rest
from backfleet.core.planning.launch import launch
from backfleet.core.planning.observation import JobState
from backfleet.core.planning.status import StatusInput, build_status, refused_status
from backfleet.core.reasons import FailureReason
from backfleet.core.records import BatchState, Counters
from tests.support.jobs import BATCH, NOW, UID
from tests.support.planning import (
    after,
    build_batch,
    build_draft,
    build_job,
    build_observation,
    build_running,
    deletion,
)

SEEN = build_observation()


def shown(draft: Draft, **sight: Any) -> dict[str, Any]:
    known = {"active": 0, "max_concurrent": 4}
    return build_status(draft.seen, draft.record, StatusInput(**(known | sight)), NOW)


def written(status: dict[str, Any]) -> WriteStatus:
    return WriteStatus(batch=BATCH, status=status)


def with_status(draft: Draft, status: dict[str, Any]) -> Draft:
    return replace(draft, seen=replace(draft.seen, status=status))


def test_a_batch_for_which_nothing_changes_has_nothing_to_do() -> None:
    draft = build_draft()
    assert close_draft(SEEN, with_status(draft, shown(draft)), set(), []) == BatchPlan(uid=UID)


def test_what_was_decided_becomes_effects_with_a_status_and_events() -> None:
    draft = build_draft()
    decision = launch(draft, 1, 0)
    draft = draft.after(replace(decision, look_again_at=after(9)))
    status = shown(draft, active=1, active_backtests=1)
    made = close_draft(SEEN, draft, {decision.creates[0].pack.key}, [])
    assert made == BatchPlan(
        uid=UID,
        rows=BatchChanges(before=draft.before, after=draft.record, changes=decision.changes),
        creates=decision.creates,
        status=written(status),
        events=tuple(transition_events(draft.seen, status)),
        look_again_at=after(9),
    )


def test_a_batch_that_ends_creates_nothing_and_its_jobs_go() -> None:
    pack = build_running()
    job = build_job(pack)
    draft = build_draft(pack, next_index=1, first_engine_started_at=after(-60))
    draft = draft.after(launch(draft, 1, 0)).after(
        Decision(end=End(reason=wire.REASON_CANCELLED, message="by its owner"))
    )
    made = close_draft(SEEN, draft, set(), [job])
    assert (made.creates, made.deletes) == ((), (deletion(job),))
    assert made.rows is not None
    assert made.rows.after.state is BatchState.FINISHED


def test_a_job_that_two_rules_delete_is_deleted_once() -> None:
    job = build_job(build_running())
    draft = build_draft().after(Decision(deletes=(deletion(job),)))
    assert close_draft(SEEN, draft, set(), [job]).deletes == (deletion(job),)


def test_failed_backtests_are_told() -> None:
    pack = build_running()
    draft = build_draft(pack)
    draft = draft.after(Decision(changes=failed_pack(draft, pack, FailureReason.NO_DATA, "no bars")))
    events = close_draft(SEEN, with_status(draft, shown(draft)), set(), []).events
    assert events == tuple(failure_events(draft))


def test_the_plan_of_a_batch_that_could_not_be_planned_is_its_fault() -> None:
    fault = Fault(sentence="boom", trace="")
    draft = build_draft().after(Decision(fault=fault, look_again_at=after(3), next_index=4))
    assert close_draft(SEEN, draft, set(), []) == BatchPlan(uid=UID, fault=fault, look_again_at=after(3))


def test_a_status_is_not_written_twice_within_its_interval() -> None:
    draft = build_draft(counters=Counters(succeeded=1))
    old = shown(build_draft())
    seen = replace(SEEN, status_written_at={UID: after(-1)})
    assert close_draft(seen, with_status(draft, old), set(), []) == BatchPlan(uid=UID, look_again_at=after(1))
    due = replace(SEEN, status_written_at={UID: after(-2)})
    assert close_draft(due, with_status(draft, old), set(), []).status == written(shown(draft))


def test_the_end_of_a_batch_is_written_at_once() -> None:
    draft = build_draft()
    old = shown(draft)
    ended = with_status(draft, old).after(Decision(end=End(reason=wire.REASON_CANCELLED, message="x")))
    seen = replace(SEEN, status_written_at={UID: NOW})
    assert close_draft(seen, ended, set(), []).status == written(shown(ended))


OVER = build_draft(counters=Counters(succeeded=6)).record.finished(NOW, wire.REASON_ALL_SUCCEEDED, "all")


def over_batch(**spec: Any) -> Any:
    draft = replace(build_draft(), record=OVER)
    return replace(build_batch(**spec), status=shown(draft))


def test_a_finished_batch_with_nothing_left_to_do_is_quiet() -> None:
    made = close_finished(SEEN, over_batch(ttlSecondsAfterFinished=90), OVER, set(), [])
    assert made == BatchPlan(uid=UID, quiet_seconds=90)


def test_a_finished_batch_is_not_quiet_while_a_job_is_left() -> None:
    job = replace(build_job(build_running()), state=JobState.COMPLETE, finished_at=NOW)
    seen = replace(SEEN, unlabelled=frozenset({job.namespace}))
    assert close_finished(seen, over_batch(), OVER, set(), [job]) == BatchPlan(uid=UID, look_again_at=after(600))


def test_a_finished_batch_whose_criteria_were_edited_is_looked_at_again_at_once() -> None:
    made = close_finished(SEEN, over_batch(successCriteria={"minSharpe": 1}), OVER, set(), [])
    assert made.look_again_at == NOW
    assert made.quiet_seconds is None
    assert made.rows is not None
    assert (made.rows.after.criteria, made.rows.after.stale_verdicts) == ({"minSharpe": 1}, 6)


def test_a_refused_batch_has_a_status_that_says_why() -> None:
    batch = build_batch()
    status = refused_status(batch, "spec: no", NOW)
    assert refuse(SEEN, batch, "spec: no") == BatchPlan(
        uid=UID, status=written(status), events=tuple(transition_events(batch, status))
    )


def test_a_batch_that_has_something_to_do_at_some_time_is_not_quiet() -> None:
    later = BatchPlan(uid=UID, look_again_at=NOW)
    assert (rest(BatchPlan(uid=UID), 60), rest(later, 60)) == (BatchPlan(uid=UID, quiet_seconds=60), later)
