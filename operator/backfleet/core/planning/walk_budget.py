"""Limits how far a pass walks parameter spaces: one budget for all batches, so that none waits for another's constraints.

Live batches look for their next combinations with equal shares of one half. Counting gets the rest: half of it goes to
the batches that need least, so that a small one never waits behind large ones, and the remainder to those that wait
longest.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from backfleet.core.planning.accept import count_on
from backfleet.core.planning.decision import Decision, guarded, join
from backfleet.core.planning.draft import Draft
from backfleet.core.planning.launch import has_more, may_launch
from backfleet.core.records import BatchState


def allot_searches(drafts: Sequence[Draft], budget: int) -> tuple[dict[str, int], int]:
    """Return the share of every live batch with constraints in half the budget, by its uid, and what is left for counting."""
    searching = [draft for draft in drafts if draft.work.has_constraints and may_launch(draft) and has_more(draft)]
    if not searching:
        return {}, budget
    share = max(1, budget // 2 // len(searching))
    return {draft.seen.uid: share for draft in searching}, budget - budget // 2


def count_batches(drafts: Sequence[Draft], budget: int, between: Callable[[], None]) -> dict[str, Decision]:
    """Count within the budget. A batch that is not done, or had no turn, is due at once."""
    counting = {draft.seen.uid: draft for draft in drafts if draft.record.state is BatchState.COUNTING}
    made: dict[str, list[Decision]] = {uid: [] for uid in counting}
    left = budget
    for order, floor in ((_by_what_is_left, budget // 2), (_by_age, 0)):
        for draft in sorted(counting.values(), key=order):
            if left <= floor:
                break
            if draft.record.state is BatchState.COUNTING and draft.fault is None:
                between()
                decision = guarded(partial(count_on, draft, left - floor))
                left -= decision.walked
                made[draft.seen.uid].append(decision)
                counting[draft.seen.uid] = draft.after(decision)
    for uid, draft in counting.items():
        if draft.record.state is BatchState.COUNTING:
            made[uid].append(Decision(look_again_at=draft.now))
    return {uid: join(decisions) for uid, decisions in made.items()}


def _by_what_is_left(draft: Draft) -> tuple[int, datetime, str]:
    return draft.work.space.total - draft.record.count_cursor, *_by_age(draft)


def _by_age(draft: Draft) -> tuple[datetime, str]:
    return draft.record.accepted_at, draft.record.uid
