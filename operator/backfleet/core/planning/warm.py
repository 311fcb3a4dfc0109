"""Decides which runs are warm, which of them are run again alone to be compared, and what follows from a difference.

The first two warm runs of a batch that succeed and one in `warm_check` after them are set aside: the backtest is queued again,
alone in its Job and so in a process of its own, and only that run counts. If the two differ, no run of the batch is warm from
then on, and the results of warm runs that were not compared are dropped. A backtest whose warm run failed runs again alone too.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from backfleet.core import wire
from backfleet.core.backtests import BacktestState, Failure
from backfleet.core.changes import Charge, DropWarm, RowChange, SetAside, SettleFailure, SettleResult
from backfleet.core.planning.draft import Draft
from backfleet.core.planning.effects import PostEvent
from backfleet.core.reasons import POLICIES, FailureReason, Policy
from backfleet.core.records import MESSAGE_LIMIT, AttemptRecord, Measured, OutcomeRecord, StoreView
from backfleet.core.warmth import RunKind, WarmRefusal, difference_of

Found = tuple[AttemptRecord, OutcomeRecord]
NOT_OF_THE_RUN = (Policy.UNCHARGED, Policy.WAIT, Policy.NOT_TRIED)
"""Policies of failures that say nothing about what the backtest computes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """What the outcomes of a pass leave of the trust in warm runs of their batch. `compared` warm attempts are set aside."""

    is_lost: bool = False
    compared: frozenset[str] = frozenset()
    changes: tuple[DropWarm, ...] = ()


ALL_COUNT = Trust()


def trust_of(draft: Draft, found: Sequence[Found]) -> Trust:
    """Look among these outcomes for a fresh run that differs from its warm run, and choose which warm ones to compare."""
    if draft.record.warmth.difference is not None:
        return Trust(is_lost=True)
    difference = next((words for each in found if (words := _difference(*each)) is not None), None)
    if difference is not None:
        return Trust(is_lost=True, changes=(DropWarm(difference=difference[:MESSAGE_LIMIT]),))
    return Trust(compared=_compared(draft, found))


def _compared(draft: Draft, found: Iterable[Found]) -> frozenset[str]:
    """Return which successful warm attempts are compared: the first two of the batch, and one in so many.

    The first has nothing before it in its process, the second has.
    """
    every, number = draft.limits.warm_check, draft.record.warmth.settled
    chosen = set()
    for attempt, outcome in found:
        if attempt.is_warm and isinstance(outcome.ending, Measured):
            if every is not None and (number % every == 0 or number == 1):
                chosen.add(attempt.id)
            number += 1
    return frozenset(chosen)


def set_aside(attempt: AttemptRecord, outcome: OutcomeRecord, measured: Measured, *, is_compared: bool) -> SetAside:
    """Queue a backtest again whose warm run succeeded: to be compared, or because warm runs of its batch are not trusted."""
    if is_compared:
        message = "its warm run succeeded; it runs again alone, to be compared"
        return SetAside(
            attempt=attempt, outcome=outcome, message=message, pack_limit=1, fingerprint=measured.fingerprint or ""
        )
    message = "its warm run does not count, because another one of its batch gave another result than a fresh run"
    return SetAside(attempt=attempt, outcome=outcome, message=message, pack_limit=attempt.pack_limit)


def failed_warm(attempt: AttemptRecord, failure: Failure, outcome: OutcomeRecord) -> SettleFailure:
    """Queue a backtest again, alone, whose warm run failed: that may be the fault of others in its process."""
    return SettleFailure(
        attempt=attempt,
        reason=failure.reason,
        message=f"in a warm process, so it runs again alone: {failure.message}"[:MESSAGE_LIMIT],
        state=BacktestState.QUEUED,
        charge=Charge.NOTHING,
        pack_limit=1,
        outcome=outcome,
    )


def refused_version(draft: Draft, store: StoreView) -> str | None:
    """Return the version of the batch's engine image whose warm runs are not trusted. None if they are."""
    image = draft.image
    if image is None or image not in store.warm_refusals:
        return None
    return store.warm_refusals[image] or _unknown_version(image)


def refusal_of(draft: Draft, changes: Sequence[RowChange]) -> WarmRefusal | None:
    """Return what these changes show about the batch's engine image: a difference, or that it has another version now."""
    if draft.image is None:
        return None
    versions = [version for each in changes if (version := _fresh_version(each)) is not None]
    if any(isinstance(each, DropWarm) for each in changes):
        known = (*draft.record.engine_versions, *versions)
        return WarmRefusal(image=draft.image, engine_version=known[-1] if known else None)
    refused = draft.refused_version
    # Of an unknown version nobody can say that it is gone.
    is_known = refused not in (None, _unknown_version(draft.image))
    if is_known and any(version != refused for version in versions):
        return WarmRefusal(image=draft.image, engine_version=None, is_over=True)
    return None


def run_kind(attempt: AttemptRecord, measured: Measured) -> RunKind:
    """Return how the run of a result that counts went."""
    if attempt.is_warm:
        return RunKind.WARM
    if attempt.warm_fingerprint is None or difference_of(attempt.warm_fingerprint, measured.fingerprint):
        return RunKind.FRESH
    return RunKind.CHECKED


def warm_events(draft: Draft) -> Iterator[PostEvent]:
    """Return the event of a difference that this pass found."""
    before, now = draft.before, draft.record.warmth
    if now.difference is None or (before is not None and before.warmth.difference is not None):
        return
    dropped = 0 if before is None else before.warmth.unchecked
    message = (
        f"warm runs are off for this batch: {now.difference}. {dropped} results of warm runs that were not compared were "
        "dropped, and those backtests run again, each in a process of its own."
    )
    yield PostEvent(batch=draft.ref, reason=wire.EVENT_WARM_RUNS_DIFFER, message=message, is_warning=True)


def _difference(attempt: AttemptRecord, outcome: OutcomeRecord) -> str | None:
    warm = attempt.warm_fingerprint
    if warm is None or attempt.is_warm or not attempt.is_deciding:
        return None
    match outcome.ending:
        case Measured() as measured:
            words = difference_of(warm, measured.fingerprint)
            return words and f"backtest {attempt.index} gave another result in a fresh process: {words}"
        case Failure(reason=FailureReason() as reason) if POLICIES[reason] not in NOT_OF_THE_RUN:
            return f"backtest {attempt.index} succeeded warm, and failed in a fresh process: {reason}"
    return None


def _unknown_version(image: str) -> str:
    return f"an unknown version of {image}"


def _fresh_version(change: RowChange) -> str | None:
    """Return the engine version of a result that was computed in a process of its own."""
    if not isinstance(change, SettleResult) or change.attempt.is_warm:
        return None
    return change.outcome.ending.engine_version if isinstance(change.outcome.ending, Measured) else None
