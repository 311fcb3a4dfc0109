"""Decides who may launch: free slots from facts, shared between batches, least recently launched first."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum, unique
from functools import partial

from backfleet.core.packs import PackKey, PackRecord
from backfleet.core.planning.decision import NOTHING, Decision, guarded, join
from backfleet.core.planning.draft import Draft
from backfleet.core.planning.launch import has_more, launch, may_launch, try_again
from backfleet.core.planning.observation import JobState, Limits, Observation, SeenJob
from backfleet.core.planning.sizes import pack_size
from backfleet.core.planning.start import is_recorder_doubtful
from backfleet.core.planning.waiting import is_due, waiting_packs, yield_for_others
from backfleet.core.reasons import FailureReason
from backfleet.core.records import StoreView

UNPROVEN_PART = 4
"""Batches without an engine's start together get one slot in this many."""
_NEVER = datetime.min.replace(tzinfo=UTC)
_NEVER_AT_ALL = (_NEVER, 0)


def occupied_slots(seen: Observation, drafts: Iterable[Draft]) -> set[PackKey]:
    """Return the packs that hold a slot: a Job was seen or may exist, an unfinished Job, or a pod that is not terminal.

    A row alone holds none. A Job whose pods are all terminal starts no other (its backoffLimit is 0), so it holds none
    even if it has not noticed yet. A Job or pod far past its hard deadline holds none: its node is lost. Objects with
    our labels that belong to no known pack hold none either: they are not ours.
    """
    patience = timedelta(seconds=seen.limits.overdue_seconds)
    names = {**seen.job_names, **{pack.key: pack.job_name for pack in seen.store.packs}}
    held: set[PackKey] = set()
    for draft in drafts:
        held.update(draft.held_keys)
    ours = [job for job in seen.jobs if job.key is not None and job.owner_uid == job.key[0]]
    over = {pod.owner_uid for pod in seen.pods if pod.is_terminal and pod.key is not None}
    for job in ours:
        is_held = job.state is JobState.ACTIVE and job.uid not in over and seen.now < job.deadline_at + patience
        if is_held and job.key is not None and names.get(job.key) == job.name:
            held.add(job.key)
    for pod in seen.pods:
        if pod.is_terminal or pod.key is None or seen.now >= pod.deadline_at + patience:
            continue
        if pod.owner_name is not None and names.get(pod.key) == pod.owner_name:
            held.add(pod.key)
    return held


def slots_out_of_sight(seen: Observation) -> set[PackKey]:
    """Return the slots of packs that are not planned for: in namespaces that were not listed, or of resting batches.

    Each holds its slot until all its members have an outcome or it is long overdue. One that was waiting has no Job.
    """
    present = {batch.uid for batch in seen.batches} - seen.resting
    hidden = {
        each.uid for each in seen.store.batches if each.namespace not in seen.namespaces or each.uid in seen.resting
    } - present
    ended = outcomes_by_pack(seen.store)
    patience = timedelta(seconds=seen.limits.overdue_seconds)
    return {
        each.key
        for each in seen.store.packs
        if each.batch_uid in hidden
        and (each.has_job or each.waiting_since is None)
        and ended[each.id] < each.unsettled
        and seen.now < each.hard_deadline_at + patience
    }


def outcomes_by_pack(store: StoreView) -> Counter[str]:
    """Return how many unsettled members of each pack have an outcome."""
    recorded = {outcome.attempt_id for outcome in store.outcomes}
    return Counter(
        each.pack_id
        for each in store.attempts
        if each.id in recorded and each.is_deciding and each.backtest_state.holds_slot
    )


def overdue_jobs(jobs: Iterable[SeenJob], now: datetime, limits: Limits) -> tuple[SeenJob, ...]:
    """Return unfinished Jobs that hold no slot any more, by namespace and name."""
    patience = timedelta(seconds=limits.overdue_seconds)
    late = (job for job in jobs if job.state is JobState.ACTIVE and now >= job.deadline_at + patience)
    return tuple(sorted(late, key=lambda job: (job.namespace, job.name)))


def share_slots(
    drafts: Sequence[Draft], held: set[PackKey], limits: Limits, searches: Mapping[str, int]
) -> dict[str, Decision]:
    """Start a pack in every free slot, one at a time, always of the batch that did so least recently.

    Of a batch, first a pack that waits, then queued backtests, then new combinations. `searches` is the work
    that looking for those may cost. Batches without an engine's start share a slot, and at most a quarter of all, so
    that broken ones cannot take them from the others. Those whose recorders did not start have the same number of
    slots, which they hold while an engine runs, and take turns with the others as if they were one batch.
    """
    free = limits.max_concurrent - len(held)
    able = [draft for draft in drafts if may_launch(draft) and draft.fault is None]
    all_turns = [_Turn.of(draft, held, searches.get(draft.seen.uid, 0)) for draft in able]
    turns = {turn.draft.seen.uid: turn for turn in all_turns}
    shares = {doubt: _share_left(drafts, held, limits, doubt) for doubt in Doubt}
    doubtful = [each for each in drafts if doubt_of(each) is Doubt.RECORDER]
    _note_last_of_recorders(turns.values(), max((_last_launch(each) for each in doubtful), default=_NEVER_AT_ALL))
    number = 0
    while free > 0 and turns:
        turn = min(turns.values(), key=lambda each: each.order)
        is_out = turn.doubt is not None and shares[turn.doubt] <= 0
        if is_out or not turn.take(held, number + 1):
            del turns[turn.draft.seen.uid]
            continue
        number += 1
        free -= 1
        if turn.doubt is not None:
            shares[turn.doubt] -= 1
        if turn.doubt is Doubt.RECORDER:
            _note_last_of_recorders(turns.values(), turn.last)
    return {turn.draft.seen.uid: join(turn.decisions) for turn in all_turns}


