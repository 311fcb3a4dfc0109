"""Builds the events of a batch: changes of its conditions, its first failed backtests, and what its packs show."""

from collections.abc import Iterable, Mapping
from typing import Any

from backfleet.core import wire
from backfleet.core.backtests import BacktestState
from backfleet.core.changes import SettleFailure
from backfleet.core.pace import ADVISE_AFTER, advise_packs
from backfleet.core.planning.draft import Draft
from backfleet.core.planning.effects import BatchRef, PostEvent
from backfleet.core.planning.observation import SeenBatch
from backfleet.core.records import COMPLETE_REASONS

EVENTS_OF_FAILURES = 10
"""The most failed backtests of a batch with their own event. The rows have all."""


def condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """Return the condition of a kind; empty when there is none."""
    found = (c for c in status.get("conditions", []) if c.get("type") == kind)
    return next(found, {})


def transition_events(batch: SeenBatch, status: Mapping[str, Any]) -> Iterable[PostEvent]:
    """Return the events of conditions that a new status changes: accepted, finished, or in trouble."""
    accepted, was_accepted = (
        condition(status, wire.CONDITION_ACCEPTED),
        condition(batch.status, wire.CONDITION_ACCEPTED),
    )
    if accepted["status"] == "True" and was_accepted.get("status") != "True":
        yield PostEvent(batch=BatchRef.of(batch), reason="Accepted", message=accepted["message"])
    finished, was_finished = (
        condition(status, wire.CONDITION_FINISHED),
        condition(batch.status, wire.CONDITION_FINISHED),
    )
    is_news = (finished["status"], finished["message"]) != (was_finished.get("status"), was_finished.get("message"))
    if finished["status"] == "True" and is_news:
        is_warning = finished["reason"] not in COMPLETE_REASONS
        yield PostEvent(
            batch=BatchRef.of(batch), reason=finished["reason"], message=finished["message"], is_warning=is_warning
        )
    for kind in (wire.CONDITION_NAME_CONFLICT, wire.CONDITION_ENGINE_UNAVAILABLE):
        trouble = condition(status, kind)
        if trouble and not condition(batch.status, kind):
            yield PostEvent(batch=BatchRef.of(batch), reason=kind, message=trouble["message"], is_warning=True)


def failure_events(draft: Draft) -> Iterable[PostEvent]:
    """Return one event for each of the batch's first failed backtests."""
    number = draft.before.counters.failed if draft.before else 0
    for change in draft.decided.changes:
        if not isinstance(change, SettleFailure) or change.state is not BacktestState.FAILED:
            continue
        number += 1
        if number <= EVENTS_OF_FAILURES:
            attempt = change.attempt
            message = f"backtest {attempt.index} failed in attempt {attempt.number}: {change.reason}: {change.message}"
            yield PostEvent(batch=draft.ref, reason="BacktestFailed", message=message[:1000], is_warning=True)


def pack_events(draft: Draft) -> Iterable[PostEvent]:
    """Return the events of a pass that shows how many backtests a Job should carry."""
    before, after = draft.before, draft.record
    if before is None:
        return
    if after.is_one_per_job and not before.is_one_per_job:
        died = (
            f"{sum(after.packs_died)} of the last {len(after.packs_died)} Jobs with several backtests ended as a whole"
        )
        message = f"{died}. From now on each Job of this batch carries one backtest."
        yield PostEvent(batch=draft.ref, reason=wire.EVENT_ONE_PER_JOB, message=message, is_warning=True)
    if before.ended < ADVISE_AFTER <= after.ended and (advice := advise_packs(after)):
        yield PostEvent(batch=draft.ref, reason=wire.EVENT_PODS_COST_MOST, message=advice)
