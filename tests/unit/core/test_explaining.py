"""Explanations in states that pass quickly; and for any rows a sentence, never an error."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfleet.core.backtests import BacktestState
from backfleet.core.explaining import (
    BacktestFacts,
    BatchFacts,
    Explanation,
    FailedGroup,
    WaitingGroup,
    explain_backtest,
    explain_batch,
)
from backfleet.core.reasons import FailureReason
from backfleet.core.records import BatchState, Counters
from tests.support.changes import START, attempt, batch, pack

NOW = START + timedelta(minutes=5)
LATER = START + timedelta(minutes=7)
WAITING = WaitingGroup(reason="ErrImagePull: no", count=2, since=START, retry_at=LATER)


@pytest.mark.parametrize(
    ("record", "facts", "summary", "step"),
    [
        pytest.param(
            {"state": BatchState.COUNTING, "count_cursor": 4_000, "count_found": 7},
            BatchFacts(states={}),
            "The operator counts the combinations that meet the constraints.",
            ("The batch starts when all are counted.", None),
            id="counting",
        ),
        pytest.param(
            {},
            BatchFacts(states={BacktestState.LAUNCHING: 2}),
            "The batch starts 2 backtests: 0/3 backtests have ended, and no Job is there yet.",
            ("The operator creates their Jobs.", None),
            id="starting",
        ),
        pytest.param(
            {},
            BatchFacts(states={BacktestState.LAUNCHING: 2}, waiting=[WAITING]),
            "The batch waits, because its Jobs do not start: 0/3 backtests have ended.",
            ("The operator creates the next of these Jobs again.", LATER),
            id="its Jobs do not start",
        ),
        pytest.param(
            {},
            BatchFacts(states={BacktestState.QUEUED: 1}),
            "The batch waits for a free slot: 0/3 backtests have ended, and nothing of it runs.",
            ("The operator launches its next backtest when a slot of the installation is free.", None),
            id="without a slot",
        ),
        pytest.param(
            {"state": BatchState.FINISHED, "finish_reason": "AllSucceeded", "stale_verdicts": 2},
            BatchFacts(states={}),
            "The batch has ended (AllSucceeded).",
            ("2 results get a verdict by the edited criteria, within seconds.", None),
            id="being judged again",
        ),
    ],
)
def test_a_batch_that_moves_on_soon(record: dict[str, Any], facts: BatchFacts, summary: str, step: Any) -> None:
    found = explain_batch(batch(**record), facts, NOW)
    assert (found.summary, found.steps[0].what, found.steps[0].at) == (summary, *step)


def test_a_batch_names_its_most_frequent_failures() -> None:
    reasons = list(FailureReason)[:7]
    failed = [FailedGroup(reason=r, count=n + 1, index=n, message="boom") for n, r in enumerate(reasons)]
    found = explain_batch(batch(counters=Counters(failed=28)), BatchFacts(states={}, failed=failed), NOW)
    shown = [fact for fact in found.facts if "failed for this reason" in fact]
    assert [fact.partition(":")[0] for fact in shown] == [str(r) for r in reversed(reasons[2:])]
    assert shown[0] == f"{reasons[6]}: 7 backtests failed for this reason, the first at index 6: boom"


@pytest.mark.parametrize(
    ("facts", "summary", "steps"),
    [
        pytest.param(
            BacktestFacts(index=1, state=BacktestState.RUNNING, attempts=1, pack=pack(attempt(0), attempt(1))),
            "Attempt 1 has a Job, rsi-small-0f1e2d3c-0-1, whose engine has not started yet. Its Job carries 2 backtests, one "
            "after the other.",
            [START + timedelta(minutes=10)],
            id="before its engine",
        ),
        pytest.param(
            BacktestFacts(
                index=0,
                state=BacktestState.LAUNCHING,
                attempts=2,
                pack=pack(attempt(0, 2), waiting_reason="QuotaExceeded: full.", retry_at=LATER, start_tries=3),
            ),
            "Attempt 2 waits to start: QuotaExceeded: full. It was tried 3 times.",
            [LATER, START + timedelta(minutes=10)],
            id="waiting for room",
        ),
        pytest.param(
            BacktestFacts(
                index=0, state=BacktestState.QUEUED, attempts=1, reason=FailureReason.EVICTED, pack=pack(attempt())
            ),
            "Attempt 1 ended (Evicted), and another one follows.",
            [None],
            id="to run again",
        ),
        pytest.param(
            BacktestFacts(index=2, state=BacktestState.QUEUED),
            "The backtest was not launched yet.",
            [None],
            id="never launched",
        ),
    ],
)
def test_a_backtest_on_its_way(facts: BacktestFacts, summary: str, steps: list[Any]) -> None:
    found = explain_backtest(batch(), facts, NOW)
    assert (found.summary, [step.at for step in found.steps]) == (summary, steps)


MOMENTS = st.none() | st.timedeltas(timedelta(0), timedelta(days=2)).map(lambda span: START + span)
MESSAGES = st.none() | st.sampled_from(["boom", "boom.", "", "two. sentences."])
BATCHES = st.builds(
    batch,
    state=st.sampled_from(BatchState),
    total=st.none() | st.integers(0, 9),
    controls=st.sampled_from([{}, {"suspend": True}]),
    stale_verdicts=st.integers(0, 2),
    finish_reason=st.none() | st.just("NoneSucceeded"),
    finish_message=MESSAGES,
)
PACKS = st.none() | st.builds(
    pack,
    st.just(attempt()),
    waiting_reason=MESSAGES,
    retry_at=MOMENTS,
    start_tries=st.integers(0, 3),
    engine_started_at=MOMENTS,
)
FACTS = st.builds(
    BacktestFacts,
    index=st.integers(0, 9),
    state=st.sampled_from(BacktestState),
    attempts=st.integers(0, 3),
    reason=st.none() | st.sampled_from(FailureReason),
    message=MESSAGES,
    pack=PACKS,
    engine_started_at=MOMENTS,
    rejections=st.none() | st.just(()) | st.just(("low_psr",)),
)
STATES = st.dictionaries(st.sampled_from([s for s in BacktestState if s.is_alive]), st.integers(0, 3))


def check_readable(found: Explanation) -> None:
    for sentence in (found.summary, *found.facts, *(step.what for step in found.steps)):
        assert sentence[0].isupper() or sentence[0].isdigit(), sentence
        assert ".." not in sentence
        assert "None" not in sentence.replace("NoneSucceeded", "")
    assert found.summary.endswith(".")
    assert found.steps


@given(BATCHES, FACTS, STATES, st.lists(st.just(WAITING), max_size=2))
def test_whatever_the_rows_say_there_is_a_sentence(
    record: Any, facts: BacktestFacts, states: dict[BacktestState, int], waiting: list[WaitingGroup]
) -> None:
    check_readable(explain_batch(record, BatchFacts(states=states, waiting=waiting), NOW))
    check_readable(explain_backtest(record, facts, NOW))
