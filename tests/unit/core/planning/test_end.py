"""When a batch is over, and how: the first rule that holds."""

from typing import Any

import pytest

from backfleet.core import wire
from backfleet.core.changes import EndPack
from backfleet.core.planning.decision import NOTHING, Decision, End
from backfleet.core.planning.end import ending
from backfleet.core.reasons import FailureReason
from backfleet.core.records import BatchState, Counters
from tests.support.planning import after, build_draft, build_running

DONE = Counters(succeeded=4, failed=2)
BROKEN = Counters(failed=5)


def test_a_batch_with_something_left_goes_on() -> None:
    assert ending(build_draft(counters=Counters(succeeded=5))) == NOTHING


def test_a_batch_with_a_live_pack_goes_on_though_all_were_counted() -> None:
    assert ending(build_draft(build_running(), counters=DONE)) == NOTHING


def test_a_batch_with_a_timeout_is_looked_at_when_it_runs_out() -> None:
    draft = build_draft(spec={"failurePolicy": {"batchTimeoutSeconds": 3_700}})
    assert ending(draft) == Decision(look_again_at=after(100))


def test_a_batch_that_is_being_counted_is_over_only_by_its_owner_or_its_time() -> None:
    assert ending(build_draft(state=BatchState.COUNTING, total=None, never_started=9)) == NOTHING


def test_a_finished_batch_does_not_end_again() -> None:
    assert ending(build_draft(spec={"cancel": True}, state=BatchState.FINISHED)) == NOTHING


@pytest.mark.parametrize(
    ("spec", "row", "end"),
    [
        pytest.param(
            {"cancel": True, "failurePolicy": {"batchTimeoutSeconds": 3_600}},
            {},
            End(reason=wire.REASON_CANCELLED, message="cancelled by spec.cancel"),
            id="cancelled, whatever else holds",
        ),
        pytest.param(
            {"failurePolicy": {"batchTimeoutSeconds": 3_600}},
            {"counters": DONE},
            End(reason=wire.REASON_BATCH_TIMEOUT, message="the batch did not end within 3600 s of its acceptance"),
            id="its time is over",
        ),
        pytest.param(
            {},
            {"never_started": 3},
            End(
                reason=wire.REASON_NEVER_STARTED,
                message="3 attempts in a row never started. The last one: see the failed backtests. "
                "Fix that, and apply a new batch.",
            ),
            id="nothing starts",
        ),
        pytest.param(
            {},
            {"counters": BROKEN, "repeated_reason": FailureReason.NO_DATA.value},
            End(
                reason=wire.REASON_REPEATED_FAILURE,
                message="the first 5 backtests all failed with NoData. Fix the strategy or its data, and apply a new batch.",
            ),
            id="the first ones all failed for one reason",
        ),
        pytest.param(
            {"failurePolicy": {"maxFailed": 1}},
            {"counters": Counters(succeeded=1, failed=2)},
            End(reason=wire.REASON_TOO_MANY_FAILURES, message="2 backtests failed, more than maxFailed 1"),
            id="more failed than may",
        ),
        pytest.param(
            {},
            {"counters": Counters(succeeded=6)},
            End(reason=wire.REASON_ALL_SUCCEEDED, message="all 6 backtests succeeded"),
            id="all succeeded",
        ),
        pytest.param(
            {},
            {"counters": DONE},
            End(reason=wire.REASON_COMPLETED_WITH_FAILURES, message="4 succeeded, 2 failed"),
            id="some failed",
        ),
        pytest.param(
            {},
            {"counters": Counters(failed=6), "repeated_reason": FailureReason.NO_DATA.value},
            End(reason=wire.REASON_NONE_SUCCEEDED, message="all 6 backtests failed"),
            id="none succeeded, and none is left that a new batch would save",
        ),
    ],
)
def test_the_first_rule_that_holds_ends_the_batch(spec: dict[str, Any], row: dict[str, Any], end: End) -> None:
    assert ending(build_draft(spec=spec, **row)) == Decision(end=end)


def test_a_batch_of_which_nothing_starts_ends_with_the_words_of_the_last_attempt() -> None:
    def ended(index: int, message: str, reason: FailureReason = FailureReason.START_TIMEOUT) -> EndPack:
        return EndPack(pack=build_running(index, engine_started_at=None), reason=reason, message=message)

    changes = (ended(0, "no image"), ended(1, "no node"), ended(2, "killed", FailureReason.OOM_KILLED))
    draft = build_draft(never_started=2).after(Decision(changes=changes))
    message = "4 attempts in a row never started. The last one: no node. Fix that, and apply a new batch."
    assert ending(draft) == Decision(end=End(reason=wire.REASON_NEVER_STARTED, message=message))
