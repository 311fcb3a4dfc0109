"""The events of a batch: how its conditions changed, and its first failed backtests."""

from dataclasses import replace
from typing import Any

import pytest

from backfleet.core import wire
from backfleet.core.backtests import BacktestState
from backfleet.core.changes import Charge, SettleFailure
from backfleet.core.planning.decision import Decision
from backfleet.core.planning.effects import PostEvent
from backfleet.core.planning.events import condition, failure_events, transition_events
from backfleet.core.reasons import FailureReason
from backfleet.core.records import Counters
from tests.support.jobs import BATCH
from tests.support.planning import build_batch, build_draft, build_member, build_running


def status(**conditions: tuple[str, str, str]) -> dict[str, Any]:
    """Return a status with conditions: status, reason and message by type."""
    known = {"Accepted": ("True", "SpecValid", "6 combinations"), "Finished": ("False", "NotFinished", "")}
    found = (known | conditions).items()
    return {
        "conditions": [
            {"type": kind, "status": state, "reason": reason, "message": message}
            for kind, (state, reason, message) in found
        ]
    }


ACCEPTED = PostEvent(batch=BATCH, reason="Accepted", message="6 combinations")
FINISHED = PostEvent(batch=BATCH, reason=wire.REASON_ALL_SUCCEEDED, message="all 6 backtests succeeded")
DONE = ("True", wire.REASON_ALL_SUCCEEDED, "all 6 backtests succeeded")
STOPPED = ("True", wire.REASON_CANCELLED, "cancelled by spec.cancel")
TAKEN = ("True", "ForeignJob", "somebody's")


@pytest.mark.parametrize(
    ("before", "after", "events"),
    [
        pytest.param({}, status(), [ACCEPTED], id="accepted"),
        pytest.param(status(), status(), [], id="nothing changed"),
        pytest.param(status(), status(Finished=DONE), [FINISHED], id="finished"),
        pytest.param(status(Finished=DONE), status(Finished=DONE), [], id="finished before"),
        pytest.param({}, status(Finished=DONE), [ACCEPTED, FINISHED], id="all at once"),
        pytest.param(
            status(),
            status(Finished=STOPPED),
            [PostEvent(batch=BATCH, reason=wire.REASON_CANCELLED, message=STOPPED[2], is_warning=True)],
            id="stopped",
        ),
        pytest.param(
            status(),
            status(NameConflict=TAKEN),
            [PostEvent(batch=BATCH, reason="NameConflict", message="somebody's", is_warning=True)],
            id="in trouble",
        ),
        pytest.param(status(NameConflict=TAKEN), status(NameConflict=TAKEN), [], id="still in trouble"),
    ],
)
def test_a_condition_that_changes_is_told_once(
    before: dict[str, Any], after: dict[str, Any], events: list[PostEvent]
) -> None:
    assert list(transition_events(replace(build_batch(), status=before), after)) == events


def test_a_condition_that_is_not_there_is_empty() -> None:
    assert condition(status(), "Suspended") == {}


def failure(index: int, state: BacktestState = BacktestState.FAILED) -> SettleFailure:
    return SettleFailure(
        attempt=build_member(build_running(index, 2)),
        reason=FailureReason.NO_DATA,
        message="no bars",
        state=state,
        charge=Charge.CHARGED,
    )


def test_the_first_failed_backtests_are_told_and_those_that_run_again_are_not() -> None:
    again = failure(0, BacktestState.QUEUED)
    draft = build_draft(counters=Counters(failed=8)).after(
        Decision(changes=(failure(1), again, failure(2), failure(3)))
    )
    assert list(failure_events(draft)) == [
        PostEvent(
            batch=BATCH,
            reason="BacktestFailed",
            message=f"backtest {index} failed in attempt 2: NoData: no bars",
            is_warning=True,
        )
        for index in (1, 2)
    ]
