"""Decides which combinations run next, with their attempts, pack and Job."""

import zlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial

from backfleet.core.backtests import BacktestRequest, BacktestState, attempt_id
from backfleet.core.changes import Launch, LaunchPack
from backfleet.core.packs import WARM_START_SECONDS, Member, PackRecord, PackRequest
from backfleet.core.planning.attempt_changes import marked
from backfleet.core.planning.decision import Decision, join
from backfleet.core.planning.draft import Draft
from backfleet.core.planning.effects import ClaimRef, CreateJob, JobShape
from backfleet.core.planning.job_names import job_name
from backfleet.core.planning.observation import RefusalKind
from backfleet.core.planning.start import StartProblem
from backfleet.core.planning.waiting import postpone, with_time_to_start
from backfleet.core.reasons import FailureReason
from backfleet.core.records import AttemptRecord, BatchState
from backfleet.core.space.constraints import cost_of_test, next_satisfying, work_between
from backfleet.core.spec.model import VolumeSpec


def may_launch(draft: Draft) -> bool:
    """Report whether a batch may start something: live, not suspended, with its engine, and with recorders that start."""
    return draft.record.state is BatchState.LIVE and not draft.is_paused and draft.decided.recorder_problem is None


def has_more(draft: Draft) -> bool:
    """Report whether something is left that has no attempt now."""
    return bool(draft.queued) or draft.record.next_index < draft.work.space.total


def launch(draft: Draft, size: int, walk_limit: int) -> Decision:
    """Launch a pack of at most that size: the lowest queued indexes, then the next combinations.

    Start nothing if this pass finds none. The search costs at most `walk_limit` units of work, plus one test.
    """
    queued = _queued(draft, size)
    if queued and (len(queued) == size or queued[0].pack_limit is not None):
        return _launch(draft, queued, ())
    record, work = draft.record, draft.work
    if record.next_index >= work.space.total or (work.has_constraints and not _may_search(draft, walk_limit)):
        soon = Decision(look_again_at=draft.now if record.next_index < work.space.total else None)
        return join((soon, _launch(draft, queued, ()))) if queued else soon
    count = size - len(queued)
    found, cursor = next_satisfying(work.space, work.constraints, record.next_index, count, walk_limit)
    walked = work_between(work.space, work.constraints, record.next_index, cursor)
    searched = Decision(next_index=cursor, walked=walked)
    if queued or found:
        return join((searched, _launch(draft, queued, found)))
    return replace(searched, look_again_at=draft.now) if cursor < work.space.total else searched


def _queued(draft: Draft, size: int) -> list[AttemptRecord]:
    """Return the backtests to try again in the next pack, lowest index first, all with the same limit of its size."""
    waiting = [draft.queued[index] for index in sorted(draft.queued)]
    if not waiting:
        return []
    limit = waiting[0].pack_limit
    most = size if limit is None else min(size, limit)
    return [each for each in waiting if each.pack_limit == limit][:most]


