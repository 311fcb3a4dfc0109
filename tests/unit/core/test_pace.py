"""The pace of a batch: by its latest ends, without the time suspended, and never 0."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from backfleet.core.pace import KEPT, backtests_per_second, estimate_finish, note_ends, pace_text
from backfleet.core.records import BatchRecord, BatchState, Counters

START = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NEW = BatchRecord(
    uid="u",
    namespace="n",
    name="b",
    state=BatchState.LIVE,
    spec={},
    controls={},
    axes={},
    criteria={},
    total=1_000,
    accepted_at=START,
    first_engine_started_at=START,
)


def ended(record: BatchRecord, succeeded: int, now: datetime, *, is_standing: bool = False) -> BatchRecord:
    """Return the record after a pass that settled so many."""
    counters = replace(record.counters, succeeded=record.counters.succeeded + succeeded)
    return note_ends(record, replace(record, counters=counters), now, is_standing=is_standing)


def run(record: BatchRecord, since: datetime, step: timedelta, count: int) -> tuple[BatchRecord, datetime]:
    """Let one backtest end after each step."""
    for number in range(count):
        record = ended(record, 1, since + step * (number + 1))
    return record, since + step * count


def per_hour(record: BatchRecord, now: datetime) -> float:
    pace = backtests_per_second(record, now)
    assert pace is not None
    return round(pace * 3600, 3)


def test_the_first_ends_count_from_the_start_of_the_first_engine() -> None:
    batch, now = run(NEW, START, 10 * MINUTE, 3)
    assert per_hour(batch, now) == 6.0


def test_a_batch_that_ended_nothing_has_neither_pace_nor_estimate() -> None:
    batch = ended(NEW, 0, START + MINUTE)
    assert (backtests_per_second(batch, START + HOUR), estimate_finish(batch, START + HOUR)) == (None, None)


def test_the_last_twenty_ends_of_a_slow_batch_make_its_pace() -> None:
    batch, now = run(NEW, START, MINUTE, 50)
    batch, now = run(batch, now, HOUR, 20)
    assert per_hour(batch, now) == 1.0
    assert estimate_finish(batch, now) == now + 930 * HOUR


def test_the_last_ten_minutes_of_a_fast_batch_make_its_pace() -> None:
    batch, now = run(NEW, START, 10 * MINUTE, 5)
    batch, now = run(batch, now, timedelta(seconds=1), 600)
    assert len(batch.recent_ends) == KEPT
    assert per_hour(batch, now) == pytest.approx(3_600, rel=0.02)


def test_ends_that_come_in_bursts_do_not_look_like_a_faster_pace() -> None:
    batch = NEW
    for number in range(1, 11):
        batch = ended(batch, 40, START + number * 5 * MINUTE)
    assert per_hour(batch, START + 50 * MINUTE) == 480.0


def test_the_pace_falls_while_nothing_ends() -> None:
    batch, now = run(NEW, START, MINUTE, 30)
    assert per_hour(batch, now + 20 * MINUTE) == 30.0


def test_time_suspended_with_nothing_running_does_not_count() -> None:
    batch, now = run(NEW, START, 10 * MINUTE, 4)
    batch = ended(batch, 0, now, is_standing=True)
    batch = ended(batch, 0, now + DAY, is_standing=True)
    assert per_hour(batch, now + 5 * DAY) == 6.0
    batch = ended(batch, 0, now + 5 * DAY)
    assert per_hour(batch, now + 5 * DAY) == 6.0
    batch, now = run(batch, now + 5 * DAY, 10 * MINUTE, 4)
    assert (per_hour(batch, now), batch.suspended_at) == (6.0, None)


def test_an_outcome_that_comes_while_the_batch_stands_is_counted_without_the_time() -> None:
    batch, now = run(NEW, START, 10 * MINUTE, 1)
    batch = ended(batch, 0, now + 10 * MINUTE, is_standing=True)
    batch = ended(batch, 1, now + DAY, is_standing=True)
    batch = ended(batch, 0, now + 2 * DAY)
    assert per_hour(batch, now + 2 * DAY) == 6.0
    assert all(moment <= now + 2 * DAY for moment, _ in batch.recent_ends)


def test_a_suspended_batch_has_no_estimate() -> None:
    batch, now = run(NEW, START, 10 * MINUTE, 4)
    assert estimate_finish(replace(batch, controls={"suspend": True}), now) is None


def test_a_finished_batch_keeps_the_pace_that_it_ended_with() -> None:
    batch, now = run(NEW, START, 10 * MINUTE, 4)
    over = batch.finished(now, "AllSucceeded", "all")
    assert (per_hour(over, now + 9 * DAY), estimate_finish(over, now)) == (6.0, None)


def test_a_batch_that_ran_before_its_pace_was_kept_is_measured_from_now_on() -> None:
    before = replace(NEW, counters=Counters(succeeded=500))
    batch = ended(before, 1, START + DAY)
    assert backtests_per_second(batch, START + DAY) is None
    batch, now = run(batch, START + DAY, 10 * MINUTE, 3)
    assert per_hour(batch, now) == 6.0


def test_an_estimate_is_rounded_up_to_a_minute_and_has_an_end() -> None:
    batch, now = run(replace(NEW, total=2), START, timedelta(seconds=90), 1)
    assert estimate_finish(batch, now) == START + 3 * MINUTE
    slow, now = run(replace(NEW, total=10**9), START, DAY, 1)
    assert estimate_finish(slow, now) == now + 3650 * DAY


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.01, "6000 per minute"),
        (0.5, "120 per minute"),
        (4.8, "12.5 per minute"),
        (61, "59 per hour"),
        (3_600, "1 per hour"),
        (5_000, "17.3 per day"),
        (400 * 86_400, "0.0025 per day"),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else None,
)
def test_a_pace_is_told_in_the_unit_that_shows_it(seconds: float, text: str) -> None:
    assert pace_text(1 / seconds) == text
