"""What a world's rows say, read at once, and what must hold of them: each rule names what breaks it."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from backfleet.core.planning.observation import Limits
from backfleet.core.planning.start import Patience, StartProblem
from tests.support.clocked import ClockedDatabase

Row = Mapping[str, Any]
_BATCHES = """
SELECT uid, name, namespace, state, total, succeeded, failed, cancelled, passed, stale_verdicts, criteria_version, finished_at
FROM optimization_batches
"""
_BACKTESTS = """
SELECT id, batch_uid, index, state, attempt_count, deciding_attempt_id, charged, uncharged, pack_limit FROM backtest_jobs
"""
_PACKS = "SELECT pack_id, batch_uid, index, number, size, unsettled FROM backtest_packs"
_ATTEMPTS = """
SELECT a.attempt_id, a.backtest_id, a.batch_uid, a.number, a.launched_at, a.ended_at, a.reason,
    a.is_charged, a.pack_id, p.size,
    p.job_name, p.start_deadline_at, p.hard_deadline_at, p.waiting_since, p.waiting_reason, p.retry_at,
    b.index, b.state, b.deciding_attempt_id = a.attempt_id AS is_deciding
FROM backtest_attempts AS a
JOIN backtest_packs AS p ON p.pack_id = a.pack_id
JOIN backtest_jobs AS b ON b.id = a.backtest_id
"""
_OUTCOMES = """
SELECT o.attempt_id, o.kind, o.recorded_at, a.backtest_id, a.number
FROM backtest_outcomes AS o JOIN backtest_attempts AS a ON a.attempt_id = o.attempt_id
"""
_RESULTS = "SELECT backtest_id, batch_uid, attempt_id, passed, criteria_version FROM backtest_results"
LIVE = ("launching", "running")
ALIVE = ("queued", *LIVE)
TRY_SECONDS = 60.0
"""The longest pause between two tries."""
SLACK_SECONDS = 30
"""By so much a Job may be younger than its attempt's row says, and its pod be younger than that."""


@dataclass(frozen=True)
class Facts:
    """The rows at one time."""

    now: datetime
    batches: tuple[Row, ...]
    backtests: tuple[Row, ...]
    attempts: tuple[Row, ...]
    outcomes: tuple[Row, ...]
    results: tuple[Row, ...]
    packs: tuple[Row, ...]

    @classmethod
    def read(cls, database: ClockedDatabase, now: datetime) -> "Facts":
        found = []
        with database.owner.cursor() as cursor:
            for statement in (_BATCHES, _BACKTESTS, _ATTEMPTS, _OUTCOMES, _RESULTS, _PACKS):
                cursor.execute(statement)
                names = [column.name for column in cursor.description]
                found.append(tuple(dict(zip(names, row, strict=True)) for row in cursor.fetchall()))
        return cls(now, *found)

    def batch(self, uid: str) -> Row | None:
        return next((each for each in self.batches if each["uid"] == uid), None)

    def recorded(self, moment: datetime) -> set[str]:
        """Return the attempts that had an outcome at that moment."""
        return {each["attempt_id"] for each in self.outcomes if each["recorded_at"] <= moment}

    @property
    def succeeded(self) -> dict[str, str]:
        """The attempt that each succeeded backtest succeeded with."""
        return {each["id"]: each["deciding_attempt_id"] for each in self.backtests if each["state"] == "succeeded"}


def wrong_counters(facts: Facts) -> Iterator[str]:
    """Find batches whose row has other counts than its backtests and results."""
    for batch in facts.batches:
        states = Counter(each["state"] for each in facts.backtests if each["batch_uid"] == batch["uid"])
        results = [each for each in facts.results if each["batch_uid"] == batch["uid"]]
        stale = [each for each in results if each["criteria_version"] < batch["criteria_version"]]
        counted = {
            "succeeded": (batch["succeeded"], states["succeeded"]),
            "failed": (batch["failed"], states["failed"]),
            "results": (batch["succeeded"], len(results)),
            "passed": (batch["passed"], sum(each["passed"] for each in results)),
            "stale": (batch["stale_verdicts"], len(stale)),
        }
        if batch["state"] == "finished":
            ended = batch["succeeded"] + batch["failed"] + batch["cancelled"]
            counted |= {"ended": (ended, batch["total"] or 0), "alive": (0, sum(states[each] for each in ALIVE))}
        yield from (
            f"{batch['name']}: {name} is {said}, counted {real}"
            for name, (said, real) in counted.items()
            if said != real
        )