def _may_search(draft: Draft, walk_limit: int) -> bool:
    """Report whether another test is within the draft's share of the pass.

    If one test costs more than what is left, it runs in one of several passes, chosen by time and batch.
    """
    if walk_limit <= 0:
        return False
    passes = -(-cost_of_test(draft.work.constraints) // walk_limit)
    return zlib.crc32(f"{draft.record.uid} {draft.now.isoformat()}".encode()) % passes == 0


def try_again(draft: Draft, pack: PackRecord) -> Decision:
    """Create a waiting pack's Job (again). The name is the same, so an existing Job is only found."""
    after = with_time_to_start(draft, pack, _deadline_seconds(draft))
    tried = Decision(launched_at=draft.now, changes=marked(pack, after))
    return join((tried, _create(draft, after, draft.members_of(pack))))


def job_shape(draft: Draft) -> JobShape:
    """Return what the batch's present spec says about a new Job."""
    spec = draft.work.spec
    return JobShape(
        backtest_timeout_seconds=spec.failure_policy.backtest_timeout_seconds,
        deadline_seconds=_deadline_seconds(draft),
        ttl_seconds=spec.ttl_seconds_after_finished,
        pack_seconds=draft.pack_seconds,
        image=spec.engine.image,
        requests=spec.resources.requests.model_dump(exclude_none=True),
        data_volume=_claim(spec.data.volume),
        projects_volume=_claim(spec.strategy.volume),
    )


def _claim(volume: VolumeSpec | None) -> ClaimRef | None:
    return ClaimRef(claim_name=volume.claim_name, sub_path=volume.sub_path) if volume else None


def _deadline_seconds(draft: Draft) -> int:
    """Return the hard deadline of a Job. It does not depend on the size of its pack: the last member begins in time."""
    policy, limits = draft.work.spec.failure_policy, draft.limits
    return (
        policy.start_timeout_seconds
        + draft.pack_seconds
        + (WARM_START_SECONDS if draft.is_warm else 0)
        + policy.backtest_timeout_seconds
        + limits.recorder_start_seconds
        + limits.recorder_seconds
        + limits.deadline_slack_seconds
    )


def _launch(draft: Draft, queued: Sequence[AttemptRecord], found: Sequence[int]) -> Decision:
    """Launch the next attempts of queued backtests, and the first ones of the combinations that were found."""
    before: dict[int, AttemptRecord | None] = {**{each.index: each for each in queued}, **dict.fromkeys(found)}
    first = min(before)
    number = _next_number(before[first])
    is_warm = draft.is_warm and len(before) > 1
    made = partial(_member, draft, attempt_id(draft.seen.uid, first, number), is_warm=is_warm)
    members = tuple(made(index, before[index]) for index in sorted(before))
    is_doubtful = any(each.reason is FailureReason.RECORDER_NOT_STARTED for each in queued)
    pack = PackRecord(
        batch_uid=draft.seen.uid,
        index=first,
        number=number,
        job_name=job_name(draft.seen.name, draft.seen.uid, first, number),
        size=len(members),
        unsettled=len(members),
        is_warm=is_warm,
        launched_at=draft.now,
        start_deadline_at=draft.now + timedelta(seconds=draft.start_timeout_seconds),
        hard_deadline_at=draft.now + timedelta(seconds=_deadline_seconds(draft)),
        waiting_reason=FailureReason.RECORDER_NOT_STARTED.value if is_doubtful else None,
    )
    launched = Decision(launched_at=draft.now, changes=(LaunchPack(pack=pack, members=members),))
    return join((launched, _create(draft, pack, [each.attempt for each in members])))


def _next_number(previous: AttemptRecord | None) -> int:
    return previous.number + 1 if previous else 1


def _member(draft: Draft, pack_id: str, index: int, previous: AttemptRecord | None, *, is_warm: bool) -> Launch:
    combination = draft.work.space.combination(index)
    attempt = AttemptRecord(
        batch_uid=draft.seen.uid,
        index=index,
        number=_next_number(previous),
        pack_id=pack_id,
        backtest_state=BacktestState.LAUNCHING,
        charged=previous.charged if previous else 0,
        uncharged=previous.uncharged if previous else 0,
        pack_limit=previous.pack_limit if previous else None,
        is_warm=is_warm,
        warm_fingerprint=previous.warm_fingerprint if previous else None,
        parameter_texts=combination.texts,
        launched_at=draft.now,
    )
    return Launch(attempt=attempt, combination=combination.to_json(), combination_hash=combination.digest)


def _create(draft: Draft, pack: PackRecord, members: Sequence[AttemptRecord]) -> Decision:
    try:
        request = _request(draft, members, is_warm=pack.is_warm)
    except Exception as error:  # noqa: BLE001 - whatever it is, the pack waits with a deadline as for any other refusal
        problem = StartProblem(kind=RefusalKind.NOT_BUILT, message=f"{type(error).__name__}: {error}")
        return postpone(draft, pack, problem)
    create = CreateJob(batch=draft.ref, pack=pack, request=request, shape=job_shape(draft))
    return Decision(creates=(create,))


def _request(draft: Draft, members: Sequence[AttemptRecord], *, is_warm: bool) -> PackRequest:
    spec = draft.work.spec
    common = BacktestRequest(
        engine=spec.engine.name.value,
        strategy=spec.strategy.name,
        lean_project_path=spec.strategy.lean_project_path,
        lean_algorithm_file=spec.strategy.lean_algorithm_file,
        lean_algorithm_type=spec.strategy.lean_algorithm_type,
        parameter_texts={},
        symbols=tuple(spec.data.symbols),
        start_date=spec.data.start_date,
        end_date=spec.data.end_date,
        initial_cash=spec.data.initial_cash,
        prices=spec.data.prices,
    )
    names = (Member(index=each.index, number=each.number, parameter_texts=each.parameter_texts) for each in members)
    return PackRequest(
        batch_uid=draft.seen.uid, common=common, members=tuple(names), space=draft.work.space, is_warm=is_warm
    )