def yield_slots(drafts: Sequence[Draft], held: set[PackKey], limits: Limits) -> dict[str, Decision]:
    """Let packs that do not start make way for batches not tried yet, if unproven batches fill their share."""
    unproven = [draft for draft in drafts if doubt_of(draft) is Doubt.ENGINE]
    if _share_left(drafts, held, limits, Doubt.ENGINE) > 0:
        return {}
    wanting = sum(1 for draft in unproven if may_launch(draft) and _Turn.of(draft, held).wants(held))
    tried = [(draft, trial) for draft in unproven for trial in draft.trials]
    tried.sort(key=lambda each: (each[1].job.created_at, each[0].seen.uid, each[1].pack_id))
    made: dict[str, list[Decision]] = defaultdict(list)
    for draft, trial in tried[:wanting]:
        made[draft.seen.uid].append(guarded(partial(yield_for_others, draft, trial)))
    return {uid: join(decisions) for uid, decisions in made.items()}


@unique
class Doubt(StrEnum):
    """What a batch has yet to prove."""

    ENGINE = "engine"
    """None of its engines has started, nor the same work lately; or a problem keeps its packs from starting, and none runs."""
    RECORDER = "recorder"
    """A recorder of it did not start in time, and no later attempt has proved that they do."""


def doubt_of(draft: Draft) -> Doubt | None:
    """Return why the batch gets only one slot at a time, from a share. None if it runs."""
    if draft.record.first_engine_started_at is None and not draft.is_proven:
        return Doubt.ENGINE
    live = draft.packs.values()
    is_queued = any(each.reason is FailureReason.RECORDER_NOT_STARTED for each in draft.queued.values())
    if is_queued or any(is_recorder_doubtful(each) for each in live):
        return Doubt.RECORDER
    is_kept = any(each.waiting_since is not None for each in live)
    return Doubt.ENGINE if is_kept and not any(_runs(each) for each in live) else None


@dataclass(slots=True)
class _Turn:
    """A batch that shares the free slots, after the starts that were decided so far."""

    draft: Draft
    active: int
    waiting: list[PackRecord]
    is_trying_again: bool
    doubt: Doubt | None
    last: tuple[datetime, int]
    last_of_share: tuple[datetime, int] = _NEVER_AT_ALL
    walk_limit: int = 0
    decisions: list[Decision] = field(default_factory=list)

    @staticmethod
    def of(draft: Draft, held: set[PackKey], walk_limit: int = 0) -> "_Turn":
        live = [each for each in draft.packs.values() if each.has_job]
        return _Turn(
            draft=draft,
            active=sum(1 for uid, _, _ in held if uid == draft.seen.uid),
            waiting=waiting_packs(draft),
            is_trying_again=any(each.waiting_since is not None and not _runs(each) for each in live),
            doubt=doubt_of(draft),
            last=_last_launch(draft),
            walk_limit=walk_limit,
        )

    @property
    def order(self) -> tuple[tuple[datetime, int], tuple[datetime, int], datetime, str]:
        return max(self.last, self.last_of_share), self.last, self.draft.record.accepted_at, self.draft.seen.uid

    @property
    def allowed(self) -> int:
        return 1 if self.doubt is not None else self.draft.allowed_packs

    def wants(self, held: set[PackKey]) -> bool:
        """Report whether it could use a slot now."""
        return self._waiting(held) is not None or (self._may_start_more and has_more(self.draft))

    def take(self, held: set[PackKey], number: int) -> bool:
        """Decide the next start, which is that number of the pass. False if there is none."""
        waiting = self._waiting(held)
        decision = guarded(partial(self._next_start, waiting))
        self.decisions.append(decision)
        self.draft = self.draft.after(decision)
        self.walk_limit -= decision.walked
        if not decision.is_start:
            return False
        if waiting is not None:
            self.waiting.remove(waiting)
            self.is_trying_again |= waiting.waiting_since is not None
        self.active += 1
        self.last = (self.draft.now, number)
        return True

    def _next_start(self, waiting: PackRecord | None) -> Decision:
        if waiting is not None:
            return try_again(self.draft, waiting)
        if self._may_start_more and has_more(self.draft):
            return launch(self.draft, pack_size(self.draft), self.walk_limit)
        return NOTHING

    @property
    def _may_start_more(self) -> bool:
        """Report whether the batch may start more. Waiting packs count, so that a broken batch cannot wait without bound."""
        return self.active + len(self.waiting) < self.allowed

    def _waiting(self, held: set[PackKey]) -> PackRecord | None:
        """Return the lowest waiting pack that is due. Of those that did not start, one at a time."""
        if self.active >= self.allowed:
            return None
        due = (each for each in self.waiting if is_due(each, self.draft.now, held))
        return next((each for each in due if each.waiting_since is None or not self.is_trying_again), None)


def _last_launch(draft: Draft) -> tuple[datetime, int]:
    return draft.record.last_launched_at or _NEVER, 0


def _note_last_of_recorders(turns: Iterable[_Turn], last: tuple[datetime, int]) -> None:
    for turn in turns:
        if turn.doubt is Doubt.RECORDER:
            turn.last_of_share = last


def _share_left(drafts: Iterable[Draft], held: set[PackKey], limits: Limits, doubt: Doubt) -> int:
    sharing = {draft.seen.uid for draft in drafts if doubt_of(draft) is doubt}
    return max(1, limits.max_concurrent // UNPROVEN_PART) - sum(1 for uid, _, _ in held if uid in sharing)


def _runs(pack: PackRecord) -> bool:
    return pack.has_job and pack.engine_started_at is not None