def repeated_attempts(facts: Facts) -> Iterator[str]:
    """Find backtests whose attempts are not numbered from 1 on without a gap, one after the end of the other."""
    numbers: dict[str, list[int]] = {}
    for each in facts.attempts:
        numbers.setdefault(each["backtest_id"], []).append(each["number"])
    for backtest in facts.backtests:
        found = sorted(numbers.get(backtest["id"], []))
        if found != list(range(1, backtest["attempt_count"] + 1)):
            yield f"{backtest['id']}: attempts {found}, {backtest['attempt_count']} are counted"
    for each in facts.attempts:
        if not each["is_deciding"] and each["ended_at"] is None:
            yield f"{each['attempt_id']} has not ended, and another one follows it"
        if each["is_deciding"] and each["state"] in LIVE and each["ended_at"] is not None:
            yield f"{each['attempt_id']} is {each['state']}, and has ended already"


def unexplained_ends(facts: Facts) -> Iterator[str]:
    """Find attempts that ended with neither a reason nor an outcome, and successes without one result of their own."""
    recorded = {each["attempt_id"]: each["kind"] for each in facts.outcomes}
    results = Counter((each["backtest_id"], each["attempt_id"]) for each in facts.results)
    for each in facts.attempts:
        if each["ended_at"] is not None and each["reason"] is None and each["attempt_id"] not in recorded:
            yield f"{each['attempt_id']} has ended, with neither a reason nor an outcome"
    for backtest_id, attempt in facts.succeeded.items():
        if recorded.get(attempt) != "succeeded" or results[backtest_id, attempt] != 1:
            yield f"{backtest_id} has succeeded, with no result of {attempt}"


def successes(facts: Facts) -> list[Row]:
    """Return the outcomes that must count: the operator passes over a success that comes after the next attempt's launch."""
    launched = {(each["backtest_id"], each["number"]): each["launched_at"] for each in facts.attempts}
    return [
        each
        for each in facts.outcomes
        if each["kind"] == "succeeded"
        and each["recorded_at"] <= launched.get((each["backtest_id"], each["number"] + 1), each["recorded_at"])
    ]


def runs_after_success(facts: Facts) -> Iterator[str]:
    """Find attempts that were launched although an earlier one had succeeded."""
    first: dict[str, datetime] = {}
    for each in successes(facts):
        first[each["backtest_id"]] = min(each["recorded_at"], first.get(each["backtest_id"], each["recorded_at"]))
    for each in facts.attempts:
        if each["launched_at"] > first.get(each["backtest_id"], each["launched_at"]):
            yield f"{each['attempt_id']} was launched after a success was recorded"


def waits_without_end(facts: Facts, limits: Limits) -> Iterator[str]:
    """Live attempts whose next try is later than all the time that they have."""
    for each in facts.attempts:
        is_ahead = each["retry_at"] is not None and each["retry_at"] > facts.now  # else it waits for a slot at most
        if not (each["is_deciding"] and each["state"] in LIVE and is_ahead):
            continue
        kind, _, message = (each["waiting_reason"] or "").partition(": ")
        patience = StartProblem(kind=kind, message=message).patience
        if each["waiting_since"] is None or patience is Patience.ANSWER:
            continue
        if patience is Patience.START:
            over_at = each["start_deadline_at"]
        else:
            over_at = each["waiting_since"] + timedelta(seconds=limits.room_timeout_seconds)
        if each["retry_at"] > over_at + timedelta(seconds=TRY_SECONDS):
            yield f"{each['attempt_id']} waits until {each['retry_at']}, and has time until {over_at}: {each['waiting_reason']}"


def overdue_attempts(facts: Facts, limits: Limits, uids: Collection[str]) -> Iterator[str]:
    """Running attempts of these batches that should have ended: a pass has just looked at them."""
    patience = timedelta(seconds=limits.overdue_seconds + SLACK_SECONDS)
    for each in facts.attempts:
        is_late = each["is_deciding"] and each["state"] == "running" and facts.now > each["hard_deadline_at"] + patience
        if is_late and each["batch_uid"] in uids:
            yield f"{each['attempt_id']} runs, its hard deadline was {each['hard_deadline_at']}"


def lost_successes(facts: Facts) -> Iterator[str]:
    """Find backtests of batches that ran to their end which are not succeeded, though a success was recorded in time."""
    ended = {each["uid"]: each["finished_at"] for each in facts.batches if each["state"] == "finished"}
    states = {each["id"]: each for each in facts.backtests}
    for each in successes(facts):
        backtest = states[each["backtest_id"]]
        finished_at = ended.get(backtest["batch_uid"])
        if finished_at is None or each["recorded_at"] >= finished_at:
            continue
        if backtest["state"] == "failed":
            yield f"{each['attempt_id']} succeeded, and its backtest is {backtest['state']}"
