"""What counts as started lately, so that another batch of the same work takes all of its slots at once."""

from dataclasses import replace
from typing import Any

import pytest

from backfleet.core.changes import EndPack, MarkPack, RowChange, StartReport
from backfleet.core.packs import PackRecord
from backfleet.core.planning.decision import Decision
from backfleet.core.planning.draft import Draft
from backfleet.core.planning.proven import start_report, work_key
from backfleet.core.reasons import FailureReason
from backfleet.core.spec.model import BatchSpec, parse_spec
from tests.support.operator import batch_spec, values
from tests.support.planning import after, build_draft, build_running

LAUNCHED = replace(build_running(), engine_started_at=None)
STARTED = build_running()
RAN_BEFORE: dict[str, Any] = {"first_engine_started_at": after(-900)}
TIMEOUT, EVICTED = FailureReason.START_TIMEOUT, FailureReason.EVICTED
FORBIDDEN = "PodForbidden: runAsNonRoot != true"


def decided(*changes: RowChange, is_proven: bool = False, known: PackRecord = LAUNCHED, **row: Any) -> Draft:
    """Return a batch with one pack as the rows have it, after these changes."""
    draft = replace(build_draft(known, **row), work_key="the work", is_proven=is_proven)
    return draft.after(Decision(changes=changes))


def reported(draft: Draft, known: PackRecord = LAUNCHED) -> bool | None:
    """Return whether a pass reports a start, or the failure of one. None for neither."""
    report = start_report(draft, draft.record, [known])
    assert report is None or report == StartReport(key="the work", has_started=report.has_started)
    return report.has_started if report else None


def waiting(reason: str) -> MarkPack:
    return MarkPack(pack=replace(LAUNCHED, job_seen_at=None, waiting_since=after(-9), waiting_reason=reason))


def test_the_first_engine_of_a_batch_is_a_start_though_the_work_is_known() -> None:
    assert reported(decided(MarkPack(pack=STARTED), is_proven=True)) is True


def test_a_later_start_is_news_only_while_the_work_does_not_count_as_started() -> None:
    assert reported(decided(MarkPack(pack=STARTED), is_proven=True, **RAN_BEFORE)) is None
    assert reported(decided(MarkPack(pack=STARTED), **RAN_BEFORE)) is True


def test_what_started_before_is_no_start_again() -> None:
    doubtful = replace(STARTED, waiting_since=after(-1), waiting_reason="RecorderNotStarted: no image")
    assert reported(decided(MarkPack(pack=doubtful), known=STARTED, **RAN_BEFORE), STARTED) is None


@pytest.mark.parametrize(
    ("change", "has_failed"),
    [
        pytest.param(waiting("ErrImagePull: not found"), True, id="no image"),
        pytest.param(waiting(FORBIDDEN), True, id="the pod was refused"),
        pytest.param(waiting("Refused: denied by a policy"), True, id="the Job was refused"),
        pytest.param(EndPack(pack=LAUNCHED, reason=TIMEOUT, message=FORBIDDEN), True, id="not started in its time"),
        pytest.param(waiting("Unschedulable: 0/1 nodes: cpu"), False, id="no node"),
        pytest.param(waiting("QuotaExceeded: pods"), False, id="no quota"),
        pytest.param(waiting("NoAnswer: the API server is away"), False, id="no answer"),
        pytest.param(waiting("NameConflict: has another owner"), False, id="somebody else's Job has the name"),
        pytest.param(waiting("JobNotBuilt: KeyError: 'noop'"), False, id="the Job could not be built"),
        pytest.param(waiting("JobDeleting: see its finalizers"), False, id="an earlier Job is still there"),
        pytest.param(
            EndPack(pack=LAUNCHED, reason=TIMEOUT, message="NameConflict: has another owner"),
            False,
            id="the name was taken all the time",
        ),
        pytest.param(EndPack(pack=LAUNCHED, reason=EVICTED, message="drained"), False, id="the node gave it up"),
        pytest.param(EndPack(pack=STARTED, reason=TIMEOUT, message=FORBIDDEN), False, id="it had started"),
    ],
)
def test_only_what_keeps_the_work_itself_from_starting_is_a_failed_start(change: RowChange, has_failed: bool) -> None:
    assert reported(decided(change, is_proven=True, **RAN_BEFORE)) is (False if has_failed else None)


def test_a_failure_goes_before_a_start_of_the_same_pass() -> None:
    other = build_running(3)
    draft = decided(MarkPack(pack=other), waiting(FORBIDDEN), **RAN_BEFORE)
    assert reported(draft) is False


def spec(**changes: Any) -> BatchSpec:
    return parse_spec(batch_spec(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"engine": {"name": "bars"}}, id="another engine"),
        pytest.param({"engine": {"name": "noop", "image": "localhost/mine:1"}}, id="another image"),
        pytest.param({"strategy": {"name": "Other"}}, id="another strategy"),
        pytest.param({"strategy": {"name": "Noop", "leanProjectPath": "mine"}}, id="another project"),
        pytest.param({"strategy": {"name": "Noop", "volume": {"claimName": "mine"}}}, id="projects of another volume"),
        pytest.param(
            {"data": {**batch_spec()["data"], "volume": {"claimName": "mine"}}}, id="market data of another volume"
        ),
    ],
)
def test_work_is_the_engine_its_image_the_strategy_and_the_volumes(changes: dict[str, Any]) -> None:
    images = {"noop": "noop:1", "bars": "bars:1"}
    assert work_key(spec(**changes), images) != work_key(spec(), images)


def test_combinations_dates_and_controls_are_not_what_decides_whether_it_starts() -> None:
    dates = {**batch_spec()["data"], "startDate": "2000-04-01"}
    other = spec(parameters=values(3), data=dates, maxConcurrent=2, backtestsPerJob="auto")
    assert work_key(other, {"noop": "a"}) == work_key(spec(), {"noop": "a"})
    assert work_key(spec(), {"noop": "b"}) != work_key(spec(), {"noop": "a"})
