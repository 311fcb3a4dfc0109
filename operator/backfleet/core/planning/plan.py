"""Decides a pass: an observation in, ordered effects out. No clock, no I/O; the same observation gives the same plan."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from backfleet.core.packs import PackKey
from backfleet.core.planning.decision import NOTHING, Decision, earliest, guarded
from backfleet.core.planning.draft import Draft
from backfleet.core.planning.effects import BatchPlan, Plan, or_fault
from backfleet.core.planning.end import ending
from backfleet.core.planning.enter import Entered, enter
from backfleet.core.planning.facts import gather_facts
from backfleet.core.planning.finish import close_draft, close_finished
from backfleet.core.planning.launch import has_more, may_launch
from backfleet.core.planning.missing import plan_missing
from backfleet.core.planning.observation import Observation, SeenJob
from backfleet.core.planning.retire import bound_labels, expire_settled
from backfleet.core.planning.slots import occupied_slots, overdue_jobs, share_slots, slots_out_of_sight, yield_slots
from backfleet.core.planning.waiting import waiting_packs
from backfleet.core.planning.walk_budget import allot_searches, count_batches


def plan(seen: Observation, between: Callable[[], None] = lambda: None) -> Plan:
    """Plan every batch: settle what happened, end what is over, share the free slots, then report it in status and events.

    A batch that cannot be planned has its fault in its own plan; the others go on. `between` is called between
    batches. Whatever it raises ends the planning: the caller has the clock.
    """
    entered = enter(seen, gather_facts(seen), between)
    held = occupied_slots(seen, entered.drafts) | slots_out_of_sight(seen) | _held_by_broken(seen, entered)
    searches, for_counting = allot_searches(entered.drafts, seen.limits.walk_budget)
    drafts = _decide(entered.drafts, count_batches(entered.drafts, for_counting, between))
    if not seen.store.has_more_outcomes:
        drafts = _decide(drafts, yield_slots(drafts, held, seen.limits))
        drafts = _decide(drafts, {draft.seen.uid: guarded(partial(ending, draft)) for draft in drafts})
        drafts = _decide(drafts, share_slots(drafts, held, seen.limits, searches))
    jobs = _jobs_by_batch(seen.jobs)
    plans = list(entered.plans)
    for draft in drafts:
        between()
        uid = draft.seen.uid
        plans.append(or_fault(uid, partial(close_draft, seen, draft, held, jobs[uid])))
    for batch, record in entered.finished:
        plans.append(or_fault(batch.uid, partial(close_finished, seen, batch, record, held, jobs[batch.uid])))
    plans.extend(plan_missing(seen))
    works = {draft.seen.uid: draft.accepted for draft in entered.drafts}
    wants_slots = any(may_launch(draft) and (has_more(draft) or waiting_packs(draft)) for draft in drafts)
    return replace(_conclude(seen, plans), works=works, wants_slots=wants_slots)


def _decide(drafts: Iterable[Draft], decisions: Mapping[str, Decision]) -> list[Draft]:
    """Return the drafts after all decisions, by uid."""
    return [draft.after(decisions.get(draft.seen.uid, NOTHING)) for draft in drafts]


def _conclude(seen: Observation, plans: Sequence[BatchPlan]) -> Plan:
    """Combine the batches' plans: what they share, when the next pass is due, and which Jobs are overdue."""
    made = bound_labels(expire_settled(seen, plans), seen.limits, seen.now)
    late = overdue_jobs(seen.jobs, seen.now, seen.limits)
    keys = [*(job.key for job in seen.jobs), *(pod.key for pod in seen.pods)]
    named = {key[0] for key in keys if key is not None}
    return Plan(
        batches=tuple(sorted((each for each in made if not each.is_empty), key=lambda each: each.uid)),
        look_again_at=_look_again_at(seen, made),
        overdue=tuple(f"{job.namespace}/{job.name}" for job in late),
        refused={each.uid: each.refused for each in made if each.refused is not None},
        quiet={
            each.uid: each.quiet_seconds for each in made if each.quiet_seconds is not None and each.uid not in named
        },
    )


def _look_again_at(seen: Observation, plans: Iterable[BatchPlan]) -> datetime | None:
    """Return the earliest time at which something is due without an event. At once if more outcomes wait."""
    return seen.now if seen.store.has_more_outcomes else earliest(each.look_again_at for each in plans)


def _held_by_broken(seen: Observation, entered: Entered) -> set[PackKey]:
    """Return the slots of batches without a plan. Their packs count as they are."""
    broken = {each.uid for each in entered.plans if each.fault}
    return {each.key for each in seen.store.packs if each.batch_uid in broken and each.has_job}


def _jobs_by_batch(jobs: Iterable[SeenJob]) -> dict[str, list[SeenJob]]:
    grouped: dict[str, list[SeenJob]] = defaultdict(list)
    for job in sorted(jobs, key=lambda each: (each.namespace, each.name)):
        if job.key is not None and job.owner_uid == job.key[0]:
            grouped[job.key[0]].append(job)
    return grouped
