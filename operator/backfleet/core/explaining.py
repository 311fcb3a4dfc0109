"""Says in plain words why a batch or a backtest is where it is, what happens next and when, from rows alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from backfleet.core.backtests import BacktestState
from backfleet.core.pace import estimate_finish
from backfleet.core.packs import PackRecord
from backfleet.core.reasons import POLICIES, FailureReason, Policy
from backfleet.core.records import BatchRecord, BatchState

MOST_REASONS = 5
"""How many reasons a batch's explanation names, the most frequent first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What happens next, and when: None if the time is not known."""

    what: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A sentence that says it all, the facts behind it, and what happens next."""

    summary: str
    facts: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedGroup:
    """Backtests that failed for one reason: how many, and the message of the first one by index."""

    reason: FailureReason
    count: int
    index: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingGroup:
    """Jobs that wait to start for one reason: how many, since when, and when the next of them is tried again."""

    reason: str
    count: int
    since: datetime
    retry_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchFacts:
    """What the rows say of a batch in addition to its own. `states` counts its backtests that have not ended."""

    states: Mapping[BacktestState, int]
    waiting: Sequence[WaitingGroup] = ()
    failed: Sequence[FailedGroup] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestFacts:
    """What the rows say of a backtest. `pack` is that of its latest attempt. A backtest without a row has no attempts."""

    index: int
    state: BacktestState
    attempts: int = 0
    reason: FailureReason | None = None
    message: str | None = None
    pack: PackRecord | None = None
    engine_started_at: datetime | None = None
    rejections: tuple[str, ...] | None = None
    """Of a result, None without one."""


def explain_batch(record: BatchRecord, facts: BatchFacts, now: datetime) -> Explanation:
    """Explain a batch that Postgres knows."""
    if record.state is BatchState.FINISHED:
        return _finished(record, facts)
    if record.state is BatchState.COUNTING:
        return Explanation(
            summary="The operator counts the combinations that meet the constraints.",
            facts=(f"{record.count_cursor:,} were tested, and {record.count_found:,} of them meet the constraints.",),
            steps=(Step(what="The batch starts when all are counted."),),
        )
    if record.is_suspended:
        return _suspended(record, facts)
    if facts.states.get(BacktestState.RUNNING, 0):
        return _batch_runs(record, facts, now)
    return _nothing_runs(record, facts, now)


def explain_backtest(record: BatchRecord, facts: BacktestFacts, now: datetime) -> Explanation:
    """Explain one backtest of a batch that Postgres knows."""
    match facts.state:
        case BacktestState.SUCCEEDED:
            return _succeeded(facts)
        case BacktestState.FAILED:
            return _failed(facts)
        case BacktestState.CANCELLED:
            message = facts.message or "its batch ended before it did"
            return Explanation(
                summary=f"The backtest was cancelled: {message.rstrip('.')}.", steps=(Step(what="Nothing follows."),)
            )
        case BacktestState.RUNNING if facts.pack is not None:
            return _running(facts, facts.pack)
        case _ if facts.pack is not None and facts.pack.waiting_reason is not None:
            return _not_starting(facts, facts.pack)
        case BacktestState.QUEUED if facts.attempts == 0:
            return _never_launched(record, facts, now)
        case BacktestState.QUEUED:
            return _to_run_again(record, facts)
        case _:
            return Explanation(
                summary=f"Attempt {facts.attempts} is launched: the operator creates its Job.",
                steps=(_start_deadline(facts.pack),) if facts.pack else (Step(what="Its engine starts next."),),
            )


def _suspended(record: BatchRecord, facts: BatchFacts) -> Explanation:
    going_on = facts.states.get(BacktestState.RUNNING, 0) + facts.states.get(BacktestState.LAUNCHING, 0)
    still = (Step(what=f"{_backtests(going_on)} that began before may still end."),) if going_on else ()
    return Explanation(
        summary=f"The batch is suspended: {record.progress} backtests have ended, and nothing new starts.",
        facts=_behind(record, facts),
        steps=(*still, Step(what="The batch goes on when spec.suspend is set to false.")),
    )


def _batch_runs(record: BatchRecord, facts: BatchFacts, now: datetime) -> Explanation:
    running = _backtests(facts.states[BacktestState.RUNNING])
    estimate = estimate_finish(record, now)
    how = "at the recent pace at this time" if estimate else "but there is no pace yet to say when"
    return Explanation(
        summary=f"The batch runs: {record.progress} backtests have ended. Now {running} run or start.",
        facts=_behind(record, facts),
        steps=(Step(what=f"The batch ends when every backtest has ended, {how}.", at=estimate),),
    )


def _nothing_runs(record: BatchRecord, facts: BatchFacts, now: datetime) -> Explanation:
    ended, behind = f"{record.progress} backtests have ended", _behind(record, facts)
    if facts.waiting:
        first = min(facts.waiting, key=lambda each: each.retry_at or now)
        return Explanation(
            summary=f"The batch waits, because its Jobs do not start: {ended}.",
            facts=behind,
            steps=(Step(what="The operator creates the next of these Jobs again.", at=first.retry_at),),
        )
    if launching := facts.states.get(BacktestState.LAUNCHING, 0):
        return Explanation(
            summary=f"The batch starts {_backtests(launching)}: {ended}, and no Job is there yet.",
            facts=behind,
            steps=(Step(what="The operator creates their Jobs."),),
        )
    queued = facts.states.get(BacktestState.QUEUED, 0)
    again = (f"{_backtests(queued)} of them ran before and will run again.",) if queued else ()
    return Explanation(
        summary=f"The batch waits for a free slot: {ended}, and nothing of it runs.",
        facts=(*behind, *again),
        steps=(Step(what="The operator launches its next backtest when a slot of the installation is free."),),
    )


def _behind(record: BatchRecord, facts: BatchFacts) -> tuple[str, ...]:
    counts = f"{record.counters.succeeded:,} succeeded, {record.counters.failed:,} failed."
    return counts, *map(_waiting_fact, facts.waiting), *_failures(facts)


def _finished(record: BatchRecord, facts: BatchFacts) -> Explanation:
    counters = record.counters
    numbers = f"{counters.succeeded:,} succeeded, {counters.failed:,} failed, {counters.cancelled:,} were cancelled"
    judged = f"{counters.passed:,} of the results meet the criteria."
    pending: tuple[Step, ...] = ()
    if record.stale_verdicts:
        pending = (
            Step(what=f"{record.stale_verdicts:,} results get a verdict by the edited criteria, within seconds."),
        )
    reason = f" ({record.finish_reason})" if record.finish_reason else ""
    message = f": {record.finish_message.rstrip('.')}" if record.finish_message else ""
    return Explanation(
        summary=f"The batch has ended{reason}{message}.",
        facts=(f"{numbers}.", judged, *_failures(facts)),
        steps=pending or (Step(what="Nothing follows. Its results stay."),),
    )


def _failures(facts: BatchFacts) -> tuple[str, ...]:
    groups = sorted(facts.failed, key=lambda each: (-each.count, each.index))
    return tuple(
        f"{each.reason}: {_backtests(each.count)} failed for this reason, the first at index {each.index}: {each.message}"
        for each in groups[:MOST_REASONS]
    )


def _waiting_fact(group: WaitingGroup) -> str:
    jobs = "1 Job waits" if group.count == 1 else f"{group.count:,} Jobs wait"
    return f"{jobs} to start: {group.reason}"


def _succeeded(facts: BacktestFacts) -> Explanation:
    tries = "" if facts.attempts == 1 else f", at attempt {facts.attempts}"
    missed = ", ".join(facts.rejections or ())
    verdict = f"it does not meet the criteria: {missed}" if missed else "it meets the criteria"
    return Explanation(
        summary=f"The backtest succeeded{tries}, and {verdict}.",
        steps=(Step(what="Nothing follows. A succeeded backtest never runs again."),),
    )


_AFTER_FAILURE: Mapping[Policy, str] = {
    Policy.FINAL: "The same combination would fail again, so there is no further attempt.",
    Policy.ONCE_MORE: "It had all the attempts that this reason allows.",
    Policy.UNCHARGED: "The cause lies outside of the backtest, but it had all the attempts that this allows.",
    Policy.NOT_TRIED: "It had all the attempts that this allows.",
    Policy.WAIT: "It waited for all the time that it had.",
}


def _failed(facts: BacktestFacts) -> Explanation:
    reason = facts.reason or FailureReason.RESULT_MISSING
    text = (facts.message or "no message").rstrip(".")
    return Explanation(
        summary=f"The backtest failed at attempt {facts.attempts} ({reason}): {text}.",
        facts=(_AFTER_FAILURE[POLICIES[reason]],),
        steps=(Step(what="Nothing follows."),),
    )


def _running(facts: BacktestFacts, pack: PackRecord) -> Explanation:
    others = f" Its Job carries {pack.size} backtests, one after the other." if pack.size > 1 else ""
    if facts.engine_started_at is None and pack.engine_started_at is None:
        return Explanation(
            summary=f"Attempt {facts.attempts} has a Job, {pack.job_name}, whose engine has not started yet.{others}",
            steps=(_start_deadline(pack),),
        )
    return Explanation(
        summary=f"Attempt {facts.attempts} runs in the Job {pack.job_name}.{others}",
        steps=(Step(what="Kubernetes ends the Job at the latest at this time.", at=pack.hard_deadline_at),),
    )


def _not_starting(facts: BacktestFacts, pack: PackRecord) -> Explanation:
    tries = "" if pack.start_tries < 2 else f" It was tried {pack.start_tries} times."
    return Explanation(
        summary=f"Attempt {facts.attempts} waits to start: {pack.waiting_reason}.{tries}".replace("..", "."),
        steps=(Step(what="The operator creates its Job again.", at=pack.retry_at), _start_deadline(pack)),
    )


def _never_launched(record: BatchRecord, facts: BacktestFacts, now: datetime) -> Explanation:
    if record.is_suspended:
        step = Step(what="It starts when spec.suspend of the batch is set to false.")
    else:
        ahead = max(0, facts.index - record.next_index)
        step = Step(what=f"Indexes start in order: up to {ahead:,} combinations are before it.", at=None)
    estimate = estimate_finish(record, now)
    last = (Step(what="At the recent pace the whole batch has ended by this time.", at=estimate),) if estimate else ()
    return Explanation(summary="The backtest was not launched yet.", steps=(step, *last))


def _to_run_again(record: BatchRecord, facts: BacktestFacts) -> Explanation:
    why = f" ended ({facts.reason})" if facts.reason else " ended without a result"
    where = "spec.suspend of the batch is set to false" if record.is_suspended else "a slot is free"
    return Explanation(
        summary=f"Attempt {facts.attempts}{why}, and another one follows.",
        steps=(Step(what=f"The operator launches it when {where}."),),
    )


def _start_deadline(pack: PackRecord) -> Step:
    return Step(
        what="If its engine has not started by this time, the attempt fails (StartTimeout).", at=pack.start_deadline_at
    )


def _backtests(count: int) -> str:
    return "1 backtest" if count == 1 else f"{count:,} backtests"
