"""Who may launch: free slots from facts, shared between batches, least recently launched first."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from backfleet.core.drafts import Draft
from backfleet.core.launching import launch_one, may_launch
from backfleet.core.observation import AttemptKey, JobState, Limits, Observation, SeenJob
from backfleet.core.plans import Fault

_NEVER = datetime.min.replace(tzinfo=UTC)


def occupied_slots(seen: Observation, drafts: Iterable[Draft]) -> set[AttemptKey]:
    """Attempts that hold a slot: launching or running without an outcome, an unfinished Job, or a pod that is not terminal.

    A Job whose pods are all terminal starts no other one (its backoffLimit is 0), so it need not have noticed itself. A Job or
    pod far past its hard deadline holds none: its node is lost.
    """
    patience = timedelta(seconds=seen.limits.overdue_seconds)
    held: set[AttemptKey] = set()
    for draft in drafts:
        held.update(draft.active_keys)
    over = {pod.key for pod in seen.pods if pod.is_terminal and pod.key is not None}
    for job in seen.jobs:
        if job.state is JobState.ACTIVE and job.key not in over and seen.now < job.deadline_at + patience:
            held.add(job.key or (job.namespace + "/" + job.name, 0, 0))
    for pod in seen.pods:
        if not pod.is_terminal and seen.now < pod.deadline_at + patience:
            held.add(pod.key or (pod.namespace + "/" + pod.name, 0, 0))
    return held


def slots_out_of_sight(seen: Observation) -> set[AttemptKey]:
    """Attempts that nothing is planned for, in namespaces that could not be looked at or of batches that rest after a failure.

    Each holds its slot until it has an outcome, or is long overdue.
    """
    present = {batch.uid for batch in seen.batches} - seen.resting
    hidden = {
        each.uid for each in seen.store.batches if each.namespace not in seen.namespaces or each.uid in seen.resting
    } - present
    ended = {outcome.attempt_id for outcome in seen.store.outcomes}
    patience = timedelta(seconds=seen.limits.overdue_seconds)
    return {
        (each.batch_uid, each.index, each.number)
        for each in seen.store.attempts
        if each.batch_uid in hidden
        and each.is_deciding
        and each.backtest_state.holds_slot
        and each.id not in ended
        and seen.now < each.hard_deadline_at + patience
    }


def overdue_jobs(jobs: Iterable[SeenJob], now: datetime, limits: Limits) -> tuple[SeenJob, ...]:
    """Unfinished Jobs that hold no slot any more, by namespace and name."""
    patience = timedelta(seconds=limits.overdue_seconds)
    late = (job for job in jobs if job.state is JobState.ACTIVE and now >= job.deadline_at + patience)
    return tuple(sorted(late, key=lambda job: (job.namespace, job.name)))


def share_slots(drafts: Sequence[Draft], held: set[AttemptKey], limits: Limits) -> None:
    """Launch into every free slot, one at a time, always for the batch that launched least recently.

    A batch gets a single slot until its first engine has started, so that a broken one cannot take them all.
    """
    free = limits.max_concurrent - len(held)
    room = {draft.seen.uid: _room(draft, held) for draft in drafts if may_launch(draft)}
    turns = {draft.seen.uid: (draft.record.last_launched_at or _NEVER, 0, draft.record.accepted_at) for draft in drafts}
    by_uid = {draft.seen.uid: draft for draft in drafts}
    turn = 0
    while free > 0 and room:
        uid = min(room, key=lambda candidate: (turns[candidate], candidate))
        if room[uid] <= 0 or not _launch(by_uid[uid]):
            del room[uid]
            continue
        turn += 1
        free -= 1
        room[uid] -= 1
        turns[uid] = (by_uid[uid].now, turn, by_uid[uid].record.accepted_at)


def _launch(draft: Draft) -> bool:
    try:
        return launch_one(draft)
    except Exception as error:  # noqa: BLE001 - one batch's defect must not stop the others; it stands on its plan
        draft.fault = Fault.of(error)
        return False


def _room(draft: Draft, held: set[AttemptKey]) -> int:
    own = sum(1 for uid, _, _ in held if uid == draft.seen.uid)
    allowed = min(draft.work.spec.max_concurrent, draft.limits.max_concurrent)
    if draft.record.first_engine_started_at is None:
        allowed = 1
    return allowed - own
